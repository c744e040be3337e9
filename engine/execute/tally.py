"""Events counted and summed up by contact, outside of SQL: several times faster than one aggregate per condition."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from operator import eq, ge, gt, le, lt
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from engine.definition.value_tests import Comparison
from engine.errors import InvalidPlanError
from engine.execute.contact_set import ContactIds, ContactSet
from engine.plan.nodes import (
    AverageIsWithin,
    CountIs,
    Expression,
    Fact,
    LatestIsSince,
    Measure,
    MeasureIsWithin,
)
from engine.plan.scans import TallyScan
from engine.plan.tallies import edges_of, window_of
from engine.plan.windows import Window

Numbers = npt.NDArray[Any]
Flags = npt.NDArray[np.bool_]

_COMPARE: Mapping[Comparison, Callable[[Any, Any], Any]] = {
    Comparison.EQUAL: eq,
    Comparison.GREATER: gt,
    Comparison.AT_LEAST: ge,
    Comparison.LESS: lt,
    Comparison.AT_MOST: le,
}
_LARGEST = np.iinfo(np.int64).max


class SumTooLargeError(Exception):
    """A sum may not fit into 64 bits."""


class Tally:
    """What the events of a scan come to, for every contact below `capacity` and every stretch between its edges.

    Add all rows, in parts, then ask for the sets. `instants` are those of the plan. Values are whole numbers of the
    last decimal: exact. With `has_large_sums` they are Python's integers, which are slow and never end; else
    SumTooLargeError may be raised.
    """

    def __init__(
        self,
        scan: TallyScan,
        capacity: int,
        *,
        instants: Mapping[datetime, datetime] | None = None,
        has_large_sums: bool = False,
    ) -> None:
        self._scan, self._capacity = scan, capacity
        hull, now = scan.hull, instants or {}
        every = edges_of(tuple(item.leaf for item in scan.conditions))
        self._edges = [at for at in every if at not in (hull.start_at, hull.end_at)]
        moved = [now.get(at, at).replace(tzinfo=None) for at in self._edges]
        self._microseconds = np.array([np.datetime64(at, "us") for at in moved], "M8[us]")
        self.hull = Window(*(None if at is None else now.get(at, at) for at in (hull.start_at, hull.end_at)))
        """The stretch in which the events that are added must lie."""
        self._stretch_count = len(self._edges) + 1
        self._firsts = np.arange(self._stretch_count) * capacity
        cells = self._stretch_count * capacity
        self._counts = np.zeros(cells, np.uint32)
        self._values = _Values(cells, scan, has_large_sums=has_large_sums) if scan.has_values else None

    def add(self, contact_ids: ContactIds, occurred_at: Numbers, values: pa.Array[Any] | None) -> None:
        """Count events of the scan. Shape of each: (events,); the values are there if the scan has them."""
        if self._edges:
            cells = self._firsts[np.searchsorted(self._microseconds, occurred_at, side="right")]
        else:
            cells = np.zeros(len(contact_ids), np.int64)
        cells += contact_ids
        np.add.at(self._counts, cells, np.uint32(1))
        if self._values is not None:
            assert values is not None
            self._values.add(cells, values)

    def sets(self) -> Iterator[tuple[str, ContactSet]]:
        """The name and the set of each condition."""
        up_to = _added_up(self._counts.reshape(self._stretch_count, self._capacity))
        values = None
        if self._values is not None:
            values = _ValuesOfStretches(self._values, self._stretch_count, self._capacity)
        for item in self._scan.conditions:
            holds = self._holds(item.leaf, up_to, values)
            yield item.name, ContactSet(np.packbits(~holds if item.is_negated else holds), self._capacity)

    def _place(self, window: Window) -> tuple[int, int]:
        """The stretches, from the first up to before the last, that make up a window."""
        if window.is_empty:
            return 0, 0
        first = 0 if window.start_at is None else bisect_right(self._edges, window.start_at)
        last = self._stretch_count if window.end_at is None else bisect_left(self._edges, window.end_at) + 1
        return first, last

    def _holds(self, leaf: Expression, up_to: Numbers, values: _ValuesOfStretches | None) -> Flags:
        def count(fact: Fact) -> Numbers:
            return _between(up_to, *self._place(window_of(leaf, fact)))

        match leaf:
            case CountIs():
                holds: Flags = _COMPARE[leaf.comparison](count(leaf.fact), leaf.number)
                return holds
            case LatestIsSince():
                return count(leaf.fact) > 0
            case MeasureIsWithin(fact=Fact(measure=Measure.COUNT) as fact):
                return _lie_within(count(fact), leaf.low, leaf.high)
            case MeasureIsWithin() if values is not None:
                return values.lie_within(leaf, *self._place(window_of(leaf, leaf.fact)))
            case AverageIsWithin() if values is not None:
                return values.averages_lie_within(leaf, *self._place(window_of(leaf, leaf.total)))
            case _:
                raise InvalidPlanError("condition", f"{leaf} cannot be tallied")


class _Values:
    """The sum, the number, the minimum and the maximum of values in each cell, as far as they are asked for."""

    def __init__(self, cells: int, scan: TallyScan, *, has_large_sums: bool) -> None:
        leaves = [item.leaf for item in scan.conditions]
        measures = {leaf.fact.measure for leaf in leaves if isinstance(leaf, MeasureIsWithin)}
        has_averages = any(isinstance(leaf, AverageIsWithin) for leaf in leaves)
        kind: Any = object if has_large_sums else np.int64
        self.scale = 0
        self.largest = 0
        self.has_large_sums = has_large_sums
        self.counts = np.zeros(cells, np.uint32)
        self.sums = np.zeros(cells, kind) if has_averages or Measure.SUM in measures else None
        self.none = 10**40 if has_large_sums else _LARGEST
        """More than any value: the minimum of none."""
        self.minima = np.full(cells, self.none, kind) if Measure.MINIMUM in measures else None
        self.maxima = np.full(cells, -self.none, kind) if Measure.MAXIMUM in measures else None

    def add(self, cells: npt.NDArray[np.int64], column: pa.Array[Any]) -> None:
        is_there = column.is_valid().to_numpy(zero_copy_only=False)
        assert pa.types.is_decimal128(column.type)
        self.scale = column.type.scale
        cells = cells[is_there]
        values = self._integers(column)[is_there]
        if not len(values):
            return
        self.largest = max(self.largest, int(values.max()), -int(values.min()))
        np.add.at(self.counts, cells, np.uint32(1))
        if self.sums is not None:
            np.add.at(self.sums, cells, values)
        if self.minima is not None:
            np.minimum.at(self.minima, cells, values)
        if self.maxima is not None:
            np.maximum.at(self.maxima, cells, values)

    def _integers(self, column: pa.Array[Any]) -> Numbers:
        """The values in units of the last decimal; anything where there is none."""
        buffer = column.buffers()[1]
        assert buffer is not None
        words: Numbers = np.frombuffer(memoryview(buffer), np.int64).reshape(-1, 2)[
            column.offset : column.offset + len(column)
        ]
        low, high = words[:, 0], words[:, 1]
        if self.has_large_sums:
            whole: Numbers = high.astype(object) * 2**64 + low.astype(np.uint64).astype(object)
            return whole
        if (high != low >> 63).any():
            raise SumTooLargeError
        return low


class _ValuesOfStretches:
    """The same for every contact and stretch, to be asked by window."""

    def __init__(self, values: _Values, stretch_count: int, capacity: int) -> None:
        shape = (stretch_count, capacity)
        self._units, self._none = 10**values.scale, values.none
        self._counts = _added_up(values.counts.reshape(shape))
        self._largest = values.largest
        self._most = int(self._counts[-1].max(initial=0))
        if not values.has_large_sums and self._largest * self._most > _LARGEST:
            raise SumTooLargeError
        self._sums = None if values.sums is None else _added_up(values.sums.reshape(shape))
        self._minima = None if values.minima is None else values.minima.reshape(shape)
        self._maxima = None if values.maxima is None else values.maxima.reshape(shape)

    def lie_within(self, leaf: MeasureIsWithin, first: int, last: int) -> Flags:
        """Whether the measure of each contact's values in some stretches lies within the bounds."""
        low, high = self._in_units(leaf.low), self._in_units(leaf.high)
        none = self._none
        match leaf.fact.measure:
            case Measure.SUM if self._sums is not None:
                return _lie_within(_between(self._sums, first, last), low, high)
            case Measure.MINIMUM if self._minima is not None:
                measured = self._minima[first:last].min(axis=0, initial=none)
            case Measure.MAXIMUM if self._maxima is not None:
                measured = self._maxima[first:last].max(axis=0, initial=-none)
            case _:
                raise InvalidPlanError("measure", f"{leaf.fact.measure} is not tallied")
        return _lie_within(measured, low, high) & (_between(self._counts, first, last) > 0)

    def averages_lie_within(self, leaf: AverageIsWithin, first: int, last: int) -> Flags:
        """Whether low * count <= sum <= high * count: exact, for a decimal has no thirds."""
        assert self._sums is not None
        holds: Flags = _between(self._counts, first, last) > 0
        some = np.flatnonzero(holds)
        sums, counts = (_between(each, first, last)[some] for each in (self._sums, self._counts))
        within = np.ones(len(some), np.bool_)
        for bound, compare in ((leaf.low, ge), (leaf.high, le)):
            if bound is not None:
                in_units = self._in_units(bound)
                assert in_units is not None
                numerator, denominator = in_units.numerator, in_units.denominator
                is_small = max(abs(numerator), denominator * max(self._largest, 1)) * max(self._most, 1) <= _LARGEST
                kind: Any = np.int64 if is_small else object
                within &= compare(sums.astype(kind) * denominator, counts.astype(kind) * numerator).astype(np.bool_)
        holds[some] = within
        return holds

    def _in_units(self, bound: Decimal | None) -> Fraction | None:
        return None if bound is None else Fraction(bound) * self._units


def _added_up(cells: Numbers) -> Numbers:
    """Shape: (stretches, contacts); each row becomes the sum of all up to it."""
    for number in range(1, len(cells)):
        cells[number] += cells[number - 1]
    return cells


def _between(up_to: Numbers, first: int, last: int) -> Numbers:
    """Shape: (contacts,); the sum of the stretches from the first up to before the last."""
    if first >= last:
        return np.zeros(up_to.shape[1], up_to.dtype)
    total: Numbers = up_to[last - 1]
    return total if first == 0 else total - up_to[first - 1]


def _lie_within(numbers: Numbers, low: Decimal | Fraction | None, high: Decimal | Fraction | None) -> Flags:
    """Whether whole numbers lie within bounds that need not be whole."""
    holds = np.ones(len(numbers), np.bool_)
    if low is not None:
        holds &= (numbers >= ceil(low)).astype(np.bool_)
    if high is not None:
        holds &= (numbers <= floor(high)).astype(np.bool_)
    return holds
