"""Works on the imports of all open workspaces that run, one after the other, in a thread of its own."""

from __future__ import annotations

import time

import structlog

from api.worker import OpenWorkspaces, Worker
from engine.errors import DatasetError, PopulaceError
from engine.storage.file_imports import ImportStatus
from ingest.csv_import.running import SHARED_PORTION_ROWS
from ingest.workspace import Workspace

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.2
AGAIN_SECONDS = 5.0


class Importer(Worker):
    """Works from `start` to `stop`. What it does not end goes on when a server has the workspace again."""

    def __init__(self, open_workspaces: OpenWorkspaces) -> None:
        super().__init__("populace-imports")
        self._open_workspaces = open_workspaces
        self._swept: set[str] = set()
        self._paused_until: dict[str, float] = {}

    def _run(self) -> None:
        while not self._is_stopping.wait(LOOK_SECONDS):
            for workspace_id, workspace in self._open_workspaces().items():
                if self._paused_until.get(workspace_id, 0.0) > time.monotonic():
                    continue
                try:
                    self._work_on(workspace_id, workspace)
                except DatasetError as error:  # it has failed, and says so
                    log.warning("import_failed", workspace=workspace_id, error=str(error))
                except Exception as error:  # imports of others must not end with this one
                    known = isinstance(error, PopulaceError)
                    log.error("import_stopped", workspace=workspace_id, error=str(error), exc_info=not known)
                    self._paused_until[workspace_id] = time.monotonic() + AGAIN_SECONDS

    def _work_on(self, workspace_id: str, workspace: Workspace) -> None:
        """Bring the oldest import that runs to its end, if there is one."""
        if workspace_id not in self._swept:
            workspace.imports.sweep()
            self._swept.add(workspace_id)
        if not workspace.imports.may_run:
            return
        running = [item for item in workspace.imports.all() if item.state is ImportStatus.RUNNING]
        if not running:
            workspace.imports.may_run = False
            return
        item = workspace.imports.run(
            running[-1].id, should_stop=self._is_stopping.is_set, portion_rows=SHARED_PORTION_ROWS
        )
        log.info("import", workspace=workspace_id, id=item.id, state=item.state, rows=item.counts.row_count)
