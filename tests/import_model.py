"""What importing means, in plain Python: the judge of the real import. It shares no code with it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]

EVENT_FIELDS = ("kind", "occurred_at", "id", "entity_type", "entity_id", "operation", "template_id", "properties")


@dataclass
class ImportModel:
    """The rows that a workspace has. Instants are texts."""

    contacts: dict[str, dict[str, Any]] = field(default_factory=dict)
    lists: dict[str, dict[str, Any]] = field(default_factory=dict)
    subscriptions: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    events: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    events_without_id: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    custom_events: dict[tuple[str, str, str], tuple[Any, ...]] = field(default_factory=dict)

    def take(self, dataset: Mapping[str, Sequence[Row]]) -> None:
        """Import a dataset."""
        for email, row in _last(dataset.get("contacts", ()), lambda row: row["email"]).items():
            self.contacts.setdefault(email, {}).update(row)
        for list_id, row in _last(dataset.get("lists", ()), lambda row: row["id"]).items():
            self.lists.setdefault(list_id, {}).update(row)
        self._take_subscriptions(dataset)
        for row in self._of_contacts(dataset, "custom_events"):
            key = (row["event_name"], row["external_id"], row["occurred_at"])
            self.custom_events[key] = (row["email"], row.get("goal_type"), row.get("goal_value"), row.get("deleted_at"))
        self._take_events(dataset)

    def _take_subscriptions(self, dataset: Mapping[str, Sequence[Row]]) -> None:
        rows = self._of_contacts(dataset, "subscriptions")
        if "lists" not in dataset:
            for row in dataset.get("subscriptions", ()):  # of strangers, too: the rows say which lists there are
                self.lists.setdefault(row["list_id"], {"id": row["list_id"], "name": row["list_id"]})
        of_lists = [row for row in rows if row["list_id"] in self.lists]
        refused = ("unsubscribed", "bounced", "complained")
        for key, row in _last(of_lists, lambda row: (row["email"], row["list_id"])).items():
            known = self.subscriptions.setdefault(key, {})
            status = known.get("status")
            known.update(row)
            if status in refused:
                known["status"] = status

    def _take_events(self, dataset: Mapping[str, Sequence[Row]]) -> None:
        arrived: Counter[tuple[Any, ...]] = Counter()
        with_id: dict[str, tuple[Any, ...]] = {}
        for row in self._of_contacts(dataset, "timeline"):
            event = (row["email"], *(_hashable(row.get(name)) for name in EVENT_FIELDS))
            if row.get("id") is not None:
                with_id[row["id"]] = event
            elif not self._is_custom_event(event):
                arrived[event] += 1
        self.events |= {name: event for name, event in with_id.items() if not self._is_custom_event(event)}
        self.events_without_id |= arrived  # of equal ones, as many as arrived together at most
        self.events = {name: event for name, event in self.events.items() if not self._is_custom_event(event)}
        for event in [event for event in self.events_without_id if self._is_custom_event(event)]:
            del self.events_without_id[event]

    def _is_custom_event(self, event: tuple[Any, ...]) -> bool:
        kind, entity_id = event[1], event[5]
        return any(kind == f"custom_event.{name}" and entity_id == number for name, number, _ in self.custom_events)

    def _of_contacts(self, dataset: Mapping[str, Sequence[Row]], table: str) -> list[Row]:
        return [row for row in dataset.get(table, ()) if row["email"] in self.contacts]


def _hashable(value: Any) -> Any:
    return json.dumps(value, separators=(",", ":")) if isinstance(value, dict) else value


def _last(rows: Sequence[Row], key: Any) -> dict[Any, Row]:
    return {key(row): row for row in rows}
