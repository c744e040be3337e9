"""The events of some contacts in memory, read once for all tallies of a plan."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.definition.vocabulary import CUSTOM_EVENT_PREFIX
from engine.execute.tally import Tally
from engine.plan.nodes import GoalEvents, KindOfEvents
from engine.plan.scans import Scan, TallyScan

Flags = npt.NDArray[np.bool_]

_TIMELINE = "SELECT contact_id, occurred_at, kind, template_id FROM timeline"
_GOALS = """
    SELECT contact_id, occurred_at, goal_type, goal_name, goal_value, least(deleted_at, superseded_at) AS ends_at
    FROM custom_events WHERE goal_type IS NOT NULL
"""


def is_tallied_from_memory(scan: Scan) -> bool:
    """Whether a scan asks nothing of events but what is held: no properties."""
    if not isinstance(scan, TallyScan):
        return False
    match scan.events:
        case KindOfEvents(kind=kind, event_filter=None):
            return not kind.startswith(CUSTOM_EVENT_PREFIX)
        case GoalEvents():
            return True
        case _:
            return False


class HeldEvents:
    """Timeline and goals as tables of some contacts hold them, as of an instant; each is read when it is asked for."""

    def __init__(self, rows: Callable[[str], pa.Table], as_of: datetime) -> None:
        self._rows, self._as_of = rows, np.datetime64(as_of.replace(tzinfo=None), "us")
        self._timeline: _Rows | None = None
        self._goals: _Rows | None = None

    def fill(self, tally: Tally, scan: TallyScan) -> bool:
        """Add the events of a scan to its tally, if that can be; whether it was done."""
        if not is_tallied_from_memory(scan):
            return False
        match scan.events:
            case KindOfEvents(kind=kind, template_id=template_id):
                rows = self._timeline = self._timeline or _Rows(self._rows(_TIMELINE))
                keep = rows.are("kind", kind)
                if template_id is not None:
                    keep &= rows.are("template_id", template_id)
            case GoalEvents(goal_type=goal_type, goal_name=goal_name):
                rows = self._goals = self._goals or _Rows(self._rows(_GOALS))
                ends_at = rows.instants("ends_at")
                keep = np.isnat(ends_at) | (ends_at > self._as_of)
                if goal_type is not None:
                    keep &= rows.are("goal_type", goal_type)
                if goal_name is not None:
                    keep &= rows.are("goal_name", goal_name)
        hull = tally.hull
        if hull.start_at is not None:
            keep &= rows.occurred_at >= np.datetime64(hull.start_at.replace(tzinfo=None), "us")
        if hull.end_at is not None:
            keep &= rows.occurred_at < np.datetime64(hull.end_at.replace(tzinfo=None), "us")
        places = np.flatnonzero(keep)
        values = rows.column("goal_value").take(places) if scan.has_values else None
        tally.add(rows.contact_ids[places], rows.occurred_at[places], values)
        return True


class _Rows:
    """Rows of events, by column."""

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        self.contact_ids = self.column("contact_id").to_numpy()
        self.occurred_at = self.instants("occurred_at")
        self._codes: dict[str, tuple[dict[Any, int], npt.NDArray[np.int32]]] = {}

    def column(self, name: str) -> pa.Array[Any]:
        """A column in one piece."""
        column = self._table.column(name)
        return pa.concat_arrays([*column.chunks, pa.array([], column.type)])

    def instants(self, name: str) -> npt.NDArray[np.datetime64]:
        """A column of instants; NaT where there is none."""
        return self.column(name).to_numpy(zero_copy_only=False).astype("M8[us]")

    def are(self, name: str, text: str) -> Flags:
        """Which rows have a text in a column."""
        if name not in self._codes:
            encoded = self.column(name).dictionary_encode()
            numbers = {value: number for number, value in enumerate(encoded.dictionary.to_pylist())}
            self._codes[name] = numbers, encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        numbers, codes = self._codes[name]
        flags: Flags = codes == numbers.get(text, -2)
        return flags
