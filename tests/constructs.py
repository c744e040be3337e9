"""What of the language a definition uses, and how often each of it held and did not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.definitions import Json, leaves_of

CONDITION_KEYS = (
    "operator",
    "count_of",
    "count_operator",
    "which",
    "aggregate_operator",
    "timeframe_operator",
    "week_starts_on",
)
Word = tuple[str, object]
"""A place in a definition, and what stands there."""


def words_of(segment: Json) -> Iterator[Word]:
    """Everything of the language that a segment uses."""
    yield "timezone", segment.get("timezone")
    for operator, depth in _branches(segment["tree"]):
        yield "branch", operator
        yield "depth", depth
    for leaf in leaves_of(segment["tree"]):
        yield "source", leaf["source"]
        yield from words_of_leaf(leaf)


def words_of_leaf(leaf: Json) -> Iterator[Word]:
    """Everything of the language that one condition uses."""
    source = leaf["source"]
    (condition,) = (value for key, value in leaf.items() if key != "source")
    for key in CONDITION_KEYS:
        yield f"{source} {key}", condition.get(key, "absent")
    for step in condition.get("steps") or []:
        for key in ("operator", "within_unit"):
            yield f"{source} step {key}", step.get(key, "absent")
        yield f"{source} step without", len(step.get("without") or [])
    yield f"{source} same_property", "same_property" in condition
    for asked in condition.get("filters") or []:
        yield f"{source} {asked.get('field_type', 'absent')} filter", asked["operator"]
        yield f"{source} missing", asked.get("missing")
        yield f"{source} path length", len(asked.get("json_path") or [])


def _branches(node: Json, depth: int = 0) -> Iterator[tuple[str, int]]:
    if node["kind"] == "leaf":
        yield "leaf", depth
    else:
        yield node["branch"]["operator"], depth
        for inner in node["branch"]["leaves"]:
            yield from _branches(inner, depth + 1)


class Coverage:
    """For how many contacts a condition with each word held, and for how many it did not."""

    def __init__(self) -> None:
        self._held: Counter[Word] = Counter()
        self._asked: Counter[Word] = Counter()

    def add(self, leaf: Json, *, held: int, asked: int) -> None:
        """One condition held for so many of the contacts that it was asked of."""
        if len(leaf.get("contact", {}).get("filters", ())) > 1:
            return  # what of it held is not known
        for word in {("source", leaf["source"]), *words_of_leaf(leaf)}:
            self._held[word] += held
            self._asked[word] += asked

    def rarest(self) -> dict[Word, int]:
        """For each word the smaller of both numbers."""
        return {word: min(self._held[word], self._asked[word] - self._held[word]) for word in self._asked}

    def table(self) -> str:
        """A line for each word: how often it held, how often it did not."""
        lines = [f"{'true':>9} {'false':>9}"]
        for word in sorted(self._asked, key=str):
            held = self._held[word]
            lines.append(f"{held:9,} {self._asked[word] - held:9,}  {word[0]}: {word[1]}")
        return "\n".join(lines)
