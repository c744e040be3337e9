"""Landlock: a process gives up the file system, all but what it is to read. Linux from 5.13; elsewhere there is none.

Source: https://docs.kernel.org/userspace-api/landlock.html
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""Numbers of the system calls, the same on every architecture but Alpha."""
_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38

_READ_FILE = 1 << 2
_FILE_ACTIONS = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
"""What can be forbidden, by the version that brought it: to read, write, make, remove, move, truncate, ioctl."""
_NET_ACTIONS = {4: 0b11}
"""To bind and to connect."""
_SCOPES = {6: 0b11}
"""To reach abstract sockets and to signal processes outside."""


class _Ruleset(ctypes.Structure):
    _fields_ = (("file_actions", ctypes.c_uint64), ("net_actions", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def read_only_these(paths: Iterable[Path]) -> bool:
    """Give up every file but those to read, and those beneath; files that are open stay so. False without Landlock.

    To be called before there are threads: it binds the one that calls, and those that it starts.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    none = ctypes.c_uint32(0)
    version = libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(_VERSION_FLAG))
    if version < 1:
        return False
    ruleset = _Ruleset(_up_to(_FILE_ACTIONS, version), _up_to(_NET_ACTIONS, version), _up_to(_SCOPES, version))
    size = ctypes.c_size_t(ctypes.sizeof(ruleset))
    rules = _checked(libc.syscall(_CREATE_RULESET, ctypes.byref(ruleset), size, none))
    for path in paths:
        if path.exists():
            file = os.open(path, os.O_PATH | os.O_CLOEXEC)
            beneath = _PathBeneath(_READ_FILE, file)
            _checked(libc.syscall(_ADD_RULE, rules, _RULE_PATH_BENEATH, ctypes.byref(beneath), none))
            os.close(file)
    _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(libc.syscall(_RESTRICT_SELF, rules, none))
    os.close(rules)
    return True


def _up_to(actions: dict[int, int], version: int) -> int:
    return sum(bits for since, bits in actions.items() if since <= version)


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result
