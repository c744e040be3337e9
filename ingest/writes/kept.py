"""The argument that says: leave this as it is."""

from __future__ import annotations

from enum import Enum
from typing import Final, Literal


class Kept(Enum):
    """The type of `KEPT`, which is no value that a caller could mean otherwise."""

    KEPT = "kept"


KEPT: Final[Literal[Kept.KEPT]] = Kept.KEPT
"""Stands for what a caller does not give, where None is given to remove a value."""
