"""What every write has: what it reads, what it does, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from engine.errors import PopulaceError
from engine.storage.changes import ChangeSet
from engine.storage.changes.change_set import Needs


class Outcome(StrEnum):
    """What came of a write."""

    CREATED = "created"
    UPDATED = "updated"
    MERGED = "merged"
    UNCHANGED = "unchanged"
    DELETED = "deleted"
    BLOCKED = "blocked"
    """What somebody refused stays so."""
    ACCEPTED = "accepted"
    """The same whatever came of it: who asked is not to know."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Written:
    """What came of one write; `error` says why it failed, if it did. It was made durable, or changed nothing.

    `row` is the contact as it is stored then, and `contact_id` its id, where the write gives them.
    """

    outcome: Outcome
    error: PopulaceError | None = None
    row: Mapping[str, Any] | None = None
    contact_id: int | None = None


class CommittedAlone:
    """A write that changes rows all over the store by statements: rows that its neighbours hold would be stale.

    It is committed in a group of its own.
    """

    __slots__ = ()


class Write(Protocol):
    """A write that was checked as far as it can be without the store."""

    def needs(self) -> Needs:
        """What it will read."""

    def apply(self, changes: ChangeSet) -> Outcome | Written:
        """Make its changes. Raises: CallerError, and has changed nothing then."""
