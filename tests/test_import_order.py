"""Imports: again they change nothing; in any order, in any parts, and with files twice, they give the same store."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import populace
from engine.storage import StoreSettings
from engine.storage.content_hash import content_hash
from engine.storage.store import Store
from ingest.dataset import open_dataset
from ingest.generator import generate_dataset
from ingest.importing import ImportReport, import_dataset
from ingest.workspace import Workspace
from tests.engine_under_test import write_dataset
from tests.test_import_against_model import EMAILS, INSTANTS, LISTS, NOW, SMALL

SEED = 20_260_601
PART_COUNT = 3

Rows = Sequence[Mapping[str, Any]]
Dataset = Mapping[str, Rows]


# --- whole datasets ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def generated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every table, with several thousand rows."""
    folder = tmp_path_factory.mktemp("generated") / "dataset"
    generate_dataset(folder, contact_count=300, event_count=6_000, seed=SEED)
    return folder


@pytest.fixture(params=["cdnow", "generated"])
def dataset(request: pytest.FixtureRequest, shared: Path, generated: Path) -> Path:
    """A folder that was made elsewhere, in CSV, and one of our own, in Parquet."""
    return shared / "data" / "cdnow" if request.param == "cdnow" else generated


@contextmanager
def imported(*folders: Path) -> Iterator[Workspace]:
    """A new workspace, into which folders came one after the other."""
    with TemporaryDirectory() as scratch, populace.init(Path(scratch) / "shop") as shop:
        for folder in folders:
            shop.import_dataset(folder)
        yield shop


def hash_of(*folders: Path) -> str:
    """The content of a workspace into which folders came, which must be sound."""
    with imported(*folders) as shop:
        assert shop.check().is_clean
        return shop.content_hash()


def tables_of(folder: Path) -> dict[str, pl.DataFrame]:
    """The rows of all tables; of CSV as texts."""
    names = ("contacts", "timeline", "custom_events", "lists", "subscriptions")
    tables = {}
    for name in names:
        if (folder / f"{name}.csv").is_file():
            tables[name] = pl.read_csv(folder / f"{name}.csv", infer_schema=False)
        elif (folder / f"{name}.parquet").is_file() or (folder / name).is_dir():
            path = folder / f"{name}.parquet"
            tables[name] = pl.read_parquet(path if path.is_file() else folder / name)
    return tables


def write_tables(tables: Mapping[str, pl.DataFrame], folder: Path, *, part_count: int = 1) -> Path:
    """A dataset folder of tables: each one file as it came, or several parts in Parquet."""
    folder.mkdir()
    for name, table in tables.items():
        is_text = set(table.dtypes) == {pl.String}
        if is_text:
            table.write_csv(folder / f"{name}.csv")
        else:
            (folder / name).mkdir()
            for number in range(part_count):
                table[number::part_count].write_parquet(folder / name / f"{number}.parquet")
    return folder


def test_importing_again_changes_nothing(dataset: Path) -> None:
    with imported(dataset) as shop:
        before, generation = shop.content_hash(), shop._store.generation()
        entry_count = shop._store.row_count("timeline")
        for _ in range(2):
            report = shop.import_dataset(dataset)
            assert not report.has_changes
            assert all(not rows.new and not rows.changed for rows in report.merged.values())
        assert shop.content_hash() == before
        assert shop._store.generation() == generation
        assert shop._store.row_count("timeline") == entry_count


def test_the_order_of_rows_and_of_parts_does_not_matter(dataset: Path, tmp_path: Path) -> None:
    tables = tables_of(dataset)
    shuffled = {name: table.sample(fraction=1, shuffle=True, seed=SEED) for name, table in tables.items()}
    assert any(not table.equals(shuffled[name]) for name, table in tables.items())
    folder = write_tables(shuffled, tmp_path / "shuffled", part_count=PART_COUNT)
    assert hash_of(folder) == hash_of(dataset)


def test_files_that_are_there_twice_count_once(dataset: Path, tmp_path: Path) -> None:
    tables = tables_of(dataset)
    assert "timeline" not in tables or tables["timeline"]["id"].null_count() == 0  # what has no id would count twice
    twice = {name: pl.concat([table, table.reverse()]) for name, table in tables.items()}
    folder = write_tables(twice, tmp_path / "twice", part_count=PART_COUNT)
    assert hash_of(folder) == hash_of(dataset)


def test_datasets_of_a_part_of_the_contacts_give_the_same_in_any_order_and_repeated(
    dataset: Path, tmp_path: Path
) -> None:
    tables = tables_of(dataset)
    folders = []
    for number in range(PART_COUNT):
        part = {
            name: table.filter(pl.col("email").hash(seed=1) % PART_COUNT == number) if name != "lists" else table
            for name, table in tables.items()
        }
        folders.append(write_tables(part, tmp_path / str(number)))
    expected = hash_of(dataset)
    assert hash_of(folders[2], folders[0], folders[2], folders[1], folders[0]) == expected
    assert hash_of(dataset, *folders) == expected


# --- tiny ones --------------------------------------------------------------------------------------------------------


def _rows(required: Mapping[str, Any], optional: Mapping[str, Any], key: Sequence[str], most: int = 4) -> Any:
    """Rows that have a key of their own: of two rows with one key the last counts, and order matters."""
    rows = st.fixed_dictionaries(
        dict(required), optional={name: st.none() | values for name, values in optional.items()}
    )
    return st.lists(rows, max_size=most, unique_by=lambda row: tuple(row[name] for name in key))


TIMELINE = {"email": EMAILS, "kind": st.sampled_from(["open_email", "custom_event.order"]), "occurred_at": INSTANTS}
DATASETS = st.fixed_dictionaries(
    {
        "contacts": _rows(
            {"email": EMAILS},
            {"first_name": st.just("Ann"), "phone": st.sampled_from(["+4930123456", "x"]), "external_id": SMALL,
             "tags": st.lists(SMALL, max_size=2, unique=True), "created_at": INSTANTS},
            ["email"],
        ),
        "subscriptions": _rows(
            {"email": EMAILS, "list_id": LISTS, "status": st.sampled_from(["active", "unsubscribed", "bounced"])},
            {"created_at": INSTANTS},
            ["email", "list_id"],
        ),
        "custom_events": _rows(
            {"email": EMAILS, "event_name": st.just("order"), "external_id": SMALL, "occurred_at": INSTANTS},
            {"goal_value": st.integers(0, 2), "deleted_at": INSTANTS},
            ["event_name", "external_id", "occurred_at"],
        ),
    },
    optional={
        "lists": _rows({"id": LISTS, "name": SMALL}, {"is_public": st.booleans()}, ["id"]),
        "timeline": st.tuples(
            _rows({**TIMELINE, "id": SMALL}, {"entity_id": SMALL}, ["id"]),
            st.lists(st.fixed_dictionaries(TIMELINE, optional={"entity_id": SMALL}), max_size=4),
        ).map(lambda parts: [*parts[0], *parts[1]]),
    },
)  # fmt: skip


@settings(max_examples=settings().max_examples // 40)
@given(dataset=DATASETS, chance=st.randoms(use_true_random=False))
def test_any_dataset_gives_the_same_however_it_is_cut_and_repeated(
    dataset: dict[str, list[dict[str, Any]]], chance: random.Random
) -> None:
    """Rows in another order; the parts of each contact as datasets of their own, in any order, some of them twice."""
    expected, report = _hash_of_datasets([dataset, dataset])
    assert not report.has_changes
    shuffled = {name: chance.sample(rows, len(rows)) for name, rows in dataset.items()}
    assert _hash_of_datasets([shuffled])[0] == expected
    parts = [_part(shuffled, email) for email in ("a@x.example", "b@x.example", "c@x.example")]
    parts += chance.sample(parts, 2)
    chance.shuffle(parts)
    assert _hash_of_datasets(parts)[0] == expected
    assert _hash_of_datasets([dataset, *parts])[0] == expected


def _part(dataset: Dataset, email: str) -> dict[str, Rows]:
    """What a dataset has of one contact, and all lists; which there are is said by all subscriptions otherwise."""
    part: dict[str, Rows] = {}
    part |= {name: [row for row in rows if row.get("email", email) == email] for name, rows in dataset.items()}
    if "lists" not in dataset:
        names = sorted({row["list_id"] for row in dataset["subscriptions"]})
        part["lists"] = [{"id": name, "name": name} for name in names]
    return part


def _hash_of_datasets(datasets: Sequence[Dataset]) -> tuple[str, ImportReport]:
    """The content of a store into which datasets came, and what the last one did."""
    with TemporaryDirectory() as scratch:
        shutil.copy(_empty_store(), Path(scratch) / "store.duckdb")
        numbers = count()
        with Store.open(Path(scratch) / "store.duckdb", StoreSettings(threads=1)) as store:
            for dataset in datasets:
                folder = Path(scratch) / str(next(numbers))
                folder.mkdir()
                write_dataset(dataset, folder)
                report = import_dataset(store, open_dataset(folder), clock=lambda: NOW)
            return content_hash(store), report


@cache
def _empty_store() -> Path:
    path = Path(mkdtemp()) / "store.duckdb"
    Store.create(path, StoreSettings(threads=1)).close()
    return path


def test_the_events_of_a_contact_lie_together_on_disk(tmp_path: Path) -> None:
    rows = [
        {"email": f"c{number % 3}@x.example", "kind": "open_email", "occurred_at": f"2026-05-{number + 1:02}T00:00:00Z"}
        for number in range(9)
    ]
    contacts = [{"email": f"c{number}@x.example"} for number in range(3)]
    with populace.init(tmp_path / "w") as workspace:
        for part, ids in (("first", "abcdefghi"), ("second", "jklmnopqr")):
            (tmp_path / part).mkdir()
            timeline = [{**row, "id": event_id} for row, event_id in zip(rows, ids, strict=True)]
            write_dataset({"contacts": contacts, "timeline": timeline}, tmp_path / part)
            workspace.import_dataset(tmp_path / part)
        found = [number for (number,) in workspace._store.rows("SELECT contact_id FROM timeline ORDER BY rowid")]
        assert found == [*sorted(found[:9]), *sorted(found[9:])]
