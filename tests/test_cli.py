"""The command line: what it prints, what it writes, and which exit code it ends with."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from tests.commands import populace
from tests.definitions import events, field, on_list, segment

CONTACTS = """email,country,timezone
 Ada@X.example ,US,America/New_York
bo@x.example,,Mars/Olympus
cy@x.example,FR,
bo@x.example,DE,Mars/Olympus
"""
SUBSCRIPTIONS = "email,list_id,status\nada@x.example,news,active\nstranger@x.example,news,active\n"


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "contacts.csv").write_text(CONTACTS, "utf-8")
    (folder / "subscriptions.csv").write_text(SUBSCRIPTIONS, "utf-8")
    return folder


@pytest.fixture
def segments(tmp_path: Path) -> Path:
    path = tmp_path / "segments.json"
    path.write_text(
        json.dumps([segment(field("country", "not_equals", "US"), "abroad"), segment(on_list("news"), "news")])
    )
    return path


def test_run_prints_a_table_and_what_became_of_the_rows(dataset: Path, segments: Path) -> None:
    done = populace("run", dataset, "--segments", segments, "--as-of", "2026-06-01T00:00:00Z")
    assert (done.returncode, done.stderr) == (0, "")
    assert "contacts: 4 rows, of them 1 given again later" in done.stdout
    assert "subscriptions: 2 rows, of them 1 of unknown e-mail" in done.stdout
    assert "1 contacts have an unknown time zone" in done.stdout
    assert "abroad" in done.stdout
    assert "66.7%" in done.stdout


def test_json_is_all_that_run_prints_when_asked(dataset: Path, segments: Path) -> None:
    done = populace("run", dataset, "--segments", segments, "--json", "--as-of", "2026-06-01T02:00:00+02:00")
    printed = json.loads(done.stdout)
    assert printed["as_of"] == "2026-06-01T00:00:00Z"
    assert [(item["id"], item["size"]) for item in printed["segments"]] == [("abroad", 2), ("news", 1)]
    assert printed["tables"]["contacts"]["replaced"] == 1


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_members_are_written_sorted(dataset: Path, segments: Path, tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"members.{ending}"
    assert populace("run", dataset, "--segments", segments, "--out", path).returncode == 0
    expected = [("abroad", "bo@x.example"), ("abroad", "cy@x.example"), ("news", "ada@x.example")]
    match ending:
        case "csv":
            with path.open(newline="") as file:
                rows = [(row["segment_id"], row["email"]) for row in csv.DictReader(file)]
        case "jsonl":
            rows = [(row["segment_id"], row["email"]) for row in map(json.loads, path.read_text().splitlines())]
        case _:
            rows = pl.read_parquet(path).rows()
    assert rows == expected
    assert not list(tmp_path.glob(".*partial"))


def test_an_output_file_stays_as_it_was_when_the_run_fails(dataset: Path, segments: Path, tmp_path: Path) -> None:
    out = tmp_path / "members.csv"
    out.write_text("old")
    (dataset / "contacts.csv").write_text("email\nnot an address\n")
    done = populace("run", dataset, "--segments", segments, "--out", out)
    assert done.returncode == 2
    assert "contacts.csv: row 1, column email: 'not an address'" in done.stderr
    assert out.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "members.csv", "segments.json"]


@pytest.mark.parametrize(
    ("out", "problem"),
    [
        ("nowhere/members.csv", "cannot be written: No such file or directory"),
        ("data", "ends in"),
        ("members.txt", "it can end in .csv, .jsonl or .parquet"),
        ("folder.csv", "is a folder"),
    ],
)
def test_an_output_that_cannot_be_written_is_refused_first(
    dataset: Path, segments: Path, tmp_path: Path, out: str, problem: str
) -> None:
    (tmp_path / "folder.csv").mkdir()
    (dataset / "contacts.csv").write_text("not read at all")
    done = populace("run", dataset, "--segments", segments, "--out", tmp_path / out)
    assert (done.returncode, problem in done.stderr) == (2, True), done.stderr


def test_members_and_bad_rows_never_replace_each_other_or_the_data(
    dataset: Path, segments: Path, tmp_path: Path
) -> None:
    both = tmp_path / "both.jsonl"
    both.write_text("old")
    done = populace("run", dataset, "--segments", segments, "--out", both, "--bad-rows", both)
    assert (done.returncode, "is named twice" in done.stderr, both.read_text()) == (2, True, "old")
    for option in ("--out", "--bad-rows"):
        done = populace("run", dataset, "--segments", segments, option, dataset / "contacts.csv")
        assert (done.returncode, "lies in the dataset folder" in done.stderr) == (2, True), done.stderr
    assert (dataset / "contacts.csv").read_text("utf-8") == CONTACTS


def test_an_output_keeps_its_mode_and_a_link_is_followed(dataset: Path, segments: Path, tmp_path: Path) -> None:
    secret, link = tmp_path / "secret.csv", tmp_path / "link.csv"
    secret.touch(mode=0o600)
    link.symlink_to(secret)
    assert populace("run", dataset, "--segments", segments, "--out", link).returncode == 0
    assert link.is_symlink()
    assert (secret.stat().st_mode & 0o777, secret.read_text().startswith("segment_id,email")) == (0o600, True)


@pytest.mark.parametrize("name", ["timelines.jsonl", "Timeline.jsonl", "timeline.json", "timeline.jsonl.gz"])
def test_a_table_with_a_misspelt_name_is_refused(dataset: Path, segments: Path, name: str) -> None:
    """Left aside in silence, it would put people into segments who do not belong there."""
    (dataset / name).write_text("{}")
    done = populace("run", dataset, "--segments", segments)
    assert (done.returncode, f"{name}: looks like the table timeline" in done.stderr) == (2, True), done.stderr


def test_a_terminated_run_leaves_nothing_behind(segments: Path, tmp_path: Path) -> None:
    folder, scratch = tmp_path / "made", tmp_path / "scratch"
    scratch.mkdir()
    assert populace("generate", folder, "--contacts", 20_000, "--events", 600_000).returncode == 0
    segments.write_text(json.dumps([segment(events("open_email", "at_least", 1), "openers")]))
    command = [sys.executable, "-c", "from api.cli.entry import main; main()", "run", str(folder), "--segments"]
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[1]), "TMPDIR": str(scratch)}
    out = tmp_path / "members.csv"
    with subprocess.Popen([*command, str(segments), "--out", str(out)], env=environment, stderr=subprocess.PIPE) as run:
        while not list(scratch.iterdir()):
            assert run.poll() is None
        run.terminate()
        _, stderr = run.communicate(timeout=60)
    assert (run.returncode, stderr) == (130, b"stopped; nothing was changed\n")
    assert list(scratch.iterdir()) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made", "scratch", "segments.json"]


def test_the_sql_that_ran_is_written_one_file_per_step(dataset: Path, segments: Path, tmp_path: Path) -> None:
    folder = tmp_path / "sql"
    for _ in range(2):  # the second time replaces the first
        assert populace("run", dataset, "--segments", segments, "--sql-dir", folder).returncode == 0
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["001_contacts_1.sql", "002_list_1_news.sql", "memberships.txt"]
    assert (folder / names[1]).read_text().startswith("-- The subscriptions to list 'news'")
    assert (folder / names[2]).read_text() == "abroad = NOT condition_1\nnews = condition_2\n"
    (folder / "mine.txt").touch()
    done = populace("run", dataset, "--segments", segments, "--sql-dir", folder)
    assert (done.returncode, "'mine.txt'" in done.stderr) == (2, True)


def test_bad_rows_can_be_set_aside(dataset: Path, segments: Path, tmp_path: Path) -> None:
    # The list is known although its only subscriber is set aside.
    (dataset / "contacts.csv").write_text("email,created_at\nada@x.example,2026-01-01\nbo@x.example,\n")
    aside = tmp_path / "bad.jsonl"
    done = populace("run", dataset, "--segments", segments, "--bad-rows", aside)
    assert (done.returncode, "1 set aside as bad" in done.stdout) == (0, True), done.stderr
    row = json.loads(aside.read_text())
    assert (row["row"], row["column"], row["value"]) == (1, "created_at", "2026-01-01")


def test_extra_columns_are_refused_unless_ignored(dataset: Path, segments: Path) -> None:
    (dataset / "contacts.csv").write_text("email,contry\nada@x.example,US\n")
    done = populace("run", dataset, "--segments", segments)
    assert (done.returncode, "'country'" in done.stderr) == (2, True), done.stderr
    assert populace("run", dataset, "--segments", segments, "--extra-columns", "ignore").returncode == 0


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "is empty"),
        ("[]", "holds no segment"),
        ("[{]", "line 1, column 3: is not JSON"),
        ('[{"id": "a", "id": "b"}]', "holds the key 'id' twice"),
        ('[{"id": "a", "tree": NaN}]', "NaN is not a JSON number"),
        ("[" * 100_000, "nested too deep"),
        (b"\xff\xfe[]", "is not UTF-8"),
        (json.dumps([segment(field("email", "is_set"))] * 2), "segment id 's' is given twice"),
        (json.dumps([segment(on_list("newz"))]), "did you mean 'news'?"),
        (json.dumps([segment(events("open", "often", 1))]), "tree.leaf.contact_timeline.count_operator"),
    ],
)
def test_segments_that_cannot_be_used_are_refused_with_exit_code_2(
    dataset: Path, tmp_path: Path, content: str | bytes, problem: str
) -> None:
    path = tmp_path / "bad.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    done = populace("run", dataset, "--segments", path)
    assert (done.returncode, problem in done.stderr) == (2, True), done.stderr
    assert "Traceback" not in done.stderr


def test_what_a_file_holds_cannot_forge_the_error_about_it(dataset: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(json.dumps([{"id": "x" * 100_000, "\x1b[31m\nerror: forged": 1}]))
    done = populace("run", dataset, "--segments", path)
    assert (done.returncode, len(done.stderr) < 2_000, "\x1b" in done.stderr) == (2, True, False)
    assert "\nerror: forged" not in done.stderr


def test_a_full_standard_output_is_no_bug_of_ours(dataset: Path, segments: Path) -> None:
    command = f"'{sys.executable}' -c 'from api.cli.entry import main; main()' run '{dataset}' --segments '{segments}'"
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(Path(__file__).parents[1])}
    for option in ("", " --json"):
        done = subprocess.run(
            f"{command}{option} > /dev/full", shell=True, env=environment, capture_output=True, text=True, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        assert done.returncode == 2, done.stderr


def test_a_folder_of_segment_files_is_read_in_order(dataset: Path, tmp_path: Path) -> None:
    folder = tmp_path / "segments"
    folder.mkdir()
    (folder / "b.json").write_text(json.dumps(segment(field("email", "is_set"), "everyone")))
    (folder / "a.json").write_text(json.dumps([segment(on_list("news"), "news")]))
    done = populace("run", dataset, "--segments", folder, "--json")
    assert [item["id"] for item in json.loads(done.stdout)["segments"]] == ["news", "everyone"]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (["--as-of", "2026-06-01"], "is no instant"),
        (["--as-of", "2026-06-01T00:00:00"], "with its zone"),
        (["--memory-limit", "much"], "4GB"),
        (["--memory-limit", "1KB"], "too little"),
        (["--default-timezone", "Mars/Olympus"], "no IANA time zone"),
        (["--extra-columns", "maybe"], "'refuse', 'ignore'"),
    ],
)
def test_options_that_make_no_sense_are_explained(
    dataset: Path, segments: Path, options: list[str], problem: str
) -> None:
    done = populace("run", dataset, "--segments", segments, *options)
    assert (done.returncode, problem in " ".join(done.stderr.split())) == (2, True), done.stderr


def test_a_dataset_without_contacts_has_empty_segments(tmp_path: Path, segments: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    (folder / "contacts.csv").write_text("email\n")
    (folder / "lists.csv").write_text("id,name\nnews,News\n")
    done = populace("run", folder, "--segments", segments, "--json", "--out", tmp_path / "m.parquet")
    assert done.returncode == 0, done.stderr
    assert [(item["size"], item["share"]) for item in json.loads(done.stdout)["segments"]] == [(0, None), (0, None)]
    assert pl.read_parquet(tmp_path / "m.parquet").height == 0


def test_the_earliest_and_latest_instants_are_ordinary(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "contacts.csv").write_text(
        "email,created_at\nfirst@x.example,0001-01-01T00:00:00Z\nlast@x.example,9999-12-31T23:59:59.999999Z\n"
    )
    path = tmp_path / "segments.json"
    path.write_text(
        json.dumps(
            [
                segment(field("created_at", "in_the_last_days", "999999999"), "long-ago"),
                segment(field("created_at", "equals", "9999-12-31"), "last-day", "Pacific/Kiritimati"),
                segment(field("created_at", "lte", "0001-01-01"), "first-day", "America/Adak"),
            ]
        )
    )
    done = populace("run", folder, "--segments", path, "--json", "--as-of", "9999-12-31T23:59:59.999999Z")
    assert done.returncode == 0, done.stderr
    assert {item["id"]: item["size"] for item in json.loads(done.stdout)["segments"]} == {
        "long-ago": 2,
        "last-day": 1,
        "first-day": 1,
    }


def test_generate_then_run_works_and_a_second_generate_is_refused(tmp_path: Path, segments: Path) -> None:
    folder = tmp_path / "made"
    done = populace("generate", folder, "--contacts", 50, "--events", 500, "--seed", 3, "--json")
    assert json.loads(done.stdout)["rows"]["contacts"] == 50
    again = populace("generate", folder, "--contacts", 50, "--events", 500)
    assert again.returncode == 2
    segments.write_text(json.dumps([segment(events("open_email", "at_least", 1), "openers")]))
    assert populace("run", folder, "--segments", segments).returncode == 0


def test_the_demo_finds_people_for_each_use_and_uses_its_data_again(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    first = json.loads(populace("demo", "--dir", folder, "--json").stdout)
    assert first["contact_count"] == 20_000
    assert 0 < first["preview"]["segments"][0]["size"] < 20_000
    assert len(first["sql"]) == 5
    sizes = {item["id"]: item["size"] for item in first["segments"]}
    assert set(sizes) == {"vip", "win-back", "cart-abandoners", "germany-and-austria", "lamp-clickers"}
    assert all(0 < size < 20_000 for size in sizes.values())
    again = populace("demo", "--dir", folder)
    assert "Generating" not in again.stderr
    assert "1,000,000" not in again.stderr
    assert "almost-vip" in again.stdout
    assert "FROM segment.vip" in again.stdout
    assert "What to try next" in again.stdout


@pytest.mark.parametrize("command", ["run", "generate", "demo"])
def test_every_command_explains_itself(command: str) -> None:
    done = populace(command, "--help")
    assert done.returncode == 0
    assert "Usage: " in done.stdout
    assert command in populace("--help").stdout
