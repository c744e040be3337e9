"""Timeline events: what happened to a contact, each once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

from engine.definition.vocabulary import KIND_PATTERN, OWN_KINDS
from engine.errors import EventConflictError, shown
from engine.storage.changes import ChangeSet
from engine.storage.changes.change_set import Needs
from engine.storage.changes.timeline_rows import TimelineRow
from engine.storage.subscription_rules import STATUS_OF_KIND
from engine.storage.webhook_types import TYPES_WITHOUT_ENTRY
from ingest import values
from ingest.values import RefusedValueError
from ingest.writes.contact_document import Reader
from ingest.writes.event_document import id_of_event, json_object, read_event_document
from ingest.writes.json_texts import is_same_json
from ingest.writes.matching import known_contact
from ingest.writes.subscriptions import set_status
from ingest.writes.write import Outcome

_HARD_BOUNCES = frozenset({"hard", "permanent"})


class RecordEvent(NamedTuple):
    """An event of a contact. `row` is what the timeline will have, but for the contact.

    A tuple, because hundreds of thousands are made in a second.
    """

    identity: str
    row: TimelineRow

    def needs(self) -> Needs:
        """The contact, whether the id is known, and the subscriptions if they are concerned."""
        ids = () if self.row.id is None else (self.row.id,)
        return Needs((self.identity,), subscriptions=self.row.kind in STATUS_OF_KIND, event_ids=ids)

    def apply(self, changes: ChangeSet) -> Outcome:
        """Add it to the timeline, unless it is there. Raises: UnknownContactError, EventConflictError."""
        contact_id = known_contact(changes, self.identity)
        row = TimelineRow(contact_id, *self.row[1:])
        if row.id is not None:
            known = changes.timeline.known(row.id)
            if known is not None:
                if _is_same(known, row):
                    return Outcome.UNCHANGED
                raise EventConflictError(row.id)
        changes.timeline.add(row)
        status = STATUS_OF_KIND.get(row.kind)
        if status is not None:
            _change_subscriptions(changes, row, status)
        return Outcome.CREATED


def read_event(given: object, *, path: str = "event") -> RecordEvent:
    """An event from what `json.loads` gives, or from Python values.

    Keys: `email` (or `contact`: an object with kind and value), `kind`, `occurred_at`, and if wanted `id`,
    `entity_type`, `entity_id`, `operation`, `template_id`, `properties` (an object). An event without an id counts
    every time it is given. Raises: InvalidValueError, InvalidWriteError.
    """
    identity, stored = read_event_document(given, _READERS, required=("kind", "occurred_at"), noun="event", path=path)
    return RecordEvent(identity, TimelineRow(-1, **stored))


def _is_same(known: TimelineRow, row: TimelineRow) -> bool:
    """Whether two events with one id are one event; their properties may be written in another order."""
    if known._replace(properties=None, changes=None) != row._replace(properties=None, changes=None):
        return False
    return is_same_json(known.properties, row.properties)


def _change_subscriptions(changes: ChangeSet, row: TimelineRow, status: str) -> None:
    """Let a hard bounce, a complaint or an unsubscribe change the list that it names, or all of the contact's."""
    properties = orjson.loads(row.properties) if row.properties else {}
    if row.kind == "bounce_email" and not _is_hard_bounce(properties):
        return
    if row.occurred_at > changes.now:  # it counts from its time on, and that has not come
        return
    list_id = row.entity_id if row.entity_type == "list" else properties.get("list_id")
    subscriptions = changes.subscriptions.of_contact(row.contact_id)
    for subscribed in [list_id] if isinstance(list_id, str) else sorted(subscriptions):
        set_status(changes, row.contact_id, subscribed, status, row.occurred_at)


def _is_hard_bounce(properties: Mapping[str, Any]) -> bool:
    """Whether the mailbox will never take mails, as the `bounce_type` (or `type`) says."""
    return str(properties.get("bounce_type", properties.get("type", ""))).lower() in _HARD_BOUNCES


@lru_cache(4096)
def _kind_problem(kind: str) -> str | None:
    if re.fullmatch(KIND_PATTERN, kind) is None:
        return "is not a kind: it has 1 to 128 characters of a-z 0-9 _ . : -"
    if kind.startswith("custom_event."):
        return "is the kind of a custom event; record it as one"
    if kind in OWN_KINDS or kind in TYPES_WITHOUT_ENTRY:
        own = shown(kind.replace(".", "_"))
        return f"is what populace itself says when it happens; record it under a kind of your own, such as {own}"
    return None


def _kind(value: object) -> str:
    kind = values.text(value)
    problem = _kind_problem(kind)
    if problem is not None:
        raise RefusedValueError(problem)
    return kind


_READERS: Mapping[str, Reader] = {
    "id": id_of_event,
    "kind": _kind,
    "occurred_at": values.instant,
    "entity_type": values.text,
    "entity_id": values.text,
    "operation": values.text,
    "template_id": values.text,
    "properties": json_object,
}
