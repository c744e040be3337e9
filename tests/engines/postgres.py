"""A PostgreSQL server of our own, in a folder of its own on a free port of this machine."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg

from engine.compile import DIALECTS, tables, tables_script
from engine.definition.fields import FieldType
from engine.storage import Store
from tests.engines.engine import Member

_FOLDERS = (Path("/usr/lib/postgresql"), Path("/usr/pgsql"), Path("/opt/homebrew/opt/postgresql"))
_START_SECONDS = 60


def postgres_folder() -> Path | None:
    """The folder of initdb and pg_ctl; None where there is none. Debian keeps them off the PATH."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).parent
    places = [place for folder in _FOLDERS if folder.is_dir() for place in folder.glob("*/bin")]
    return max((place for place in places if (place / "initdb").exists()), default=None)


class Postgres:
    """A connection to a server that is ours alone."""

    dialect = "postgres"

    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]]) -> None:
        self._connection = connection
        self.address = f"host=127.0.0.1 port={connection.info.port} user=tests dbname=postgres"

    def fill(self, store: Store, fields: Mapping[str, FieldType], folder: Path) -> None:
        """Make the tables anew, with the rows of the store."""
        self.drop()
        cursor = store.cursor()
        self._execute(tables_script(fields, DIALECTS[self.dialect]))
        for table in tables(fields):
            names = ", ".join(f'"{name}"' for name in table.columns)
            rows = cursor.execute(f"SELECT {names} FROM {table.name}").fetchall()
            statement = f"COPY {table.name} ({names}) FROM STDIN"
            with self._connection.cursor() as writing, writing.copy(statement) as copy:
                for row in rows:
                    copy.write_row(row)

    def drop(self) -> None:
        """Leave no table."""
        for table in tables({}):
            self._execute(f"DROP TABLE IF EXISTS {table.name}")

    def members(self, sql: str) -> list[Member]:
        """The rows of a script."""
        return [(segment_id, contact_id) for segment_id, contact_id in self.rows(sql)]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query."""
        return self._execute(sql).fetchall()

    def _execute(self, sql: str) -> psycopg.Cursor[tuple[Any, ...]]:
        return self._connection.execute(sql)


@contextmanager
def running_postgres(binaries: Path) -> Iterator[Postgres]:
    """A server while the context lasts. It refuses to run as root: then it runs as nobody.

    Its folder is none of pytest's, which nobody but their owner may enter.
    """
    with TemporaryDirectory(prefix="populace-postgres-") as name, ExitStack() as stack:
        folder, as_someone = Path(name), list[str]()
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
            as_someone = ["setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups"]
        stack.enter_context(_server(binaries, folder, as_someone, port := _free_port()))
        with psycopg.connect(f"host=127.0.0.1 port={port} user=tests dbname=postgres", autocommit=True) as connection:
            yield Postgres(connection)


@contextmanager
def _server(binaries: Path, folder: Path, as_someone: list[str], port: int) -> Iterator[None]:
    data, log = folder / "data", folder / "log"
    # A locale that sorts otherwise than by code point, so that no answer depends on it.
    locale = ["--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"]
    make = ["initdb", "-D", str(data), *locale, "--auth=trust", "--username=tests", "--no-sync"]
    _run([*as_someone, str(binaries / make[0]), *make[1:]], folder)
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    control = [*as_someone, str(binaries / "pg_ctl"), "-D", str(data), "-w", "-t", str(_START_SECONDS), "-l", str(log)]
    _run([*control, "-o", options, "start"], folder)
    try:
        yield
    finally:
        _run([*control, "-m", "immediate", "stop"], folder)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0, (command, done.stderr)
