"""What the benchmark asks of another engine."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from benchmarks.workload import Workload

ContactIds = npt.NDArray[np.int32]


class Peer(Protocol):
    """An engine that holds the same rows."""

    name: str

    def contact_ids(self, item: Workload) -> ContactIds:
        """The members of a segment, each once, in this process."""
