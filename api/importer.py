"""Works on the imports of all open workspaces that run, one after the other, in a thread of its own."""

from __future__ import annotations

import time

import structlog

from api.worker import OpenWorkspaces, Worker
from engine.errors import CallerError
from ingest.csv_import.running import SHARED_PORTION_ROWS
from ingest.workspace import Workspace

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.2
AGAIN_SECONDS = 30.0


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
                try:
                    self._look_at(workspace_id, workspace)
                except Exception as error:  # imports of others must not end with those of this one
                    log.error("imports_not_read", workspace=workspace_id, exc_info=error)

    def _look_at(self, workspace_id: str, workspace: Workspace) -> None:
        """Bring the oldest import that runs and can go on to its end, if there is one."""
        if workspace_id not in self._swept:
            self._swept.add(workspace_id)
            workspace.imports.sweep()
        for item in workspace.imports.running():
            if self._paused_until.get(item.id, 0.0) <= time.monotonic():
                self._work_on(workspace_id, workspace, item.id)
                return

    def _work_on(self, workspace_id: str, workspace: Workspace, import_id: str) -> None:
        try:
            item = workspace.imports.run(
                import_id, should_stop=self._is_stopping.is_set, portion_rows=SHARED_PORTION_ROWS
            )
            log.info("import", workspace=workspace_id, id=item.id, state=item.state, rows=item.counts.row_count)
        except CallerError as error:  # it has failed, and says so, or it goes on when there is room or its file is back
            log.warning("import_stopped", workspace=workspace_id, id=import_id, error=str(error))
            self._paused_until[import_id] = time.monotonic() + AGAIN_SECONDS
        except Exception as error:  # it has failed; those behind it go on
            log.error("import_failed", workspace=workspace_id, id=import_id, exc_info=error)
            self._paused_until[import_id] = time.monotonic() + AGAIN_SECONDS
