"""A workspace whose clock goes on when it is told to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import populace
from engine.storage.workspace_folder import opened_workspace
from ingest.segment_methods import Preview
from ingest.workspace import Workspace
from tests.definitions import Json, segment
from tests.engine_under_test import write_dataset

START = datetime(2026, 3, 1, 10, tzinfo=UTC)


class Shop(Workspace):
    """A workspace whose clock goes on by an hour when it is told to."""

    at = START

    def later(self) -> datetime:
        """The next hour."""
        self.at += timedelta(hours=1)
        return self.at

    def found(self, tree: Json, as_of: datetime) -> Preview:
        read = populace.read_segment(segment(tree), fields=self.fields.of_definitions)
        return self.preview([read], as_of=as_of)

    def who(self, tree: Json, as_of: datetime) -> list[str]:
        return list(self.found(tree, as_of).segments[0].sample)

    def take(self, folder: Path, **tables: Any) -> None:
        """Import a dataset."""
        folder.mkdir()
        write_dataset(tables, folder)
        self.import_dataset(folder)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    populace.init(tmp_path / "shop").close()
    with ExitStack() as stack:
        store = stack.enter_context(opened_workspace(tmp_path / "shop"))
        shop: Shop
        shop = Shop(tmp_path / "shop", store, stack.pop_all(), clock=lambda: shop.at)
        with shop:
            yield shop
