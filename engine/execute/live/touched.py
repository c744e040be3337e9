"""Of whom something was written that was not looked at yet."""

from __future__ import annotations

import duckdb
import numpy as np

from engine.execute.contact_set import ContactIds


def has_touched(cursor: duckdb.DuckDBPyConnection) -> bool:
    """Whether something was written of anybody that was not looked at yet."""
    return cursor.execute("SELECT EXISTS (FROM touched)").fetchall() == [(True,)]


def touched_ids(cursor: duckdb.DuckDBPyConnection) -> ContactIds:
    """Contacts of whom something was written; one may stand there several times."""
    contact_ids: ContactIds = cursor.sql("SELECT contact_id FROM touched").to_arrow_table().column(0).to_numpy()
    return contact_ids


def more_often(now: ContactIds, before: ContactIds) -> ContactIds:
    """Those who stand there more often than they did."""
    contact_ids, counts = np.unique(now, return_counts=True)
    known, counts_before = np.unique(before, return_counts=True)
    places = np.searchsorted(known, contact_ids).clip(max=max(len(known) - 1, 0))
    if len(known):
        counts = counts - np.where(known[places] == contact_ids, counts_before[places], 0)
    more: ContactIds = contact_ids[counts > 0]
    return more
