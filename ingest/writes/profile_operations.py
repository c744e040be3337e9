"""Operations on the profile of one contact: several at paths, all of them or none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import pairwise
from math import isfinite
from typing import Any
from unicodedata import normalize

import orjson

from engine.definition.fields import ALWAYS_THERE, CONTACT_FIELDS, JSON_FIELDS, NUMBER_FIELDS
from engine.errors import InvalidValueError, InvalidWriteError, did_you_mean, shown
from engine.storage.changes import ChangeSet
from engine.storage.changes.change_set import Needs
from engine.storage.changes.identity_rows import identity_of
from engine.storage.custom_fields import CustomField, CustomFieldType
from ingest import values
from ingest.values import RefusedValueError
from ingest.values.refused import wrong_type
from ingest.writes.contact_document import FIELD_IDENTITIES, ContactDocument, is_e164, reader_of
from ingest.writes.json_operations import ABSENT, MOST_SEGMENTS, ClashError, Operator, Path, changed_json, same_json
from ingest.writes.matching import contacts_to_merge, known_contact, matched_contacts
from ingest.writes.merging import merge_contacts, planned_merge
from ingest.writes.suppression import check_none_suppressed
from ingest.writes.upsert import check_keeps_an_identity, create_contact, update_contact
from ingest.writes.write import Outcome

_TAGS, _PROFILE = "tags", "profile"
_ORDER = list(Operator)


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation on a field, or at a path in a JSON field; `value` is in the form in which it is stored."""

    operator: Operator
    field: str
    path: Path
    value: Any
    is_json: bool

    @property
    def name(self) -> str:
        """How errors name the place."""
        return ".".join((self.field, *self.path))


def read_operations(
    given: object, custom_fields: Mapping[str, CustomField], *, path: str = "operations"
) -> tuple[Operation, ...]:
    """Operations from what `json.loads` gives, in the order in which they are applied: that of `Operator`.

    `given` has operators as keys, and under each an object of values by path; under `$unset` perhaps an array of
    paths. `path` is how errors name it. Raises: InvalidValueError, InvalidWriteError.
    """
    if not isinstance(given, Mapping):
        raise InvalidWriteError(path, f"must be an object, not {shown(given)}")
    operations = []
    for word, arguments in given.items():
        try:
            operator = Operator(word)
        except ValueError:
            hint = did_you_mean(str(word), [item.value for item in Operator])
            raise InvalidWriteError(path, f"no operator is named {shown(word)}; {hint}") from None
        for place, value in _by_path(operator, arguments, f"{path}.{word}"):
            operations.append(_read_operation(operator, place, value, custom_fields, f"{path}.{word}"))
    operations.sort(key=lambda item: _ORDER.index(item.operator))
    _check_apart(operations, path)
    return tuple(operations)


@dataclass(frozen=True, slots=True)
class ChangeProfile:
    """Operations on the contact of an identity; if it `creates`, who is nobody yet becomes one, at `created_at`.

    `created_at` is naive, in UTC; now if it is None.
    """

    identity: str
    operations: tuple[Operation, ...]
    creates: bool = False
    created_at: datetime | None = None

    def needs(self) -> Needs:
        """The contacts of the identity and of those that are set."""
        return Needs(identities=(self.identity, *_identities(self.operations)), contacts=True)

    def apply(self, changes: ChangeSet) -> Outcome:
        """Apply all operations; if an identity is set that is another contact's, merge with it first."""
        contact_id = changes.identities.owner(self.identity) if self.creates else known_contact(changes, self.identity)
        if contact_id is None:
            return self._created(changes)
        changes.contacts.load_one(contact_id)
        identities = tuple(_identities(self.operations))
        others = contacts_to_merge(changes, contact_id, identities)
        check_none_suppressed(changes, identities)
        if others:
            document = _document(planned_merge(changes, [contact_id, *others]).values.get, self.operations, identities)
            contact_id = merge_contacts(changes, [contact_id, *others])
            update_contact(changes, contact_id, document)
            return Outcome.MERGED
        document = _document(partial(changes.contacts.get, contact_id), self.operations, identities)
        check_keeps_an_identity(changes, contact_id, document)
        return Outcome.UPDATED if update_contact(changes, contact_id, document) else Outcome.UNCHANGED

    def _created(self, changes: ChangeSet) -> Outcome:
        """Apply all operations to a new contact, or to the one that is known by an identity that they set."""
        kind, _, value = self.identity.partition(":")
        base: dict[str, Any] = {kind: value} if kind in FIELD_IDENTITIES else {}
        identities = (self.identity, *_identities(self.operations))
        check_none_suppressed(changes, identities)
        found = matched_contacts(changes, identities)
        if not found:
            if self.created_at is not None:
                base["created_at"] = self.created_at
            document = _document(base.get, self.operations, identities)
            create_contact(changes, ContactDocument({**base, **document.values}, identities, document.tags))
            return Outcome.CREATED
        changes.contacts.load(found)
        is_several = len(found) > 1
        current = planned_merge(changes, found).values.get if is_several else partial(changes.contacts.get, found[0])
        document = _document(current, self.operations, identities)
        contact_id = merge_contacts(changes, found) if is_several else found[0]
        update_contact(changes, contact_id, ContactDocument({**base, **document.values}, identities, document.tags))
        return Outcome.MERGED if is_several else Outcome.UPDATED


def _by_path(operator: Operator, arguments: object, path: str) -> Iterable[tuple[object, object]]:
    """The places of one operator with their values."""
    if operator is Operator.UNSET:
        if isinstance(arguments, list):
            return [(place, None) for place in arguments]
        if isinstance(arguments, Mapping):
            for place, value in arguments.items():
                if value is not True:
                    raise InvalidValueError(f"{path}.{place}", value, f"must be true: {operator} removes what it names")
            return [(place, None) for place in arguments]
        raise InvalidWriteError(
            path, f"must be an array of paths, or an object of path and true, not {shown(arguments)}"
        )
    if not isinstance(arguments, Mapping):
        raise InvalidWriteError(path, f"must be an object of path and value, not {shown(arguments)}")
    return list(arguments.items())


def _read_operation(
    operator: Operator, place: object, value: object, custom_fields: Mapping[str, CustomField], path: str
) -> Operation:
    """One operation, its value checked as far as it can be without the contact."""
    field, inner = _read_path(place, custom_fields, path)
    at = f"{path}.{place}"
    is_json = _is_json(field, custom_fields)
    if inner and not is_json:
        raise InvalidWriteError(at, f"{field!r} has no parts; only JSON fields and free keys have paths")
    try:
        stored = _read_value(operator, field, inner, value, custom_fields)
    except RefusedValueError as error:
        raise InvalidValueError(at, value, str(error)) from None
    if stored is ABSENT and field in ALWAYS_THERE:
        raise InvalidWriteError(at, f"{field!r} cannot be removed; set another instant")
    return Operation(Operator.UNSET if stored is ABSENT else operator, field, inner, stored, is_json)


def _read_path(place: object, custom_fields: Mapping[str, CustomField], path: str) -> tuple[str, Path]:
    """The field that a path leads to, and the path within it: what is no field is a key of the profile."""
    if not isinstance(place, str):
        raise InvalidWriteError(path, f"a path must be text such as 'plan.tier', not {shown(place)}")
    try:
        values.text(place)
    except RefusedValueError as error:
        raise InvalidWriteError(path, f"the path {shown(place)} {error}") from None
    segments = tuple(normalize("NFC", place).split("."))
    if not all(segments):
        raise InvalidWriteError(path, f"the path {shown(place)} has an empty part; write it like 'plan.tier'")
    if len(segments) > MOST_SEGMENTS:
        raise InvalidWriteError(path, f"the path {shown(place)} has more than {MOST_SEGMENTS} parts")
    first = segments[0]
    custom = custom_fields.get(first)
    if custom is not None and custom.retired_at is not None:
        raise InvalidWriteError(f"{path}.{place}", f"the field {first!r} was retired; it takes no values any more")
    if first in CONTACT_FIELDS or first == _TAGS or custom is not None:
        return first, segments[1:]
    return _PROFILE, segments


def _is_json(field: str, custom_fields: Mapping[str, CustomField]) -> bool:
    custom = custom_fields.get(field)
    return field in JSON_FIELDS or (custom is not None and custom.type is CustomFieldType.JSON)


def _is_number(field: str, custom_fields: Mapping[str, CustomField]) -> bool:
    custom = custom_fields.get(field)
    return field in NUMBER_FIELDS or (custom is not None and custom.type is CustomFieldType.NUMBER)


def _read_value(
    operator: Operator, field: str, inner: Path, value: object, custom_fields: Mapping[str, CustomField]
) -> Any:
    """The value of an operation as it is stored; ABSENT for what is to be removed. Raises: RefusedValueError."""
    if operator is Operator.UNSET:
        return ABSENT
    is_whole = not inner or (field == _PROFILE and len(inner) == 1)
    if operator is Operator.SET and value is None and is_whole:
        return ABSENT
    if _is_json(field, custom_fields):
        if operator is Operator.INC and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise wrong_type(value, "a number")
        if field == _PROFILE and not inner and operator is not Operator.SET:
            raise RefusedValueError(f"has no place there: {operator} needs the path of a key, the profile is an object")
        if operator is Operator.SET and not inner:
            return orjson.loads(reader_of(field, custom_fields)(value))
        return orjson.loads(values.json(value))
    if operator is Operator.SET:
        return tuple(values.tags(value)) if field == _TAGS else reader_of(field, custom_fields)(value)
    if field == _TAGS and operator is not Operator.INC:
        if not isinstance(value, str):
            raise wrong_type(value, "text: one tag")
        return values.tags([value])[0]
    if operator is Operator.INC and _is_number(field, custom_fields):
        return values.number(value)
    wanted = "a number" if operator is Operator.INC else "an array"
    raise RefusedValueError(f"has no place there: {operator} needs {wanted}, and {field} is none")


def _check_apart(operations: Iterable[Operation], path: str) -> None:
    """Raises: InvalidWriteError if two operations are of the same place, or one of a place within the other's."""
    places = sorted((operation.field, *operation.path) for operation in operations)
    for outer, inner in pairwise(places):
        if inner[: len(outer)] == outer:
            names = f"{'.'.join(outer)!r} and {'.'.join(inner)!r}"
            what = f"{'.'.join(outer)!r} is named twice" if outer == inner else f"{names} lie within each other"
            raise InvalidWriteError(path, f"{what}; one call changes each place once")


def _identities(operations: Iterable[Operation]) -> Iterable[str]:
    """The identities that operations set."""
    for item in operations:
        is_given = item.field in FIELD_IDENTITIES and item.operator is Operator.SET and item.value is not ABSENT
        if is_given and (item.field != "phone" or is_e164(item.value)):
            yield identity_of(item.field, item.value)


def _document(
    current: Callable[[str], Any], operations: Iterable[Operation], identities: tuple[str, ...]
) -> ContactDocument:
    """What the operations make of the values of a contact. Raises: InvalidWriteError for one that does not fit."""
    json_fields: dict[str, Any] = {}
    stored: dict[str, Any] = {}
    tags: tuple[str, ...] | None = None
    for operation in operations:
        name = operation.field
        if operation.is_json:
            before = json_fields[name] if name in json_fields else _loaded(current(name))
            try:
                json_fields[name] = changed_json(before, operation.operator, operation.path, operation.value)
            except ClashError as error:
                raise InvalidWriteError(".".join((name, *error.path)), error.problem) from None
        elif name == _TAGS:
            tags = _changed_tags(current(_TAGS) or (), operation)
        elif operation.operator is Operator.INC:
            stored[name] = _increased(current(name), operation)
        else:
            stored[name] = None if operation.value is ABSENT else operation.value
    for name, after in json_fields.items():
        if not same_json(_loaded(current(name)), after):
            stored[name] = _dumped(name, after)
    return ContactDocument(stored, identities, tags)


def _changed_tags(before: Iterable[str], operation: Operation) -> tuple[str, ...]:
    match operation.operator:
        case Operator.SET | Operator.UNSET:
            return () if operation.value is ABSENT else tuple(operation.value)
        case Operator.PULL:
            return tuple(tag for tag in before if tag != operation.value)
        case _:
            return tuple(dict.fromkeys((*before, operation.value)))


def _increased(before: float | None, operation: Operation) -> float:
    total: float = (before or 0.0) + operation.value
    if not isfinite(total):
        raise InvalidWriteError(operation.name, f"becomes too large a number by {operation.operator}")
    return total


def _loaded(text: str | None) -> Any:
    return ABSENT if text is None else orjson.loads(text)


def _dumped(field: str, value: Any) -> str | None:
    """A JSON field as it is stored. A profile without keys is none."""
    if value is ABSENT or (field == _PROFILE and value == {}):
        return None
    if field == _PROFILE and not isinstance(value, dict):
        raise InvalidWriteError(field, "must stay an object")
    try:
        return values.json(value)
    except RefusedValueError as error:
        raise InvalidWriteError(field, str(error)) from None
