"""An event as an application gives it: whose it is, and every value checked and in the form in which it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.errors import InvalidValueError, InvalidWriteError, did_you_mean, shown
from engine.storage.changes.identity_rows import identity_of
from ingest import values
from ingest.values import RefusedValueError
from ingest.writes.contact_address import read_address
from ingest.writes.contact_document import Reader

_CONTACT_KEYS = ("email", "contact")


def read_event_document(
    given: object, readers: Mapping[str, Reader], *, required: tuple[str, ...], noun: str, path: str
) -> tuple[str, dict[str, Any]]:
    """The identity of the contact that an event names, and the event's other values; those that are null are left out.

    `noun` is what errors call such an event, `path` how they name this one. Raises: InvalidValueError,
    InvalidWriteError.
    """
    if not isinstance(given, Mapping):
        raise InvalidWriteError(path, f"must be an object, not {shown(given)}")
    stored: dict[str, Any] = {}
    for name, value in given.items():
        reader = readers.get(name)
        if reader is None:
            if name in _CONTACT_KEYS:
                continue
            hint = did_you_mean(str(name), [*readers, *_CONTACT_KEYS])
            raise InvalidWriteError(path, f"{noun}s have no {shown(name)}; {hint}")
        if value is not None:
            try:
                stored[name] = reader(value)
            except RefusedValueError as error:
                raise InvalidValueError(f"{path}.{name}", value, str(error)) from None
    for name in required:
        if name not in stored:
            raise InvalidWriteError(path, f"has no {name}; every {noun} needs one")
    return _contact_of(given, path), stored


def id_of_event(value: object) -> str:
    """The id that an application gives an event. Raises: RefusedValueError, also for one that is empty."""
    given = values.text(value)
    if not given:
        raise RefusedValueError("is empty; give each event an id of its own")
    return given


def json_object(value: object) -> str:
    """A JSON object as text. Raises: RefusedValueError."""
    if not isinstance(value, Mapping):
        raise RefusedValueError("must be an object")
    return values.json(value)


def _contact_of(given: Mapping[str, object], path: str) -> str:
    """The identity by which an event names its contact. Raises: InvalidValueError, InvalidWriteError."""
    email, contact = given.get("email"), given.get("contact")
    if contact is None and isinstance(email, str):
        try:
            return identity_of("email", values.email(email))
        except RefusedValueError as error:
            raise InvalidValueError(f"{path}.email", email, str(error)) from None
    if email is not None and contact is not None:
        raise InvalidWriteError(path, "names a contact twice; give email or contact")
    if email is None and contact is None:
        raise InvalidWriteError(path, "names no contact; give its email")
    return read_address(
        contact if email is None else email, path=f"{path}.contact" if email is None else f"{path}.email"
    )
