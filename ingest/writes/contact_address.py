"""How a caller names one contact: by e-mail, or by an identity of another kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.errors import InvalidTokenError, InvalidValueError, InvalidWriteError, shown
from engine.storage.changes import ChangeSet
from engine.storage.changes.change_set import Needs
from ingest.values import RefusedValueError
from ingest.writes.contact_document import read_identity
from ingest.writes.matching import known_contact

Contact = str | Mapping[str, object]
"""An e-mail, or an object with `kind` and `value`, such as `{"kind": "phone", "value": "+4930123456"}`."""

Address = str | int
"""An identity as the store has it, or the id of a contact, perhaps of one that was merged since."""


def read_address(contact: object, *, path: str = "contact") -> str:
    """The identity that a caller names. Raises: InvalidValueError, InvalidWriteError."""
    if isinstance(contact, str):
        kind, value = "email", contact
    elif isinstance(contact, Mapping) and set(contact) == {"kind", "value"} and isinstance(contact["kind"], str):
        kind, value = contact["kind"], contact["value"]
    else:
        raise InvalidWriteError(path, f"must be an e-mail, or an object with kind and value, not {shown(contact)}")
    try:
        return read_identity(kind, value)
    except RefusedValueError as error:
        raise InvalidValueError(path, value, str(error)) from None


def address_in(document: Mapping[str, Any]) -> Contact:
    """By what a contact that was just written is known: `document` is what was written."""
    for kind in ("email", "external_id", "phone"):
        if document.get(kind) is not None:
            return {"kind": kind, "value": document[kind]}
    return dict(document["identities"][0])


def address_needs(address: Address) -> Needs:
    """What is to be read of a contact whose subscriptions change, and who may be mailed."""
    if isinstance(address, str):
        return Needs(identities=(address,), contacts=True, subscriptions=True)
    return Needs(contact_ids=(address,), contacts=True, subscriptions=True)


def addressed_contact(changes: ChangeSet, address: Address) -> int:
    """The contact of an address. Raises: UnknownContactError, InvalidTokenError for an id whose contact is no more."""
    if isinstance(address, str):
        return known_contact(changes, address)
    contact_id = changes.successor(address)
    if contact_id is None:
        raise InvalidTokenError("token: its contact was deleted")
    return contact_id
