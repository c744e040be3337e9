"""Who may open a workspace: one process that writes, or any number that only read."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import shlex
import sys
from contextlib import suppress
from pathlib import Path

from engine.errors import StoreError

LOCK_FILE = "owner.lock"

_NOT_WRITABLE = frozenset({errno.EROFS, errno.EACCES, errno.EPERM})


class Ownership:
    """A hold on a workspace folder, given back by `release` or with the end of the process, however it ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    @classmethod
    def take(cls, folder: Path, *, read_only: bool) -> Ownership:
        """Hold the folder, alone unless `read_only`. Raises: StoreError naming the process that holds it."""
        path = folder / LOCK_FILE
        try:
            access = os.O_RDONLY if read_only else os.O_RDWR  # a folder that nobody may write can be read
            descriptor = os.open(path, access | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            hint = "; let populace write there, or only read it" if error.errno in _NOT_WRITABLE else ""
            raise StoreError(f"{folder}: cannot be locked: {path}: {error.strerror}{hint}") from error
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if read_only else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = _holder(path)
            os.close(descriptor)
            raise StoreError(f"{folder}: is in use by {holder}; wait until it is done, or stop it") from error
        except OSError as error:
            os.close(descriptor)
            raise StoreError(f"{folder}: cannot be locked: {error.strerror}") from error
        if not read_only:
            _sign(descriptor)
        return cls(descriptor)

    def release(self) -> None:
        """Let others have the folder. Calling it twice is fine."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _sign(descriptor: int) -> None:
    """Write down who holds the folder; a full disk must not keep anybody out."""
    signature = {"process": os.getpid(), "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])[:500]}
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(signature).encode(), 0)


def _holder(path: Path) -> str:
    """The process that holds the lock, in words; "another process" where it cannot be told."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        signature = json.loads(path.read_bytes())
        process, command = int(signature["process"]), str(signature["command"])
        if process in _lock_holders(path, default={process}):
            return f"process {process} ({command})"
    with suppress(OSError):
        readers = sorted(_lock_holders(path, default=set()))
        if readers:
            return f"process {readers[0]}, which reads it"
    return "another process"


def _lock_holders(path: Path, *, default: set[int]) -> set[int]:
    """The processes that hold a lock on the file, as Linux lists them; elsewhere the default."""
    locks = Path("/proc/locks")
    if not locks.exists():
        return default
    inode = str(path.stat().st_ino)
    fields = [line.split() for line in locks.read_text("ascii").splitlines()]
    return {int(line[4]) for line in fields if "->" not in line and line[5].rpartition(":")[2] == inode}
