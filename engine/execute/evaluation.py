"""What one evaluation found: who is in which segment at one instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa

ContactIds = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class StepTime:
    """How long one step ran."""

    name: str
    seconds: float
    segment_ids: tuple[str, ...]
    """The segments that the step worked for."""


@dataclass(frozen=True, slots=True)
class SegmentMembers:
    """The members of one segment, as one bit per contact of a query's result."""

    contact_ids: pa.ChunkedArray[pa.Int32Scalar]
    is_member: pa.ChunkedArray[pa.BooleanScalar]

    @property
    def size(self) -> int:
        """How many members there are."""
        return sum(chunk.true_count for chunk in self.is_member.chunks)

    def ids(self) -> ContactIds:
        """The contact ids of the members, ascending."""
        members = self.contact_ids.filter(self.is_member).to_numpy()
        return np.sort(members).astype(np.int32, copy=False)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All segments at `as_of` (UTC).

    `failed` names the segments that could not be computed, with the reason; they are not in `members`.
    """

    as_of: datetime
    contact_count: int
    members: Mapping[str, SegmentMembers]
    failed: Mapping[str, str]
    step_times: tuple[StepTime, ...]

    @property
    def segment_seconds(self) -> dict[str, float]:
        """What each segment cost: of every step that worked for it, an equal share."""
        seconds = dict.fromkeys(self.members, 0.0)
        for step in self.step_times:
            for segment_id in step.segment_ids:
                if segment_id in seconds:
                    seconds[segment_id] += step.seconds / len(step.segment_ids)
        return seconds
