"""Templates of mails: saved and deleted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from liquid.exceptions import LiquidError

from engine.definition.vocabulary import LIST_ID_PATTERN
from engine.errors import InvalidValueError, InvalidWriteError, UnknownMailTemplateError
from engine.storage.changes import ChangeSet
from engine.storage.changes.change_set import Needs
from engine.storage.mail_templates import COLUMNS
from ingest.mail_texts import parsed
from ingest.writes.write import Outcome

MOST_CHARACTERS = {"name": 255, "subject": 1_000, "html": 500_000, "text": 500_000}


@dataclass(frozen=True, slots=True)
class SaveMailTemplate:
    """A template, as it is to be: values by column."""

    template_id: str
    values: Mapping[str, Any]

    def needs(self) -> Needs:
        """Nothing."""
        return Needs()

    def apply(self, changes: ChangeSet) -> Outcome:
        """Create or replace it."""
        query = f"SELECT {', '.join(COLUMNS)} FROM mail_templates WHERE id = $1"
        known = changes.cursor.execute(query, [self.template_id]).fetchall()
        old = dict(zip(COLUMNS, known[0], strict=True)) if known else None
        if old is not None and all(old[name] == value for name, value in self.values.items()):
            return Outcome.UNCHANGED
        created_at = changes.now if old is None else old["created_at"]
        row = {"id": self.template_id, **self.values, "created_at": created_at, "updated_at": changes.now}
        changes.execute("DELETE FROM mail_templates WHERE id = $1", [self.template_id])
        places = ", ".join(f"${number}" for number in range(1, len(COLUMNS) + 1))
        names = ", ".join(COLUMNS)
        changes.execute(f"INSERT INTO mail_templates ({names}) VALUES ({places})", [row[name] for name in COLUMNS])
        return Outcome.CREATED if old is None else Outcome.UPDATED


@dataclass(frozen=True, slots=True)
class DeleteMailTemplate:
    """A template that is to be there no more."""

    template_id: str

    def needs(self) -> Needs:
        """Nothing."""
        return Needs()

    def apply(self, changes: ChangeSet) -> Outcome:
        """Remove it. Raises: UnknownMailTemplateError; InvalidWriteError while a list uses it."""
        query = "SELECT count(*) FROM mail_templates WHERE id = $1"
        if changes.cursor.execute(query, [self.template_id]).fetchall() == [(0,)]:
            raise UnknownMailTemplateError(self.template_id)
        for row in changes.live_lists():
            used = (row.welcome_template_id, row.unsubscribe_template_id, row.confirmation_template_id)
            if self.template_id in used:
                raise InvalidWriteError("template", f"{self.template_id!r} is that of list {row.id!r}; change it first")
        changes.execute("DELETE FROM mail_templates WHERE id = $1", [self.template_id])
        return Outcome.DELETED


def read_template_id(template_id: object) -> str:
    """An id that a template may have. Raises: InvalidValueError."""
    if not isinstance(template_id, str) or not re.fullmatch(LIST_ID_PATTERN, template_id):
        raise InvalidValueError("id", template_id, "is no id: it has 1 to 64 characters of A-Z a-z 0-9 _ . -")
    return template_id


def read_template_values(template_id: str, given: Mapping[str, object]) -> dict[str, Any]:
    """The values of a template, as they are stored. Raises: InvalidValueError, InvalidWriteError."""
    stored: dict[str, Any] = {}
    for name, most in MOST_CHARACTERS.items():
        value = given.get(name)
        if value is not None and (not isinstance(value, str) or not value.strip() or len(value) > most):
            raise InvalidValueError(name, value, f"must be a text of 1 to {most:,} characters")
        stored[name] = value
        if value is not None and name != "name":
            try:
                parsed(value, is_html=name == "html")
            except LiquidError as error:
                raise InvalidWriteError(name, f"is no Liquid: {error}") from None
    if stored["subject"] is None or (stored["html"] is None and stored["text"] is None):
        raise InvalidWriteError("template", "must have a subject, and html or text")
    return {**stored, "name": stored["name"] or template_id}
