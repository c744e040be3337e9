"""The generated datasets: repeatable, exact in number, true to the stories they tell."""

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest.generator import DEFAULT_UNTIL_AT, GeneratedDataset, generate_dataset

CONTACT_COUNT, EVENT_COUNT, SEED = 1_500, 30_000, 11
FILES = ("contacts.parquet", "timeline", "custom_events.parquet", "lists.parquet", "subscriptions.parquet")

Row = dict[str, Any]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> GeneratedDataset:
    """A dataset that is large enough for every kind of story to occur."""
    directory = tmp_path_factory.mktemp("generated") / "dataset"
    return generate_dataset(directory, contact_count=CONTACT_COUNT, event_count=EVENT_COUNT, seed=SEED)


def read_rows(dataset: GeneratedDataset, name: str) -> list[Row]:
    rows: list[Row] = pq.read_table(dataset.directory / name).to_pylist()
    return rows


@pytest.fixture(scope="module")
def contacts(dataset: GeneratedDataset) -> dict[str, Row]:
    return {row["email"]: row for row in read_rows(dataset, "contacts.parquet")}


@pytest.fixture(scope="module")
def timeline(dataset: GeneratedDataset) -> list[Row]:
    return sorted(read_rows(dataset, "timeline"), key=lambda row: row["occurred_at"])


@pytest.fixture(scope="module")
def custom_events(dataset: GeneratedDataset) -> list[Row]:
    return read_rows(dataset, "custom_events.parquet")


def tables(directory: Path) -> Iterator[tuple[str, pa.Table]]:
    return ((name, pq.read_table(directory / name)) for name in FILES)


def test_same_arguments_give_the_same_rows_and_another_seed_others(dataset: GeneratedDataset, tmp_path: Path) -> None:
    again = generate_dataset(tmp_path / "again", contact_count=CONTACT_COUNT, event_count=EVENT_COUNT, seed=SEED)
    other = generate_dataset(tmp_path / "other", contact_count=CONTACT_COUNT, event_count=EVENT_COUNT, seed=SEED + 1)
    made = (tables(run.directory) for run in (dataset, again, other))
    for (name, first), (_, second), (_, of_other_seed) in zip(*made, strict=True):
        assert first.equals(second), name
        assert first.equals(of_other_seed) == (name == "lists.parquet"), name


def test_a_seed_tells_every_chunk_its_own_story(tmp_path: Path) -> None:
    """Contacts come in chunks of 50 000; the second chunk must not repeat the first."""
    made = generate_dataset(tmp_path / "d", contact_count=100_000, event_count=0, seed=1)
    names = pq.read_table(made.directory / "contacts.parquet", columns=["first_name"])["first_name"]
    assert names.slice(0, 50_000).to_pylist() != names.slice(50_000).to_pylist()


def test_row_counts_are_exact_and_ids_unique(dataset: GeneratedDataset) -> None:
    contacts, timeline, custom_events, lists, subscriptions = (table for _, table in tables(dataset.directory))
    assert contacts.num_rows == dataset.contact_count == CONTACT_COUNT
    assert timeline.num_rows == dataset.timeline_count
    assert custom_events.num_rows == dataset.custom_event_count == EVENT_COUNT - dataset.timeline_count
    assert lists.num_rows == dataset.list_count == 5
    assert sum(instant is not None for instant in lists["deleted_at"].to_pylist()) == 1
    assert subscriptions.num_rows == dataset.subscription_count
    unique = [contacts["email"], timeline["id"], custom_events["external_id"]]
    assert [len(column.unique()) for column in unique] == [len(column) for column in unique]
    assert len(subscriptions.group_by(["email", "list_id"]).aggregate([])) == len(subscriptions)


@pytest.mark.parametrize(
    ("contact_count", "event_count"),
    [(0, 0), (1, 0), (1, 1), (1, 2), (1, 700), (3, 1), (7, 10_001), (40, 0), (900, 13)],
)
@pytest.mark.parametrize("seed", [0, 5])
def test_edge_counts_are_exact_and_readable(tmp_path: Path, contact_count: int, event_count: int, seed: int) -> None:
    calls: list[tuple[int, int]] = []
    sizes: dict[str, Any] = {"contact_count": contact_count, "event_count": event_count}
    made = generate_dataset(tmp_path, **sizes, seed=seed, on_progress=lambda *counts: calls.append(counts))
    assert calls == sorted(calls)
    assert calls[-1:] == [(contact_count + event_count,) * 2][:contact_count]
    counted = {name: table.num_rows for name, table in tables(made.directory)}
    assert counted["contacts.parquet"] == contact_count
    assert counted["timeline"] + counted["custom_events.parquet"] == event_count


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"contact_count": -1}, "contact_count"),
        ({"event_count": -1}, "event_count"),
        ({"seed": -1}, "seed"),
        ({"contact_count": 0, "event_count": 1}, "event_count"),
        ({"until_at": DEFAULT_UNTIL_AT.replace(tzinfo=None)}, "until_at"),
    ],
)
def test_senseless_arguments_are_refused_by_name(tmp_path: Path, arguments: dict[str, Any], named: str) -> None:
    sensible: dict[str, Any] = {"contact_count": 1, "event_count": 1, "seed": 1}
    with pytest.raises(ValueError, match=named):
        generate_dataset(tmp_path / "d", **(sensible | arguments))
    assert not (tmp_path / "d").exists()


def test_a_second_dataset_does_not_mix_with_the_first(dataset: GeneratedDataset) -> None:
    with pytest.raises(ValueError, match="already holds 'contacts"):
        generate_dataset(dataset.directory, contact_count=1, event_count=1, seed=1)


def test_an_interrupted_dataset_leaves_nothing_behind(tmp_path: Path) -> None:
    def interrupt(*_counts: int) -> None:
        raise KeyboardInterrupt

    (tmp_path / "mine.txt").write_text("not a part of the dataset")
    with pytest.raises(KeyboardInterrupt):
        generate_dataset(tmp_path, contact_count=5, event_count=50, seed=1, on_progress=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def assert_order_fields_agree(contacts: dict[str, Row], custom_events: list[Row]) -> None:
    orders: dict[str, list[Row]] = defaultdict(list)
    for row in custom_events:
        if row["goal_type"] == "purchase" and row["deleted_at"] is None:
            orders[row["email"]].append(row)
    assert orders
    for email, contact in contacts.items():
        own = orders[email]
        assert contact["orders_count"] == len(own)
        assert contact["lifetime_value"] == pytest.approx(sum(row["goal_value"] for row in own))
        assert contact["last_order_at"] == max((row["occurred_at"] for row in own), default=None)
        assert not own or contact["last_order_at"] <= contact["updated_at"]


def test_order_fields_agree_with_the_orders_that_are_not_deleted(
    contacts: dict[str, Row], custom_events: list[Row]
) -> None:
    assert_order_fields_agree(contacts, custom_events)
    deleted = [row for row in custom_events if row["deleted_at"] is not None]
    assert any(row["goal_type"] == "purchase" for row in deleted)
    assert all(row["occurred_at"] <= row["deleted_at"] <= DEFAULT_UNTIL_AT for row in deleted)


def test_very_busy_contacts_made_in_pieces_keep_their_totals(tmp_path: Path) -> None:
    """More than 200 000 events of one contact are made in several spans, more than 2 000 000 fill a second part."""
    made = generate_dataset(tmp_path / "d", contact_count=3, event_count=2_800_001, seed=3)
    assert made.timeline_count + made.custom_event_count == 2_800_001
    contacts = {row["email"]: row for row in read_rows(made, "contacts.parquet")}
    assert_order_fields_agree(contacts, read_rows(made, "custom_events.parquet"))
    parts = sorted(path.name for path in (tmp_path / "d" / "timeline").iterdir())
    assert parts == ["part-00000.parquet", "part-00001.parquet"]
    ids = pq.read_table(made.directory / "timeline", columns=["id"])["id"]
    assert len(ids.unique()) == made.timeline_count


def test_every_click_follows_an_open_and_every_open_a_send_of_the_same_template(timeline: list[Row]) -> None:
    seen: set[tuple[str, str, str]] = set()
    needed = dict.fromkeys(("click_email", "complain_email", "unsubscribe_email"), "open_email")
    needed |= dict.fromkeys(("open_email", "bounce_email"), "insert_message_history")
    # Rows of one instant are checked before any of them counts as seen: the cause must be strictly earlier.
    at, pending = None, set[tuple[str, str, str]]()
    for row in timeline:
        if row["occurred_at"] != at:
            seen |= pending
            at, pending = row["occurred_at"], set()
        if row["kind"] in needed:
            assert (row["email"], row["template_id"], needed[row["kind"]]) in seen, row
        pending.add((row["email"], row["template_id"], row["kind"]))
    assert {row["kind"] for row in timeline} == {"insert_message_history", *needed}
    reminders = {kind for _, template, kind in seen if template == "cart-reminder"}
    assert reminders == {"insert_message_history", "open_email", "click_email"}


def test_no_message_follows_a_goodbye(timeline: list[Row], dataset: GeneratedDataset) -> None:
    statuses = {"unsubscribe_email": "unsubscribed", "complain_email": "complained", "bounce_email": "bounced"}
    goodbye: dict[str, str] = {}
    sent_at = {row["entity_id"]: row["occurred_at"] for row in timeline if row["kind"] == "insert_message_history"}
    is_prompt: list[bool] = []
    for row in timeline:
        is_final = row["kind"] != "bounce_email" or '"type":"hard"' in (row["properties"] or "")
        if row["kind"] == "insert_message_history":
            assert row["email"] not in goodbye, row
        elif row["kind"] in statuses and is_final:
            goodbye[row["email"]] = statuses[row["kind"]]
            is_prompt.append(row["occurred_at"] - sent_at[row["entity_id"]] < timedelta(days=7))
    assert len(is_prompt) == len(goodbye) > 10
    # Messages stop after a goodbye; it is not the goodbye that waits for the last message.
    assert sum(is_prompt) > 0.9 * len(is_prompt)
    subscriptions = read_rows(dataset, "subscriptions.parquet")
    assert all(row["status"] == goodbye.get(row["email"], row["status"]) for row in subscriptions)
    assert {row["status"] for row in subscriptions} == {"active", "pending", *statuses.values()}


def test_every_event_and_subscription_belongs_to_a_contact_that_exists_by_then(
    dataset: GeneratedDataset, contacts: dict[str, Row], timeline: list[Row], custom_events: list[Row]
) -> None:
    for row in [*timeline, *custom_events]:
        assert contacts[row["email"]]["created_at"] <= row["occurred_at"] <= DEFAULT_UNTIL_AT
    for row in read_rows(dataset, "subscriptions.parquet"):
        assert contacts[row["email"]]["created_at"] <= row["created_at"] <= DEFAULT_UNTIL_AT


def test_contacts_are_well_formed(contacts: dict[str, Row]) -> None:
    for email, row in contacts.items():
        assert re.fullmatch(r"[a-z]+\.[a-z]+\.[1-9][0-9]*@[a-z]+\.example", email)
        assert row["timezone"] is None or ZoneInfo(row["timezone"])
        assert row["created_at"] <= row["updated_at"] <= DEFAULT_UNTIL_AT
        if row["custom_json_1"] is not None:
            assert isinstance(json.loads(row["custom_json_1"]), dict)
    assert len({row["country"] for row in contacts.values()}) > 12
    assert any(not (row["last_name"] or "").isascii() for row in contacts.values())
    for name in ("external_id", "first_name", "phone", "timezone", "country", "postcode", "custom_json_1"):
        assert 0 < sum(row[name] is None for row in contacts.values()) < 0.7 * CONTACT_COUNT, name


def test_custom_events_carry_goals_and_json(custom_events: list[Row]) -> None:
    goals = {"shop.cart": None, "shop.order": "purchase", "app.signup": "signup", "app.trial": "trial"}
    assert {row["event_name"] for row in custom_events} == goals.keys()
    for row in custom_events:
        assert row["goal_type"] == goals[row["event_name"]]
        assert (row["goal_name"] is None) == (row["goal_type"] is None)
        assert (row["goal_value"] is None) == (row["goal_type"] != "purchase")
        properties = json.loads(row["properties"])
        if row["event_name"].startswith("shop."):
            assert properties.keys() >= {"items", "sku", "currency"}
        if row["goal_value"] is not None:
            assert row["goal_value"] == round(row["goal_value"], 2) > 0


def test_activity_is_uneven(timeline: list[Row]) -> None:
    counts: dict[str, int] = defaultdict(int)
    for row in timeline:
        counts[row["email"]] += 1
    ranked = sorted(counts.values(), reverse=True)
    assert sum(ranked[: CONTACT_COUNT // 10]) > 0.4 * len(timeline)
    assert ranked[0] < 0.1 * len(timeline)


def test_messages_are_sent_in_the_contacts_local_morning_on_working_days(
    contacts: dict[str, Row], timeline: list[Row]
) -> None:
    sent = [
        row["occurred_at"].astimezone(ZoneInfo(contacts[row["email"]]["timezone"]))
        for row in timeline
        if row["kind"] == "insert_message_history" and contacts[row["email"]]["timezone"] is not None
    ]
    assert sum(7 <= at.hour < 14 for at in sent) > 0.5 * len(sent)
    assert sum(at.hour < 5 for at in sent) < 0.06 * len(sent)
    assert sum(at.weekday() >= 5 for at in sent) < 0.15 * len(sent)


def test_everyone_gets_the_same_newsletter_in_the_same_week(timeline: list[Row]) -> None:
    monday = datetime(1970, 1, 5, tzinfo=UTC)
    sent = {
        ((row["occurred_at"] - monday) // timedelta(weeks=1), row["template_id"])
        for row in timeline
        if row["kind"] == "insert_message_history" and row["template_id"].startswith("newsletter")
    }
    assert len(sent) == len({week for week, _ in sent}) > 100


def test_instants_are_utc_microseconds_and_text_is_plain(dataset: GeneratedDataset) -> None:
    for name, table in tables(dataset.directory):
        for field in table.schema:
            if field.name.endswith("_at") or "datetime" in field.name:
                assert field.type == pa.timestamp("us", tz="UTC"), (name, field.name)
            assert not pa.types.is_dictionary(field.type), (name, field.name)


def test_until_at_moves_all_events(tmp_path: Path) -> None:
    until_at = datetime(2020, 2, 29, 12, tzinfo=UTC)
    made = generate_dataset(tmp_path / "d", contact_count=200, event_count=3_000, seed=2, until_at=until_at)
    at = [row["occurred_at"] for name in ("timeline", "custom_events.parquet") for row in read_rows(made, name)]
    assert until_at - timedelta(days=60) < max(at) <= until_at
    assert until_at - timedelta(days=731) < min(at) < until_at - timedelta(days=600)


def test_importing_the_generator_imports_nothing_else_of_the_project() -> None:
    code = "import sys, ingest.generator; print(*sys.modules)"
    names = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    rooms = ("api", "engine", "ingest", "benchmarks", "populace", "duckdb", "sqlglot")
    found = {name for name in names if name.split(".")[0] in rooms}
    assert "ingest.generator.dataset" in found
    assert all(name == "ingest" or name.startswith("ingest.generator") for name in found), found
