"""Imports into a workspace to which single writes were made: what they did not give stays, and nobody is left over."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import populace
from engine.errors import UnknownContactError
from ingest.workspace import Workspace
from ingest.writes.write import Outcome
from tests.engine_under_test import write_dataset

ADA, BOB = "ada@example.com", "bob@example.com"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    with populace.init(tmp_path / "shop") as shop:
        shop.upsert_many([{"email": ADA}, {"email": BOB}])
        shop.lists.save("news", is_public=True, welcome_template_id="w", unsubscribe_template_id="g")
        yield shop
        assert shop.check().is_clean


def dataset(shop: Workspace, **tables: Sequence[Mapping[str, Any]]) -> Path:
    folder = shop.path.parent / f"dataset-{len(list(shop.path.parent.iterdir()))}"
    folder.mkdir()
    write_dataset(tables, folder)
    return folder


def subscription(shop: Workspace, email: str = ADA, list_id: str = "news") -> list[tuple[Any, ...]]:
    return shop._store.rows(
        """
        SELECT s.status, s.created_at, s.updated_at FROM subscriptions AS s
        JOIN identities AS i ON i.contact_id = s.contact_id WHERE i.identity = 'email:' || $1 AND s.list_id = $2
        """,
        [email, list_id],
    )


def test_a_list_keeps_its_templates_when_a_file_renames_it(shop: Workspace) -> None:
    shop.import_dataset(dataset(shop, lists=[{"id": "news", "name": "The news", "is_double_optin": True}]))
    state = shop.lists.get("news")
    assert (state.name, state.is_public, state.is_double_optin) == ("The news", True, True)
    assert (state.welcome_template_id, state.unsubscribe_template_id) == ("w", "g")


def test_a_subscription_keeps_the_instant_of_the_last_choice(shop: Workspace) -> None:
    shop.lists.subscribe(ADA, "news")
    ((_, _, chosen_at),) = subscription(shop)
    row = {"email": ADA, "list_id": "news", "status": "active", "created_at": "2020-01-01T00:00:00Z"}
    shop.import_dataset(dataset(shop, subscriptions=[row]))
    assert subscription(shop) == [("active", datetime(2020, 1, 1), chosen_at)]
    before = chosen_at.replace(tzinfo=UTC) - timedelta(seconds=1)
    assert shop.lists.set_status(ADA, "news", "unsubscribed", at=before) is Outcome.UNCHANGED


def test_a_status_from_a_file_is_chosen_when_the_file_comes(shop: Workspace) -> None:
    shop.lists.save("double", is_public=True, is_double_optin=True)
    shop.lists.subscribe(ADA, "double", source="form")
    ((_, created_at, asked_at),) = subscription(shop, list_id="double")
    shop.import_dataset(dataset(shop, subscriptions=[{"email": ADA, "list_id": "double", "status": "active"}]))
    ((status, still_created_at, chosen_at),) = subscription(shop, list_id="double")
    assert (status, still_created_at) == ("active", created_at)
    assert chosen_at > asked_at


@pytest.mark.parametrize("statuses", [("active", "unsubscribed"), ("unsubscribed", "active")])
@pytest.mark.parametrize("is_known", [True, False])
def test_a_contact_with_two_emails_in_a_file_has_one_subscription(
    shop: Workspace, statuses: tuple[str, str], is_known: bool
) -> None:
    if is_known:
        shop.lists.subscribe(ADA, "news")
    shop.merge([ADA, BOB])
    rows = [
        {"email": email, "list_id": "news", "status": status}
        for email, status in zip((ADA, BOB), statuses, strict=True)
    ]
    shop.import_dataset(dataset(shop, subscriptions=rows))
    assert [status for status, *_ in subscription(shop)] == [statuses[1]]


@pytest.mark.parametrize("refused", ["unsubscribed", "bounced", "complained"])
@pytest.mark.parametrize("status", ["active", "pending", "unsubscribed", "bounced", "complained"])
def test_a_file_never_overwrites_what_was_refused(shop: Workspace, refused: str, status: str) -> None:
    shop.lists.set_status(ADA, "news", refused)
    before = subscription(shop)
    folder = dataset(shop, subscriptions=[{"email": ADA, "list_id": "news", "status": status}])
    assert not shop.import_dataset(folder).has_changes
    assert subscription(shop) == before


@pytest.mark.parametrize("kind", ["phone", "external_id"])
def test_what_a_file_removes_names_nobody_and_what_it_replaces_still_does(shop: Workspace, kind: str) -> None:
    old, new = {"phone": ("+4930123456", "+4930123457"), "external_id": ("1", "2")}[kind]
    shop.upsert({"email": ADA, kind: old})
    shop.import_dataset(dataset(shop, contacts=[{"email": ADA, kind: new}]))
    assert shop.upsert({kind: old, "first_name": "Ada"}) is Outcome.UPDATED
    shop.upsert({"email": ADA, kind: new})
    shop.import_dataset(dataset(shop, contacts=[{"email": ADA, kind: None}]))
    with pytest.raises(UnknownContactError):
        shop.identities({"kind": kind, "value": new})


def test_what_the_oldest_gives_up_names_the_next_one_that_a_file_brought_with_it(shop: Workspace) -> None:
    shop.upsert({"email": ADA, "phone": "+4930123456"})
    shop.import_dataset(dataset(shop, contacts=[{"email": BOB, "phone": "+4930123456"}]))
    (first, *_) = shop.identities({"kind": "phone", "value": "+4930123456"})
    assert first.value == ADA
    shop.import_dataset(dataset(shop, contacts=[{"email": ADA, "phone": None}]))
    (first, *_) = shop.identities({"kind": "phone", "value": "+4930123456"})
    assert first.value == BOB


@pytest.mark.parametrize("suppress", [True, False])
@pytest.mark.parametrize("comes_itself", [True, False])
def test_who_is_erased_while_files_are_read_is_not_half_there(
    shop: Workspace, suppress: bool, comes_itself: bool
) -> None:
    """An import reads for minutes, and takes who is known for known."""
    event = {"email": BOB, "kind": "open_email", "occurred_at": "2026-01-01T00:00:00Z"}
    contacts = {"contacts": [{"email": BOB, "first_name": "Bob"}]} if comes_itself else {}
    order = {"email": BOB, "event_name": "order", "external_id": "1", "occurred_at": "2026-01-01T00:00:00Z"}
    folder = dataset(shop, **contacts, timeline=[event], custom_events=[order])

    def erase_before_the_end(step: str) -> None:
        if step == "into the workspace":
            shop.erase(BOB, suppress=suppress)

    shop.import_dataset(folder, on_table=erase_before_the_end)
    is_back = comes_itself and not suppress
    for table in ("identities", "timeline", "custom_events"):
        rows = shop._store.rows(f"SELECT count(*) > 0 FROM {table} WHERE contact_id > 1")
        assert rows == [(is_back,)], table
    assert len(shop._store.rows("FROM contacts")) == 1 + is_back


def test_versions_of_others_count_again_when_the_latest_one_is_erased(shop: Workspace) -> None:
    """Only files give versions of one event to several contacts."""
    order = {"event_name": "order", "external_id": "1"}
    rows = [
        {**order, "email": email, "occurred_at": f"2026-01-0{day}T00:00:00Z"} for day, email in enumerate([ADA, BOB], 1)
    ]
    shop.import_dataset(dataset(shop, custom_events=rows))
    assert shop._store.rows("SELECT superseded_at FROM custom_events ORDER BY 1") == [(datetime(2026, 1, 2),), (None,)]
    shop.erase(BOB)
    assert shop._store.rows("SELECT superseded_at FROM custom_events") == [(None,)]


def test_a_suppressed_contact_in_a_file_takes_no_event_from_others(shop: Workspace) -> None:
    """A custom event that does not come in counts nowhere, so it cannot count twice."""
    shop.erase(BOB, suppress=True)
    order = {"email": BOB, "event_name": "order", "external_id": "1", "occurred_at": "2026-01-01T00:00:00Z"}
    event = {"email": ADA, "kind": "custom_event.order", "entity_id": "1", "occurred_at": "2026-01-01T00:00:00Z"}
    shop.import_dataset(dataset(shop, contacts=[{"email": BOB}], timeline=[event], custom_events=[order]))
    assert shop._store.rows("SELECT count(*) FROM timeline WHERE kind = 'custom_event.order'") == [(1,)]
