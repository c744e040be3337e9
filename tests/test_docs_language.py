"""Every example of docs/language.md is run by the engine and by the judge, and no word of the language lacks one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.definition import read_segment
from engine.definition.fields import CONTACT_FIELDS, FieldType
from engine.definition.segment import MAX_COLOR_CHARACTERS, MAX_CONDITIONS, MAX_DEPTH, MAX_NAME_CHARACTERS
from engine.definition.sources import SOURCES
from engine.definition.vocabulary import GOAL_VALUE_DECIMALS, MAX_TEXT_CHARACTERS
from engine.errors import DefinitionError, SegmentsFileError
from engine.storage.custom_fields import definition_fields
from ingest.segments_file import MAX_FILE_BYTES, read_segments
from tests import reference
from tests.definitions import branch, events, field, goal, leaf, on_list, segment, tagged
from tests.engine_under_test import TABLES, custom_fields_of, members_by_engine

PAGE = (Path(__file__).parents[1] / "docs" / "language.md").read_text("utf-8")
Json = dict[str, Any]


# --- what the page says -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: what its fence says, its text, the line where that starts, and the next line with text."""

    info: str
    text: str
    line: int
    next_line: str


def _blocks(page: str) -> Iterator[Block]:
    lines = page.split("\n")
    start: int | None = None
    for number, line in enumerate(lines):
        if not line.startswith("```"):
            continue
        if start is None:
            start = number
            continue
        next_line = next((text for text in lines[number + 1 :] if text), "")
        yield Block(lines[start].removeprefix("```"), "\n".join(lines[start + 1 : number]), start + 2, next_line)
        start = None
    assert start is None, f"the block that starts on line {(start or 0) + 1} has no end"


BLOCKS = tuple(_blocks(PAGE))
EXAMPLES = {f"line-{block.line}": block for block in BLOCKS if block.info == "json"}


def _world() -> Json:
    """The rows of the page."""
    rows: dict[str, list[Json]] = {}
    for block in BLOCKS:
        if block.info.startswith("json world "):
            rows[block.info.removeprefix("json world ")] = [json.loads(line) for line in block.text.split("\n")]
    values = {row["email"]: row for row in rows.pop("custom_values")}
    rows["contacts"] = [row | values.get(row["email"], {}) for row in rows["contacts"]]
    assert sorted(rows) == sorted([*TABLES, "custom_fields"])
    (as_of,) = re.findall(r"^`as_of` is `([^`]+)`", PAGE, re.MULTILINE)
    return {"as_of": as_of, "timezone": "UTC", **rows}


WORLD = _world()
FIELDS = definition_fields(custom_fields_of(WORLD))
NAMES = {row["email"]: row["email"].removesuffix("@x.example") for row in WORLD["contacts"]}


def _segment(name: str) -> Json:
    """The segment of an example: a whole one, a tree, or the inside of a leaf."""
    value = json.loads(EXAMPLES[name].text)
    if "tree" in value:
        return {**value, "id": name}
    return segment(value if "kind" in value else {"kind": "leaf", "leaf": value}, name)


SEGMENTS = {name: _segment(name) for name in EXAMPLES}
(_FILE,) = (json.loads(block.text) for block in BLOCKS if block.info == "json file")
ALL_SEGMENTS = [*SEGMENTS.values(), *_FILE]
"""Those of the segments file as well: examples name one of them."""


# --- the members ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def members() -> Mapping[str, set[str]]:
    """The members of all examples, from one batch of the engine."""
    return members_by_engine(ALL_SEGMENTS, WORLD)


def _in_words(emails: set[str]) -> str:
    return f"Members: {', '.join(sorted(NAMES[email] for email in emails)) or 'nobody'}"


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_has_the_members_that_the_page_names(name: str, members: Mapping[str, set[str]]) -> None:
    said = EXAMPLES[name].next_line
    assert _in_words(reference.members(SEGMENTS[name], WORLD, others=ALL_SEGMENTS)) == said
    assert _in_words(members[name]) == said


def test_the_page_has_the_examples_that_its_reader_expects() -> None:
    assert len(EXAMPLES) > 100
    assert {block.info for block in BLOCKS} - {"json", "json file", "json refused", "text"} == {
        f"json world {table}" for table in (*TABLES, "custom_fields", "custom_values")
    }


# --- completeness: every word that the engine takes is in an example --------------------------------------------------


def _words_taken(tree: Json, key: str) -> set[str]:
    """The words that the engine takes for a key, as its message says when the tree holds a `?` there."""
    with pytest.raises(DefinitionError) as caught:
        read_segment(segment(tree), fields=FIELDS)
    path, _, said = str(caught.value).partition(": ")
    assert path.endswith(f".{key}")
    return set(re.split(r", | or ", said.removeprefix("is '?'; it must be ")))


def _leaves(node: Json) -> Iterator[Json]:
    """The leaves below a node."""
    if node["kind"] == "leaf":
        yield node["leaf"]
    else:
        for child in node["branch"]["leaves"]:
            yield from _leaves(child)


def _branches(node: Json) -> Iterator[Json]:
    """The branches at and below a node."""
    if node["kind"] == "branch":
        yield node["branch"]
        for child in node["branch"]["leaves"]:
            yield from _branches(child)


TREES = [shown["tree"] for shown in SEGMENTS.values()]
LEAVES = [found for tree in TREES for found in _leaves(tree)]
CONDITIONS = {
    source: [found[key] for found in LEAVES if found["source"] == source] for source, (key, _) in SOURCES.items()
}
COUNTS = CONDITIONS["contact_timeline"]
GOALS = CONDITIONS["custom_events_goals"]
STEPS = [step for sequence in CONDITIONS["sequence"] for step in sequence["steps"]]
FIELD_FILTERS = [asked for contact in CONDITIONS["contacts"] for asked in contact["filters"]]
EVENT_FILTERS = [asked for count in COUNTS for asked in count.get("filters", [])]
FIELD_OF_TYPE = {own: name for name, own in FIELDS.items()}


def _naming(operator: str) -> Json:
    return {"kind": "leaf", "leaf": {"source": "segment", "segment": {"operator": operator, "segment_id": "s"}}}


def _then(**more: object) -> Json:
    return leaf("sequence", {"steps": [{"kind": "a"}, {"kind": "b", **more}]})


def _operators_shown(own: FieldType) -> set[str]:
    """The operators of the examples on fields of a type, values inside JSON that are read as another type aside."""
    return {
        asked["operator"]
        for asked in FIELD_FILTERS
        if FIELDS[asked["field_name"]] is own and asked.get("field_type", own) == own
    }


@pytest.mark.parametrize("own", list(FieldType))
def test_every_operator_of_a_type_has_an_example(own: FieldType) -> None:
    taken = _words_taken(field(FIELD_OF_TYPE[own], "?"), "operator")
    assert len(taken) > 3
    assert _operators_shown(own) == taken


@pytest.mark.parametrize(
    ("key", "tree", "shown"),
    [
        (
            "operator",
            branch("?", field("email", "is_set")),
            [node["operator"] for tree in TREES for node in _branches(tree)],
        ),
        ("source", {"kind": "leaf", "leaf": {"source": "?"}}, CONDITIONS),
        ("operator", on_list("news", operator="?"), [asked["operator"] for asked in CONDITIONS["contact_lists"]]),
        ("operator", tagged("vip", operator="?"), [asked.get("operator", "in") for asked in CONDITIONS["tag"]]),
        ("operator", _naming("?"), [asked["operator"] for asked in CONDITIONS["segment"]]),
        (
            "operator",
            leaf("identity", {"operator": "?", "kind": "phone"}),
            [asked["operator"] for asked in CONDITIONS["identity"]],
        ),
        (
            "operator",
            leaf("sql", {"operator": "?", "query": "SELECT email FROM contacts"}),
            [asked["operator"] for asked in CONDITIONS["sql"]],
        ),
        ("operator", _then(operator="?"), [step["operator"] for step in STEPS if "operator" in step]),
        (
            "within_unit",
            _then(within_value=1, within_unit="?"),
            [step["within_unit"] for step in STEPS if "within_unit" in step],
        ),
        (
            "count_operator",
            events("k", "?", 1),
            [count["count_operator"] for count in COUNTS if "count_operator" in count],
        ),
        (
            "count_of",
            events("k", "exactly", 1, count_of="?"),
            [count["count_of"] for count in COUNTS if "count_of" in count],
        ),
        (
            "aggregate_operator",
            leaf("contact_timeline", {"kind": "k", "aggregate_operator": "?"}),
            [count["aggregate_operator"] for count in COUNTS if "aggregate_operator" in count],
        ),
        ("which", events("k", "exactly", 1, which="?"), [count["which"] for count in COUNTS if "which" in count]),
        (
            "timeframe_operator",
            events("k", "exactly", 1, "?"),
            [count["timeframe_operator"] for count in COUNTS if "timeframe_operator" in count],
        ),
        ("aggregate_operator", goal("?", "gte", 1), [asked["aggregate_operator"] for asked in GOALS]),
        ("operator", goal("sum", "?", 1), [asked["operator"] for asked in GOALS]),
    ],
    ids=[
        "branch",
        "source",
        "list",
        "tag",
        "segment",
        "identity",
        "sql",
        "step",
        "within",
        "count",
        "counted",
        "total",
        "which",
        "timeframe",
        "aggregate",
        "goal",
    ],
)
def test_every_word_of_a_key_has_an_example(key: str, tree: Json, shown: list[str]) -> None:
    assert set(shown) == _words_taken(tree, key)


def test_every_source_has_an_example() -> None:
    assert all(CONDITIONS.values()), CONDITIONS.keys()


def test_the_readings_of_a_value_in_json_and_what_is_optional_have_examples() -> None:
    types = {own.value for own in FieldType}
    assert {asked.get("field_type", "json") for asked in FIELD_FILTERS if asked.get("json_path")} == types
    assert {asked.get("field_type", "string") for asked in EVENT_FILTERS} == types
    assert any(step.isdigit() for asked in FIELD_FILTERS for step in asked.get("json_path", []))
    negatives = {"not_equals", "not_contains", "not_in_date_range", "not_ends_with"}
    assert {asked["operator"] for asked in FIELD_FILTERS if asked.get("missing") == "exclude"} == negatives
    assert {"status"} <= {key for asked in CONDITIONS["contact_lists"] for key in asked}
    assert {"template_id", "week_starts_on"} <= {key for count in COUNTS for key in count}
    assert {"week_starts_on"} <= {key for asked in FIELD_FILTERS for key in asked}
    assert {"goal_name", "timeframe_operator", "value_2"} <= {key for asked in GOALS for key in asked}
    assert any(asked["goal_type"] == "*" for asked in GOALS)
    assert any(count["kind"].startswith("custom_event.") for count in COUNTS)
    assert {shown["timezone"] for shown in SEGMENTS.values()} > {"UTC", "contact"}


@pytest.mark.parametrize(
    "operator", ["equals", "gt", "gte", "lt", "lte", "before_date", "after_date", "in_date_range", "not_in_date_range"]
)
def test_an_operator_on_times_is_shown_with_dates_and_with_instants(operator: str) -> None:
    filters = [asked for asked in FIELD_FILTERS if asked["operator"] == operator]
    times = [asked for asked in filters if FIELDS[asked["field_name"]] is FieldType.TIME]
    assert {"T" in asked["string_values"][0] for asked in times} == {True, False}


@pytest.mark.parametrize("operator", ["before_date", "after_date", "in_date_range"])
def test_a_timeframe_is_shown_with_dates_and_with_instants(operator: str) -> None:
    frames = [count["timeframe_values"] for count in COUNTS if count.get("timeframe_operator") == operator]
    assert {"T" in values[0] for values in frames} == {True, False}


# --- the rest of the page ---------------------------------------------------------------------------------------------


def test_the_table_of_operators_names_those_that_the_engine_takes() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (`equals` .*?) \|", PAGE, re.MULTILINE))
    said = {own: set(re.findall(r"`(\w+)`", operators)) for own, operators in rows.items()}
    said["json"] = said["string"] | {"in_array"}
    assert "those of `string`, and `in_array`" in PAGE
    assert said == {own.value: _words_taken(field(FIELD_OF_TYPE[own], "?"), "operator") for own in FieldType}


def test_every_field_status_and_goal_type_is_named() -> None:
    words = _words_taken(on_list("news", "?"), "status") | _words_taken(
        goal("sum", "gte", 1, goal_type="?"), "goal_type"
    )
    words |= {name for name in CONTACT_FIELDS if not re.search(r"_[2-4]$", name) or name.startswith("address")}
    assert [word for word in sorted(words) if f"`{word}`" not in PAGE] == []


def test_the_table_of_contents_names_every_heading_in_order() -> None:
    contents = re.findall(r"^( *)- \[(.+)\]\(#(.+)\)$", PAGE, re.MULTILINE)
    headings = re.findall(r"^(##+) (.+)$", re.sub(r"(?ms)^```.*?^```$", "", PAGE), re.MULTILINE)
    assert [(len(indent) // 2 + 2, title) for indent, title, _ in contents] == [
        (len(m), title) for m, title in headings
    ]
    anchors = [re.sub(r"[^a-z0-9 _-]", "", title.lower()).replace(" ", "-") for _, title in headings]
    assert [anchor for *_, anchor in contents] == anchors
    assert len(set(anchors)) == len(anchors)
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) == set(anchors)


@pytest.mark.parametrize(
    ("what", "limit"),
    [
        ("depth of a tree", f"{MAX_DEPTH} nodes"),
        ("conditions in a definition", f"{MAX_CONDITIONS:,};"),
        ("a text", f"{MAX_TEXT_CHARACTERS:,} characters"),
        ("`name`, `color`", f"{MAX_NAME_CHARACTERS} and {MAX_COLOR_CHARACTERS} characters"),
        ("`value`, `value_2` of a goal or a property", f"at most {GOAL_VALUE_DECIMALS} decimals, below 1e20"),
        ("a segments file", f"{MAX_FILE_BYTES // 2**20} MiB"),
    ],
)
def test_a_limit_is_the_one_of_the_code(what: str, limit: str) -> None:
    assert f"| {what} | {limit}" in PAGE


def _nested(depth: int) -> Json:
    tree = field("email", "is_set")
    for _ in range(depth - 1):
        tree = branch("not", tree)
    return tree


def _excluding(filters: int) -> Json:
    return branch("and", *(field("country", "not_equals", "US", missing="exclude") for _ in range(filters)))


@pytest.mark.parametrize(
    ("said", "most", "too_much"),
    [
        ("50 nodes", _nested(50), _nested(51)),
        ('with `"missing": "exclude"` two', _excluding(500), _excluding(501)),
        (
            "32 steps",
            field("custom_json_1", "is_set", json_path=["a"] * 32),
            field("custom_json_1", "is_set", json_path=["a"] * 33),
        ),
        (
            "2 to 10, each",
            leaf("sequence", {"steps": [{"kind": "k"}] * 10}),
            leaf("sequence", {"steps": [{"kind": "k"}] * 11}),
        ),
        ("3,650 days", _then(within_value=3650, within_unit="days"), _then(within_value=3651, within_unit="days")),
        ("1 to 128 characters of `a-z", events("k" * 128, "exactly", 1), events("k" * 129, "exactly", 1)),
        (
            "a name of 1 to 100 characters of `A-Z",
            events(f"custom_event.{'K' * 100}", "exactly", 1),
            events(f"custom_event.{'K' * 101}", "exactly", 1),
        ),
        ("from 0 to 2147483647", events("k", "exactly", 2147483647), events("k", "exactly", 2147483648)),
        (
            "from 0 to 999999999;",
            field("created_at", "in_the_last_days", "999999999"),
            field("created_at", "in_the_last_days", "1000000000"),
        ),
        ("below 1e20 in size", goal("sum", "gte", 10**20 - 1), goal("sum", "gte", 10**20)),
        ("at most 9 decimals", goal("sum", "gte", 0.123456789), goal("sum", "gte", 0.1234567891)),
    ],
)
def test_a_limit_holds_on_both_sides(said: str, most: Json, too_much: Json) -> None:
    assert said in PAGE.partition("\n## Limits\n")[2]
    read_segment(segment(most, "x" * 64))
    with pytest.raises(DefinitionError):
        read_segment(segment(too_much))
    with pytest.raises(DefinitionError):
        read_segment(segment(most, "x" * 65))


def test_the_segments_file_of_the_page_is_one(tmp_path: Path) -> None:
    (block,) = (block for block in BLOCKS if block.info == "json file")
    (tmp_path / "segments.json").write_text(block.text, "utf-8")
    (read,) = read_segments(tmp_path / "segments.json")
    assert (read.id, read.timezone) == ("big-spenders", "Europe/Paris")


def test_a_refused_file_is_answered_with_the_message_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (refused,) = (block for block in BLOCKS if block.info == "json refused")
    (answer,) = (block for block in BLOCKS if block.info == "text")
    monkeypatch.chdir(tmp_path)
    Path("segments.json").write_text(refused.text, "utf-8")
    with pytest.raises(SegmentsFileError) as caught:
        read_segments(Path("segments.json"))
    assert f"error: {caught.value}" == answer.text
