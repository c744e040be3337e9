"""Snapshots: a whole workspace as Parquet files, written beside each other and named by one manifest."""

from __future__ import annotations

from engine.storage.snapshot.manifest import Manifest, SnapshotFile, read_manifest
from engine.storage.snapshot.publishing import SnapshotReport, write_snapshot
from engine.storage.snapshot.restoring import RestoreReport, restore_workspace

__all__ = [
    "Manifest",
    "RestoreReport",
    "SnapshotFile",
    "SnapshotReport",
    "read_manifest",
    "restore_workspace",
    "write_snapshot",
]
