"""Memberships that keep up by themselves: at the instant at which time moves somebody, and after each write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import populace
from engine.execute.incremental import changes
from engine.execute.live import Live
from engine.storage.workspace_folder import opened_workspace
from ingest.workspace import Workspace
from tests.definitions import Json, branch, events, field, found_by, leaf, segment, tagged
from tests.test_recompute import check_members

START = datetime(2026, 3, 1, 10, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
ADA, BO, CY = "ada@x.example", "bo@x.example", "cy@x.example"


class LiveShop(Workspace):
    """A workspace whose clock stands still, and whose live loop takes a turn when it is told to."""

    now = START
    live: Live
    step = timedelta(0)
    """By so much the clock goes on whenever it is looked at."""

    def look(self) -> datetime:
        self.now += self.step
        return self.now

    def at(self, instant: datetime) -> None:
        """Set the clock, and let the loop do what is due."""
        self.now = instant
        self.live.catch_up()

    def visit(self, email: str, at: datetime | None = None) -> None:
        self.upsert({"email": email})
        self.events.record({"email": email, "kind": "visit", "occurred_at": at or self.now})

    def moves(self, after: int = 0) -> list[tuple[str, str, str, str, datetime]]:
        """(segment, e-mail, change, cause, instant) of each transition, in order."""
        rows = self.transitions(after=after).select("segment_id", "email", "change", "cause", "as_of").rows()
        return [(name, email.split("@")[0], change, cause, at) for name, email, change, cause, at in rows]


def opened(path: Path, at: datetime = START) -> LiveShop:
    with ExitStack() as stack:
        store = stack.enter_context(opened_workspace(path))
        shop: LiveShop
        shop = LiveShop(path, store, stack.pop_all(), clock=lambda: shop.look())  # noqa: PLW0108 - there is no shop yet
        shop.now = at
        shop.live = Live(store, clock=shop.look)
        return shop


@pytest.fixture(autouse=True)
def few_are_not_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the few contacts of a test one is not so many that all are looked at instead."""
    monkeypatch.setattr(changes, "MOST_CANDIDATES", 2.0)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[LiveShop]:
    populace.init(tmp_path / "shop").close()
    with opened(tmp_path / "shop") as shop:
        yield shop


def define(shop: Workspace, *segments: Json) -> None:
    shop.apply([populace.read_segment(item, fields=shop.fields.of_definitions) for item in segments])


RECENT = segment(events("visit", "at_least", 1, "in_the_last_days", "30"), "recent")
TODAY = segment(events("visit", "at_least", 1, "today"), "today", timezone="contact")


def test_a_contact_leaves_at_the_very_instant(shop: LiveShop) -> None:
    define(shop, RECENT)
    shop.visit(ADA, START - timedelta(days=29))
    shop.at(START)
    end = START + timedelta(days=1)
    assert shop.moves() == [("recent", "ada", "entered", "first_run", START)]
    for now in (START + timedelta(hours=1), end - MICROSECOND):
        shop.at(now)
        assert len(shop.moves()) == 1
    assert shop.live.next_at is not None
    assert shop.live.next_at == end
    shop.at(end)
    assert shop.moves(1) == [("recent", "ada", "left", "time", end)]


@pytest.mark.parametrize("is_touched", [True, False])
def test_nobody_is_missed_whose_instant_comes_while_it_looks(shop: LiveShop, *, is_touched: bool) -> None:
    define(shop, RECENT)
    for number in range(60):
        at = START - timedelta(days=30) + timedelta(seconds=number / 10)
        shop.visit(f"c{number}@x.example", at)
    shop.at(START)
    shop.step = timedelta(seconds=0.07)
    for _ in range(8):
        if is_touched:
            shop.visit(ADA)
        shop.live.catch_up()
        check_members(shop)
    assert len(shop.moves()) > 80


def test_a_clock_that_goes_past_all_that_is_known_ahead_while_it_looks(shop: LiveShop) -> None:
    define(shop, RECENT)
    shop.visit(BO, START - timedelta(days=30) + timedelta(hours=2))
    shop.at(START)
    shop.step = timedelta(hours=0.9)
    shop.visit(ADA)
    shop.live.catch_up()
    check_members(shop)
    assert [move[1:4] for move in shop.moves(1)] == [("ada", "entered", "data"), ("bo", "left", "time")]


def test_what_was_missed_is_caught_up_in_order_each_at_its_instant(shop: LiveShop) -> None:
    define(shop, RECENT)
    for number, email in enumerate((ADA, BO, CY)):
        shop.visit(email, START - timedelta(days=30) + timedelta(minutes=10 * (3 - number)))
    shop.at(START)
    shop.at(START + timedelta(minutes=50))
    ends = [START + timedelta(minutes=minutes) for minutes in (10, 20, 30)]
    assert shop.moves(3) == [
        ("recent", name, "left", "time", at) for name, at in zip(("cy", "bo", "ada"), ends, strict=True)
    ]


def test_after_a_night_of_sleep_it_is_caught_up_in_order(shop: LiveShop) -> None:
    define(shop, RECENT, TODAY)
    shop.visit(ADA, START - timedelta(days=29))
    shop.visit(BO, START - timedelta(days=29) + timedelta(hours=6))
    shop.visit(CY)
    shop.at(START)
    shop.at(START + timedelta(days=3))
    assert [(name, who, change) for name, who, change, _, _ in shop.moves(4)] == [
        ("today", "cy", "left"), ("recent", "ada", "left"), ("recent", "bo", "left")
    ]  # fmt: skip
    assert shop.check().is_clean


def test_each_contact_has_a_day_of_its_own_also_when_clocks_change(shop: LiveShop) -> None:
    define(shop, TODAY)
    shop.upsert({"email": ADA, "timezone": "Europe/Berlin"})
    shop.upsert({"email": BO, "timezone": "America/New_York"})
    shop.upsert({"email": CY, "timezone": "Asia/Tokyo"})
    # On 29 March 2026 Berlin has a day of 23 hours; New York changed before, Tokyo never does.
    noon = datetime(2026, 3, 29, 10, tzinfo=UTC)
    shop.at(noon)
    for email in (ADA, BO, CY):
        shop.visit(email)
    shop.at(noon)
    ends = {"cy": datetime(2026, 3, 29, 15, tzinfo=UTC), "ada": datetime(2026, 3, 29, 22, tzinfo=UTC),
            "bo": datetime(2026, 3, 30, 4, tzinfo=UTC)}  # fmt: skip
    count = 3
    for name, end in ends.items():
        while (due := shop.live.next_at) is not None and due < end:
            shop.at(due)
        shop.at(end - MICROSECOND)
        assert len(shop.moves(count)) == 0, name
        shop.at(end)
        assert shop.moves(count) == [("today", name, "left", "time", end)]
        count += 1


def test_a_zone_that_no_contact_had_before(shop: LiveShop) -> None:
    define(shop, TODAY)
    shop.upsert({"email": ADA, "timezone": "Europe/Berlin"})
    shop.at(START)
    shop.upsert({"email": BO, "timezone": "Pacific/Chatham"})
    shop.visit(BO)
    shop.at(START + timedelta(minutes=1))
    end = datetime(2026, 3, 1, 10, 15, tzinfo=UTC)  # midnight there, soon after what is known ahead was found
    while (due := shop.live.next_at) is not None and due < end:
        shop.at(due)
    shop.at(end)
    assert shop.moves() == [
        ("today", "bo", "entered", "data", START + timedelta(minutes=1)), ("today", "bo", "left", "time", end)
    ]  # fmt: skip


def test_a_write_moves_at_once_who_was_written_of(shop: LiveShop) -> None:
    define(shop, segment(field("country", "equals", "DE"), "germans"), segment(tagged("vip"), "vips"))
    shop.at(START)
    shop.upsert({"email": ADA, "country": "DE"})
    shop.at(START + timedelta(seconds=1))
    shop.tags.add(ADA, ["vip"])
    shop.at(START + timedelta(seconds=2))
    assert [(name, change, cause) for name, _, change, cause, _ in shop.moves()] == [
        ("germans", "entered", "data"), ("vips", "entered", "data")
    ]  # fmt: skip
    shop.merge([BO, ADA]) if shop.upsert({"email": BO}) else None
    shop.erase(ADA)
    shop.at(START + timedelta(seconds=3))
    assert {name: state.size for state in shop.segments() for name in [state.segment.id]} == {"germans": 0, "vips": 0}
    assert shop.check().is_clean


def test_an_event_that_is_written_late_has_its_deadline(shop: LiveShop) -> None:
    define(shop, RECENT)
    shop.at(START)
    end = START + timedelta(minutes=7)
    shop.visit(ADA, end - timedelta(days=30))
    shop.at(START + timedelta(minutes=1))
    assert [item[1:3] for item in shop.moves()] == [("ada", "entered")]
    shop.at(end - MICROSECOND)
    assert len(shop.moves()) == 1
    shop.at(end)
    assert shop.moves(1) == [("recent", "ada", "left", "time", end)]


def test_an_event_of_the_future_counts_once_it_is_there(shop: LiveShop) -> None:
    define(shop, RECENT)
    shop.at(START)
    shop.visit(ADA, START + timedelta(minutes=5))
    shop.at(START + timedelta(minutes=5) - MICROSECOND)
    assert shop.moves() == []
    shop.at(START + timedelta(minutes=5))
    assert shop.moves() == [("recent", "ada", "entered", "time", START + timedelta(minutes=5))]


def test_a_definition_that_is_changed_is_followed(shop: LiveShop) -> None:
    shop.visit(ADA, START - timedelta(days=29))
    shop.at(START)
    define(shop, RECENT)
    shop.at(START + timedelta(minutes=1))
    define(shop, segment(events("visit", "at_least", 1, "in_the_last_days", "29"), "recent"))
    shop.at(START + timedelta(minutes=2))
    assert [item[2:4] for item in shop.moves()] == [("entered", "first_run"), ("left", "definition")]
    shop.visit(ADA, START - timedelta(days=29) + timedelta(minutes=4))
    shop.at(START + timedelta(minutes=3))
    shop.at(START + timedelta(minutes=4))
    assert [item[2:4] for item in shop.moves(2)] == [("entered", "data"), ("left", "time")]


def test_a_clock_that_is_set_back_and_forth(shop: LiveShop) -> None:
    define(shop, RECENT)
    shop.visit(ADA, START - timedelta(days=29))
    shop.at(START)
    for now in (START + timedelta(days=2), START, START + timedelta(days=2)):
        shop.at(now)
        shop.visit(BO, START - timedelta(days=100))
        shop.at(now)
    assert [item[2] for item in shop.moves()] == ["entered", "left", "entered", "left"]
    assert shop.check().is_clean


def test_it_goes_on_where_another_process_left_off(shop: LiveShop, tmp_path: Path) -> None:
    define(shop, RECENT, segment(branch("not", events("visit", "at_least", 1)), "never"))
    shop.visit(ADA, START - timedelta(days=29))
    shop.at(START)
    shop.visit(BO, START - timedelta(days=29) + timedelta(hours=2))
    shop.close()
    with opened(tmp_path / "shop", START + timedelta(days=1)) as again:
        again.live.catch_up()
        assert sorted(item[:4] for item in again.moves(1)) == [
            ("recent", "ada", "left", "time"), ("recent", "bo", "entered", "data")
        ]  # fmt: skip
        end = START + timedelta(days=1, hours=2)
        while (due := again.live.next_at) is not None and due < end:
            again.at(due)
        again.at(end)
        assert again.moves(3) == [("recent", "bo", "left", "time", end)]
        assert again.check().is_clean


def test_segments_with_sql_follow_once_a_minute(shop: LiveShop) -> None:
    define(shop, segment(found_by("SELECT email FROM contacts WHERE country = 'DE'"), "found"),
           segment(branch("not", leaf("segment", {"operator": "in", "segment_id": "found"})), "others"),
           segment(field("country", "equals", "DE"), "germans"))  # fmt: skip
    shop.at(START)
    shop.upsert({"email": ADA, "country": "DE"})
    shop.at(START + timedelta(seconds=1))
    assert [item[0] for item in shop.moves()] == ["germans"]
    shop.at(START + timedelta(seconds=61))
    assert [(name, cause) for name, _, _, cause, _ in shop.moves(1)] == [("found", "data")]


HOUR = timedelta(hours=1)
BORN = segment(field("born_on", "anniversary", "0"), "s", timezone="contact")
DUE = {"field_name": "due", "field_type": "time", "operator": "in_the_next_days", "string_values": ["1"]}
CASES: dict[str, tuple[Json, Json, datetime]] = {
    "nothing came after it in time": (
        segment(leaf("sequence", {"steps": [
            {"kind": "visit"}, {"kind": "order", "operator": "not_done", "within_value": 5, "within_unit": "hours"},
        ]}), "s"), {}, START + 5 * HOUR,
    ),
    "a property that comes near": (
        segment(events("visit", "at_least", 1, filters=[DUE]), "s"),
        {"properties": {"due": (START + timedelta(days=1) + 3 * HOUR).isoformat()}}, START + 3 * HOUR,
    ),
    "the first of all events grows old": (
        segment(branch("not", leaf("contact_timeline", {
            "kind": "visit", "which": "first", "timeframe_operator": "in_the_last_days", "timeframe_values": ["1"],
        })), "s"), {}, START + timedelta(days=1),
    ),
    "a sum that loses a part": (
        segment(branch("not", leaf("contact_timeline", {
            "kind": "visit", "aggregate_operator": "sum", "property": ["n"], "operator": "gte", "value": 5,
            "timeframe_operator": "in_the_last_days", "timeframe_values": ["2"],
        })), "s"), {"properties": {"n": 5}}, START + timedelta(days=2),
    ),
    "days of a zone": (
        segment(branch("not", events("visit", "at_least", 1, "today", count_of="days")), "s", timezone="Asia/Tokyo"),
        {}, datetime(2026, 3, 1, 15, tzinfo=UTC),
    ),
    "a birthday in the contact's zone": (BORN, {}, datetime(2026, 3, 2, 3, 30, tzinfo=UTC)),
    "a week that ends in the contact's zone": (
        segment(branch("not", events("visit", "at_least", 1, "this_week")), "s", timezone="contact"),
        {}, datetime(2026, 3, 2, 3, 30, tzinfo=UTC),
    ),
    "a contact that is a day old": (
        segment(field("created_at", "more_than_days_ago", "1"), "s"), {}, START + timedelta(days=1)
    ),
    "not in another segment any more": (
        segment(branch("not", leaf("segment", {"operator": "in", "segment_id": "recent"})), "s"),
        {}, START + timedelta(days=30),
    ),
}  # fmt: skip
"""A definition, what more the visit has that happens at START, and the instant at which the contact enters."""


@pytest.mark.parametrize("name", CASES)
def test_each_kind_of_condition_changes_at_its_instant(shop: LiveShop, name: str) -> None:
    definition, more, expected = CASES[name]
    shop.fields.define("born_on", "date")
    define(shop, RECENT, definition)
    shop.at(START)
    shop.upsert({"email": ADA, "timezone": "America/St_Johns", "born_on": "1990-03-02", "created_at": START})
    shop.events.record({"email": ADA, "kind": "visit", "occurred_at": START, **more})
    shop.at(START)
    assert "ada" not in {who for segment_id, who, *_ in shop.moves() if segment_id == "s"}
    while (due := shop.live.next_at) is not None and due < expected:
        shop.at(due)
    shop.at(expected - MICROSECOND)
    assert "ada" not in {who for segment_id, who, *_ in shop.moves() if segment_id == "s"}
    shop.at(expected)
    assert ("s", "ada", "entered", "time", expected) in shop.moves()
    assert shop.check().is_clean
