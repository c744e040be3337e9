"""Imported first, lets a process find no pandas: only tests bring it along.

Arrow imports it wherever it is, for a third of a second in every command that a test runs.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

COMMAND = "import tests.without_pandas; from api.cli.entry import main; main()"
"""The command `populace`, for `python -c`."""


class _WithoutPandas(PathFinder):
    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return None if fullname == "pandas" else PathFinder.find_spec(fullname, path, target)


sys.meta_path[:] = [_WithoutPandas if finder is PathFinder else finder for finder in sys.meta_path]
