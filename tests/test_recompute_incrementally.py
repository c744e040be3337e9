"""Whatever is written, and however time goes on: members kept up to date are those of an evaluation of everybody.

And those that the judge finds. `HYPOTHESIS_PROFILE=long` tries 10,000 worlds, in some two hours; shared out among
processes with `POPULACE_EXAMPLES=5000`, half as many in each. `-s` says how far it is.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.definition import Segment, read_segment
from engine.errors import PopulaceError
from engine.execute import evaluate
from engine.execute.incremental import changes, some_contacts
from tests import reference
from tests.constructs import each_alone
from tests.definitions import Json, events, segment
from tests.engine_under_test import instant_of, zone_of
from tests.recompute_worlds import Living, living
from tests.strategies import world_and_segments

TABLES = ("contacts", "timeline", "custom_events", "subscriptions")
PARTS = 3
SAID_EVERY = 500
LATEST = datetime(9990, 1, 1, tzinfo=UTC)

numbers = st.integers(0, 15)
turns = st.sampled_from(
    [timedelta(microseconds=1), timedelta(seconds=1), timedelta(hours=1), timedelta(hours=5), timedelta(1),
     timedelta(1) - timedelta(microseconds=1), timedelta(7), timedelta(30), timedelta(400), -timedelta(hours=1)]
)  # fmt: skip
steps = st.one_of(
    st.tuples(st.just("wait"), turns),
    st.tuples(st.just("wait for"), numbers, st.sampled_from([0, 1, 2, 7, 30]), st.sampled_from([-1, 0, 0])),
    st.tuples(st.just("wait"), turns),
    st.tuples(st.just("wait for"), numbers, st.sampled_from([0, 1, 2, 7, 30]), st.sampled_from([-1, 0, 0])),
    st.tuples(st.just("import"), st.integers(1, PARTS - 1)),
    st.tuples(st.just("upsert"), numbers, numbers),
    st.tuples(st.just("record"), numbers, numbers, st.booleans()),
    st.tuples(st.just("record_custom"), numbers, numbers, st.booleans()),
    st.tuples(st.just("delete_custom"), numbers),
    st.tuples(st.just("subscribe"), numbers, st.sampled_from(["news", "vip", "gone"])),
    st.tuples(st.just("delete_list"), st.sampled_from(["vip", "vip", "news"])),
    st.tuples(st.just("merge"), numbers, numbers),
    st.tuples(st.just("erase"), numbers),
    st.tuples(st.just("redefine"), numbers, numbers),
)


def test_members_kept_up_to_date_are_those_of_an_evaluation_of_everybody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST_CANDIDATES", 2.0)  # of four contacts one is already many
    seen: Counter[str] = Counter()

    @settings(max_examples=min(settings().max_examples, 10_000), suppress_health_check=list(HealthCheck))
    @given(example=world_and_segments(), history=st.lists(steps, min_size=2, max_size=6))
    def compare(example: tuple[Json, list[Json]], history: Sequence[tuple[Any, ...]]) -> None:
        world, segments = example
        if seen["begin"] % SAID_EVERY == SAID_EVERY - 1:
            sys.stdout.write(f"\n{seen['begin'] + 1:,} worlds")
            sys.stdout.flush()
        shop = living(zone_of(world))
        shop.begin(instant_of(world))
        shop.take(_part(world, 0) | {"lists": world["lists"], "custom_fields": world["custom_fields"]})
        known = {segment["id"]: segment for segment in [*segments, *each_alone(segments)]}
        _apply(shop, known.values())
        latest = shop.now
        for step in [("begin",), *history]:
            seen[step[0]] += 1
            try:
                _take(shop, step, world, known)
            except PopulaceError:
                seen[f"{step[0]}, refused"] += 1
            done = shop.recompute()
            assert not done.failed, done.failed
            seen["segments in full"] += sum(item.in_full is not None for item in done.segments)
            seen["segments of candidates"] += sum(item.in_full is None for item in done.segments)
            seen["candidates"] += done.candidate_count
            seen["transitions of candidates"] += sum(i.entered + i.left for i in done.segments if i.in_full is None)
            latest = max(latest, shop.now)
            _compare(shop, known, step, is_judged=shop.now == latest)

    compare()
    sys.stdout.write("\n" + "".join(f"{count:>10,}  {word}\n" for word, count in sorted(seen.items())))
    assert seen["segments of candidates"] > seen["segments in full"] / 2


@pytest.mark.parametrize("rows_until_anew", [0, 20_000])
def test_windows_of_zones_beside_days_of_zones(monkeypatch: pytest.MonkeyPatch, rows_until_anew: int) -> None:
    """Both make a table of edges of their own; and tables that are made anew lose what was prepared on them."""
    monkeypatch.setattr(changes, "MOST_CANDIDATES", 2.0)
    monkeypatch.setattr(some_contacts, "MOST_ROWS", rows_until_anew)
    shop = living("UTC")
    shop.begin(datetime(2026, 6, 1, 10, 0, 0, 7, tzinfo=UTC))
    known = {
        item["id"]: item
        for item in (
            segment(events("visit", "at_least", 1, "today"), "today", timezone="contact"),
            segment(events("visit", "at_least", 1, "this_month"), "month", timezone="contact"),
            segment(events("visit", "at_least", 2, "this_week", count_of="days"), "days", timezone="contact"),
        )
    }
    _apply(shop, known.values())
    for number in range(12):
        email = f"{number % 3}@x.example"
        shop.upsert({"email": email, "timezone": ["Asia/Tokyo", "America/Lima", "Europe/Berlin"][number % 3]})
        shop.events.record({"email": email, "kind": "visit", "occurred_at": shop.now})
        done = shop.recompute()
        assert not done.failed
        _compare(shop, known, number)
        shop.now += timedelta(hours=5, microseconds=1)


def test_an_event_that_becomes_a_custom_one_may_have_been_of_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "MOST_CANDIDATES", 2.0)
    shop = living("UTC")
    shop.begin(datetime(2026, 6, 1, 10, tzinfo=UTC))
    order = {"kind": "custom_event.order", "occurred_at": "2026-01-01T00:00:00Z", "entity_id": "X"}
    emails = ("a@x.example", "b@x.example")
    shop.take(
        {
            "contacts": [{"email": email, "created_at": "2025-01-01T00:00:00Z"} for email in emails],
            "timeline": [order | {"email": email} for email in emails],
        }
    )
    known = {"ordered": segment(events("custom_event.order", "at_least", 1), "ordered")}
    _apply(shop, known.values())
    assert not shop.recompute().failed
    _compare(shop, known, "imported")
    shop.events.record_custom(
        {"email": emails[0], "event_name": "order", "external_id": "X", "occurred_at": "2026-01-01T00:00:00Z"}
    )
    shop.now += timedelta(seconds=1)
    (done,) = shop.recompute().segments
    assert (done.in_full, done.size) == (None, 1)
    _compare(shop, known, "recorded")


def _compare(shop: Living, known: dict[str, Json], step: object, *, is_judged: bool = True) -> None:
    """Members as stored beside those of an evaluation of everybody, and those of the judge.

    The judge reads rows as they are: it says nothing (`is_judged`) after the clock was set back.
    """
    segments = [state.segment for state in shop.segments()]
    found = {name: item.members.ids().tolist() for name, item in shop._read_memberships().items()}
    evaluation = evaluate(shop._store, segments, as_of=shop.now)
    # Of an instant before a merge, who was merged since is a member: what is stored is of contacts that are there.
    there = {contact_id for (contact_id,) in shop._store.rows("SELECT contact_id FROM contacts")}
    expected = {name: sorted(there & {*members.ids().tolist()}) for name, members in evaluation.members.items()}
    assert found == expected, (step, shop.now)
    if evaluation.is_exact and is_judged:
        rows = shop.world()
        emails = {row["contact_id"]: row["email"] for row in rows["contacts"]}
        for name, contact_ids in found.items():
            judged = reference.members(known[name], rows, as_of=shop.now, others=list(known.values()))
            assert {emails[contact_id] for contact_id in contact_ids} == judged, (step, name, shop.now)


def _part(world: Json, number: int) -> Json:
    """Every third row of each table."""
    return {table: world[table][number::PARTS] for table in TABLES}


def _apply(shop: Living, definitions: Any) -> None:
    fields = shop.fields.of_definitions
    read: list[Segment] = [read_segment(item, default_timezone=shop.timezone, fields=fields) for item in definitions]
    shop.apply(read)


def _take(shop: Living, step: tuple[Any, ...], world: Json, known: dict[str, Json]) -> None:
    """What happens in a step. Raises: PopulaceError for what is refused."""
    word, *arguments = step
    match word:
        case "wait":
            if shop.now < LATEST:
                shop.now += arguments[0]
        case "wait for":
            _wait_for(shop, world, *arguments)
        case "import":
            shop.take(_part(world, arguments[0]) | {"custom_fields": world["custom_fields"]})
        case "upsert":
            row, other = _row(world, "contacts", arguments[0]), _row(world, "contacts", arguments[1])
            if row:
                shop.upsert({**other, "email": row["email"]})
        case "record" | "record_custom":
            number, owner, is_now = arguments
            table = "timeline" if word == "record" else "custom_events"
            row = {**_row(world, table, number), "email": _row(world, "contacts", owner).get("email")}
            if is_now:
                row["occurred_at"] = shop.now.isoformat()
            (shop.events.record if word == "record" else shop.events.record_custom)(row)
        case "delete_custom":
            row = _row(world, "custom_events", arguments[0])
            if row:
                shop.events.delete_custom(row["event_name"], row["external_id"])
        case "subscribe":
            shop.lists.subscribe(_row(world, "contacts", arguments[0]).get("email", ""), arguments[1])
        case "delete_list":
            shop.lists.delete(arguments[0])
        case "merge":
            emails = [_row(world, "contacts", number).get("email") for number in arguments]
            shop.merge([email for email in emails if email])
        case "erase":
            shop.erase(_row(world, "contacts", arguments[0]).get("email", ""))
        case "redefine":
            names = [name for name in known if not name.startswith("alone")]
            one, other = (names[number % len(names)] for number in arguments)
            changed = {**known[one], "tree": known[other]["tree"], "timezone": known[other].get("timezone", "UTC")}
            _apply(shop, [changed])
            known[one] = changed


def _wait_for(shop: Living, world: Json, number: int, days: int, microseconds: int) -> None:
    """Until something that happened is so many days old, or just before."""
    row = _row(world, "timeline", number) or _row(world, "custom_events", number)
    if row:
        at = datetime.fromisoformat(row["occurred_at"]).astimezone(UTC)
        shop.now = max(shop.now, at + timedelta(days=days, microseconds=microseconds))


def _row(world: Json, table: str, number: int) -> Json:
    rows = world[table]
    return dict(rows[number % len(rows)]) if rows else {}
