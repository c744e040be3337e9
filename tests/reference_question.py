"""What the judge is asked: a world, an instant, zones, and the segments that others may name."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Question:
    """All that a condition may look at; `contacts` are the last rows by trimmed, lower-cased e-mail."""

    world: Row
    contacts: dict[str, Row]
    as_of: datetime
    segment_zone: str
    workspace_zone: str
    others: dict[str, Row]


def email_of(row: Row) -> str:
    email: str = row["email"]
    return email.strip().lower()
