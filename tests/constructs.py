"""What of the language a definition uses, and how often each of it held and did not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

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


def each_alone(segments: Sequence[Json]) -> list[Json]:
    """Every condition of the segments as a segment of its own, in the same time zone."""
    return [
        {**segment, "id": f"{segment['id']}-{number}", "tree": {"kind": "leaf", "leaf": condition}}
        for segment in segments
        for number, condition in enumerate(each for leaf in leaves_of(segment["tree"]) for each in _conditions_of(leaf))
    ]


def _conditions_of(leaf: Json) -> list[Json]:
    """The leaf, or each filter of a contact as a leaf of its own."""
    if leaf["source"] != "contacts":
        return [leaf]
    return [{**leaf, "contact": {**leaf["contact"], "filters": [asked]}} for asked in leaf["contact"]["filters"]]


def place_counted(place: str) -> str:
    """Where a word is counted: names of timeframes and first days of weeks, which one code reads, for all sources."""
    _, _, key = place.partition(" ")
    return key if key in ("timeframe_operator", "week_starts_on") else place


class Coverage:
    """For how many contacts a condition with each word held, and for how many it did not.

    Names of timeframes and first days of weeks are counted once over all sources; everything else for each source.
    """

    def __init__(self) -> None:
        self._held: Counter[Word] = Counter()
        self._asked: Counter[Word] = Counter()

    def add(self, segment: Json, world: Json, *, held: int) -> None:
        """A segment of one condition held for so many of the contacts of a world."""
        leaf = segment["tree"]["leaf"]
        asked = len({row["email"].strip().lower() for row in world.get("contacts") or []})
        words = {("source", leaf["source"]), *words_of_leaf(leaf)}
        for word in {(place_counted(place), word) for place, word in words}:
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
