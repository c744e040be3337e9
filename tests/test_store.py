"""One store, many threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.storage import Store


def test_threads_read_and_write_at_the_same_time(tmp_path: Path) -> None:
    with Store.create(tmp_path / "store.duckdb") as store:

        def work(number: int) -> int:
            with store.transaction() as cursor:
                cursor.execute("INSERT INTO lists (id) VALUES ($1)", [str(number)])
            return store.row_count("lists")

        with ThreadPoolExecutor(16) as pool:
            counts = list(pool.map(work, range(200)))
        assert store.row_count("lists") == 200
        assert all(1 <= count <= 200 for count in counts)


def test_a_transaction_that_fails_leaves_nothing(tmp_path: Path) -> None:
    with Store.create(tmp_path / "store.duckdb") as store:
        with pytest.raises(ZeroDivisionError), store.transaction() as cursor:
            cursor.execute("INSERT INTO lists (id) VALUES ('half')")
            raise ZeroDivisionError
        assert store.row_count("lists") == 0


def test_an_interrupted_store_refuses_work_until_it_is_resumed(tmp_path: Path) -> None:
    with Store.create(tmp_path / "store.duckdb") as store:
        threading.Thread(target=store.interrupt).start()
        with pytest.raises(KeyboardInterrupt):
            while True:
                store.row_count("lists")
        store.resume()
        assert store.row_count("lists") == 0
