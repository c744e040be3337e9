"""docs/explain.md: its commands print, on its rows, what the page shows."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

import populace as library
from engine.storage.workspace_folder import opened_workspace
from tests.commands import populace
from tests.engine_under_test import write_dataset

IMPORTED_AT = datetime(2026, 11, 20, 7, tzinfo=UTC)
PAGE_FILE = Path(__file__).parents[1] / "docs" / "explain.md"
PAGE = PAGE_FILE.read_text("utf-8")
ROWS = {
    table: [json.loads(line) for line in lines.splitlines()]
    for table, lines in re.findall(r"^```json rows (\w+)\n(.*?)\n```$", PAGE, re.MULTILINE | re.DOTALL)
}
(SEGMENTS,) = (json.loads(text) for text in re.findall(r"^```json segments\n(.*?)\n```$", PAGE, re.M | re.S))
SESSIONS = dict(re.findall(r"^```console\n\$ populace (.+?)\n(.*?)```$", PAGE, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the workspace of the page; its rows came in before the instant that the page looks at."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "data").mkdir()
    write_dataset(ROWS, folder / "data")
    library.init(folder / "shop").close()
    with ExitStack() as stack:
        store = stack.enter_context(opened_workspace(folder / "shop"))
        with library.Workspace(folder / "shop", store, stack.pop_all(), clock=lambda: IMPORTED_AT) as shop:
            shop.import_dataset(folder / "data")
            shop.apply([library.read_segment(item) for item in SEGMENTS])
    return folder


def test_the_page_has_the_sessions_that_its_reader_expects() -> None:
    assert [command.split()[0] for command in SESSIONS] == ["explain", "explain", "explain", "forecast"]


@pytest.mark.parametrize("command", SESSIONS)
def test_a_command_prints_what_the_page_shows(command: str, folder: Path, pytestconfig: pytest.Config) -> None:
    done = populace(*command.split(), cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    printed = "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())
    if pytestconfig.getoption("--update-golden"):
        page = PAGE_FILE.read_text("utf-8")
        PAGE_FILE.write_text(page.replace(f"{command}\n{SESSIONS[command]}```", f"{command}\n{printed}```"), "utf-8")
        return
    assert printed == SESSIONS[command]
