"""The tables that scripts read, as Parquet files with the types that a snapshot has."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from engine.compile import tables
from engine.definition.fields import FieldType
from engine.storage import Store


def write_parquet(store: Store, fields: Mapping[str, FieldType], folder: Path) -> None:
    """One file for each table."""
    cursor = store.cursor()
    for table in tables(fields):
        names = ", ".join(f'"{name}"' for name in table.columns)
        cursor.execute(f"COPY (SELECT {names} FROM {table.name}) TO '{folder / table.name}.parquet' (FORMAT parquet)")
