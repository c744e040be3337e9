"""Choices read off a tape of bytes."""

from collections.abc import Sequence
from typing import TypeVar

Value = TypeVar("Value")


class Dice:
    """Choices read off a tape of bytes that Hypothesis draws, and shrinks, as one value.

    Past the end of the tape, as on a tape of zeros, the first choice is taken. With one draw for each choice,
    Hypothesis spends most examples on variants of the last one, and finds few of the planted bugs that this finds.
    """

    def __init__(self, tape: bytes) -> None:
        self.tape = tape

    def choice(self, values: Sequence[Value]) -> Value:
        """One of the values, a repeated one more often; it shrinks to the first."""
        number, self.tape = self.tape[:1], self.tape[1:]
        return values[int.from_bytes(number) % len(values)]

    def some(self, values: Sequence[Value], sizes: Sequence[int]) -> list[Value]:
        """As many different values as one of the sizes says."""
        left, taken = list(values), []
        for _ in range(self.choice(sizes)):
            taken.append(self.choice(left))
            left.remove(taken[-1])
        return taken

    def parts(self, size: int, sizes: Sequence[int]) -> list["Dice"]:
        """Dice of `size` bytes each, as many as one of the sizes says; what follows on the tape stays in its place."""
        count = self.choice(sizes)
        parts = [Dice(self.tape[size * number : size * (number + 1)]) for number in range(max(sizes))]
        self.tape = self.tape[size * max(sizes) :]
        return parts[:count]
