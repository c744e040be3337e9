"""The methods of a workspace that keep it safe and sound: snapshot, compact, check."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from engine.execute.check import CheckReport, check_store
from engine.execute.check.check import OnInvariant
from engine.storage import Store
from engine.storage.compaction import Compaction, compact
from engine.storage.snapshot import SnapshotReport, write_snapshot
from engine.storage.snapshot.publishing import OnPart


class KeepingMethods:
    """Mixed into a workspace, which has its store."""

    _store: Store

    def snapshot(self, folder: str | Path, *, on_part: OnPart | None = None) -> SnapshotReport:
        """Write everything into a folder as Parquet; what did not change since the last snapshot there is kept.

        Rules: see docs/snapshots.md. Raises: SnapshotError for a folder that cannot be used, StoreError.
        """
        return write_snapshot(self._store, Path(folder), created_at=datetime.now(UTC), on_part=on_part)

    def compact(self) -> Compaction:
        """Write the file anew, without the room and the bytes of what was removed; its size before and after.

        Raises: StoreError if somebody goes on reading, the workspace is only read, or the disk does not suffice.
        """
        return compact(self._store)

    def check(self, *, on_invariant: OnInvariant | None = None) -> CheckReport:
        """Look at everything that must hold, and say what does not; nothing is changed. Raises: StoreError."""
        return check_store(self._store, on_invariant=on_invariant)
