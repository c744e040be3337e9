"""Lists: what they are called, who may join them and how, and which mails they send."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from engine.definition.vocabulary import LIST_ID_PATTERN
from engine.errors import InvalidValueError
from engine.storage.changes import ChangeSet
from engine.storage.changes.change_set import Needs
from engine.storage.changes.memory import ListRow
from ingest import values
from ingest.values import RefusedValueError
from ingest.values.text import trimmed_text
from ingest.writes.kept import KEPT
from ingest.writes.subscriptions import live_list
from ingest.writes.write import Outcome

_FLAGS = ("is_public", "is_double_optin")
_MAY_BE_NONE = ("welcome_template_id", "unsubscribe_template_id", "confirmation_template_id", "description")


@dataclass(frozen=True, slots=True)
class SaveList:
    """A list with the values that it is to have, by column; what is not given stays as it is."""

    list_id: str
    values: Mapping[str, object]

    def needs(self) -> Needs:
        """Nothing: lists are in memory."""
        return Needs()

    def apply(self, changes: ChangeSet) -> Outcome:
        """Create the list, change it, or bring a deleted one back with its subscriptions as they were."""
        old = changes.known_list(self.list_id)
        if old is None:
            times = changes.now, changes.now, None
            new = ListRow(self.list_id, self.list_id, False, False, None, None, None, None, *times)
            changes.put_list(_with_values(new, self.values))
            return Outcome.CREATED
        new = _with_values(replace(old, deleted_at=None), self.values)
        if new == old:
            return Outcome.UNCHANGED
        changes.put_list(replace(new, updated_at=changes.now))
        if old.deleted_at is not None:
            _touch_subscribers(changes, self.list_id)
        return Outcome.UPDATED


@dataclass(frozen=True, slots=True)
class DeleteList:
    """A list is to be there no more: its subscriptions stay on record, and count no longer."""

    list_id: str

    def needs(self) -> Needs:
        """Nothing: lists are in memory."""
        return Needs()

    def apply(self, changes: ChangeSet) -> Outcome:
        """Mark it as deleted. Raises: UnknownListError."""
        known = live_list(changes, self.list_id)
        changes.put_list(replace(known, deleted_at=changes.now, updated_at=changes.now))
        _touch_subscribers(changes, self.list_id)
        return Outcome.DELETED


@dataclass(frozen=True, slots=True)
class MarkSent:
    """Mails of the outbox, by their numbers, were sent."""

    sequences: tuple[int, ...]

    def needs(self) -> Needs:
        """Nothing."""
        return Needs()

    def apply(self, changes: ChangeSet) -> Outcome:
        """Remove them; numbers that are not there are none of our business. Nothing that a query sees changes."""
        gone = changes.cursor.execute(
            "DELETE FROM outbox WHERE list_contains($1, sequence) RETURNING sequence", [list(self.sequences)]
        ).fetchall()
        if not gone:
            return Outcome.UNCHANGED
        changes.keep_mail_numbers()
        return Outcome.DELETED


def read_list_id(list_id: object) -> str:
    """An id that a list may have. Raises: InvalidValueError."""
    if not isinstance(list_id, str) or not re.fullmatch(LIST_ID_PATTERN, list_id):
        raise InvalidValueError("list_id", list_id, "is no list id: it has 1 to 64 characters of A-Z a-z 0-9 _ . -")
    return list_id


def read_list_values(given: Mapping[str, object]) -> dict[str, object]:
    """The given ones of the values of a list, as they are stored. Raises: InvalidValueError."""
    stored: dict[str, object] = {}
    for name, value in given.items():
        if value is KEPT:
            continue
        try:
            if name in _FLAGS:
                stored[name] = values.boolean(value)
            elif name in _MAY_BE_NONE and value is None:
                stored[name] = None
            else:
                stored[name] = trimmed_text(value)
        except RefusedValueError as error:
            raise InvalidValueError(name, value, str(error)) from None
    return stored


def _with_values(row: ListRow, given: Mapping[str, object]) -> ListRow:
    return ListRow(**{**asdict(row), **given})


def _touch_subscribers(changes: ChangeSet, list_id: str) -> None:
    """The segments of all who are on a list may be others now."""
    rows = changes.cursor.execute("SELECT contact_id FROM subscriptions WHERE list_id = $1", [list_id]).fetchall()
    changes.touch(contact_id for (contact_id,) in rows)
