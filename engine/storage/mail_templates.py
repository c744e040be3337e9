"""The texts of mails, as stored."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from engine.storage.store import Store


@dataclass(frozen=True, slots=True)
class MailTemplate:
    """A template of mails. `subject`, `html` and `text` are Liquid; one of the last two may be None. Instants: UTC."""

    id: str
    name: str
    subject: str
    html: str | None
    text: str | None
    created_at: datetime
    updated_at: datetime


COLUMNS = tuple(MailTemplate.__slots__)


def stored_mail_templates(store: Store, template_id: str | None = None) -> list[MailTemplate]:
    """All templates, in order of id, or the one of an id if it is there."""
    rows = store.rows(
        f"SELECT {', '.join(COLUMNS)} FROM mail_templates WHERE $1 IS NULL OR id = $1 ORDER BY id", [template_id]
    )
    return [MailTemplate(*row[:5], *(at.replace(tzinfo=UTC) for at in row[5:])) for row in rows]
