"""One definition, several SQL engines: the members must be the same, and are found by running the SQL there."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import populace
from engine.compile import DIALECTS, members_script
from engine.compile.sql import column
from engine.definition import read_segment
from engine.definition.folding import folded
from engine.definition.points import parsed_instant
from engine.errors import UnsupportedByDialectError
from engine.plan import Catalog, build_plan
from tests import reference
from tests.cases.world import WORLD
from tests.commands import populace as command
from tests.definitions import found_by
from tests.engine_under_test import loaded_world, members_by_engine, write_dataset
from tests.engines.engine import Engine
from tests.engines.examples import world_and_many_segments
from tests.engines.members import members_by_script
from tests.engines.running import running_engine

DEFINITIONS_PER_WORLD = 25
WORLD_COUNTS = {"duckdb": 2, "postgres": 6, "clickhouse": 4, "spark": 2}
"""How many random worlds in CI; POPULACE_DIALECT_WORLDS asks for another number, on all engines."""

OUTSIDE_WORLD_COUNT = 10
OUTSIDE_WORLDS_ON_SPARK = 2
"""A statement takes it seconds; all of them where POPULACE_DIALECT_WORLDS is given."""

AS_OF = "2026-06-01T12:00:00Z"

Row = dict[str, Any]


@pytest.fixture(
    scope="session", params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in WORLD_COUNTS]
)
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Each engine in turn, running; one that is not installed skips its tests, loudly."""
    with running_engine(request.param, tmp_path_factory.mktemp(request.param)) as running:
        yield running


def _worlds(engine: Engine) -> int:
    return int(os.environ.get("POPULACE_DIALECT_WORLDS", WORLD_COUNTS[engine.dialect]))


def test_every_case_has_the_same_members(engine: Engine, tmp_path: Path) -> None:
    paths = sorted((Path(__file__).parent / "cases").glob("*/definition.json"))
    segments = [json.loads(path.read_text("utf-8")) for path in paths]
    expected = members_by_engine(segments, WORLD)
    assert all(expected.values()), "a case has members"
    assert members_by_script(segments, WORLD, engine, scratch=tmp_path) == expected


def test_every_definition_of_the_base_worlds_has_the_members_that_two_judges_agreed_on(
    engine: Engine, shared: Path, tmp_path: Path
) -> None:
    lines = (shared / "cases" / "base.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == OUTSIDE_WORLD_COUNT
    if engine.dialect == "spark" and "POPULACE_DIALECT_WORLDS" not in os.environ:
        lines = lines[:OUTSIDE_WORLDS_ON_SPARK]
    for line in lines:
        world = json.loads(line)
        segments = [{key: segment[key] for key in ("id", "tree")} for segment in world["segments"]]
        found = members_by_script(segments, world, engine, scratch=tmp_path)
        assert found == {segment["id"]: set(segment["members"]) for segment in world["segments"]}


def test_random_definitions_have_the_same_members(engine: Engine, tmp_path: Path) -> None:
    for seed in range(_worlds(engine)):
        world, segments = world_and_many_segments(seed, DEFINITIONS_PER_WORLD)
        expected = members_by_engine(segments, world)
        found = members_by_script(segments, world, engine, scratch=tmp_path)
        wrong = {
            segment["id"]: segment["tree"] for segment in segments if found[segment["id"]] != expected[segment["id"]]
        }
        assert not wrong, f"seed {seed}"


# --- what engines read differently unless they are told -----------------------------------------------------------

ODD_TEXTS = [
    *(
        "${spark.app.name}",
        "$",
        "{}",
        "a'b",
        'say "hi"',
        "back\\slash",
        "\\n",
        "line\nbreak",
        "%",
        "100%",
        "_",
        ":name",
    ),
    *("?", "-- no comment", "/* nor this */", "\u03a3\u0391\u03a3", "\u03c3\u03b1\u03c2", "\u0130I\u0131i", "\u1e9e"),
    *("\U0001f600", "\uff5a", "z", " z", "", "Z", "\u212a"),
]
ODD_KEYS = [
    "01",
    "-1",
    "+1",
    " 1",
    "0",
    "1",
    "a.b",
    "$",
    "[0]",
    "it's",
    'say "hi"',
    "?",
    "both ' \" ?",
    "",
    " key",
    "*",
    "\\",
]
ODD_NUMBERS = [2**53 + 1, 2**63, -(2**63), 0.1 + 0.2, 1e25, 1e-7, -0.0, 0, 5e-10, 1.5e-9, 123456789012.123456789, 1e300]
ODD_INSTANTS = [
    *("2026-06-01T12:00:00.123456999+05:45", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"),
    *("2024-02-29t00:00:00z", "2023-02-29T00:00:00Z", "2026-06-01 12:00:00-23:59", "1900-02-29T00:00:00Z"),
    *("0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2026-04-31T00:00:00Z", "2026-06-01T12:00:00Z\n"),
]


def _filter(field_name: str, operator: str, **more: object) -> Row:
    return {"field_name": field_name, "operator": operator, **more}


def _segments(filters: list[Row]) -> list[Row]:
    leaves: list[Row] = [{"source": "contacts", "contact": {"filters": [item]}} for item in filters]
    return [{"id": f"s{number}", "tree": {"kind": "leaf", "leaf": leaf}} for number, leaf in enumerate(leaves)]


def _assert_judged(segments: list[Row], world: Row, engine: Engine, scratch: Path) -> None:
    expected = {segment["id"]: reference.members(segment, world, others=segments) for segment in segments}
    assert any(expected.values())
    found = members_by_script(segments, world, engine, scratch=scratch)
    wrong = {
        segment["id"]: (segment["tree"], found[segment["id"]] ^ expected[segment["id"]])
        for segment in segments
        if found[segment["id"]] != expected[segment["id"]]
    }
    assert not wrong


def test_texts_that_mean_something_to_an_engine_are_only_texts(engine: Engine, tmp_path: Path) -> None:
    contacts = [{"email": f"c{number}@x.example", "first_name": odd} for number, odd in enumerate(ODD_TEXTS)]
    filters = [
        _filter("first_name", operator, string_values=[odd])
        for odd in ODD_TEXTS
        for operator in ("equals", "contains", "starts_with", "ends_with", "gt")
    ]
    _assert_judged(_segments(filters), {"as_of": AS_OF, "contacts": contacts}, engine, tmp_path)


def test_every_letter_that_has_a_case_is_folded_as_definitions_are(engine: Engine, tmp_path: Path) -> None:
    """Wherever it stands: engines look at what is around a sigma."""
    letters = [chr(code) for code in range(0x80, sys.maxunicode) if chr(code).lower() != chr(code).upper()]
    contacts = [{"email": f"c{number}@x.example", "first_name": f"a{c}b{c}"} for number, c in enumerate(letters)]
    store, _ = loaded_world({"as_of": AS_OF, "contacts": contacts})
    engine.fill(store, {}, tmp_path)
    dialect = DIALECTS[engine.dialect]
    lower = dialect.sql(dialect.folded(column("first_name", "contacts")))
    found = {contact_id: text for text, contact_id in engine.members(f"SELECT {lower}, contact_id FROM contacts")}
    names = dict(store.cursor().execute("SELECT contact_id, first_name FROM contacts").fetchall())
    assert len(names) == len(letters)
    wrong = {name for contact_id, name in names.items() if found[contact_id] != folded(name)}
    assert not wrong - {name for name in wrong if _is_refused(name, engine.dialect)}


def _is_refused(text: str, dialect: str) -> bool:
    try:
        DIALECTS[dialect].check_folded(folded(text))
    except UnsupportedByDialectError:
        return True
    return False


def test_paths_lead_to_the_same_values(engine: Engine, tmp_path: Path) -> None:
    documents: list[object] = [*({key: number} for number, key in enumerate(ODD_KEYS)), [7, 8, 9], [[7], {"1": 8}]]
    contacts = [
        {"email": f"c{number}@x.example", "custom_json_1": document, "custom_json_2": {"in": document}}
        for number, document in enumerate(documents)
    ]
    filters = [
        _filter(name, "is_set", json_path=[*before, key], field_type="number")
        for key in ODD_KEYS
        for name, before in (("custom_json_1", []), ("custom_json_2", ["in"]), ("custom_json_1", ["1"]))
    ]
    filters += [_filter("custom_json_1", "is_set", json_path=["0", "0"], field_type="number")]
    _assert_judged(_segments(filters), {"as_of": AS_OF, "contacts": contacts}, engine, tmp_path)


def test_numbers_inside_json_are_the_doubles_that_they_are_elsewhere(engine: Engine, tmp_path: Path) -> None:
    contacts = [
        {"email": f"c{number}@x.example", "custom_json_1": {"n": odd, "all": [odd]}}
        for number, odd in enumerate([*ODD_NUMBERS, "1", True, None])
    ]
    filters = [
        _filter("custom_json_1", operator, json_path=["n"], field_type="number", number_values=[odd])
        for odd in ODD_NUMBERS
        for operator in ("equals", "gte")
    ]
    filters += [_filter("custom_json_1", "in_array", json_path=["all"], number_values=[odd]) for odd in ODD_NUMBERS]
    _assert_judged(_segments(filters), {"as_of": AS_OF, "contacts": contacts}, engine, tmp_path)


def test_properties_add_up_exactly(engine: Engine, tmp_path: Path) -> None:
    """Sums in nine decimals: half a billionth is rounded away from zero, 0.1 + 0.2 is 0.3."""
    values: list[list[object]] = [
        [5e-10],
        [-5e-10],
        [1.5e-9],
        [0.1, 0.2],
        [1e25, 1],
        [2**53 + 1],
        ["1", 1],
        [-0.0, 0],
        [0.1, 0.1, 0.1],
        [4503599627370497.5, 1e-9],
        [],
    ]
    contacts = [{"email": f"c{number}@x.example"} for number, _ in enumerate(values)]
    timeline = [
        {"email": f"c{number}@x.example", "kind": "view", "occurred_at": AS_OF, "properties": {"n": value}}
        for number, several in enumerate(values)
        for value in several
    ]
    asked = [0.1, 4503599627370497.5, 1e-9, -1e-9, 2e-9, 0.3, 1, 2**53, 0, 2]
    leaves = [
        {
            "source": "contact_timeline",
            "contact_timeline": {
                "kind": "view",
                "aggregate_operator": aggregate,
                "property": ["n"],
                "operator": operator,
                "value": value,
            },
        }
        for aggregate in ("sum", "avg", "min", "max", "distinct_count")
        for operator in ("eq", "gte")
        for value in asked
    ]
    segments = [{"id": f"s{number}", "tree": {"kind": "leaf", "leaf": leaf}} for number, leaf in enumerate(leaves)]
    world = {"as_of": AS_OF, "contacts": contacts, "timeline": timeline}
    _assert_judged(segments, world, engine, tmp_path)


def test_instants_and_dates_inside_json_are_those_of_the_calendar(engine: Engine, tmp_path: Path) -> None:
    contacts = [
        {"email": f"c{number}@x.example", "custom_json_1": {"at": odd, "on": odd[:10]}}
        for number, odd in enumerate(ODD_INSTANTS)
    ]
    filters = [_filter("custom_json_1", "is_set", json_path=["at"], field_type="time")]
    filters += [_filter("custom_json_1", "is_set", json_path=["on"], field_type="date")]
    for asked in ("2026-06-01T06:15:00.123456Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2024-02-29"):
        filters += [
            _filter("custom_json_1", operator, json_path=["at"], field_type="time", string_values=[asked])
            for operator in ("equals", "gt", "lte")
        ]
    _assert_judged(_segments(filters), {"as_of": AS_OF, "contacts": contacts}, engine, tmp_path)


def _view(number: int, occurred_at: str, **more: object) -> Row:
    return {"email": f"c{number}@x.example", "kind": "view", "occurred_at": occurred_at, **more}


def _on_views(**more: object) -> Row:
    return {"source": "contact_timeline", "contact_timeline": {"kind": "view", **more}}


def test_local_days_are_those_of_the_zone(engine: Engine, tmp_path: Path) -> None:
    """Two instants of one day here are two days there; 1970 begins no earlier than any other year."""
    zones = ["UTC", "America/New_York", "Asia/Kathmandu", ""]
    contacts = [{"email": f"c{number}@x.example", "timezone": zone} for number, zone in enumerate(zones)]
    pairs = [("2026-05-30T03:00:00Z", "2026-05-30T12:00:00Z"), ("1969-12-31T23:30:00Z", "1970-01-01T00:30:00Z")]
    timeline = [_view(number, at) for number, _ in enumerate(zones) for pair in pairs for at in pair]
    segments = [
        {"id": f"{zone.lower()}{days}", "timezone": zone, "tree": {"kind": "leaf", "leaf": leaf}}
        for zone in ("contact", "UTC")
        for days in (2, 3, 4)
        for leaf in [_on_views(count_operator="exactly", count_value=days, count_of="days")]
    ]
    _assert_judged(segments, {"as_of": AS_OF, "contacts": contacts, "timeline": timeline}, engine, tmp_path)


def test_of_no_event_there_is_no_first_and_no_last(engine: Engine, tmp_path: Path) -> None:
    """Where others share the scan: an engine may give the zero of the type for a minimum of nothing."""
    contacts = [{"email": f"c{number}@x.example"} for number in range(3)]
    timeline = [_view(0, "2026-05-30T03:00:00Z", template_id="a"), _view(1, "2026-05-30T03:00:00Z", template_id="b")]
    asked: list[Row] = [
        {"which": "first", "timeframe_operator": "before_date", "timeframe_values": ["2026-06-01"]},
        {"which": "last", "timeframe_operator": "before_date", "timeframe_values": ["2026-06-01"]},
        {"count_operator": "at_least", "count_value": 1},
        {"aggregate_operator": "min", "property": ["n"], "operator": "lte", "value": 5},
    ]
    leaves = [_on_views(template_id=template, **item) for item in asked for template in ("a", "b")]
    segments = [{"id": f"s{number}", "tree": {"kind": "leaf", "leaf": leaf}} for number, leaf in enumerate(leaves)]
    _assert_judged(segments, {"as_of": AS_OF, "contacts": contacts, "timeline": timeline}, engine, tmp_path)


# --- the documentation ------------------------------------------------------------------------------------------------


def _blocks_of_docs() -> dict[str, str]:
    docs = (Path(__file__).parents[1] / "docs" / "dialects.md").read_text("utf-8")
    return dict(re.findall(r"^```python (\w+)\n(.*?)^```", docs, flags=re.MULTILINE | re.DOTALL))


def test_a_snapshot_fills_the_tables_as_the_documentation_shows(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if engine.dialect == "duckdb":
        pytest.skip("a workspace is a DuckDB file already")
    paths = sorted((Path(__file__).parent / "cases").glob("*/definition.json"))
    definitions = [json.loads(path.read_text("utf-8")) for path in paths]
    (tmp_path / "segments.json").write_text(json.dumps([*definitions, _named(definitions[0]["id"])]), "utf-8")
    (tmp_path / "data").mkdir()
    write_dataset(WORLD, tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    with populace.init("shop") as shop:
        shop.import_dataset("data")
        shop.apply("segments.json")
        shop.recompute(as_of=AS_OF)
        shop.snapshot("backup")
        expected = {state.segment.id: set(shop.members(state.segment.id)["email"]) for state in shop.segments()}
    for arguments in (["segments.json", "--as-of", AS_OF, "--out", "members.sql"], ["--tables", "--out", "tables.sql"]):
        done = command("sql-of", "--dialect", engine.dialect, "--workspace", "shop", *arguments)
        assert (done.returncode, done.stderr) == (0, "")
    engine.drop()
    blocks = _blocks_of_docs()
    code = blocks["files"] + blocks[engine.dialect]
    code = code.replace('Session("clickhouse")', "engine.session").replace('"dbname=segments"', "engine.address")
    code = code.replace('parquet("members")', f'parquet("{tmp_path}/members")')  # Java keeps the folder it started in
    known: Row = {"engine": engine}
    exec(code, known)
    rows = {"spark": lambda found: [tuple(row) for row in found.collect()], "postgres": list}.get(
        engine.dialect, lambda found: [tuple(json.loads(f"[{line}]")) for line in str(found).splitlines()]
    )(known["members"])
    emails = dict(pl.read_parquet(known["paths_of"]("contacts")).select("contact_id", "email").iter_rows())
    found: dict[str, set[str]] = {segment_id: set() for segment_id in expected}
    for segment_id, contact_id in rows:
        found[segment_id].add(emails[contact_id])
    assert found == expected
    engine.drop()


def _named(segment_id: str) -> Row:
    leaf = {"source": "segment", "segment": {"operator": "not_in", "segment_id": segment_id}}
    return {"id": "others", "tree": {"kind": "leaf", "leaf": leaf}}


# --- what is refused --------------------------------------------------------------------------------------------------


def _script(segments: list[Row], dialect: str) -> str:
    read = [read_segment(segment) for segment in segments]
    as_of = parsed_instant(AS_OF)
    assert as_of is not None
    plan = build_plan(read, Catalog(lists={}, zones={0: "UTC"}), as_of)
    return members_script(plan, [segment.id for segment in read], DIALECTS[dialect])


@pytest.mark.parametrize("dialect", ["postgres", "clickhouse", "spark"])
@pytest.mark.parametrize("letter", ["\u0264", "\ua7cb", "\U00010d70"])
def test_letters_whose_case_engines_do_not_agree_on_are_refused_where_case_is_ignored(
    dialect: str, letter: str
) -> None:
    ignoring_case, exact = (
        _segments([_filter("first_name", operator, string_values=[f"a{letter}"])])
        for operator in ("contains", "equals")
    )
    with pytest.raises(UnsupportedByDialectError, match=rf"{dialect} cannot surely ignore the case of .*U\+"):
        _script(ignoring_case, dialect)
    assert letter in _script(exact, dialect)
    assert letter in _script(ignoring_case, "duckdb")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_query_of_an_analyst_is_in_no_statement(dialect: str) -> None:
    segments = _segments([_filter("first_name", "equals", string_values=["Ada"])])
    queries = [{"id": "q", "tree": found_by("SELECT email FROM contacts")}]
    with pytest.raises(UnsupportedByDialectError, match=f"{dialect} cannot run a condition of the source 'sql'"):
        _script([*segments, *queries], dialect)


def test_postgres_refuses_more_conditions_than_a_query_has_columns_for() -> None:
    segments = _segments([_filter("first_name", "equals", string_values=[str(number)]) for number in range(820)])
    with pytest.raises(UnsupportedByDialectError, match="postgres cannot hold 1,641 conditions and segments"):
        _script(segments, "postgres")
