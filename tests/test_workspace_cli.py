"""The commands on a workspace: what they print, what they write, which exit code they end with."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from shutil import copytree

import polars as pl
import pytest

from tests.cases.world import AS_OF, WORLD
from tests.commands import populace
from tests.definitions import events, field, on_list, segment
from tests.engine_under_test import write_dataset

OPENERS = segment(events("open_email", "at_least", 1, "in_the_last_days", "30"), "mail-openers")
AMERICANS = segment(field("country", "equals", "US"), "americans")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    write_dataset(WORLD, folder)
    return folder


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    path = tmp_path / "segments.json"
    path.write_text(json.dumps([OPENERS, AMERICANS]), "utf-8")
    return path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with data, and two segments that were computed, of which every test gets a copy."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "data").mkdir()
    write_dataset(WORLD, folder / "data")
    (folder / "segments.json").write_text(json.dumps([OPENERS, AMERICANS]), "utf-8")
    shop = folder / "shop"
    for arguments in (
        ("init", shop),
        ("import", shop, folder / "data"),
        ("segments", "apply", shop, folder / "segments.json"),
        ("recompute", shop, "--as-of", AS_OF),
    ):
        done = populace(*arguments)
        assert (done.returncode, done.stderr) == (0, ""), done
    return shop


@pytest.fixture
def shop(made: Path, tmp_path: Path) -> Path:
    """The workspace, for one test alone."""
    return Path(copytree(made, tmp_path / "shop"))


def test_init_says_what_comes_next(tmp_path: Path) -> None:
    done = populace("init", tmp_path / "shop", "--timezone", "Europe/Berlin")
    assert done.returncode == 0
    assert "is a workspace now. Next: populace import" in done.stdout
    again = populace("init", tmp_path / "shop")
    assert (again.returncode, again.stdout) == (2, "")
    assert "is a workspace already" in again.stderr
    assert populace("init", tmp_path / "other", "--timezone", "Mars/Olympus").returncode == 2
    assert not (tmp_path / "other").exists()


def test_import_says_what_was_new_and_then_that_nothing_was(tmp_path: Path, data: Path) -> None:
    populace("init", tmp_path / "shop")
    first = populace("import", tmp_path / "shop", data)
    assert f"{len(WORLD['contacts'])} new contacts" in first.stdout
    assert "contacts: " in first.stdout
    again = populace("import", tmp_path / "shop", data)
    assert (again.returncode, again.stderr) == (0, "")
    assert "nothing was new" in again.stdout
    as_json = json.loads(populace("import", tmp_path / "shop", data, "--json").stdout)
    assert as_json["merged"]["contacts"] == {"new": 0, "changed": 0}
    assert as_json["read"]["contacts"]["read"] == len(WORLD["contacts"])


def test_a_bad_row_stops_an_import_and_nothing_is_changed(tmp_path: Path, data: Path) -> None:
    populace("init", tmp_path / "shop")
    with (data / "timeline.jsonl").open("a") as file:
        file.write('{"email": "ada@x.example", "kind": "open_email", "occurred_at": "yesterday"}\n')
    done = populace("import", tmp_path / "shop", data)
    assert (done.returncode, done.stdout) == (2, "")
    assert "timeline.jsonl: row" in done.stderr
    assert "yesterday" in done.stderr
    contact = populace("contact", tmp_path / "shop", "ada@x.example")
    assert contact.returncode == 2
    assert "no contact has the e-mail 'ada@x.example'" in contact.stderr
    aside = populace("import", tmp_path / "shop", data, "--bad-rows", tmp_path / "bad.jsonl")
    assert aside.returncode == 0
    assert "1 set aside as bad" in aside.stdout
    assert "yesterday" in (tmp_path / "bad.jsonl").read_text()
    assert populace("contact", tmp_path / "shop", "ada@x.example").returncode == 0


def test_apply_says_what_is_new_changed_and_unchanged(shop: Path, tmp_path: Path) -> None:
    changed = {**OPENERS, "name": "Opened an e-mail"}
    (tmp_path / "more.json").write_text(json.dumps([changed, AMERICANS, segment(on_list("news"), "readers")]))
    dry = populace("segments", "apply", shop, tmp_path / "more.json", "--dry-run")
    assert dry.stdout.endswith("1 new, 1 changed, 1 unchanged; nothing was stored\n")
    listed = {item["id"]: item for item in json.loads(populace("segments", "list", shop, "--json").stdout)}
    assert set(listed) == {"mail-openers", "americans"}
    done = populace("segments", "apply", shop, tmp_path / "more.json")
    assert [line.split() for line in done.stdout.splitlines()[:3]] == [
        ["changed", "mail-openers", "version", "2"],
        ["unchanged", "americans", "version", "1"],
        ["new", "readers", "version", "1"],
    ]
    assert done.stdout.endswith("1 new, 1 changed, 1 unchanged\n")
    listed = {item["id"]: item["status"] for item in json.loads(populace("segments", "list", shop, "--json").stdout)}
    assert listed == {"americans": "computed", "mail-openers": "outdated", "readers": "new"}


def test_apply_stores_all_or_nothing(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "more.json").write_text(
        json.dumps([segment(AMERICANS["tree"], "fine"), segment(on_list("nwes"), "bad")])
    )
    done = populace("segments", "apply", shop, tmp_path / "more.json")
    assert done.returncode == 2
    assert "did you mean 'news'?" in done.stderr
    assert "fine" not in populace("segments", "list", shop).stdout


def test_segments_are_listed_shown_and_deleted(shop: Path) -> None:
    listed = populace("segments", "list", shop)
    assert "mail-openers" in listed.stdout
    assert "computed" in listed.stdout
    shown = json.loads(populace("segments", "show", shop, "americans", "--json").stdout)
    assert shown["definition"]["tree"] == AMERICANS["tree"]
    assert (shown["version"], shown["size"], shown["as_of"]) == (1, 2, AS_OF)
    assert "2 members as of" in populace("segments", "show", shop, "americans").stdout
    assert populace("segments", "delete", shop, "americans").returncode == 0
    gone = populace("segments", "show", shop, "americans")
    assert gone.returncode == 2
    assert "no segment has the id 'americans'" in gone.stderr


def test_recompute_says_who_entered_and_left(shop: Path) -> None:
    result = json.loads(populace("recompute", shop, "--as-of", "2026-09-01T00:00:00Z", "--json").stdout)
    changes = {item["id"]: (item["size"], item["entered"], item["left"]) for item in result["segments"]}
    assert changes == {"americans": (2, 0, 0), "mail-openers": (0, 0, 2)}
    assert "mail-openers" in populace("recompute", shop, "--as-of", AS_OF).stdout


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet"])
def test_members_are_written_in_every_format(shop: Path, tmp_path: Path, file_format: str) -> None:
    target = tmp_path / f"members.{file_format}"
    done = populace("members", shop, "mail-openers", "--out", target)
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 members written to" in done.stdout
    match file_format:
        case "csv":
            frame = pl.read_csv(target)
        case "jsonl":
            frame = pl.read_ndjson(target)
        case _:
            frame = pl.read_parquet(target)
    assert frame["email"].to_list() == ["ada@x.example", "bo@x.example"]


def test_members_go_to_standard_output(shop: Path) -> None:
    assert populace("members", shop, "mail-openers").stdout == "email\nada@x.example\nbo@x.example\n"
    assert populace("members", shop, "mail-openers", "--format", "jsonl").stdout.startswith('{"email":')
    misspelt = populace("members", shop, "mail-opener")
    assert misspelt.returncode == 2
    assert "did you mean 'mail-openers'?" in misspelt.stderr


def test_members_of_an_outdated_segment_come_with_a_warning(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "more.json").write_text(json.dumps([{**OPENERS, "name": "Other"}]))
    populace("segments", "apply", shop, tmp_path / "more.json")
    done = populace("members", shop, "mail-openers")
    assert done.returncode == 0
    assert "outdated" in done.stderr


def test_a_contact_is_shown_with_all_that_is_known(shop: Path) -> None:
    done = populace("contact", shop, " ADA@x.example ")
    assert (done.returncode, done.stderr) == (0, "")
    assert "country: US" in done.stdout
    assert "segments: americans, mail-openers" in done.stdout
    card = json.loads(populace("contact", shop, "ada@x.example", "--events", "1", "--json").stdout)
    assert card["segments"] == ["americans", "mail-openers"]
    assert card["profile"]["first_name"] == "Ada"
    assert len(card["events"]) == 1
    assert card["event_count"] > 1


def test_a_preview_shows_size_and_sample_and_keeps_nothing(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "draft.json").write_text(json.dumps(segment(field("country", "not_equals", "US"), "abroad")))
    done = populace("preview", shop, tmp_path / "draft.json", "--as-of", AS_OF)
    assert (done.returncode, done.stderr) == (0, "")
    assert "abroad" in done.stdout
    assert "nothing is stored" in done.stdout
    found = json.loads(populace("preview", shop, tmp_path / "draft.json", "--sample", "1", "--json").stdout)
    assert found["segments"][0]["size"] == len(WORLD["contacts"]) - 2
    assert len(found["segments"][0]["sample"]) == 1
    assert "abroad" not in populace("segments", "list", shop).stdout


@pytest.mark.parametrize(
    "command",
    [
        ("import", "{folder}", "data"),
        ("segments", "apply", "{folder}", "segments.json"),
        ("segments", "list", "{folder}"),
        ("segments", "show", "{folder}", "vip"),
        ("segments", "delete", "{folder}", "vip"),
        ("recompute", "{folder}"),
        ("members", "{folder}", "vip"),
        ("contact", "{folder}", "ada@x.example"),
        ("preview", "{folder}", "segments.json"),
        ("sql", "{folder}", "SELECT 1"),
    ],
    ids=" ".join,
)
def test_every_command_refuses_a_folder_that_is_no_workspace(tmp_path: Path, command: tuple[str, ...]) -> None:
    done = populace(*(part.format(folder=tmp_path) for part in command), cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is no workspace; make one with: populace init" in done.stderr


@pytest.mark.parametrize(
    "command",
    [("init",), ("import",), ("recompute",), ("members",), ("contact",), ("preview",), ("sql",), ("segments", "apply")],
    ids=" ".join,
)
def test_every_command_explains_itself(command: tuple[str, ...]) -> None:
    done = populace(*command, "--help")
    assert done.returncode == 0
    assert "Usage: " in done.stdout
    assert "Example: populace" in done.stdout
    assert sys.executable not in done.stdout


def test_sql_answers_over_views_and_segments(shop: Path) -> None:
    done = populace("sql", shop, 'SELECT country, count(*) AS people FROM segment."americans" GROUP BY 1')
    assert (done.returncode, done.stderr) == (0, "")
    assert "people" in done.stdout
    assert "1 row" in done.stdout
    question = "SELECT segment_id, email, as_of FROM memberships ORDER BY ALL LIMIT 1"
    as_json = populace("sql", shop, question, "--format", "json")
    assert json.loads(as_json.stdout) == [{"segment_id": "americans", "email": "ada@x.example", "as_of": AS_OF}]
    csv = populace("sql", shop, question, "--format", "csv")
    assert csv.stdout == f"segment_id,email,as_of\namericans,ada@x.example,{AS_OF}\n"


@pytest.mark.parametrize("file_format", ["parquet", "arrow", "csv", "json", "jsonl"])
def test_sql_writes_files(shop: Path, tmp_path: Path, file_format: str) -> None:
    target = tmp_path / f"contacts.{file_format}"
    done = populace("sql", shop, "SELECT email, tags FROM contacts", "--out", target)
    assert (done.returncode, done.stderr) == (0, "")
    assert target.stat().st_size > 0
    if file_format == "parquet":
        assert pl.read_parquet(target).height == len(WORLD["contacts"])


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("COPY contacts TO 'stolen.csv'", "only one SELECT is allowed"),
        ("SELECT * FROM 'segments.json'", "there is no table"),
        ("SELECT * FROM base_contacts", "did you mean 'contacts'?"),
        ("SELECT 1; SELECT 2", "there are 2 statements"),
        ("SELECT nothing FROM contacts", "nothing"),
        ("SELEC", "not SQL"),
        ("", "empty"),
        ("SELECT repeat('x', 2000000000)", "memory"),
    ],
)
def test_sql_refuses_with_a_reason(shop: Path, tmp_path: Path, statement: str, message: str) -> None:
    done = populace("sql", shop, statement, "--out", tmp_path / "out.csv", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr
    assert str(shop) not in done.stderr
    assert not (tmp_path / "out.csv").exists()
    assert not (tmp_path / "stolen.csv").exists()


def test_sql_stops_at_its_time_limit(shop: Path) -> None:
    endless = "SELECT count(*) FROM range(1000000) AS a(n), range(1000000) AS b(n) WHERE hash(a.n + b.n) = 0"
    done = populace("sql", shop, endless, "--timeout", "0.5")
    assert done.returncode == 2
    assert "took more than 0.5 s" in done.stderr
    assert "--timeout" in done.stderr


def test_sql_sees_what_was_recomputed_since(shop: Path) -> None:
    question = "SELECT count(*) AS members FROM memberships"
    assert json.loads(populace("sql", shop, question, "--format", "json").stdout) == [{"members": 4}]
    populace("recompute", shop, "--as-of", "2026-09-01T00:00:00Z")
    assert json.loads(populace("sql", shop, question, "--format", "json").stdout) == [{"members": 2}]
