"""Why a contact is in a segment or not, as JSON values."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from api.documents.instants import shown_exactness, shown_instant
from engine.execute.explain import Details, ExplainedNode, Explanation


def explanation_as_json(found: Explanation) -> dict[str, object]:
    """The explanation. Instants are RFC 3339.

    `next_change_at` is null for never, and where `is_foreseen` is false.
    """
    return {
        "email": found.email,
        "segment_id": found.segment.id,
        "as_of": shown_instant(found.as_of),
        **shown_exactness(found.as_of, found.exact_since),
        "timezone": found.zone_name,
        "is_member": found.is_member,
        "is_foreseen": found.is_foreseen,
        "next_change_at": None if found.next_change_at is None else shown_instant(found.next_change_at),
        "changes": found.changes,
        "tree": _node_as_json(found.tree),
    }


def _node_as_json(node: ExplainedNode) -> dict[str, object]:
    return {
        "words": node.words,
        "holds": node.holds,
        "timezone": node.zone_name,
        **({} if node.details is None else _details_as_json(node.details)),
        **({"parts": [_node_as_json(part) for part in node.parts]} if node.parts else {}),
    }


def _details_as_json(details: Details) -> dict[str, object]:
    return {
        "found": details.found,
        "measured": _plain(details.measured),
        "windows": [
            {"start_at": _instant_or_none(window.start_at), "end_at": _instant_or_none(window.end_at)}
            for window in details.windows
        ],
        "event_count": details.event_count,
        "events": [
            {
                "kind": event.kind,
                "occurred_at": shown_instant(event.occurred_at),
                "reference": event.reference,
                "properties": event.properties,
                "value": _plain(event.value),
            }
            for event in details.events
        ],
    }


def _instant_or_none(at: datetime | None) -> str | None:
    return None if at is None else shown_instant(at)


def _plain(value: object) -> object:
    """A measured value as JSON has it: exact decimals as text."""
    match value:
        case datetime():
            return shown_instant(value)
        case date():
            return value.isoformat()
        case Decimal():
            return f"{value:f}"
        case _:
            return value
