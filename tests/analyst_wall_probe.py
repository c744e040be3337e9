"""Run as a process: try what the check of statements would refuse, behind the walls that are named.

Walls: `settings` (the connection as the worker opens it), `landlock` and `limits` (of the operating system).
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb

from engine.execute.analyst.confinement import SPACE_FILE, confine
from engine.execute.analyst.engine import files_to_read, open_published, warm_up
from engine.execute.analyst.landlock import read_only_these

GIBIBYTE = 1 << 30


def main() -> None:
    walls, published, folder = set(sys.argv[1].split("+")), sys.argv[2], Path(sys.argv[3])
    if "landlock" in walls:
        read_only_these([*files_to_read(published), SPACE_FILE])
    if "settings" in walls:
        connection = open_published(published, memory_bytes=GIBIBYTE)
    else:
        connection = duckdb.connect(published, read_only=True)
    warm_up(connection)
    if "limits" in walls:
        confine(memory_bytes=GIBIBYTE, cpu_seconds=60)
    attempts: dict[str, Callable[[], object]] = {
        name: partial(_execute, connection, sql) for name, sql in json.loads(sys.argv[4]).items()
    }
    attempts |= {
        "python: read a file": (folder / "data.csv").read_bytes,
        "python: write a file": lambda: (folder / "written").write_text("x"),
        "python: write to an open file": lambda: os.write(3, b"x"),
        "python: open a socket": _open_socket,
        "python: make a folder": (folder / "made").mkdir,
        "python: remove a file": (folder / "removed").unlink,
        "python: signal another process": lambda: os.kill(os.getppid(), 0),
        "python: start a program": lambda: subprocess.run(["true"], check=True),
        "python: take much memory": lambda: len(bytearray(2 * GIBIBYTE)),
    }
    told = {}
    for name, attempt in attempts.items():
        try:
            told[name] = "nothing" if attempt() == [] else "done"
        except (duckdb.Error, OSError, MemoryError) as error:
            told[name] = f"{type(error).__name__}: {error}"
    sys.stdout.write(json.dumps(told))


def _execute(connection: duckdb.DuckDBPyConnection, sql: str) -> object:
    """Rows; none of them is what a reader finds that finds no file."""
    done = connection.cursor().execute(sql)
    return done.fetchall() if done.description else None


def _open_socket() -> None:
    socket.socket().close()


if __name__ == "__main__":
    main()
