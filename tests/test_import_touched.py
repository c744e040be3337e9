"""Whom an import touches: those of whom something is other than before, and nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import populace
from ingest.workspace import Workspace
from tests.engine_under_test import write_dataset

ADA, BO, CY = ({"email": f"{name}@x.example"} for name in ("ada", "bo", "cy"))
AT, LATER = "2026-05-01T10:00:00Z", "2026-05-02T10:00:00Z"
OPENED = {"kind": "open_email", "occurred_at": AT}
ORDER = {"event_name": "order", "external_id": "1", "occurred_at": AT}

Touched = Callable[..., list[str]]


@pytest.fixture
def touched(tmp_path: Path) -> Iterator[Touched]:
    """The names of those whom the last of several imports touches."""

    def names(*datasets: dict[str, Any]) -> list[str]:
        with populace.init(tmp_path / "shop") as shop:
            for number, dataset in enumerate(({"contacts": [ADA, BO, CY]}, *datasets)):
                shop.recompute()
                assert shop._store.rows("FROM touched") == []
                take(shop, tmp_path / str(number), dataset)
            query = "SELECT DISTINCT email FROM touched JOIN contacts USING (contact_id) ORDER BY email"
            return [email.split("@")[0] for (email,) in shop._store.rows(query)]

    yield names


def take(shop: Workspace, folder: Path, dataset: dict[str, Any]) -> None:
    folder.mkdir()
    write_dataset(dataset, folder)
    shop.import_dataset(folder)


def test_the_first_rows_of_a_table(touched: Touched) -> None:
    assert touched({"timeline": [{**ADA, **OPENED}]}) == ["ada"]


def test_new_changed_and_equal_contacts(touched: Touched) -> None:
    new = {"email": "di@x.example"}
    assert touched({"contacts": [{**ADA, "country": "DE"}, BO, new]}) == ["ada", "di"]


def test_the_same_once_more_touches_nobody(touched: Touched) -> None:
    dataset = {
        "contacts": [{**ADA, "country": "DE"}],
        "timeline": [{**BO, **OPENED}, {**BO, **OPENED, "id": "e1"}],
        "custom_events": [{**CY, **ORDER}],
        "subscriptions": [{**CY, "list_id": "news", "status": "active"}],
    }
    assert touched(dataset, dataset) == []


def test_an_event_that_is_another_contacts_now(touched: Touched) -> None:
    first, second = ({"timeline": [{**who, **OPENED, "id": "e1"}]} for who in (ADA, BO))
    assert touched(first, second) == ["ada", "bo"]


def test_an_event_without_an_id(touched: Touched) -> None:
    first, second = ({"timeline": [{**who, **OPENED}]} for who in (ADA, BO))
    assert touched(first, second) == ["bo"]


def test_a_version_of_another_contacts_custom_event(touched: Touched) -> None:
    first = {"custom_events": [{**ADA, **ORDER}, {**CY, **ORDER, "external_id": "2"}]}
    assert touched(first, {"custom_events": [{**BO, **ORDER, "occurred_at": LATER}]}) == ["ada", "bo"]


def test_an_event_of_the_timeline_that_is_another_contacts_custom_event(touched: Touched) -> None:
    twin = {"kind": "custom_event.order", "occurred_at": AT, "entity_id": "1"}
    first = {"timeline": [{**ADA, **twin}], "custom_events": [{**CY, **ORDER, "external_id": "2"}]}
    assert touched(first, {"custom_events": [{**BO, **ORDER}]}) == ["ada", "bo"]


def test_a_phone_that_another_contact_can_claim_now(touched: Touched) -> None:
    phone = "+4915112345678"
    first = {"contacts": [{**ADA, "phone": phone}, {**BO, "phone": phone}]}
    assert touched(first, {"contacts": [{**ADA, "phone": None}]}) == ["ada", "bo"]


def test_subscriptions_and_lists(touched: Touched) -> None:
    news = {"id": "news", "name": "News"}
    first = {
        "lists": [news],
        "subscriptions": [{**who, "list_id": "news", "status": "active"} for who in (ADA, BO)],
    }
    bounced = {"subscriptions": [{**BO, "list_id": "news", "status": "bounced"}]}
    assert touched(first, bounced) == ["bo"]


def test_a_list_that_is_deleted(touched: Touched) -> None:
    news = {"id": "news", "name": "News"}
    first = {"lists": [news], "subscriptions": [{**who, "list_id": "news", "status": "active"} for who in (ADA, BO)]}
    assert touched(first, {"lists": [{**news, "deleted_at": AT}]}) == ["ada", "bo"]
