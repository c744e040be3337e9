"""What applying segments would do, as JSON values."""

from __future__ import annotations

from api.documents.instants import shown_instant
from engine.execute.planned import SegmentsPlan


def plan_as_json(found: SegmentsPlan) -> dict[str, object]:
    """The plan."""
    return {
        "as_of": shown_instant(found.as_of),
        "segments": [
            {
                "id": item.segment_id,
                "change": item.change,
                "size": item.size,
                "size_after": item.size_after,
                "entered": item.entered.size,
                "left": item.left.size,
                "members_as_of": None if item.members_as_of is None else shown_instant(item.members_as_of),
                "sample": [
                    {"email": move.email, "change": "entered" if move.enters else "left", "reason": move.reason}
                    for move in item.sample
                ],
                "failure": item.failure,
            }
            for item in found.segments
        ],
        "unchanged": found.unchanged,
    }
