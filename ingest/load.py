"""A dataset folder into an empty store, with a report of what became of its rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pyarrow as pa

from engine.storage import Store
from engine.storage.known_rows import add_known_contacts, add_known_lists
from engine.storage.loading import (
    LoadedRows,
    TimelineOrder,
    drop_events_counted_twice,
    load_contacts,
    load_custom_events,
    load_lists,
    load_subscriptions,
    load_timeline,
    order_timeline,
)
from engine.storage.merging import prepare_arrivals
from engine.storage.suppressed import drop_suppressed
from ingest.dataset import Dataset

OnTable = Callable[[str], None]
"""Called with the name of each table before it is loaded."""


@dataclass(frozen=True, slots=True)
class TableReport:
    """Rows of one table: `read` = kept + set_aside + replaced + unknown_contact + unknown_list + counted_twice."""

    read: int
    kept: int
    set_aside: int
    replaced: int
    unknown_contact: int
    unknown_list: int
    counted_twice: int


@dataclass(frozen=True, slots=True)
class DatasetReport:
    """What became of every row of a dataset. `unknown_zone` counts contacts whose time zone is no IANA name."""

    tables: Mapping[str, TableReport]
    unknown_zone: int


def load_dataset(
    store: Store,
    dataset: Dataset,
    *,
    order: TimelineOrder,
    on_table: OnTable | None = None,
    to_merge_into: Store | None = None,
) -> DatasetReport:
    """Fill an empty store from a dataset.

    If it is to be merged into another store, its rows keep which columns they give, and events and subscriptions may be
    of contacts and lists that only the other store has.
    Raises: DatasetError, BadRowError for what is wrong in a file; StoreError when memory or disk do not suffice.
    """
    lists_are_given = "lists" in dataset.tables
    keep_given = to_merge_into is not None
    if keep_given:
        prepare_arrivals(store, dataset.custom_fields)
    loaders: dict[str, Callable[[pa.RecordBatchReader], LoadedRows]] = {
        "contacts": lambda batches: load_contacts(store, batches, keep_given=keep_given),
        "timeline": lambda batches: load_timeline(store, batches),
        "custom_events": lambda batches: load_custom_events(store, batches),
        "lists": lambda batches: load_lists(store, batches, keep_given=keep_given),
        "subscriptions": lambda batches: load_subscriptions(
            store, batches, lists_are_given=lists_are_given, keep_given=keep_given
        ),
    }
    loaded: dict[str, LoadedRows] = {}
    for name, load in loaders.items():
        if name in dataset.tables:
            if on_table is not None:
                on_table(name)
            loaded[name] = _loaded(dataset, name, load)
        if to_merge_into is not None and name == "contacts":
            drop_suppressed(to_merge_into, store)  # what is theirs then belongs to nobody, as a stranger's does
            add_known_contacts(store, to_merge_into)
        if to_merge_into is not None and name == "lists":
            add_known_lists(store, to_merge_into)
    counted_twice = 0
    if {"timeline", "custom_events"} <= loaded.keys():
        with store.transaction() as cursor:
            counted_twice = drop_events_counted_twice(cursor)
    order_timeline(store, order)
    tables = {
        name: _table_report(dataset, name, rows, counted_twice if name == "timeline" else 0)
        for name, rows in loaded.items()
    }
    return DatasetReport(tables, unknown_zone=store.count_unknown_zones())


def _loaded(dataset: Dataset, name: str, load: Callable[[pa.RecordBatchReader], LoadedRows]) -> LoadedRows:
    """Load one table. What goes wrong while reading arrives through Arrow as text, so the error itself is raised."""
    try:
        return load(dataset.batches(name))
    except Exception:
        if dataset.failure is not None:
            raise dataset.failure from None
        raise


def _table_report(dataset: Dataset, name: str, rows: LoadedRows, counted_twice: int) -> TableReport:
    counts = dataset.row_counts[name]
    return TableReport(
        read=counts.read,
        kept=rows.kept - counted_twice,
        set_aside=counts.set_aside,
        replaced=rows.replaced,
        unknown_contact=rows.unknown_contact,
        unknown_list=rows.unknown_list,
        counted_twice=counted_twice,
    )
