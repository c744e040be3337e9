"""Instants, and how exactly what they show is known."""

from __future__ import annotations

from datetime import datetime

from engine.storage.history import is_exact


def shown_instant(at: datetime) -> str:
    """An instant as RFC 3339."""
    return at.isoformat().replace("+00:00", "Z")


def exactness(as_of: datetime, exact_since: datetime | None) -> str:
    """Whether contacts are what was known of them at an instant, in words."""
    if exact_since is None or is_exact(as_of, exact_since):
        return "exact"
    return f"exact only from {shown_instant(exact_since)} on"


def shown_exactness(as_of: datetime, exact_since: datetime | None) -> dict[str, object]:
    """The same for programs: `exact_since` is null where everything is exact from the beginning on."""
    return {
        "exact_since": None if exact_since is None else shown_instant(exact_since),
        "is_exact": is_exact(as_of, exact_since),
    }
