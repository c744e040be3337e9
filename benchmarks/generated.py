"""The generated data that the benchmarks read: made once, and kept."""

from __future__ import annotations

import os
import time
from pathlib import Path

from engine.storage import Store, StoreSettings
from engine.storage.loading import TimelineOrder
from engine.storage.migrations import latest_version
from ingest.dataset import StopAtFirstBadRow, open_dataset
from ingest.generator import generate_dataset
from ingest.load import load_dataset

CONTACTS, EVENTS, SEED = 1_000_000, 20_000_000, 20
MEMORY_BYTES = 3 * 2**30
DATA = Path(os.environ.get("POPULACE_BENCH_DATA", Path(__file__).parent / "data"))


def generated_store(contacts: int, events: int, order: TimelineOrder = TimelineOrder.KIND_CONTACT) -> Store:
    """The store with the generated data; made where it is not there yet."""
    folder = DATA / f"{contacts}x{events}-{SEED}"
    path = folder / f"{order.name.lower()}-schema-{latest_version()}.duckdb"
    settings = StoreSettings(memory_bytes=MEMORY_BYTES)
    if path.exists():
        return Store.open(path, settings)
    dataset = open_dataset(generated(contacts, events), bad_rows=StopAtFirstBadRow())
    started = time.perf_counter()
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with Store.create(partial, settings) as store:
        load_dataset(store, dataset, order=order, on_table=lambda name: print(f"loading {name}", flush=True))
    partial.rename(path)
    print(f"loaded in {time.perf_counter() - started:.1f} s", flush=True)
    return Store.open(path, settings)


def generated(contacts: int, events: int) -> Path:
    """The folder of the generated dataset; made where it is not there yet."""
    folder = DATA / f"{contacts}x{events}-{SEED}" / "dataset"
    if not folder.exists():
        started = time.perf_counter()
        generate_dataset(folder, contact_count=contacts, event_count=events, seed=SEED)
        print(f"generated in {time.perf_counter() - started:.1f} s", flush=True)
    return folder
