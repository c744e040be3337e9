"""What identities and lists were until a write changed them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import duckdb

from engine.storage.arrow_rows import contact_ids, insert, instants, numbers, table_of, texts


def write_earlier_identities(
    cursor: duckdb.DuckDBPyConnection, owners: Mapping[str, int | None], *, sequence: int, until_at: datetime
) -> None:
    """Keep who had identities (None: nobody) until an instant (naive, UTC)."""
    if owners:
        columns = {
            "sequence": numbers([sequence] * len(owners)),
            "identity": texts([*owners]),
            "owner_id": contact_ids([*owners.values()]),
            "until_at": instants([until_at] * len(owners)),
        }
        insert(cursor, "earlier_identities", table_of(columns))


def write_earlier_lists(
    cursor: duckdb.DuckDBPyConnection, deleted: Mapping[str, datetime | None], *, sequence: int, until_at: datetime
) -> None:
    """Keep when lists had been deleted (None: not) until an instant. All instants are naive, in UTC."""
    if deleted:
        columns = {
            "sequence": numbers([sequence] * len(deleted)),
            "list_id": texts([*deleted]),
            "deleted_at": instants([*deleted.values()]),
            "until_at": instants([until_at] * len(deleted)),
        }
        insert(cursor, "earlier_lists", table_of(columns))
