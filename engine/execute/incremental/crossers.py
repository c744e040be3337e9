"""Whom time alone can move between two instants, and when it does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.compile.crossings import CrossingQuery, all_crossings, crossing_queries
from engine.definition.timeframes import ONE_MICROSECOND
from engine.execute.contact_set import ContactIds
from engine.plan.crossings import Crossings
from engine.plan.windows import AnyWindow, LocalWindow, Window

Instants = npt.NDArray[np.int64]
"""Microseconds since 1970, UTC."""

_EPOCH = datetime(1970, 1, 1)
_FIRST, _LAST = np.iinfo(np.int64).min, np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Crossers:
    """Contacts, and when a window crosses something of theirs; the same one may stand there several times."""

    contact_ids: ContactIds
    crosses_at: Instants

    @classmethod
    def united(cls, parts: Sequence[Crossers]) -> Crossers:
        """All of them."""
        none: list[ContactIds] = [np.empty(0, np.int32)]
        never: list[Instants] = [np.empty(0, np.int64)]
        return cls(
            np.concatenate(none + [part.contact_ids for part in parts]),
            np.concatenate(never + [part.crosses_at for part in parts]),
        )


def crossers(
    cursor: duckdb.DuckDBPyConnection, crossings: Crossings, queries: Sequence[CrossingQuery] | None = None
) -> Crossers:
    """Whom windows cross something of, of the contacts that a cursor sees. `queries` are those of `crossings`, if made.

    `crosses_at` is right where the edges of windows move as fast as time from the one instant to the other, or jump at
    the last of them.
    """
    queries = list(crossing_queries(crossings)) if queries is None else queries
    if not queries:
        return Crossers.united([])
    return crossers_in(cursor.sql(all_crossings(queries)).to_arrow_table(), crossings, queries)


def crossers_in(rows: pa.Table, crossings: Crossings, queries: Sequence[CrossingQuery]) -> Crossers:
    """The same from the rows of `all_crossings`."""
    found: list[Crossers] = []
    if rows.num_rows:
        numbers = rows.column("query").to_numpy()
        for number, query in enumerate(queries):
            is_of_query = numbers == number
            if is_of_query.any():
                found += _found_by(rows.filter(pa.array(is_of_query)), query, crossings)
    return Crossers.united(found)


def _found_by(rows: pa.Table, query: CrossingQuery, crossings: Crossings) -> Iterator[Crossers]:
    """Those whose values lie in the windows of their source."""
    contact_ids = rows.column("contact_id").to_numpy()
    at = rows.column("at").cast(pa.int64()).to_numpy()
    zone_ids = rows.column("zone_id").to_numpy() if query.has_zones else None
    sources = rows.column("source").to_numpy() if len(query.windows) > 1 else None
    for source, windows in query.windows.items():
        is_of_source = (sources == source) if sources is not None else None
        for window in windows:
            lies = _lies_in(window, at, zone_ids)
            if is_of_source is not None:
                lies &= is_of_source
            if lies.any():
                yield Crossers(contact_ids[lies], _crosses_at(window, at[lies], crossings))


def _lies_in(window: AnyWindow, at: Instants, zone_ids: npt.NDArray[np.int16] | None) -> npt.NDArray[np.bool_]:
    """Which of the instants lie in a window."""
    if isinstance(window, Window):
        start, end = _edges(window)
        return (at >= start) & (at < end)
    assert zone_ids is not None
    by_zone = dict(window.by_zone)
    starts = np.full(max(by_zone) + 1, _LAST, np.int64)
    ends = np.full(max(by_zone) + 1, _FIRST, np.int64)
    for zone_id, part in by_zone.items():
        starts[zone_id], ends[zone_id] = _edges(part)
    lies: npt.NDArray[np.bool_] = (at >= starts[zone_ids]) & (at < ends[zone_ids])
    return lies


def _crosses_at(window: AnyWindow, at: Instants, crossings: Crossings) -> Instants:
    """When a moving edge passes each of the instants that lie in the stretch that it passes over."""
    if isinstance(window, LocalWindow) or not crossings.moves_as_time(window):
        return np.full(len(at), microseconds(crossings.until), np.int64)
    assert window.start_at is not None
    return at + (microseconds(crossings.after) - microseconds(window.start_at) + 1)


def microseconds(at: datetime) -> int:
    """An instant, or a naive one in UTC, as microseconds since 1970."""
    return (at.replace(tzinfo=None) - _EPOCH) // ONE_MICROSECOND


def instant(at: int) -> datetime:
    """The same the other way round: a naive instant, in UTC."""
    return _EPOCH + timedelta(microseconds=at)


def _edges(window: Window) -> tuple[int, int]:
    start = _FIRST if window.start_at is None else microseconds(window.start_at)
    return start, _LAST if window.end_at is None else microseconds(window.end_at)
