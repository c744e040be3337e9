"""The folder of a workspace: how it is made, recognised and held."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from shutil import rmtree

from engine.errors import StoreError
from engine.storage.connection import StoreSettings, store_errors
from engine.storage.ownership import LOCK_FILE, Ownership
from engine.storage.scratch_folder import scratch_folder
from engine.storage.store import Store
from engine.storage.whole_file import umask

STORE_FILE = "store.duckdb"


def make_workspace(folder: Path, *, default_zone: str, created_at: datetime) -> None:
    """Make a folder that must not be there yet, or be empty: whole, or not at all. Raises: StoreError."""
    with new_workspace(folder) as path:
        Store.create(path, default_zone=default_zone, created_at=created_at).close()


@contextmanager
def new_workspace(folder: Path) -> Iterator[Path]:
    """The path at which the block makes the store of a new workspace; its folder appears when the block ends.

    Raises: StoreError for a folder that is not empty, before the block begins.
    """
    if (folder / STORE_FILE).exists():
        raise StoreError(f"{folder}: is a workspace already")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StoreError(f"{folder}: is there and not empty; name a new folder for the workspace")
    with store_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with scratch_folder(f".{folder.name[:100]}.", beside=folder.parent) as aside:
            yield aside / STORE_FILE
            (aside / LOCK_FILE).touch()
            aside.chmod(0o777 & ~umask())
            aside.rename(folder)


@contextmanager
def opened_workspace(
    folder: Path, settings: StoreSettings | None = None, *, read_only: bool = False
) -> Iterator[Store]:
    """The store of a workspace, held while the block runs: by this process alone, unless it is only read.

    What a killed process left half made is removed. Raises: StoreError if the folder is no workspace, another process
    holds it, or a newer populace wrote it.
    """
    path = folder / STORE_FILE
    if not path.is_file():
        what = "is no workspace" if folder.is_dir() else "is not there" if not folder.exists() else "is no folder"
        raise StoreError(f"{folder}: {what}; make one with: populace init {folder}")
    ownership = Ownership.take(folder, read_only=read_only)
    try:
        if not read_only:
            _clear(folder)
        with Store.open(path, settings, read_only=read_only) as store:
            yield store
    finally:
        ownership.release()


def _clear(folder: Path) -> None:
    """Remove the scratch folders of processes that were killed: nobody else works here now."""
    for path in folder.iterdir():
        if path.is_dir() and path.name.startswith((".import-", ".published-", ".rewrite-")):
            rmtree(path, ignore_errors=True)
