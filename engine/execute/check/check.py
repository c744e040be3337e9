"""Looking at all invariants of a store."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from engine.execute.check.found import Found, Reading
from engine.execute.check.invariants import INVARIANTS
from engine.storage import Store
from engine.storage.interruption import run_interruptibly
from engine.storage.snapshot.parts import tables_of


@dataclass(frozen=True, slots=True)
class CheckedInvariant:
    """An invariant, how many violations of it there are, and some of them. `note` says what was not looked at."""

    name: str
    violation_count: int
    examples: tuple[str, ...]
    note: str
    seconds: float


@dataclass(frozen=True, slots=True)
class CheckReport:
    """All invariants of a store."""

    invariants: tuple[CheckedInvariant, ...]

    @property
    def is_clean(self) -> bool:
        """Whether all of them hold."""
        return not any(item.violation_count for item in self.invariants)


OnInvariant = Callable[[CheckedInvariant], None]


def check_store(store: Store, *, on_invariant: OnInvariant | None = None) -> CheckReport:
    """Look at every invariant; `on_invariant` sees each as soon as it is done. Nothing is changed, writers wait.

    Raises: StoreError when memory or disk do not suffice, KeyboardInterrupt.
    """
    return run_interruptibly(store, lambda: _check(store, on_invariant))


def _check(store: Store, on_invariant: OnInvariant | None) -> CheckReport:
    # Writers wait, because memberships are computed by cursors of their own, which must see the same rows.
    with store.held_for_reading() as cursor:
        reading = Reading(store, cursor, tables_of(cursor))
        checked = []
        for invariant in INVARIANTS:
            started = time.perf_counter()
            found: Found = invariant(reading)
            name = invariant.__name__.replace("_", " ")
            item = CheckedInvariant(name, found.count, found.examples, found.note, time.perf_counter() - started)
            checked.append(item)
            if on_invariant is not None:
                on_invariant(item)
    return CheckReport(tuple(checked))
