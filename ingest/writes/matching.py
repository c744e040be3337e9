"""Which contacts a write speaks of, by their identities."""

from __future__ import annotations

from collections.abc import Iterable

from engine.errors import IdentityConflictError, UnknownContactError
from engine.storage.changes import ChangeSet
from engine.storage.changes.identity_rows import kind_of


def matched_contacts(changes: ChangeSet, identities: Iterable[str]) -> list[int]:
    """The contacts that identities are: none, one, or several that are to be merged.

    Raises: IdentityConflictError if they are several and identities that do not merge set them apart.
    """
    owners = {identity: changes.identities.owner(identity) for identity in identities}
    (first, *others) = {*owners.values()}
    if not others:  # by far the most common: all are the same contact, or nobody
        return [] if first is None else [first]
    known = {identity: owner for identity, owner in owners.items() if owner is not None}
    merging = {owner for identity, owner in known.items() if kind_of(identity) in changes.memory.merging_identities}
    found = set(known.values())
    if len(found) > 1 and found - merging:
        apart = sorted(identity for identity, owner in known.items() if owner not in merging) or sorted(known)
        raise IdentityConflictError(
            f"{', '.join(sorted(known))}: belong to {len(found)} contacts, and {apart[0]!r} does not merge contacts; "
            "name one contact, or let that kind of identity merge"
        )
    return sorted(found)


def known_contact(changes: ChangeSet, identity: str) -> int:
    """The contact that an identity is. Raises: UnknownContactError."""
    owner = changes.identities.owner(identity)
    if owner is None:
        kind, _, value = identity.partition(":")
        raise UnknownContactError(value, kind=kind)
    return owner


def release_identity(changes: ChangeSet, identity: str, contact_id: int) -> None:
    """Let a contact be known by an identity no more.

    Files may bring in several contacts with one phone or external id, which is the oldest one's: the next one has it
    then, because its field says so.
    """
    kind, _, value = identity.partition(":")
    heirs: list[int] = []
    if kind in {"phone", "external_id"}:
        heirs = [i for i in changes.contacts.holders(kind, value) if i != contact_id]
    changes.identities.give(identity, heirs[0] if heirs else None)


def contacts_to_merge(changes: ChangeSet, contact_id: int, identities: Iterable[str]) -> list[int]:
    """The other contacts that identities are which are to be a contact's: they merge with it.

    Raises: IdentityConflictError if another contact has one whose kind does not merge.
    """
    others: set[int] = set()
    for identity in identities:
        owner = changes.identities.owner(identity)
        if owner is not None and owner != contact_id:
            if kind_of(identity) not in changes.memory.merging_identities:
                raise IdentityConflictError(
                    f"{identity}: belongs to another contact, and this kind of identity does not merge contacts; "
                    "merge them, or remove it from the other one first"
                )
            others.add(owner)
    return sorted(others)
