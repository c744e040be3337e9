"""What one evaluation found: who is in which segment at one instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from engine.execute.contact_set import ContactSet
from engine.storage.history import is_exact


@dataclass(frozen=True, slots=True)
class StepTime:
    """How long one step ran, and for which segments."""

    name: str
    seconds: float
    segment_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All segments at `as_of` (UTC).

    `failed` names the segments that could not be computed, with the reason; they are not in `members`. `exact_since`
    (UTC; None: the beginning) is from when on it is known exactly what contacts were: see docs/history.md.
    """

    as_of: datetime
    exact_since: datetime | None
    contact_count: int
    members: Mapping[str, ContactSet]
    failed: Mapping[str, str]
    step_times: tuple[StepTime, ...]

    @property
    def is_exact(self) -> bool:
        """Whether contacts are what was known of them at that instant."""
        return is_exact(self.as_of, self.exact_since)

    @property
    def segment_seconds(self) -> dict[str, float]:
        """What each segment cost: of every step that worked for it, an equal share."""
        seconds = dict.fromkeys(self.members, 0.0)
        for step in self.step_times:
            for segment_id in step.segment_ids:
                if segment_id in seconds:
                    seconds[segment_id] += step.seconds / len(step.segment_ids)
        return seconds
