"""The life of an import: uploaded, started, cancelled, failed; what is kept of it and for how long."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

import populace
from engine.errors import InvalidValueError, InvalidWriteError
from engine.storage.file_imports import ImportStatus
from ingest.csv_import.reader import parts
from ingest.workspace import Workspace
from tests.test_csv_import import kept_upload, settings_of, state_of, written


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    populace.init(tmp_path / "shop").close()
    with populace.open(tmp_path / "shop") as workspace:
        yield workspace


def test_uploads_are_kept_whole_or_not_at_all(shop: Workspace, tmp_path: Path) -> None:
    path = written(tmp_path, [["email"], ["ada@x.example"]])
    folder = shop.path / "imports"
    (folder / "broken-off").mkdir(parents=True)
    (folder / "broken-off" / ".source.csv.partial").touch()
    (folder / ".DS_Store").touch()
    under_way = shop.imports.begin_upload()
    item, proposal = kept_upload(shop, path)
    shop.imports.sweep()
    assert sorted(found.name for found in folder.iterdir()) == sorted([".DS_Store", item.id, under_way._folder.name])
    under_way.close()
    assert not under_way._folder.exists()
    # Cancelled before it was started, it is over at once; it cannot be started then.
    assert shop.imports.cancel(item.id).state is ImportStatus.CANCELLED
    with pytest.raises(InvalidWriteError, match="is cancelled"):
        shop.imports.start(item.id, proposal.settings)
    # What was brought in is not kept as a file any more.
    item, proposal = kept_upload(shop, path)
    shop.imports.start(item.id, proposal.settings)
    assert shop.imports.run(item.id).state is ImportStatus.DONE
    assert not list((folder / item.id).iterdir())
    with pytest.raises(InvalidWriteError, match="upload it again"):
        shop.imports.propose_for(item.id)


def test_what_goes_away_meanwhile_ends_an_import_with_its_reason(shop: Workspace, tmp_path: Path) -> None:
    shop.fields.define("color", "text")
    path = written(tmp_path, [["email", "color"], ["ada@x.example", "red"]])
    item = shop.imports.begin(path, settings_of(["email", "color"]))
    shop.fields.retire("color")
    with pytest.raises(InvalidValueError, match="no field"):
        shop.imports.run(item.id)
    failed = shop.imports.get(item.id)
    assert (failed.state, "color" in str(failed.problem)) == (ImportStatus.FAILED, True)


def test_nothing_comes_in_once_an_import_is_cancelled(
    shop: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if the process ends in that moment: that it is cancelled is on record before anybody is told."""
    monkeypatch.setattr("ingest.csv_import.running.parts", partial(parts, part_bytes=4_000))
    path = written(tmp_path, [["email"], *([f"p{number}@x.example"] for number in range(4_000))])
    item = shop.imports.begin(path, settings_of(["email"]))
    seen: list[tuple[ImportStatus, int]] = []

    def cancel() -> bool:
        if not seen and shop.imports.get(item.id).counts.row_count:
            cancelled = shop.imports.cancel(item.id)
            seen.append((cancelled.state, len(state_of(shop))))
            assert shop.imports.get(item.id) == cancelled
            with pytest.raises(InvalidWriteError, match="nothing to cancel"):
                shop.imports.cancel(item.id)
        return False

    done = shop.imports.run(item.id, should_stop=cancel, portion_rows=100)
    ((state, count),) = seen
    assert (state, done.state) == (ImportStatus.CANCELLED, ImportStatus.CANCELLED)
    assert len(state_of(shop)) == count == done.counts.row_count < 4_000
    shop.imports.delete(item.id)
    assert not shop.imports.all()


def test_an_import_is_deleted_once_it_is_no_longer_worked_on(shop: Workspace, tmp_path: Path) -> None:
    path = written(tmp_path, [["email"], *([f"p{number}@x.example"] for number in range(60_000))])
    item = shop.imports.begin(path, settings_of(["email"]))
    deleted: list[bool] = []

    def delete() -> None:
        shop.imports.delete(item.id)
        deleted.append(shop.imports._current is None)

    deleting = threading.Thread(target=delete)

    def cancel() -> bool:
        if not deleting.ident:
            shop.imports.cancel(item.id)
            deleting.start()
            time.sleep(0.2)
            assert not deleted
        return False

    assert shop.imports.run(item.id, should_stop=cancel, portion_rows=1_000).state is ImportStatus.CANCELLED
    deleting.join(60)
    assert deleted == [True]
