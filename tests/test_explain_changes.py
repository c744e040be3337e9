"""What is said to change a membership is what would: a write leaves traces, and values come in in one form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import populace
from engine.definition import read_segment
from ingest.workspace import Workspace
from tests.definitions import branch, events, field, on_list, segment, tagged

ADA = "ada@x.example"
GERMAN = field("country", "equals", "DE")
NEVER_CHANGED = events("contact.updated", "exactly", 0)
NEVER_TAGGED = events("tag.added", "exactly", 0)
NEVER_ON_A_LIST = events("list.subscribed", "exactly", 0)
LONG_UNTOUCHED = field("updated_at", "more_than_days_ago", "30", field_type="time")
ON_NEWS = on_list("news", status="active")
GONE = events("unsubscribe_email", "at_least", 1)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    path: Path = tmp_path_factory.mktemp("explained") / "shop"
    populace.init(path).close()
    with populace.open(path) as workspace:
        workspace.lists.save("news", name="News")
        workspace.lists.save("deals", name="Deals")
        workspace.upsert({"email": ADA, "country": "FR", "updated_at": "2026-01-01T00:00:00Z"})
        workspace.lists.subscribe(ADA, "news")
        yield workspace


@pytest.mark.parametrize(
    ("tree", "changes"),
    [
        (GERMAN, ('country set to "DE"',)),
        (branch("and", GERMAN, NEVER_CHANGED), ()),
        (branch("and", GERMAN, LONG_UNTOUCHED), ()),
        (branch("and", tagged("vip"), LONG_UNTOUCHED), ()),
        (branch("and", tagged("vip"), NEVER_TAGGED), ()),
        (branch("and", on_list("deals"), events("list.subscribed", "at_most", 1)), ()),
        (branch("and", ON_NEWS, GONE), ()),
        (GONE, ("1 more unsubscribe_email event",)),
        (events("contact.updated", "at_least", 9), ()),
        (field("country", "equals", "de"), ()),
        (field("timezone", "equals", "moonbase"), ()),
        (field("phone", "equals", "+49 30 1234567"), ()),
        (field("language", "equals", "pt-BR"), ('language set to "pt-BR"',)),
        (field("updated_at", "is_not_set", field_type="time"), ()),
    ],
)
def test_only_what_would_do_it_is_said(shop: Workspace, tree: dict[str, Any], changes: tuple[str, ...]) -> None:
    shop.apply([read_segment(segment(tree, "it"))])
    assert shop.explain("it", ADA).changes == changes
