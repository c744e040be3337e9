"""The events of a workspace: what happened to contacts, recorded each once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ingest.writer import Writer
from ingest.writes.custom_events import DeleteCustomEvent, read_custom_event
from ingest.writes.events import read_event
from ingest.writes.write import Outcome, Written


class Events:
    """Timeline events and custom events. Every call returns once what it wrote is durable.

    Rules: see `docs/events.md`. All raise CallerError for what is not valid, BusyError.
    """

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    def record(self, event: Mapping[str, object]) -> Outcome:
        """Record an event; `unchanged` if it is there already. Keys: see `ingest.writes.events.read_event`.

        Raises: EventConflictError for the id of another event, UnknownContactError.
        """
        return self._writer.write_one(read_event(event))

    def record_many(self, events: Sequence[Mapping[str, object]]) -> list[Written]:
        """The same for many at once. Rows: one result per event, in order; one that is not valid fails alone."""
        return self._writer.write_each(lambda event, path: read_event(event, path=path), events, "events")

    def record_custom(self, event: Mapping[str, object]) -> Outcome:
        """Record a custom event, or another version of it. Keys: see `ingest.writes.custom_events.read_custom_event`.

        Raises: UnknownContactError, InvalidWriteError for an event of another contact.
        """
        return self._writer.write_one(read_custom_event(event))

    def record_custom_many(self, events: Sequence[Mapping[str, object]]) -> list[Written]:
        """The same for many at once. Rows: one result per event, in order; one that is not valid fails alone."""
        return self._writer.write_each(lambda event, path: read_custom_event(event, path=path), events, "custom_events")

    def delete_custom(self, event_name: str, external_id: str) -> Outcome:
        """Let a custom event count no more, in none of its versions. Raises: UnknownCustomEventError."""
        return self._writer.write_one(DeleteCustomEvent(event_name, external_id))

    def restore_custom(self, event_name: str, external_id: str) -> Outcome:
        """Let a deleted custom event count again. Raises: UnknownCustomEventError."""
        return self._writer.write_one(DeleteCustomEvent(event_name, external_id, restored=True))
