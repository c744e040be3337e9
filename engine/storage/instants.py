"""Instants as the tables keep them: UTC, and without saying so."""

from __future__ import annotations

from datetime import UTC, datetime


def stored_instant(at: datetime) -> datetime:
    """An aware instant as a TIMESTAMP column takes it: comparing it there must not depend on a session's time zone."""
    return at.astimezone(UTC).replace(tzinfo=None)
