"""The commands that keep a workspace safe: what they print, and which exit code they end with."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import populace as library
from tests.commands import populace
from tests.full_workspace import fill

DOCS = Path(__file__).parents[1] / "docs" / "snapshots.md"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    with library.init(tmp_path / "shop") as workspace:
        fill(workspace, tmp_path)
    return tmp_path / "shop"


def test_snapshot_says_what_was_written_and_what_was_kept(shop: Path, tmp_path: Path) -> None:
    first = populace("snapshot", shop, tmp_path / "backup")
    assert (first.returncode, first.stderr) == (0, "")
    assert re.search(r"^written: timeline/2026-05-[0-9a-f]{16}\.parquet \(4 rows, ", first.stdout, re.MULTILINE)
    assert re.search(r"files \(.*\) written, 0 files \(0 bytes\) kept, in ", first.stdout)
    second = populace("snapshot", shop, tmp_path / "backup")
    assert "written: " not in second.stdout
    assert "0 files (0 bytes) written" in second.stdout
    report = json.loads(populace("snapshot", shop, tmp_path / "backup", "--json").stdout)
    assert (report["written"], report["removed"], len(report["kept"])) == ([], 0, report["files"])
    assert report["rows"]["contacts"] == 5


def test_restore_says_what_comes_next_and_refuses_what_is_damaged(shop: Path, tmp_path: Path) -> None:
    populace("snapshot", shop, tmp_path / "backup")
    done = populace("restore", tmp_path / "backup", tmp_path / "again")
    assert (done.returncode, done.stderr) == (0, "")
    assert f"Next: populace check {tmp_path / 'again'}" in done.stdout
    assert populace("check", tmp_path / "again").returncode == 0
    report = json.loads(populace("restore", tmp_path / "backup", tmp_path / "third", "--json").stdout)
    assert report["is_content_compared"]
    assert populace("restore", tmp_path / "backup", tmp_path / "again").returncode == 2
    next((tmp_path / "backup" / "timeline").iterdir()).unlink()
    refused = populace("restore", tmp_path / "backup", tmp_path / "fourth")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "is missing; take another copy of the snapshot" in refused.stderr
    assert not (tmp_path / "fourth").exists()


def test_compact_says_the_sizes(shop: Path) -> None:
    done = populace("compact", shop)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"MB before, .*MB after, in ", done.stdout)
    report = json.loads(populace("compact", shop, "--json").stdout)
    assert report["after_bytes"] == (shop / "store.duckdb").stat().st_size
    assert populace("compact", shop / "nowhere").returncode == 2


def test_the_commands_and_the_program_of_the_docs_run(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = DOCS.read_text("utf-8")
    (commands,) = re.findall(r"^```sh\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    for command in commands.splitlines():
        assert command.startswith("populace ")
        done = populace(*command.split()[1:], cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    (program,) = re.findall(r"^```python\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(program, {})
    assert "country" in capsys.readouterr().out
    assert shop.exists()
