"""A dataset folder into a workspace's store: read completely, then merged in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from engine.errors import DatasetError, shown
from engine.storage import Store
from engine.storage.custom_fields import fields_in_use, stored_fields
from engine.storage.interruption import run_interruptibly
from engine.storage.loading import TimelineOrder
from engine.storage.merging import MergedRows, merge
from engine.storage.scratch_folder import scratch_folder
from ingest.dataset import Dataset
from ingest.load import DatasetReport, OnTable, load_dataset


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What was read, and what became of it. `merged` has the tables that the dataset has, and lists that it implies."""

    read: DatasetReport
    merged: Mapping[str, MergedRows]

    @property
    def has_changes(self) -> bool:
        """Whether the import changed anything."""
        return any(rows.new or rows.changed for rows in self.merged.values())


def import_dataset(
    store: Store, dataset: Dataset, *, clock: Callable[[], datetime], on_table: OnTable | None = None
) -> ImportReport:
    """Bring a dataset into a store. The same dataset once more changes nothing. `clock` says when it came in.

    - Contacts are known by their e-mail, lists by their id, subscriptions by contact and list: a row that is known
      updates the columns that it gives, and an empty cell removes a value.
    - Timeline events are known by their id, versions of custom events by name, external id and instant: a row that is
      known is replaced. Events without an id are told apart by all that they hold.

    Raises: DatasetError, BadRowError for what is wrong in a file; StoreError when memory or disk do not suffice;
    KeyboardInterrupt. Nothing is changed then.
    """
    columns = {
        name: [column.name for column in table.columns] for name, table in dataset.known_tables.items() if table.partial
    }
    _check_fields(store, dataset)

    def work() -> ImportReport:
        # All of it, with the removal of what it leaves behind: what is committed is not said to have been stopped.
        with (
            scratch_folder(".import-", beside=store.path.parent) as scratch,
            store.attached(scratch / "arrived.duckdb") as arrived,
        ):
            read = load_dataset(arrived, dataset, order=TimelineOrder.ARRIVAL, on_table=on_table, to_merge_into=store)
            if on_table is not None:
                on_table("into the workspace")
            merged = merge(store, arrived, columns=columns, custom_fields=dataset.custom_fields, clock=clock)
        implied = {"lists"} if "subscriptions" in dataset.tables else set()
        shown = {name: rows for name, rows in merged.items() if name in {*dataset.tables, *implied}}
        return ImportReport(read, shown)

    return run_interruptibly(store, work)


def _check_fields(store: Store, dataset: Dataset) -> None:
    """Raises: DatasetError if the dataset was opened for custom fields that the store does not have, or no longer."""
    with store.cursor() as cursor:
        known = fields_in_use(stored_fields(cursor))
    for key, kind in dataset.custom_fields.items():
        if known.get(key) is not kind:
            raise DatasetError("contacts", f"were opened with {shown(key)} as a {kind} field, which is not there")
