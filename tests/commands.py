"""The command `populace` for tests: each in a process of its own, forked from one that has imported everything.

Imports take most of a second, hundreds of times. Tests about starting and stopping, and about the README, start the
command as a person does.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

ROOT = Path(__file__).parents[1]
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "COLUMNS": "200"}
MOST_SECONDS = 120
_MESSAGE_BYTES = 1 << 20


def populace(*arguments: object, cwd: Path | None = None, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command, with some text as its standard input; what it printed, and its exit code."""
    words = [str(argument) for argument in arguments]
    with TemporaryFile("w+") as stdin, TemporaryFile("w+") as stdout, TemporaryFile("w+") as stderr:
        stdin.write(given)
        stdin.seek(0)
        code = _asked(words, cwd or Path.cwd(), (stdin, stdout, stderr))
        texts = []
        for file in (stdout, stderr):
            file.seek(0)
            texts.append(file.read())
    return subprocess.CompletedProcess(["populace", *words], code, *texts)


def _asked(words: list[str], cwd: Path, files: tuple[IO[str], ...]) -> int:
    server = _server()
    body = json.dumps({"words": words, "cwd": str(cwd)}).encode()
    socket.send_fds(server, [body], [file.fileno() for file in files])
    server.settimeout(2 * MOST_SECONDS)
    answer = server.recv(_MESSAGE_BYTES)
    assert answer, "the process that commands are forked from has ended"
    return int(answer)


@cache
def _server() -> socket.socket:
    """A process that forks commands, for this one alone; it ends with it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    code = f"import tests.without_pandas; from tests.commands import fork_commands; fork_commands({theirs.fileno()})"
    process = subprocess.Popen([sys.executable, "-c", code], env=ENVIRONMENT, pass_fds=[theirs.fileno()], cwd=ROOT)
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait(timeout=MOST_SECONDS)

    atexit.register(end)
    return ours


def fork_commands(descriptor: int) -> None:
    """Fork a command for every request that comes, one after the other, until the other end is closed."""
    from api.cli import entry  # noqa: PLC0415 (in that process alone)
    from api.cli import main as program  # noqa: PLC0415

    assert program
    asking = socket.socket(fileno=descriptor)
    while True:
        body, files, *_ = socket.recv_fds(asking, _MESSAGE_BYTES, 3)
        if not body:
            return
        child = os.fork()
        if child == 0:
            signal.alarm(MOST_SECONDS)  # it ends, whatever it waits for: all that come after wait for it
            asking.close()
            request = json.loads(body)
            for number, file in enumerate(files):
                os.dup2(file, number)
            os.chdir(request["cwd"])
            sys.argv = ["populace", *request["words"]]
            code: object = 1
            try:
                entry.main()
            except SystemExit as end:
                code = end.code
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code if isinstance(code, int) else int(code is not None))
        for file in files:
            os.close(file)
        _, status = os.waitpid(child, 0)
        asking.send(str(os.waitstatus_to_exitcode(status)).encode())
