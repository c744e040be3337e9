"""The timeline of a contact page by page: each entry once, whatever happened at one instant."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

import populace
from api.http.cursors import cursor_text, next_cursor, place_in_timeline_of
from engine.errors import InvalidValueError
from engine.execute.timeline_pages import Place, TimelineEntry
from ingest.workspace import Workspace
from tests.engine_under_test import write_dataset

ADA = "ada@example.com"
AT = "2026-01-02T00:00:00Z"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    with populace.init(tmp_path / "shop") as shop:
        shop.upsert({"email": ADA, "created_at": "2026-01-01T00:00:00Z"})
        yield shop


def pages(shop: Workspace, limit: int) -> list[TimelineEntry]:
    """All entries, as a client that follows the cursors gets them."""
    found: list[TimelineEntry] = []
    before: Place | None = None
    while True:
        page = shop.timeline(ADA, before=before, limit=limit)
        found += page.entries
        if page.next_before is None:
            return found
        before = place_in_timeline_of(next_cursor(page.next_before))


@pytest.mark.parametrize("limit", [1, 3, 4, 100])
def test_custom_events_of_one_instant_are_all_on_some_page(shop: Workspace, limit: int) -> None:
    """In the same order whatever the size of pages; `a:b` `c` and `a` `b:c` are two events."""
    keys = [*(("order", str(number)) for number in range(10)), ("a:b", "c"), ("a", "b:c"), ("a", "x" * 60_000)]
    events = [{"email": ADA, "event_name": name, "external_id": key, "occurred_at": AT} for name, key in keys]
    assert all(one.error is None for one in shop.events.record_custom_many(events))
    found = [item for item in pages(shop, limit) if item.kind.startswith("custom_event.")]
    assert sorted((item.kind, str(item.entity_id)) for item in found) == sorted(
        (f"custom_event.{name}", key) for name, key in keys
    )
    assert len({item.number for item in found}) == len(keys)
    assert found == [item for item in pages(shop, 5) if item.kind.startswith("custom_event.")]


def test_the_id_of_a_custom_event_stays_whatever_becomes_of_it(shop: Workspace) -> None:
    """A new version is the same event; only the key tells events apart."""
    order = {"email": ADA, "event_name": "order", "external_id": "1"}
    shop.events.record_custom({**order, "occurred_at": AT})
    (first,) = (item for item in pages(shop, 9) if item.kind == "custom_event.order")
    shop.events.record_custom({**order, "occurred_at": "2026-01-03T00:00:00Z", "properties": {"n": 1}})
    (second,) = (item for item in pages(shop, 9) if item.kind == "custom_event.order")
    assert (first.number, first.properties, second.properties) == (second.number, None, {"n": 1})


def test_custom_events_of_files_are_told_apart_from_written_ones(tmp_path: Path, shop: Workspace) -> None:
    order = {"email": ADA, "event_name": "order", "occurred_at": AT}
    shop.events.record_custom({**order, "external_id": "written"})
    rows = [{**order, "external_id": f"file-{number}"} for number in range(3)]
    folder = tmp_path / "data"
    folder.mkdir()
    write_dataset({"contacts": [{"email": ADA}], "custom_events": rows}, folder)
    shop.import_dataset(folder)
    ids = [item.entity_id for item in pages(shop, 1) if item.kind == "custom_event.order"]
    assert sorted(map(str, ids)) == ["file-0", "file-1", "file-2", "written"]


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_entries_of_one_instant_come_by_number_the_latest_first(shop: Workspace, limit: int) -> None:
    """By their numbers as numbers: what was told last comes first, also beyond the 9th and the 99th."""
    events = [{"email": ADA, "kind": "visit", "occurred_at": AT, "entity_id": str(number)} for number in range(110)]
    shop.events.record_many(events)
    found = [item.entity_id for item in pages(shop, limit) if item.kind == "visit"]
    assert found == [str(number) for number in reversed(range(110))]


@pytest.mark.parametrize(
    "text", ["t99", "c0", "c12", "", "t", "y", "t" + "9" * 20, "c" + "g" * 32, "t" + "0" * 19 + "\n"]
)
def test_a_place_of_another_kind_is_refused(shop: Workspace, text: str) -> None:
    """Those of earlier versions too: their order was another one, and entries would be lost."""
    with pytest.raises(InvalidValueError, match=r"^cursor: .* is no cursor"):
        place_in_timeline_of(cursor_text([AT, text]))
    with pytest.raises(InvalidValueError, match=r"^before: .* next_before"):
        shop.timeline(ADA, before=(datetime(2026, 1, 2, tzinfo=UTC), text), limit=2)


@pytest.mark.parametrize("at", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "now", "2026-13-01", ""])
def test_an_instant_that_cannot_be_is_no_cursor(at: str) -> None:
    """Also where it would be one in its own zone, and lies beyond all instants of UTC."""
    with pytest.raises(InvalidValueError, match=r"^cursor: .* is no cursor"):
        place_in_timeline_of(cursor_text([at, "t" + "0" * 19]))
