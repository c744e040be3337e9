"""Sets of contacts as bitmaps: one bit per contact id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

ContactIds = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, eq=False)
class ContactSet:
    """Contacts with ids below `capacity`. Bit i of `bits`, lowest first, says whether contact i is in the set.

    Sets that are combined have the same capacity. The complement reaches over ids that no contact has: intersect it
    with the set of all contacts.
    """

    bits: npt.NDArray[np.uint8]
    capacity: int

    @classmethod
    def none(cls, capacity: int) -> Self:
        """Nobody."""
        return cls(np.zeros((capacity + 7) // 8, dtype=np.uint8), capacity)

    @classmethod
    def of_ids(cls, contact_ids: ContactIds, capacity: int) -> Self:
        """The contacts with these ids, in any order."""
        flags = np.zeros(capacity, dtype=np.bool_)
        flags[contact_ids] = True
        return cls(np.packbits(flags, bitorder="little"), capacity)

    @classmethod
    def of_rows(cls, contact_ids: ContactIds, is_in: pa.ChunkedArray[pa.BooleanScalar], capacity: int) -> Self:
        """The contacts of the rows whose boolean is true. Each contact has at most one row."""
        return cls.of_ids(contact_ids[is_in.to_numpy()], capacity)

    @property
    def size(self) -> int:
        """How many contacts are in it."""
        return int(np.bitwise_count(self.bits).sum())

    def flags(self) -> npt.NDArray[np.bool_]:
        """Shape: (capacity,); whether each contact id is in it."""
        return np.unpackbits(self.bits, count=self.capacity, bitorder="little").view(np.bool_)

    def ids(self) -> ContactIds:
        """The contact ids, ascending."""
        return np.flatnonzero(self.flags()).astype(np.int32)

    def __and__(self, other: ContactSet) -> ContactSet:
        return ContactSet(self.bits & other.bits, self.capacity)

    def __or__(self, other: ContactSet) -> ContactSet:
        return ContactSet(self.bits | other.bits, self.capacity)

    def __invert__(self) -> ContactSet:
        return ContactSet(~self.bits, self.capacity)
