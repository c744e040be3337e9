"""The workspaces of a server: folders in its root, each held by it alone and live."""

from __future__ import annotations

import re
import threading
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from engine.errors import CallerError, StoreError
from engine.storage import StoreSettings
from engine.storage.workspace_folder import STORE_FILE
from ingest.workspace import Workspace

WORKSPACE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
LEAST_MEMORY_BYTES = 256 * 2**20


class UnknownWorkspaceError(CallerError):
    """A server has no such workspace, or none that the asker may know of."""

    def __init__(self) -> None:
        super().__init__("no such workspace; workspace_id is the name of its folder")


class Workspaces:
    """Opens the workspaces of a root folder, and keeps them open. Close it, or use it in `with`. From any thread."""

    def __init__(self, root: Path, *, memory_bytes: int | None = None) -> None:
        self.root = root
        self._opening = threading.Lock()
        self._open: dict[str, Workspace] = {}
        self._is_closed = False
        self._memory_bytes = StoreSettings(memory_bytes=memory_bytes).memory_limit_bytes

    def open_all(self) -> None:
        """Open every workspace that is there. Raises: StoreError, and has closed all then."""
        ids = workspace_ids(self.root)
        with ExitStack() as stack, self._opening:
            opened = {name: stack.enter_context(self._opened(name, len(ids))) for name in ids}
            stack.pop_all()
            self._open = opened

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of those that are open, sorted."""
        return tuple(sorted(self._open))

    def get(self, workspace_id: str) -> Workspace:
        """A workspace, opened if it was made since the others were. Raises: UnknownWorkspaceError, StoreError."""
        workspace = self._open.get(workspace_id)
        if workspace is not None:
            return workspace
        with self._opening:
            if self._is_closed or workspace_id not in workspace_ids(self.root):
                raise UnknownWorkspaceError
            if workspace_id not in self._open:
                self._open = {**self._open, workspace_id: self._opened(workspace_id, len(self._open) + 1)}
            return self._open[workspace_id]

    def opened(self, workspace_id: str) -> Workspace | None:
        """A workspace that is open; None for every other one."""
        return self._open.get(workspace_id)

    def all_open(self) -> dict[str, Workspace]:
        """Those that are open, by id."""
        return dict(self._open)

    def close(self) -> None:
        """Commit what waits, bring the logs into the files, and give all back. Calling it twice is fine."""
        with self._opening:
            opened, self._open, self._is_closed = self._open, {}, True
            for workspace in opened.values():
                workspace.close()

    def _opened(self, workspace_id: str, count: int) -> Workspace:
        share = max(self._memory_bytes // count, LEAST_MEMORY_BYTES)
        return Workspace.open(self.root / workspace_id, live=True, memory_bytes=share)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def workspace_ids(root: Path) -> list[str]:
    """The ids of the workspaces in a root folder, sorted. Raises: StoreError for a folder that cannot be read."""
    try:
        return sorted(
            path.name for path in root.iterdir() if WORKSPACE_ID.fullmatch(path.name) and (path / STORE_FILE).is_file()
        )
    except OSError as error:
        raise StoreError(f"{root}: {error.strerror or error}") from None
