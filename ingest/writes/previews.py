"""What a write would do to contacts, without doing it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from engine.storage.changes import ChangeSet
from engine.storage.changes.identity_rows import identity_of
from engine.storage.json_values import json_or_text
from ingest.writes.contact_document import FIELD_IDENTITIES, ContactDocument
from ingest.writes.field_changes import changed_fields, is_json_field
from ingest.writes.identity_changes import Identity
from ingest.writes.matching import known_contact, matched_contacts
from ingest.writes.merging import planned_merge
from ingest.writes.suppression import check_none_suppressed
from ingest.writes.upsert import check_keeps_an_identity
from ingest.writes.write import Outcome

_NOT_SHOWN = frozenset({"zone_id", "phone_is_valid", "tags"})


@dataclass(frozen=True, slots=True)
class ContactPreview:
    """What a contact would be, and from which contacts.

    `contacts` are those that are known already, each by its identities; of several the first one stays. `values` are
    the fields that would have a value, JSON fields as values and instants in UTC; instants that the write itself would
    set are not among them. `subscriptions` are statuses by list.
    """

    outcome: Outcome
    contacts: tuple[tuple[Identity, ...], ...]
    values: Mapping[str, object]
    tags: tuple[str, ...]
    subscriptions: Mapping[str, str]
    identities: tuple[Identity, ...]


def previewed_upsert(changes: ChangeSet, document: ContactDocument) -> ContactPreview:
    """What an upsert would do. Raises: CallerError, as the upsert would."""
    found = matched_contacts(changes, document.identities)
    check_none_suppressed(changes, document.identities)
    if not found:
        return _preview(changes, Outcome.CREATED, [], {}, document.values, document.tags or (), {}, document.identities)
    if len(found) > 1:
        return _previewed_merge(changes, found, document)
    changes.contacts.load(found)
    check_keeps_an_identity(changes, found[0], document)
    old = changes.contacts.row(found[0])
    tags = old["tags"] or () if document.tags is None else document.tags
    is_changed = (
        bool(changed_fields(changes, found[0], document.values))
        or sorted(tags) != sorted(old["tags"] or ())
        or any(changes.identities.owner(identity) != found[0] for identity in document.identities)
    )
    if not is_changed:
        document = ContactDocument({}, document.identities)
    outcome = Outcome.UPDATED if is_changed else Outcome.UNCHANGED
    statuses = {name: row.status for name, row in changes.subscriptions.of_contact(found[0]).items()}
    values = {**old, **document.values}
    if is_changed and "updated_at" not in document.values:
        del values["updated_at"]
    return _preview(changes, outcome, found, old, values, tags, statuses, document.identities)


def previewed_merge(changes: ChangeSet, identities: Collection[str]) -> ContactPreview:
    """What merging the contacts of identities would give. Raises: UnknownContactError."""
    found = sorted({known_contact(changes, identity) for identity in identities})
    return _previewed_merge(changes, found, ContactDocument({}, ()))


def _previewed_merge(changes: ChangeSet, found: Collection[int], document: ContactDocument) -> ContactPreview:
    merge = planned_merge(changes, found)
    values = {**merge.values, **document.values}
    if document.values and "updated_at" not in document.values:
        del values["updated_at"]
    tags = merge.values["tags"] or () if document.tags is None else document.tags
    statuses = {name: row.status for name, row in merge.subscriptions.items()}
    outcome = Outcome.MERGED if merge.others else Outcome.UNCHANGED
    ids = [merge.survivor, *merge.others]
    return _preview(changes, outcome, ids, merge.values, values, tags, statuses, document.identities)


def _preview(
    changes: ChangeSet,
    outcome: Outcome,
    contact_ids: Collection[int],
    before: Mapping[str, Any],
    values: Mapping[str, Any],
    tags: Collection[str],
    statuses: Mapping[str, str],
    identities: Collection[str],
) -> ContactPreview:
    known = [changes.identities.of_contacts([contact_id]) for contact_id in contact_ids]
    removed = {
        identity_of(kind, before[kind])
        for kind in FIELD_IDENTITIES
        if before.get(kind) is not None and kind in values and values[kind] is None
    }
    every = {*identities, *(identity for owned in known for identity in owned)} - removed
    return ContactPreview(
        outcome=outcome,
        contacts=tuple(tuple(map(Identity.of, owned)) for owned in known),
        values={
            name: _shown(value, is_json=is_json_field(changes, name))
            for name, value in values.items()
            if value is not None and name not in _NOT_SHOWN
        },
        tags=tuple(sorted(tags)),
        subscriptions=dict(sorted(statuses.items())),
        identities=tuple(sorted(map(Identity.of, every))),
    )


def _shown(value: Any, *, is_json: bool) -> object:
    if is_json:
        return json_or_text(value)
    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value
