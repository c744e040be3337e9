"""Writes a whole dataset folder, chunk of contacts by chunk of contacts."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from ingest.generator.activity import Population, draw_population, span_batches
from ingest.generator.contacts import CONTACT_SCHEMA, Identities, contact_table, draw_identities
from ingest.generator.files import PartFolder, TableFile, remove_files, require_free
from ingest.generator.messages import TIMELINE_SCHEMA, timeline_table
from ingest.generator.people import place_postcodes, place_utc_offsets_us
from ingest.generator.randomness import part_rng
from ingest.generator.shop import CUSTOM_EVENT_SCHEMA, OrderTotals, custom_event_table
from ingest.generator.steps import Steps, draw_steps
from ingest.generator.subscriptions import LIST_SCHEMA, SUBSCRIPTION_SCHEMA, goodbyes, list_table, subscription_table

DEFAULT_UNTIL_AT = datetime(2026, 6, 1, tzinfo=UTC)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CHUNK_CONTACT_COUNT = 50_000
_POPULATION_PART, _CHUNK_PART, _BATCH_PART = range(3)


@dataclass(frozen=True, slots=True)
class GeneratedDataset:
    """A written dataset folder: rows per file."""

    directory: Path
    contact_count: int
    timeline_count: int
    custom_event_count: int
    list_count: int
    subscription_count: int


def generate_dataset(
    directory: Path,
    *,
    contact_count: int,
    event_count: int,
    seed: int,
    until_at: datetime = DEFAULT_UNTIL_AT,
    on_progress: Callable[[int, int], None] | None = None,
) -> GeneratedDataset:
    """Rows per file of the dataset folder that was written: the same arguments give the same rows.

    Rows: event_count timeline and custom event rows together, none later than until_at nor before its contact.
    `on_progress` gets the contacts and events written so far, and how many there will be.
    Raises: ValueError for arguments that make no sense, or when the folder already holds a dataset.
    """
    _require_sensible(contact_count, event_count, seed, until_at)
    require_free(directory)
    directory.mkdir(parents=True, exist_ok=True)
    until_us = (until_at - _EPOCH) // timedelta(microseconds=1)
    population = draw_population(contact_count, event_count, until_us, part_rng(seed, _POPULATION_PART))
    try:
        with ExitStack() as stack:
            writer = _DatasetWriter(directory, seed, until_at, until_us, stack)
            for first_contact in range(0, contact_count, _CHUNK_CONTACT_COUNT):
                chunk = population.chunk(first_contact, first_contact + _CHUNK_CONTACT_COUNT)
                for done_count in writer.write_chunk(first_contact, chunk):
                    if on_progress is not None:
                        on_progress(done_count, contact_count + event_count)
            written = writer.written()
    except BaseException:
        remove_files(directory)
        raise
    return written


def _require_sensible(contact_count: int, event_count: int, seed: int, until_at: datetime) -> None:
    for name, value in (("contact_count", contact_count), ("event_count", event_count), ("seed", seed)):
        if value < 0:
            raise ValueError(f"{name}: must not be negative, got {value}.")
    if event_count and not contact_count:
        raise ValueError(f"event_count: {event_count} events need at least one contact; contact_count is 0.")
    if until_at.tzinfo is None:
        raise ValueError(f"until_at: needs a time zone, got {until_at.isoformat()}; add tzinfo=UTC.")


class _DatasetWriter:
    """The open files of a dataset folder, and the running numbers that keep ids unique."""

    def __init__(self, directory: Path, seed: int, until_at: datetime, until_us: int, stack: ExitStack) -> None:
        self._directory, self._seed, self._until_us = directory, seed, until_us
        self._utc_offsets_us = place_utc_offsets_us(until_at)
        self._postcodes = place_postcodes()
        self._contacts = stack.enter_context(TableFile(directory / "contacts.parquet", CONTACT_SCHEMA))
        self._timeline = stack.enter_context(PartFolder(directory / "timeline", TIMELINE_SCHEMA))
        self._custom_events = stack.enter_context(TableFile(directory / "custom_events.parquet", CUSTOM_EVENT_SCHEMA))
        self._subscriptions = stack.enter_context(TableFile(directory / "subscriptions.parquet", SUBSCRIPTION_SCHEMA))
        self._lists = stack.enter_context(TableFile(directory / "lists.parquet", LIST_SCHEMA))
        self._lists.write(list_table(until_us))
        self._journey_count = 0

    def write_chunk(self, first_contact: int, chunk: Population) -> Iterator[int]:
        """Write a chunk's rows; yields how many contacts and events are written so far, batch by batch."""
        contact_count = chunk.created_at_us.size
        rng = part_rng(self._seed, _CHUNK_PART, first_contact)
        identities = draw_identities(first_contact + 1, contact_count, rng)
        utc_offset_us = self._utc_offsets_us[identities.place]
        orders = OrderTotals.none(contact_count)
        goodbye = np.zeros(contact_count, dtype=np.uint8)
        for batch_number, batch in enumerate(span_batches(chunk, self._until_us)):
            batch_rng = part_rng(self._seed, _BATCH_PART, first_contact, batch_number)
            steps = draw_steps(batch, utc_offset_us, self._until_us, batch_rng)
            orders = orders.plus(self._write_events(steps, identities, batch_rng))
            goodbye = np.maximum(goodbye, goodbyes(steps, contact_count))
            yield self._row_count()
        self._contacts.write(
            contact_table(
                identities, chunk.created_at_us, orders, postcodes=self._postcodes, until_us=self._until_us, rng=rng
            )
        )
        self._subscriptions.write(
            subscription_table(
                identities.emails,
                created_us=chunk.created_at_us,
                event_count=chunk.event_count,
                goodbye=goodbye,
                until_us=self._until_us,
                rng=rng,
            )
        )
        yield self._row_count()

    def _write_events(self, steps: Steps, identities: Identities, rng: np.random.Generator) -> OrderTotals:
        """Write the rows of the steps, and return what the orders among them add up to."""
        self._timeline.write(
            timeline_table(steps, identities.emails, self._timeline.row_count + 1, self._journey_count + 1, rng)
        )
        self._journey_count += steps.first.size
        table, orders = custom_event_table(
            steps,
            identities.emails,
            currency=identities.currency,
            first_row=self._custom_events.row_count + 1,
            until_us=self._until_us,
            rng=rng,
        )
        self._custom_events.write(table)
        return orders

    def _row_count(self) -> int:
        return self._contacts.row_count + self._timeline.row_count + self._custom_events.row_count

    def written(self) -> GeneratedDataset:
        """Rows written so far."""
        return GeneratedDataset(
            directory=self._directory,
            contact_count=self._contacts.row_count,
            timeline_count=self._timeline.row_count,
            custom_event_count=self._custom_events.row_count,
            list_count=self._lists.row_count,
            subscription_count=self._subscriptions.row_count,
        )
