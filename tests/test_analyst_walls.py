"""Behind the check of statements stand two walls more, each of which holds on its own."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.published import published_file

ROOT = Path(__file__).parents[1]

READS = {
    "read text": "SELECT content FROM read_text('{folder}/data.csv')",
    "read csv": "SELECT * FROM read_csv('{folder}/data.csv')",
    "read a file by its name": "SELECT * FROM '{folder}/data.csv'",
    "list files": "SELECT * FROM glob('{folder}/*')",
    "sniff a file": "SELECT * FROM sniff_csv('{folder}/data.csv')",
    "attach a file": "ATTACH '{folder}/other.duckdb' AS other (READ_ONLY); FROM other.base_secret",
    "query a text that reads": "SELECT * FROM query('SELECT content FROM read_text(''{folder}/data.csv'')')",
}
WRITES = {
    "copy to a file": "COPY (SELECT 1) TO '{folder}/stolen.csv'",
    "copy within a CTE": "WITH x AS (COPY (SELECT 1) TO '{folder}/stolen.parquet') SELECT * FROM x",
    "export": "EXPORT DATABASE '{folder}/exported'",
}
SETTINGS = {
    "allow external access": "SET enable_external_access = true",
    "take more memory": "SET GLOBAL memory_limit = '100GB'",
    "take more threads": "SET GLOBAL threads = 64",
    "unlock": "SET GLOBAL lock_configuration = false",
    "write temporary files": "SET GLOBAL temp_directory = '{folder}/temporary'",
    "reset": "RESET GLOBAL memory_limit",
    "load an extension of a file": "LOAD '{folder}/data.csv'",
}
ON_THE_DATA = {
    "insert": "INSERT INTO base_lists VALUES ('x', 'y')",
    "delete within a CTE": "WITH x AS (DELETE FROM base_lists RETURNING *) SELECT * FROM x",
    "drop": "DROP VIEW contacts",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that anybody may use: it is not to be the rights of a file that stop the probe."""
    folder = Path(tempfile.mkdtemp(dir=tmp_path))
    (folder / "removed").touch()
    (folder / "data.csv").write_text("word\nstolen\n")
    published_file(folder).rename(folder / "other.duckdb")
    above = [path for path in folder.parents if path.is_relative_to(tempfile.gettempdir())]
    for path in (folder, *folder.iterdir(), *above[:-1]):
        path.chmod(0o777)
    return folder


def outcomes(walls: str, folder: Path, published: Path, statements: dict[str, str]) -> dict[str, str]:
    """What became of each statement, and of what Python itself tries, behind the walls."""
    # What gives no rows of its own gives one if it goes through.
    texts = {name: sql if name in READS else f"{sql}; SELECT 1" for name, sql in statements.items()}
    sql = json.dumps({name: text.format(folder=folder) for name, text in texts.items()})
    with (folder / "open").open("wb") as file:
        done = subprocess.run(
            [sys.executable, "-m", "tests.analyst_wall_probe", walls, published, folder, sql],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            preexec_fn=lambda: os.dup2(file.fileno(), 3),
            pass_fds=[3],
        )
    told: dict[str, str] = json.loads(done.stdout)
    return told


@pytest.fixture
def published(tmp_path: Path) -> Path:
    return published_file(tmp_path)


def files_of(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_without_walls_all_of_it_works(folder: Path, published: Path) -> None:
    """The control: what the tests below see fail does not fail for a reason of its own."""
    told = outcomes("none", folder, published, {**READS, **WRITES})
    assert {name: words for name, words in told.items() if words != "done"} == {}
    assert files_of(folder) >= {"stolen.csv", "stolen.parquet", "exported", "written", "made"}


def test_the_connection_alone_lets_nothing_in_or_out(folder: Path, published: Path) -> None:
    before = published.read_bytes()
    statements = {**READS, **WRITES, **SETTINGS, **ON_THE_DATA}
    told = outcomes("settings", folder, published, statements)
    assert [name for name in statements if told[name] == "done"] == []
    assert not files_of(folder) & {"stolen.csv", "stolen.parquet", "exported", "temporary"}
    assert published.read_bytes() == before


def test_the_limits_alone_let_nothing_in_or_out(folder: Path, published: Path) -> None:
    """But for folders made and files removed, which need no file to be opened; those are Landlock's."""
    told = outcomes("limits", folder, published, {**READS, **WRITES})
    assert {name for name, words in told.items() if words == "done"} <= {
        "python: make a folder",
        "python: remove a file",
        "python: signal another process",
    }
    assert files_of(folder) - {"exported", "made"} <= {"data.csv", "other.duckdb", "open", "removed"}
    assert (folder / "open").stat().st_size == 0


def test_landlock_alone_leaves_one_file_to_read(folder: Path, published: Path) -> None:
    if ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), ctypes.c_uint32(1)) < 1:
        pytest.skip("NO LANDLOCK: this kernel has none")
    before = files_of(folder)
    told = outcomes("landlock", folder, published, {**READS, **WRITES})
    # It knows of paths: not of memory, nor of what was open before.
    assert {name for name, words in told.items() if words == "done"} <= {
        "python: write to an open file",
        "python: open a socket",
        "python: take much memory",
    }
    assert files_of(folder) == before | {"open"}


def test_all_walls_together_leave_nothing(folder: Path, published: Path) -> None:
    before = files_of(folder)
    told = outcomes("settings+landlock+limits", folder, published, {**READS, **WRITES, **SETTINGS, **ON_THE_DATA})
    assert [name for name, words in told.items() if words == "done"] == []
    assert files_of(folder) == before | {"open"}
