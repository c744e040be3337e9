"""`populace imports`: imports of files that ended, run or wait."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from api.cli.console import finish_undisturbed, out, print_json, print_table
from api.cli.import_csv import report_import, run_import
from api.cli.options import AsJson, MemoryLimit, Quiet, WorkspaceFolder, memory_bytes
from api.documents.file_import import import_document
from ingest.workspace import Workspace

imports = typer.Typer(
    no_args_is_help=True, rich_markup_mode="markdown", help="See, resume and cancel imports of files."
)

ImportId = Annotated[str, typer.Argument(help="Id of the import.", metavar="IMPORT")]


@imports.command(name="list")
def list_imports(workspace: WorkspaceFolder, as_json: AsJson = False) -> None:
    """List all imports, latest first."""
    with Workspace.open(workspace, read_only=True) as opened:
        items = opened.imports.all()
    if as_json:
        print_json([import_document(item) for item in items])
        return
    if not items:
        out.print("no imports yet; begin one with: populace import-csv")
        return
    table = Table()
    for heading in ("import", "file", "state"):
        table.add_column(heading)
    for heading in ("rows", "new", "changed", "rejected", "done"):
        table.add_column(heading, justify="right")
    for item in items:
        counts = item.counts
        done = f"{item.bytes_done / item.file_bytes:.0%}" if item.file_bytes else ""
        state = f"{item.state}, dry run" if item.is_dry_run else str(item.state)
        numbers = (counts.row_count, counts.new_count, counts.changed_count, counts.rejected_count)
        table.add_row(item.id, escape(item.name), state, *(f"{number:,}" for number in numbers), done)
    print_table(table)


@imports.command()
def resume(
    workspace: WorkspaceFolder,
    import_id: ImportId,
    memory_limit: MemoryLimit = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Go on with an import that was stopped, where it was."""
    with Workspace.open(workspace, memory_bytes=memory_bytes(memory_limit)) as opened:
        item = run_import(opened, opened.imports.get(import_id), quiet=quiet or as_json)
        finish_undisturbed()
    report_import(item, workspace, None, as_json=as_json)


@imports.command()
def cancel(workspace: WorkspaceFolder, import_id: ImportId) -> None:
    """Let an import go no further; what is in stays."""
    with Workspace.open(workspace) as opened:
        opened.imports.cancel(import_id)
        finish_undisturbed()
    out.print(f"cancelled {escape(import_id)}")


@imports.command()
def rejected(workspace: WorkspaceFolder, import_id: ImportId) -> None:
    """Print the rejected rows of an import as CSV: as they were, with the reason, to mend and bring in again."""
    with Workspace.open(workspace, read_only=True) as opened:
        for part in opened.imports.rejected(import_id):
            sys.stdout.buffer.write(part)
    sys.stdout.buffer.flush()


@imports.command()
def delete(workspace: WorkspaceFolder, import_id: ImportId) -> None:
    """Forget an import, with its rejected rows. The contacts that it brought in stay."""
    with Workspace.open(workspace) as opened:
        opened.imports.delete(import_id)
        finish_undisturbed()
    out.print(f"deleted {escape(import_id)}")
