"""Limits of the operating system that a process sets on itself, and cannot be talked out of by SQL."""

from __future__ import annotations

import ctypes
import fcntl
import math
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path

PR_SET_NO_NEW_PRIVS = 38
NOBODY = 65534
SPACE_FILE = Path("/proc/self/statm")
HARD_CPU_SECONDS = 5
"""How long after SIGXCPU, which says why the process ends, comes SIGKILL."""


def die_with_parent(lifeline: int) -> None:
    """Let the kernel end this process when the other end of the pipe is closed, whatever the process does then.

    Not PR_SET_PDEATHSIG: that is sent when the *thread* that started the process ends, and a result may be read by
    another thread than the one that asked for it.
    """
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:  # its end can be read already: the parent was faster
        raise SystemExit("the parent is gone")


def confine(*, memory_bytes: int, cpu_seconds: float) -> None:
    """Take from this process what a query does not need.

    Memory and computing time beyond so much more than it has used; any further file or socket; writing files; dumping
    core; and, where it is root, being root. What is open stays open.
    """
    cpu_limit = math.ceil(time.process_time() + cpu_seconds)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_limit, cpu_limit + HARD_CPU_SECONDS))
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    if (used_bytes := _address_space_bytes()) is not None:
        _limit(resource.RLIMIT_AS, used_bytes + memory_bytes)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    _limit(resource.RLIMIT_NOFILE, _lowest_free_file())


def _limit(kind: int, value: int) -> None:
    resource.setrlimit(kind, (value, value))


def _lowest_free_file() -> int:
    """The number that the next file would have; with no number from there on allowed, nothing can be opened."""
    number = os.dup(0)
    os.close(number)
    return number


def _address_space_bytes() -> int | None:
    """What is mapped now; None where the system does not say (macOS, which has no such limit either)."""
    return int(SPACE_FILE.read_text().split()[0]) * resource.getpagesize() if SPACE_FILE.exists() else None
