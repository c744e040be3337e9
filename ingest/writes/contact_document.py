"""A contact as an application gives it: every value checked and in the form in which it is stored."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from engine.definition.fields import ALWAYS_THERE, JSON_FIELDS, NUMBER_FIELDS, STRING_FIELDS, TIME_FIELDS
from engine.definition.vocabulary import IDENTITY_KIND_PATTERN
from engine.errors import InvalidValueError, InvalidWriteError, did_you_mean, shown
from engine.storage.changes.identity_rows import identity_of
from engine.storage.custom_fields import CustomField, CustomFieldType
from ingest import values
from ingest.values import RefusedValueError
from ingest.values.refused import wrong_type
from ingest.values.text import trimmed_text

FIELD_IDENTITIES = ("email", "phone", "external_id")
"""Fields whose value is an identity, by its kind."""

IDENTITY_KIND = re.compile(IDENTITY_KIND_PATTERN)
MOST_IDENTITY_CHARACTERS = 512

Reader = Callable[[object], Any]
"""The stored form of a given value. Raises: RefusedValueError."""


@dataclass(frozen=True, slots=True)
class ContactDocument:
    """Values by column, None where a value is to be removed; `tags` is None where tags are to stay.

    `identities` are all that it names, of fields and others, as the store has them.
    """

    values: Mapping[str, Any]
    identities: tuple[str, ...]
    tags: tuple[str, ...] | None = field(default=None)


def read_contact(given: object, custom_fields: Mapping[str, CustomField], *, path: str = "contact") -> ContactDocument:
    """A contact from what `json.loads` gives, or from Python values. `path` is how errors name it.

    Keys: the contact fields, custom fields that are not retired, `tags` (all of them), `identities` (further ones, each
    an object with `kind` and `value`). null removes a value, but for `created_at` and `updated_at`, which it leaves as
    they are. Raises: InvalidValueError, InvalidWriteError.
    """
    if not isinstance(given, Mapping):
        raise InvalidWriteError(path, f"must be an object, not {shown(given)}")
    readers = _readers(custom_fields)
    stored: dict[str, Any] = {}
    name, value = "", None
    try:
        for name, value in given.items():
            reader = readers[name]
            stored[name] = None if value is None else reader(value)
        if stored.get("phone") is not None and isinstance(given.get("country"), str):
            name, value = "phone", given["phone"]
            stored["phone"] = values.phone(value, given["country"])[0]
    except RefusedValueError as error:
        raise InvalidValueError(f"{path}.{name}", value, str(error)) from None
    except (KeyError, TypeError):
        if name in readers:
            raise
        hint = did_you_mean(str(name), [*readers])
        raise InvalidWriteError(path, f"no contact field is named {shown(name)}; {hint}") from None
    for name in ALWAYS_THERE:
        if name in stored and stored[name] is None:
            del stored[name]
    tags = (stored.pop("tags") or ()) if "tags" in stored else None
    further = stored.pop("identities", None) or ()
    identities = [*_of_fields(stored), *further]
    if not identities:
        raise InvalidWriteError(path, "names nobody: give an email, a phone, an external_id, or identities")
    return ContactDocument(stored, tuple(dict.fromkeys(identities)), tags)


_last_readers: tuple[Mapping[str, CustomField], Mapping[str, Reader]] | None = None


def _readers(custom_fields: Mapping[str, CustomField]) -> Mapping[str, Reader]:
    """How each key of a contact is read. Made anew only when the custom fields are others than at the last call."""
    global _last_readers  # noqa: PLW0603 (one value, replaced as a whole; whoever comes at the same time makes his own)
    last = _last_readers
    if last is None or last[0] is not custom_fields:
        custom = {item.key: _CUSTOM_READERS[item.type] for item in custom_fields.values() if item.retired_at is None}
        last = _last_readers = (custom_fields, {**custom, **_READERS, "tags": _tags, "identities": _identities})
    return last[1]


def reader_of(name: object, custom_fields: Mapping[str, CustomField]) -> Reader:
    """How values of a field are read. Raises: KeyError for a field that is not there."""
    reader = _READERS.get(name)  # type: ignore[call-overload]  # a key of the wrong type is not there either
    if reader is not None:
        return reader  # type: ignore[no-any-return]
    custom = custom_fields[name]  # type: ignore[index]
    if custom.retired_at is not None:
        raise KeyError(name)
    return _CUSTOM_READERS[custom.type]


def read_identity(kind: str, value: object) -> str:
    """An identity as the store has it. Raises: RefusedValueError."""
    if not IDENTITY_KIND.fullmatch(kind):
        raise RefusedValueError("is no kind of identity: it has 1 to 32 characters of a-z 0-9 _, the first a letter")
    if kind == "email":
        return identity_of(kind, values.email(value))
    if kind == "phone":
        number, is_valid = values.phone(value, None)
        if not is_valid:
            raise RefusedValueError("is no international phone number; write it like +4930123456")
        return identity_of(kind, number)
    return identity_of(kind, _name_of_somebody(value))


def is_e164(phone: str) -> bool:
    """Whether a phone number, as it is stored, is one that can be dialled from everywhere."""
    return values.phone(phone, None) == (phone, True)


def _of_fields(stored: Mapping[str, Any]) -> Iterable[str]:
    for name in FIELD_IDENTITIES:
        value = stored.get(name)
        if value is not None and (name != "phone" or is_e164(value)):
            yield identity_of(name, value)


def _tags(given: object) -> tuple[str, ...]:
    return tuple(values.tags(given))


def _identities(given: object) -> tuple[str, ...]:
    if not isinstance(given, list):
        raise wrong_type(given, "an array of objects with kind and value")
    identities = []
    for item in given:
        if not isinstance(item, Mapping) or set(item) != {"kind", "value"} or not isinstance(item["kind"], str):
            raise RefusedValueError("must be an array of objects with kind and value, such as a push_token")
        identities.append(read_identity(item["kind"], item["value"]))
    return tuple(identities)


def _name_of_somebody(value: object) -> str:
    name = trimmed_text(value)
    if len(name) > MOST_IDENTITY_CHARACTERS:
        raise RefusedValueError(f"is longer than {MOST_IDENTITY_CHARACTERS} characters")
    return name


def _profile(value: object) -> str:
    if not isinstance(value, Mapping):
        raise wrong_type(value, "an object")
    return values.json(value)


_READERS: dict[str, Reader] = {
    **dict.fromkeys(STRING_FIELDS, values.text),
    **dict.fromkeys(NUMBER_FIELDS, values.number),
    **dict.fromkeys(TIME_FIELDS, values.instant),
    **dict.fromkeys(JSON_FIELDS, values.json),
    "email": values.email,
    "phone": lambda value: values.phone(value, None)[0],
    "external_id": _name_of_somebody,
    "timezone": values.timezone,
    "country": values.country,
    "language": values.language,
    "profile": _profile,
}

_CUSTOM_READERS: dict[CustomFieldType, Reader] = {
    CustomFieldType.TEXT: values.text,
    CustomFieldType.NUMBER: values.number,
    CustomFieldType.DATE: values.date,
    CustomFieldType.DATETIME: values.instant,
    CustomFieldType.BOOLEAN: values.boolean,
    CustomFieldType.EMAIL: values.email,
    CustomFieldType.URL: values.url,
    CustomFieldType.JSON: values.json,
}
