"""The size of a segment over the next days, if nothing else happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import pyarrow as pa

from engine.definition import Segment
from engine.definition.tree import CONTACT_TIMEZONE
from engine.errors import StepFailedError
from engine.execute.batch import evaluate
from engine.execute.contact_set import ContactSet
from engine.plan.zones import day_start_at, local_day
from engine.storage import Store
from engine.storage.connection import store_errors
from engine.storage.segments import stored_with_named

MOST_DAYS = 3_660

_COLUMNS: dict[str, pa.DataType] = {
    "on": pa.date32(),
    "as_of": pa.timestamp("us", "UTC"),
    "size": pa.int64(),
    "entered": pa.int64(),
    "left": pa.int64(),
}
FORECAST_SCHEMA = pa.schema(_COLUMNS)

OnDay = Callable[[datetime], None]


@dataclass(frozen=True, slots=True)
class ForecastDay:
    """The size of a segment at an instant (UTC): now, or where a local day starts.

    `entered` and `left` are since the row before.
    """

    on: date
    as_of: datetime
    size: int
    entered: int
    left: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """The sizes of a segment: at one instant, and at the start of each of the next days of `zone_name`.

    From `exact_since` on contacts are known as they were; None: from the beginning on.
    """

    segment: Segment
    zone_name: str
    contact_count: int
    days: tuple[ForecastDay, ...]
    exact_since: datetime | None


def forecast(store: Store, segment_id: str, *, as_of: datetime, days: int, on_day: OnDay | None = None) -> Forecast:
    """The size of a stored segment at `as_of` and at the start of each of the next days.

    Raises: UnknownSegmentError, StoreError; StepFailedError if it cannot be computed.
    """
    with store_errors(store.path), store.cursor() as cursor:
        *named, segment = stored_with_named(cursor, segment_id)
    zone_name = store.default_zone if segment.timezone == CONTACT_TIMEZONE else segment.timezone
    others = {item.id: item for item in named}
    rows: list[ForecastDay] = []
    before: ContactSet | None = None
    contact_count, exact_since = 0, None
    for on, at in _instants(as_of, days, zone_name):
        if on_day is not None:
            on_day(at)
        evaluation = evaluate(store, [segment], as_of=at, others=others)
        if segment.id in evaluation.failed:
            raise StepFailedError(segment.id, "", evaluation.failed[segment.id])
        members, contact_count = evaluation.members[segment.id], evaluation.contact_count
        exact_since = evaluation.exact_since
        before = before or members
        capacity = max(before.capacity, members.capacity)
        old, new = before.widened(capacity), members.widened(capacity)
        rows.append(ForecastDay(on, at, members.size, (new - old).size, (old - new).size))
        before = members
    return Forecast(segment, zone_name, contact_count, tuple(rows), exact_since)


def _instants(as_of: datetime, days: int, zone_name: str) -> Iterator[tuple[date, datetime]]:
    """Now, and the starts of the next local days; a day that a zone skips has none. As long as there are days."""
    today = local_day(as_of, zone_name)
    yield today, as_of
    last_at = as_of
    for number in range(1, min(days, date.max.toordinal() - today.toordinal()) + 1):
        on = today + timedelta(days=number)
        at = day_start_at(on, zone_name)
        if at > last_at:
            yield on, at
            last_at = at


def forecast_batch(found: Forecast) -> pa.RecordBatch:
    """The days as a batch with the columns of FORECAST_SCHEMA."""
    rows = [{name: getattr(row, name) for name in FORECAST_SCHEMA.names} for row in found.days]
    return pa.RecordBatch.from_pylist(rows, schema=FORECAST_SCHEMA)
