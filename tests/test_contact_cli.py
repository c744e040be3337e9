"""The commands on single contacts: upsert, change, export, delete, suppressed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import populace as library
from api.cli.item_lines import Item, read_items
from engine.errors import CallerError
from tests.commands import populace

ADA = {"email": "ada@example.com", "external_id": "ada", "first_name": "Ada"}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    library.init(tmp_path / "shop").close()
    return tmp_path / "shop"


def lines(path: Path, *items: object) -> Path:
    path.write_text("".join(f"{item if isinstance(item, str) else json.dumps(item)}\n" for item in items), "utf-8")
    return path


def piped(text: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    return populace(*arguments, given=text)


def test_upsert_says_what_came_of_the_lines_and_which_failed(shop: Path, tmp_path: Path) -> None:
    file = lines(tmp_path / "c.jsonl", ADA, {"email": "bo@example.com"}, "", {"email": "bo"}, "{", [1], ADA)
    done = populace("upsert", shop, file, "--results", tmp_path / "results.jsonl")
    assert done.returncode == 2
    assert done.stdout.strip().endswith("6 lines: 2 created, 1 unchanged, 3 failed")
    errors = done.stderr.splitlines()
    assert len(errors) == 3, errors
    assert "line 4: email: 'bo' is not an e-mail address" in done.stderr
    assert "line 5: is not valid JSON" in done.stderr
    assert "line 6: must be an object, not [1]" in done.stderr
    results = [json.loads(line) for line in (tmp_path / "results.jsonl").read_text().splitlines()]
    assert [(item["line"], item["outcome"]) for item in results] == [
        (1, "created"),
        (2, "created"),
        (4, "failed"),
        (5, "failed"),
        (6, "failed"),
        (7, "unchanged"),
    ]
    assert [item["line"] for item in results if "error" in item] == [4, 5, 6]


def test_the_same_file_once_more_changes_nothing(shop: Path, tmp_path: Path) -> None:
    file = tmp_path / "contacts.json"
    file.write_text("\ufeff" + json.dumps([ADA, {"email": "bo@example.com"}], indent=1), "utf-8")
    first = populace("upsert", shop, file, "--json")
    assert (first.returncode, json.loads(first.stdout)) == (0, {"lines": 2, "outcomes": {"created": 2}})
    again = populace("upsert", shop, file, "--json")
    assert json.loads(again.stdout) == {"lines": 2, "outcomes": {"unchanged": 2}}


def test_change_reads_standard_input(shop: Path) -> None:
    assert piped(json.dumps(ADA), "upsert", shop, "-").returncode == 0
    operations = [
        {"contact": "ada", "operations": {"$inc": {"visits": 2}, "$addToSet": {"tags": "vip"}}},
        {"contact": {"kind": "email", "value": "ADA@example.com"}, "operations": {"$push": {"visits": 1}}},
        {"contact": "nobody", "operations": {"$inc": {"visits": 1}}},
    ]
    done = piped("\n".join(map(json.dumps, operations)), "change", shop, "-")
    assert (done.returncode, done.stderr.splitlines()) == (
        2,
        [
            "line 2: profile.visits: is a number, but $push needs an array",
            "line 3: no contact has the external id 'nobody'",
        ],
    )
    assert done.stdout.strip().endswith("3 lines: 1 updated, 2 failed")


def test_no_more_than_a_hundred_errors_are_shown(shop: Path, tmp_path: Path) -> None:
    file = lines(tmp_path / "c.jsonl", *({"email": "nobody"} for _ in range(150)))
    done = populace("upsert", shop, file)
    assert len(done.stderr.splitlines()) == 101
    assert "and 50 more lines failed; --results FILE says why" in done.stderr


def test_a_file_that_is_not_there_or_no_array_changes_nothing(shop: Path, tmp_path: Path) -> None:
    missing = populace("upsert", shop, tmp_path / "none.jsonl")
    assert (missing.returncode, "cannot be read" in missing.stderr) == (2, True)
    (tmp_path / "bad.json").write_text('[{"email": "a@example.com"},', "utf-8")
    bad = populace("upsert", shop, tmp_path / "bad.json")
    assert (bad.returncode, "is not a valid JSON array" in bad.stderr) == (2, True)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("\n \n", []),
        ('{"a":1}\r\n\n{"a":2}', [(1, {"a": 1}), (3, {"a": 2})]),
        ('\n[{"a":1},\n{"a":2}]\n', [(1, {"a": 1}), (2, {"a": 2})]),
        ('{"a":1}\n[1]', [(1, {"a": 1}), (2, [1])]),
    ],
)
def test_items_are_numbered_by_line_or_by_element(tmp_path: Path, text: str, found: Any) -> None:
    path = tmp_path / "items"
    path.write_text(text, "utf-8")
    assert list(read_items(path)) == [Item(line, value) for line, value in found]


def test_a_folder_is_no_file_of_items(tmp_path: Path) -> None:
    with pytest.raises(CallerError, match="cannot be read"):
        list(read_items(tmp_path))


def test_a_stopped_upsert_says_how_far_it_came_and_that_is_true(shop: Path) -> None:
    """Standard input stays open after 5,000 lines: they are written, and Ctrl-C finds the command waiting for more."""
    command = [sys.executable, "-m", "api.cli.entry", "upsert", str(shop), "-"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        process.stdin.writelines(json.dumps({"email": f"c{number}@example.com"}) + "\n" for number in range(5_100))
        process.stdin.flush()
        log = shop / "store.duckdb.wal"
        until = time.monotonic() + 30
        while not (log.exists() and log.stat().st_size > 100_000) and time.monotonic() < until:
            time.sleep(0.05)
        time.sleep(1)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert errors.strip() == "stopped after line 5,000; what stands before it is written and stays"
    with library.open(shop, read_only=True) as opened:
        assert opened._store.row_count("contacts") == 5_000


def test_export_writes_everything_to_standard_output_or_a_file(shop: Path, tmp_path: Path) -> None:
    piped(json.dumps(ADA), "upsert", shop, "-")
    printed = populace("export", shop, "ADA@example.com")
    assert json.loads(printed.stdout)["fields"]["first_name"] == "Ada"
    written = populace("export", shop, "ada", "--kind", "external_id", "--out", tmp_path / "ada.json")
    assert (written.returncode, (tmp_path / "ada.json").read_text()) == (0, printed.stdout)
    assert populace("export", shop, "bo@example.com").returncode == 2


def test_delete_asks_first_and_then_nothing_is_left(shop: Path) -> None:
    piped(json.dumps(ADA), "upsert", shop, "-")
    refused = piped("y\n", "delete", shop, "ada@example.com")
    assert (refused.returncode, "give --yes" in refused.stderr) == (2, True)
    assert populace("contact", shop, "ada@example.com").returncode == 0
    done = populace("delete", shop, "ada@example.com", "--suppress", "--yes")
    assert (done.returncode, done.stderr) == (0, "")
    assert "ada@example.com is erased and cannot come in again" in done.stdout
    assert populace("contact", shop, "ada@example.com").returncode == 2
    assert populace("delete", shop, "ada@example.com", "--yes").returncode == 2
    again = piped(json.dumps(ADA), "upsert", shop, "-")
    assert (again.returncode, "was deleted and is not to come in again" in again.stderr) == (2, True)
    assert json.loads(populace("suppressed", shop, "--json").stdout) == {"suppressed_count": 1}
    allowed = populace("suppressed", shop, "--allow", "ada@example.com")
    assert allowed.stdout.splitlines() == ["ada@example.com may come in again", "0 e-mails cannot come in again"]
    assert piped(json.dumps(ADA), "upsert", shop, "-").returncode == 0
