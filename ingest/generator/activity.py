"""How many events each contact gets, in which part of its life."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ingest.generator.randomness import draw_slots, weighted_slots
from ingest.generator.rhythm import DAY_US, HOUR_US, SECOND_US

CONTACT_AGE_US = 4 * 365 * DAY_US
HISTORY_US = 2 * 365 * DAY_US

# Zipf-Mandelbrot weights (rank + offset) ** -exponent, rank as a ratio: the busiest contact has about 75 times the
# mean, the quietest a thirteenth of it. A plain Zipf law would give one contact in a million a tenth of all events.
_ZIPF_EXPONENT = 1.3
_ZIPF_OFFSET_RATIO = 0.005

_SPAN_EVENT_LIMIT = 200_000
_BATCH_EVENT_COUNT = 400_000
_YOUNGEST_AGE_US = HOUR_US
_LAST_MINUTE_US = 60 * SECOND_US

_ENGAGEMENT_SLOTS = (weighted_slots((55, 40, 5)), weighted_slots((15, 60, 25)), weighted_slots((5, 35, 60)))


@dataclass(frozen=True, slots=True, eq=False)
class Population:
    """What is decided about all contacts before any row is made. Shape: one entry per contact."""

    created_at_us: npt.NDArray[np.int64]
    engagement: npt.NDArray[np.uint8]
    event_count: npt.NDArray[np.int64]

    def chunk(self, start: int, stop: int) -> "Population":
        """The contacts from start up to stop."""
        return Population(self.created_at_us[start:stop], self.engagement[start:stop], self.event_count[start:stop])


@dataclass(frozen=True, slots=True, eq=False)
class SpanBatch:
    """Parts of contacts' lives whose events are made together.

    Shape: one entry per span. `contact` is the position in the chunk; `arrives` says that the span opens with the
    contact's arrival; `may_leave` is false where a busy contact's life is cut into several spans.
    """

    contact: npt.NDArray[np.int64]
    start_us: npt.NDArray[np.int64]
    end_us: npt.NDArray[np.int64]
    event_count: npt.NDArray[np.int64]
    engagement: npt.NDArray[np.uint8]
    arrives: npt.NDArray[np.bool_]
    may_leave: npt.NDArray[np.bool_]


def draw_population(contact_count: int, event_count: int, until_us: int, rng: np.random.Generator) -> Population:
    """Ages, engagement and event counts of all contacts; the counts add up to event_count."""
    age_us = _YOUNGEST_AGE_US + ((CONTACT_AGE_US - _YOUNGEST_AGE_US) * rng.random(contact_count) ** 1.2).astype(
        np.int64
    )
    rank_ratio = rng.random(contact_count)
    weights = (rank_ratio + _ZIPF_OFFSET_RATIO) ** -_ZIPF_EXPONENT
    weights *= 0.02 + 0.98 * np.minimum(age_us / HISTORY_US, 1.0)
    slots = draw_slots(rng, contact_count)
    busy, quiet = rank_ratio < 0.15, rank_ratio > 0.6
    engagement = np.select(
        (busy, quiet), (_ENGAGEMENT_SLOTS[0][slots], _ENGAGEMENT_SLOTS[2][slots]), _ENGAGEMENT_SLOTS[1][slots]
    )
    return Population(until_us - age_us, engagement, _shares(weights, event_count))


def _shares(weights: npt.NDArray[np.float64], total: int) -> npt.NDArray[np.int64]:
    """Whole numbers in proportion to the weights that add up to total."""
    if weights.size == 0:
        return np.zeros(0, dtype=np.int64)
    edges = np.cumsum(weights)
    whole = np.floor(edges * (total / edges[-1])).astype(np.int64)
    whole[-1] = total
    # Rounding may lift an inner edge above the total by one.
    shares: npt.NDArray[np.int64] = np.diff(np.minimum(whole, total), prepend=0)
    return shares


def span_batches(chunk: Population, until_us: int) -> Iterator[SpanBatch]:
    """The chunk's events in batches of bounded size, contacts in order, none without events."""
    contact = np.flatnonzero(chunk.event_count)
    count = chunk.event_count[contact]
    pieces = -(-count // _SPAN_EVENT_LIMIT)
    life_start_us = np.maximum(chunk.created_at_us[contact], until_us - HISTORY_US)
    life_us = until_us - _LAST_MINUTE_US - life_start_us

    row = np.repeat(np.arange(contact.size), pieces)
    piece = np.arange(row.size) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    parts = pieces[row]
    spans = SpanBatch(
        contact=contact[row],
        start_us=life_start_us[row] + life_us[row] // parts * piece,
        end_us=life_start_us[row] + life_us[row] // parts * (piece + 1),
        event_count=count[row] * (piece + 1) // parts - count[row] * piece // parts,
        engagement=chunk.engagement[contact][row],
        arrives=(piece == 0) & (chunk.created_at_us[contact][row] >= until_us - HISTORY_US),
        may_leave=parts == 1,
    )
    for start, stop in _batch_edges(spans.event_count):
        yield SpanBatch(
            spans.contact[start:stop], spans.start_us[start:stop], spans.end_us[start:stop],
            spans.event_count[start:stop], spans.engagement[start:stop], spans.arrives[start:stop],
            spans.may_leave[start:stop],
        )  # fmt: skip


def _batch_edges(event_count: npt.NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    ends = np.cumsum(event_count)
    if ends.size == 0:
        return
    batches = math.ceil(int(ends[-1]) / _BATCH_EVENT_COUNT)
    stops = np.searchsorted(ends, np.arange(1, batches + 1) * _BATCH_EVENT_COUNT, side="left") + 1
    start = 0
    for stop in np.unique(np.minimum(stops, ends.size)).tolist():
        yield start, stop
        start = stop
