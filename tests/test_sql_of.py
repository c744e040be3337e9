"""`populace sql-of`: what it prints, and what it wants to be told. Whether the SQL is right: test_dialects.py."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest

import populace as face
from tests.cases.world import AS_OF, WORLD
from tests.commands import populace
from tests.definitions import events, field, on_list, segment
from tests.engine_under_test import write_dataset

ADAS = segment(field("first_name", "equals", "Ada"), "adas")


def _written(path: Path, *segments: object) -> Path:
    path.write_text(json.dumps(segments), "utf-8")
    return path


def test_segments_that_need_no_data_need_no_workspace(tmp_path: Path) -> None:
    definitions = _written(tmp_path / "segments.json", ADAS)
    printed = populace("sql-of", "--dialect", "duckdb", definitions, "--as-of", AS_OF)
    tables = populace("sql-of", "--dialect", "duckdb", "--tables")
    assert (printed.returncode, printed.stderr, tables.returncode, tables.stderr) == (0, "", 0, "")
    with duckdb.connect() as connection:
        connection.execute(tables.stdout)
        connection.execute("INSERT INTO contacts (contact_id, first_name) VALUES (7, 'Ada'), (8, 'Bo')")
        assert connection.execute(printed.stdout).fetchall() == [("adas", 7)]


def test_steps_are_told_in_domain_words(tmp_path: Path) -> None:
    definitions = _written(tmp_path / "segments.json", segment(events("open_email", "at_least", 3), "fans"))
    printed = populace("sql-of", "--dialect", "spark", definitions, "--as-of", AS_OF).stdout
    assert "-- fact_1: number of open_email events up to 2026-06-01 12:00:00\n" in printed
    assert "-- segment_1: segment fans = condition_1\n" in printed


@pytest.mark.parametrize(
    ("definition", "named"),
    [
        (segment(on_list("news"), "s"), "segment 's': names a list"),
        (segment(events("open_email", "at_least", 1, "today"), "s", "contact"), "each contact's own time zone"),
    ],
    ids=["list", "zones"],
)
def test_what_only_a_workspace_knows_is_refused_without_one(
    definition: dict[str, object], named: str, tmp_path: Path
) -> None:
    done = populace("sql-of", "--dialect", "spark", _written(tmp_path / "segments.json", definition))
    assert (done.returncode, done.stdout) == (2, "")
    assert named in done.stderr
    assert "--workspace" in done.stderr


def test_a_workspace_gives_lists_zones_fields_and_stored_segments(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    write_dataset(WORLD, tmp_path / "data")
    _written(tmp_path / "stored.json", ADAS)
    of_stored = {"kind": "leaf", "leaf": {"source": "segment", "segment": {"segment_id": "adas"}}}
    today = segment(events("open_email", "at_least", 1, "today"), "today", "contact")
    definitions = _written(
        tmp_path / "segments.json",
        segment(on_list("news"), "listed"),
        segment(of_stored, "stored"),
        segment(field("size", "gt", 1), "large"),
        today,
    )
    with face.init(tmp_path / "shop") as shop:
        shop.import_dataset(tmp_path / "data")
        shop.fields.define("size", "number")
        shop.apply(tmp_path / "stored.json")
        expected = shop.sql_of(definitions, dialect="clickhouse", as_of=AS_OF)
    asked = ("sql-of", "--dialect", "clickhouse", "--workspace", tmp_path / "shop")
    done = populace(*asked, definitions, "--as-of", AS_OF, "--out", tmp_path / "members.sql")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "members.sql").read_text("utf-8") == expected
    assert '"size" Nullable(Float64)' in populace(*asked, "--tables").stdout
    inside = populace(*asked, definitions, "--out", tmp_path / "shop" / "members.sql")
    assert (inside.returncode, "lies in the workspace" in inside.stderr) == (2, True)


def test_segments_or_tables_are_asked_for(tmp_path: Path) -> None:
    definitions = _written(tmp_path / "segments.json", ADAS)
    for arguments in ([], [definitions, "--tables"]):
        done = populace("sql-of", "--dialect", "spark", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
    assert populace("sql-of", "--dialect", "oracle", definitions).returncode == 2
    with pytest.raises(face.CallerError, match="'oracle' is no engine"), face.init(tmp_path / "shop") as shop:
        shop.sql_of(definitions, dialect="oracle")
