"""A real server process for tests, on a free port of the loopback; it ends with the tests."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from fastapi import FastAPI

import populace
from api.http import serving
from api.http.tokens import Tokens
from ingest.workspace import Workspace
from tests.without_pandas import COMMAND

ROOT = Path(__file__).parents[1]
START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs. `log` is its standard error so far, line by line, `said` what it printed before it began."""

    root: Path
    url: str
    process: subprocess.Popen[bytes]
    log: list[str]
    said: tuple[str, ...]

    def client(self, workspace_id: str, *scopes: str) -> httpx.Client:
        """A client with a new token for a workspace."""
        with Tokens(self.root) as tokens:
            token = tokens.create(workspace_id, scopes or ("admin",))
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def make_workspace(self, workspace_id: str, *, timezone: str = "UTC") -> None:
        """One more workspace for the server, which does not know of it yet."""
        Workspace.create(self.root / workspace_id, timezone=timezone)


@contextmanager
def running_server(root: Path, *options: str, has_tokens: bool = True) -> Iterator[Server]:
    """A server over a folder while the context lasts; it must stop by itself when it is told to."""
    if has_tokens:
        root.mkdir(exist_ok=True)
        if not (root / "main").exists():
            populace.init(root / "main").close()
        with Tokens(root) as tokens:
            tokens.create("main", ["read"])
    command = [sys.executable, "-c", COMMAND, "serve", str(root), "--port", "0", *options]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        log: list[str] = []
        reading = threading.Thread(target=_read, args=(process, log), daemon=True)
        reading.start()
        try:
            yield _started(root, process, log)
        finally:
            if process.poll() is None:
                process.terminate()
            sys.stderr.writelines(line for line in log if '"level":"error"' in line)  # shown where a test has failed
            try:
                process.wait(timeout=60)
            finally:
                process.kill()
            reading.join(timeout=10)


@contextmanager
def serving_in_a_thread(app: FastAPI) -> Iterator[str]:
    """The address of an app that is served in this process while the context lasts."""
    server = serving.server_of(app, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + START_SECONDS
        while not server.started:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=START_SECONDS)


def _read(process: subprocess.Popen[bytes], log: list[str]) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        log.append(line.decode())


def _started(root: Path, process: subprocess.Popen[bytes], log: list[str]) -> Server:
    """The server, once it says where it listens; what it said before that."""
    assert process.stdout is not None
    said: list[str] = []
    too_late = threading.Timer(START_SECONDS, process.kill)
    too_late.start()
    try:
        while line := process.stdout.readline().decode():
            if line.startswith("listening on "):
                return Server(root, line.split()[2].rstrip(","), process, log, tuple(said))
            said.append(line)
    finally:
        too_late.cancel()
    raise AssertionError(f"the server did not start: {process.wait()}, {log}")
