"""Sets of contacts as bitmaps: one bit per contact id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

ContactIds = npt.NDArray[np.int32]

FEW = 64
"""Of so many contacts one: then it is faster to go from one to the next than over all of them."""

_CAPACITY_BYTES = 4
_CODEC = pa.Codec("zstd", compression_level=1)


@dataclass(frozen=True, slots=True, eq=False)
class ContactSet:
    """Contacts with ids below `capacity`. Bit i of `bits`, highest first, says whether contact i is in the set.

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
    def all(cls, capacity: int) -> Self:
        """Everybody with an id below the capacity."""
        return cls(np.packbits(np.ones(capacity, dtype=np.bool_)), capacity)

    @classmethod
    def of_ids(cls, contact_ids: ContactIds, capacity: int) -> Self:
        """The contacts with these ids, in any order."""
        if len(contact_ids) < capacity // FEW:
            bits = np.zeros((capacity + 7) // 8, dtype=np.uint8)
            np.bitwise_or.at(bits, contact_ids >> 3, _bit_of(contact_ids))
            return cls(bits, capacity)
        flags = np.zeros(capacity, dtype=np.bool_)
        flags[contact_ids] = True
        return cls(np.packbits(flags), capacity)

    @classmethod
    def of_rows(cls, contact_ids: ContactIds, is_in: pa.ChunkedArray[pa.BooleanScalar], capacity: int) -> Self:
        """The contacts of the rows whose boolean is true. Each contact has at most one row."""
        return cls.of_ids(contact_ids if pc.all(is_in).as_py() else contact_ids[is_in.to_numpy()], capacity)

    @classmethod
    def unpacked(cls, packed: bytes) -> Self:
        """The set that `packed` wrote down."""
        capacity = int.from_bytes(packed[:_CAPACITY_BYTES], "little")
        bits = _CODEC.decompress(packed[_CAPACITY_BYTES:], (capacity + 7) // 8, asbytes=True)
        return cls(np.frombuffer(bits, dtype=np.uint8), capacity)

    def packed(self) -> bytes:
        """The set as bytes to keep: its capacity (4 bytes, lowest first), then its bits, compressed by Zstandard."""
        return self.capacity.to_bytes(_CAPACITY_BYTES, "little") + _CODEC.compress(self.bits.tobytes(), asbytes=True)

    def widened(self, capacity: int) -> ContactSet:
        """The same contacts in a set with room for more."""
        if capacity <= self.capacity:
            return self
        missing = (capacity + 7) // 8 - len(self.bits)
        bits = np.concatenate([self.bits, np.zeros(missing, dtype=np.uint8)]) if missing > 0 else self.bits
        return ContactSet(bits, max(capacity, self.capacity))

    def has(self, contact_id: int) -> bool:
        """Whether a contact is in it."""
        return contact_id < self.capacity and bool(self.bits[contact_id >> 3] >> (7 - (contact_id & 7)) & 1)

    def flags_of(self, contact_ids: ContactIds) -> npt.NDArray[np.bool_]:
        """Shape: that of the ids; whether each of these contacts is in it."""
        flags: npt.NDArray[np.bool_] = (self.bits[contact_ids >> 3] >> (7 - (contact_ids & 7)) & 1).astype(np.bool_)
        return flags

    def toggled(self, contact_ids: ContactIds) -> ContactSet:
        """The set with those of these contacts, each named once, that were not in it, and without those that were."""
        bits = self.bits.copy()
        np.bitwise_xor.at(bits, contact_ids >> 3, _bit_of(contact_ids))
        return ContactSet(bits, self.capacity)

    def after(self, left: ContactSet, entered: ContactSet) -> ContactSet:
        """The set once some have left and others entered; of whatever capacities these are."""
        capacity = max(self.capacity, left.capacity, entered.capacity)
        return (self.widened(capacity) - left.widened(capacity)) | entered.widened(capacity)

    @property
    def size(self) -> int:
        """How many contacts are in it."""
        whole = len(self.bits) & ~7  # eight bytes at once are counted four times as fast
        words, rest = self.bits[:whole].view(np.uint64), self.bits[whole:]
        return int(np.bitwise_count(words).sum()) + int(np.bitwise_count(rest).sum())

    def flags(self) -> npt.NDArray[np.bool_]:
        """Shape: (capacity,); whether each contact id is in it."""
        return np.unpackbits(self.bits, count=self.capacity).view(np.bool_)

    def ids(self) -> ContactIds:
        """The contact ids, ascending."""
        places = np.flatnonzero(self.bits)
        if len(places) > len(self.bits) // FEW:
            return np.flatnonzero(self.flags()).astype(np.int32)
        rows, bits = np.nonzero(np.unpackbits(self.bits[places]).reshape(-1, 8))
        return (places[rows] * 8 + bits).astype(np.int32)

    def __and__(self, other: ContactSet) -> ContactSet:
        return ContactSet(self.bits & other.bits, self.capacity)

    def __or__(self, other: ContactSet) -> ContactSet:
        return ContactSet(self.bits | other.bits, self.capacity)

    def __sub__(self, other: ContactSet) -> ContactSet:
        return ContactSet(self.bits & ~other.bits, self.capacity)

    def __xor__(self, other: ContactSet) -> ContactSet:
        return ContactSet(self.bits ^ other.bits, self.capacity)

    def __invert__(self) -> ContactSet:
        return ContactSet(~self.bits, self.capacity)


class Packing:
    """Sets as bytes, each once: who enters a segment at first are its members."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[ContactSet, bytes]] = {}

    def packed(self, contacts: ContactSet) -> bytes:
        """As `ContactSet.packed`."""
        known = self._known.get(id(contacts))
        if known is None:
            known = self._known[id(contacts)] = (contacts, contacts.packed())
        return known[1]


def _bit_of(contact_ids: ContactIds) -> npt.NDArray[np.uint8]:
    """The bit of each contact in its byte."""
    return (128 >> (contact_ids & 7)).astype(np.uint8)
