"""`populace snapshot` and `populace restore`: a workspace as Parquet files, and back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.markup import escape

from api.cli.console import finish_undisturbed, out, print_json
from api.cli.options import AsJson, MemoryLimit, Quiet, WorkspaceFolder, memory_bytes
from api.cli.progress import RunProgress
from engine.storage import StoreSettings
from engine.storage.snapshot import Manifest, SnapshotFile, restore_workspace
from ingest.workspace import Workspace


def snapshot(
    workspace: WorkspaceFolder,
    folder: Annotated[Path, typer.Argument(help="Folder for snapshots of this workspace alone.", metavar="DIR")],
    memory_limit: MemoryLimit = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write a whole workspace into a folder as Parquet: events by month, every other table as one file, and a manifest.

    The snapshot that is there before is replaced at once, when the new one is complete; files of months and tables
    that did not change are kept. It holds all that the workspace holds, its secret included.

    Example: populace snapshot shop backup
    """
    started = time.perf_counter()
    with (
        Workspace.open(workspace, read_only=True, memory_bytes=memory_bytes(memory_limit)) as opened,
        RunProgress.on_terminal(quiet=quiet or as_json) as shown,
    ):
        report = opened.snapshot(folder, on_part=shown.on_part)
        finish_undisturbed()
    seconds = time.perf_counter() - started
    manifest = report.manifest
    if as_json:
        print_json(
            {
                **_manifest_as_json(manifest),
                "written": [file.path for file in report.written],
                "kept": [file.path for file in report.kept],
                "removed": report.removed_count,
                "seconds": round(seconds, 6),
            }
        )
        return
    for file in report.written:
        out.print(f"written: {file.path} ({file.rows:,} rows, {decimal(file.bytes)})", soft_wrap=True)
    out.print(
        f"[bold]{escape(str(folder))}[/]: {sum(manifest.row_counts.values()):,} rows in {_amount(manifest.files)}; "
        f"{_amount(report.written)} written, {_amount(report.kept)} kept, in {seconds:.2f} s",
        soft_wrap=True,
    )


def restore(
    snapshot: Annotated[Path, typer.Argument(help="Folder of a snapshot.", metavar="SNAPSHOT")],
    workspace: Annotated[Path, typer.Argument(help="Folder to make; it must not be there yet, or be empty.")],
    memory_limit: MemoryLimit = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make a new workspace from a snapshot, of this or of an earlier populace: whole, or not at all.

    Every file is verified first; a snapshot with a file that is missing or was changed is refused.

    Example: populace restore backup shop
    """
    started = time.perf_counter()
    with RunProgress.on_terminal(quiet=quiet or as_json) as shown:
        settings = StoreSettings(memory_bytes=memory_bytes(memory_limit))
        report = restore_workspace(snapshot, workspace, settings, on_part=shown.on_part)
        finish_undisturbed()
    seconds = time.perf_counter() - started
    manifest = report.manifest
    if as_json:
        print_json(
            {
                **_manifest_as_json(manifest),
                "content_hash": report.content_hash,
                "is_content_compared": report.is_content_compared,
                "seconds": round(seconds, 6),
            }
        )
        return
    here = escape(str(workspace))
    out.print(
        f"[bold]{here}[/] is the workspace of {manifest.created_at}: {sum(manifest.row_counts.values()):,} rows, "
        f"in {seconds:.2f} s. Next: populace check {here}",
        soft_wrap=True,
    )


def _manifest_as_json(manifest: Manifest) -> dict[str, object]:
    return {
        "created_at": manifest.created_at,
        "schema_version": manifest.schema_version,
        "content_hash": manifest.content_hash,
        "rows": manifest.row_counts,
        "files": len(manifest.files),
        "bytes": sum(file.bytes for file in manifest.files),
    }


def _amount(files: tuple[SnapshotFile, ...]) -> str:
    return f"{len(files):,} {'file' if len(files) == 1 else 'files'} ({decimal(sum(file.bytes for file in files))})"
