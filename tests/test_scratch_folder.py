"""Scratch folders leave nothing behind, wherever Ctrl-C strikes."""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

from engine.storage import scratch_folder as module
from engine.storage.scratch_folder import scratch_folder


def test_an_interruption_at_any_line_leaves_no_folder_behind(tmp_path: Path) -> None:
    """The n-th line of the module that runs is interrupted, for every n until the last one has had its turn."""
    for n in count(1):
        if not _interrupted_at_line(n, tmp_path):
            break
        assert list(tmp_path.iterdir()) == [], f"line {n}"
    assert n > 3


def _interrupted_at_line(n: int, folder: Path) -> bool:
    """Make and leave a scratch folder; whether it was interrupted before its last line was reached."""
    seen = 0
    is_removing = False

    def on_line(frame: FrameType, event: str, _: object) -> Any:
        nonlocal seen, is_removing
        if frame.f_code.co_filename != module.__file__:
            return None
        if event == "line" and not is_removing:
            seen += 1
            is_removing = "rmtree" in Path(module.__file__).read_text("utf-8").splitlines()[frame.f_lineno - 1]
            if seen == n and not is_removing:
                raise KeyboardInterrupt
        return on_line

    before = sys.gettrace()
    sys.settrace(on_line)
    try:
        with scratch_folder("work-", beside=folder) as path:
            assert path.is_dir()
            assert path.stat().st_mode & 0o777 == 0o700
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False
