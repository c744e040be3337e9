"""Why a contact is in a segment, in words; what would change it; and when it changes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

import populace
from engine.execute.explain import ExplainedNode, Explanation
from tests.definitions import branch, events, field, goal, leaf, on_list, segment, tagged
from tests.engine_under_test import write_dataset

Json = dict[str, Any]
Explain = Callable[..., Explanation]

AS_OF, DUE = "2026-05-10T12:00:00Z", "2026-05-13T12:00:00Z"
ADA, BO = "ada@x.example", "bo@x.example"
WORLD: Json = {
    "contacts": [
        {
            "email": ADA,
            "country": "FR",
            "lifetime_value": 40,
            "timezone": "Europe/Paris",
            "custom_datetime_1": "2024-02-29T11:00:00Z",  # a leap day, at noon in Paris
            "custom_datetime_2": "2026-05-12T12:00:00Z",
            "custom_json_1": {"plan": {"name": "pro"}, "seen": "yesterday"},
            "tags": ["vip", "old"],
        },
        {"email": BO, "timezone": "America/Havana"},  # with clocks that go forward at midnight
    ],
    "timeline": [
        {"email": ADA, "kind": "open_email", "occurred_at": "2026-05-01T12:00:00Z", "entity_id": "m1"},
        {"email": ADA, "kind": "open_email", "occurred_at": "2026-05-10T12:00:00Z", "entity_id": "m2"},
        {"email": ADA, "kind": "open_email", "occurred_at": "2026-05-20T00:00:00Z", "entity_id": "m3"},  # to come
        {
            "email": ADA,
            "kind": "visit",
            "occurred_at": "2026-05-09T12:00:00Z",
            "properties": {"page": "/a", "n": 2.5, "due": DUE},
        },
        {"email": BO, "kind": "visit", "occurred_at": "2026-03-07T18:00:00Z"},
    ],
    "custom_events": [
        {
            "email": ADA,
            "external_id": "o1",
            "event_name": "order",
            "occurred_at": "2026-05-01T00:00:00Z",
            "goal_type": "purchase",
            "goal_value": 12.5,
            "deleted_at": "2026-06-01T00:00:00Z",
        }
    ],
    "lists": [
        {"id": "news", "name": "News"},
        {"id": "closing", "name": "Closing", "deleted_at": "2026-07-01T00:00:00Z"},
        {"id": "closed", "name": "Closed", "deleted_at": "2026-05-10T12:00:00Z"},
    ],
    "subscriptions": [
        {"email": ADA, "list_id": "news", "status": "pending"},
        {"email": ADA, "list_id": "closing", "status": "active"},
        {"email": ADA, "list_id": "closed", "status": "active"},
    ],
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[populace.Workspace]:
    folder = tmp_path_factory.mktemp("explain")
    write_dataset(WORLD, folder)
    with populace.init(folder / "shop") as shop:
        shop.import_dataset(folder)
        yield shop


@pytest.fixture(scope="module")
def explain(shop: populace.Workspace) -> Explain:
    """Explains a contact for the last of some segments."""

    def explained(*segments: Json, email: str = ADA, as_of: str = AS_OF) -> Explanation:
        shop.apply([populace.read_segment(item) for item in segments])
        return shop.explain(segments[-1]["id"], email, as_of=as_of)

    return explained


def leaves_of(node: ExplainedNode) -> list[tuple[str, bool, str]]:
    """The conditions of a tree: their words, whether they hold, what was found."""
    if node.details is not None:
        return [(node.words, node.holds, node.details.found)]
    return [leaf for part in node.parts for leaf in leaves_of(part)]


def opened(operator: str, count: int, timeframe: str = "anytime", *values: str, **more: object) -> Json:
    return events("open_email", operator, count, timeframe, *values, **more)


def time_of(which: str, timeframe: str, *values: str) -> Json:
    frame = {"timeframe_operator": timeframe, "timeframe_values": list(values)}
    return leaf("contact_timeline", {"kind": "open_email", "which": which, **frame})


def due(operator: str, *values: str) -> Json:
    return {"field_name": "due", "field_type": "time", "operator": operator, "string_values": list(values)}


def sequence(*steps: Json) -> Json:
    return leaf("sequence", {"steps": list(steps)})


def not_done(kind: str, hours: int) -> Json:
    return {"operator": "not_done", "kind": kind, "within_value": hours, "within_unit": "hours"}


def total(aggregate: str, key: str, operator: str, value: float) -> Json:
    body = {"kind": "visit", "aggregate_operator": aggregate, "property": [key], "operator": operator, "value": value}
    return leaf("contact_timeline", body)


@pytest.mark.parametrize(
    ("tree", "words", "holds", "found"),
    [
        (field("country", "equals", "US"), 'country is "US"', False, 'country: "FR"'),
        (field("country", "not_equals", "US"), 'country is not "US"', True, 'country: "FR"'),
        (field("state", "is_set"), "state is set", False, "state: no value"),
        (field("lifetime_value", "gte", 40), "lifetime_value is at least 40", True, "lifetime_value: 40"),
        (
            field("custom_json_1", "contains", "PRO", json_path=["plan", "name"]),
            'custom_json_1.plan.name contains "pro"',
            True,
            'custom_json_1.plan.name: "pro"',
        ),
        (
            field("custom_json_1", "before_date", "2027-01-01", json_path=["seen"], field_type="time"),
            "custom_json_1.seen is before 2027-01-01",
            False,
            'custom_json_1.seen: "yesterday", which is no time',
        ),
        (
            field("custom_datetime_2", "in_the_next_days", "2"),
            "custom_datetime_2 is in the next 2 days",
            True,
            "custom_datetime_2: 2026-05-12 14:00, wanted in (2026-05-10 14:00, 2026-05-12 14:00]",
        ),
        (
            field("custom_datetime_2", "this_month"),
            "custom_datetime_2 is this month",
            True,
            "custom_datetime_2: 2026-05-12 14:00, wanted in [2026-05-01 00:00, 2026-06-01 00:00)",
        ),
        (
            field("custom_datetime_1", "anniversary", "0"),
            "custom_datetime_1 has an anniversary today",
            False,
            "custom_datetime_1: 2024-02-29 12:00",
        ),
        (tagged("new", "vip"), 'has one of "new" or "vip" as a tag', True, 'tags: "vip", "old"'),
        (on_list("news", "active"), 'is on the list "news" as active', False, "status: pending"),
        (on_list("closed"), 'is on the list "closed"', False, "status: active; the list was deleted"),
        (leaf("identity", {"kind": "push_token"}), "has a push token", False, "has none"),
        (
            opened("at_least", 3, "in_the_last_days", "30"),
            "opened at least 3 e-mails in the last 30 days",
            False,
            "2 of at least 3 in (2026-04-10 14:00, 2026-05-10 14:00]",
        ),
        (
            opened("exactly", 0, "yesterday"),
            "never opened an e-mail yesterday",
            True,
            "0 of exactly 0 in [2026-05-09 00:00, 2026-05-10 00:00)",
        ),
        (opened("at_most", 1), "opened at most 1 e-mail", False, "2 of at most 1 up to 2026-05-10 14:00"),
        (
            opened("at_least", 2, "this_month", count_of="days"),
            "opened an e-mail on at least 2 different days this month",
            True,
            "2 of at least 2 days in [2026-05-01 00:00, 2026-05-10 14:00]",
        ),
        (
            opened("at_least", 1, "in_each_of_the_last_days", "2"),
            "opened at least 1 e-mail in each of the last 2 days",
            False,
            "1 of at least 1 in (2026-05-09 14:00, 2026-05-10 14:00]; "
            "0 of at least 1 in (2026-05-08 14:00, 2026-05-09 14:00]",
        ),
        (
            time_of("first", "in_the_last_days", "30"),
            "first opened an e-mail in the last 30 days",
            True,
            "first 2026-05-01 14:00, wanted in (2026-04-10 14:00, 2026-05-10 14:00]",
        ),
        (
            total("max", "n", "gte", 3),
            'the largest value of n of "visit" events is at least 3',
            False,
            "2.5, wanted at least 3 up to 2026-05-10 14:00",
        ),
        (
            total("avg", "page", "gte", 1),
            'the average of page of "visit" events is at least 1',
            False,
            "nothing to measure, wanted at least 1 up to 2026-05-10 14:00",
        ),
        (
            sequence({"kind": "visit"}, {"kind": "open_email", "within_value": 2, "within_unit": "days"}),
            'had a "visit" event, then opened an e-mail within 2 days',
            True,
            "2 of 2 steps up to 2026-05-10 14:00",
        ),
        (
            sequence({"kind": "visit"}, {"kind": "open_email", "within_value": 2, "within_unit": "hours"}),
            'had a "visit" event, then opened an e-mail within 2 hours',
            False,
            "1 of 2 steps up to 2026-05-10 14:00",
        ),
        (
            sequence({"kind": "visit"}, not_done("open_email", 24)),
            'had a "visit" event, then no e-mail within 1 day',
            False,
            "1 of 1 step up to 2026-05-10 14:00; what must not follow did",
        ),
        (
            sequence({"kind": "visit"}, not_done("bounce_email", 25)),
            'had a "visit" event, then no e-mail within 25 hours',
            False,
            "1 of 1 step up to 2026-05-10 14:00; not decided yet",
        ),
        (
            goal("sum", "gte", 20),
            "the sum of purchase goals is at least 20",
            False,
            "12.5, wanted at least 20 up to 2026-05-10 14:00",
        ),
    ],
)
def test_a_condition_says_what_was_measured_and_what_was_asked(
    explain: Explain, tree: Json, words: str, holds: bool, found: str
) -> None:
    assert leaves_of(explain(segment(tree, timezone="Europe/Paris")).tree) == [(words, holds, found)]


def test_the_events_that_counted_are_there_latest_first(explain: Explain) -> None:
    details = explain(segment(opened("at_least", 1))).tree.details
    assert details is not None
    assert [(event.kind, event.reference) for event in details.events] == [("open_email", "m2"), ("open_email", "m1")]
    assert details.event_count == 2
    value = explain(segment(goal("sum", "gte", 20))).tree.details
    assert value is not None
    assert [str(event.value) for event in value.events] == ["12.500000000"]


def test_a_branch_says_what_holds_at_every_node(explain: Explain) -> None:
    tree = branch("and", branch("not", branch("or", tagged("vip"), tagged("x"))), branch("not", tagged("x")))
    found = explain(segment(tree)).tree
    assert (found.words, found.holds) == ("all of:", False)
    none, negated = found.parts
    assert (none.words, none.holds, [part.holds for part in none.parts]) == ("none of:", False, [True, False])
    assert (negated.words, negated.holds) == ('does not have the tag "x"', True)


def test_another_segment_is_explained_in_its_own_time_zone(explain: Explain) -> None:
    inner = segment(opened("at_least", 1, "today"), "inner", "Asia/Kathmandu")
    outer = segment(leaf("segment", {"segment_id": "inner", "operator": "not_in"}), "outer", "contact")
    found = explain(inner, outer)
    assert (found.zone_name, found.is_member) == ("Europe/Paris", False)
    assert (found.tree.words, found.tree.holds) == ('is not in the segment "inner"', False)
    (part,) = found.tree.parts
    assert (part.holds, part.zone_name) == (True, "Asia/Kathmandu")
    assert found.next_change_at == datetime(2026, 5, 10, 18, 15, tzinfo=UTC)


def test_a_long_chain_of_segments_is_explained_as_deep_as_is_of_use(explain: Explain) -> None:
    chain = [segment(opened("at_least", 1), "link-0")]
    chain += [segment(leaf("segment", {"segment_id": f"link-{n}"}), f"link-{n + 1}") for n in range(300)]
    found = explain(*chain)
    assert found.is_member
    depth, node = 0, found.tree
    while node.parts:
        depth, (node,) = depth + 1, node.parts
    assert (depth, node.holds) == (20, True)


# --- when it changes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tree", "zone", "change_at"),
    [
        # (as_of - 30 * 24 h, as_of]: the event is out exactly 30 times 24 hours after it.
        (opened("at_least", 2, "in_the_last_days", "30"), "UTC", "2026-06-09T12:00:00Z"),
        (opened("at_most", 2), "UTC", "2026-05-20T00:00:00Z"),  # an event that lies in the future already
        (opened("at_least", 1, "today"), "UTC", "2026-05-11T00:00:00Z"),
        (opened("at_least", 1, "today"), "Asia/Kathmandu", "2026-05-10T18:15:00Z"),
        (opened("exactly", 2, "this_month"), "America/New_York", "2026-05-20T00:00:00Z"),
        (opened("at_least", 1, "this_week", week_starts_on="sunday"), "UTC", "2026-05-17T00:00:00Z"),
        (field("custom_datetime_2", "in_the_next_days", "2"), "UTC", "2026-05-12T12:00:00Z"),
        (field("custom_datetime_2", "in_the_next_days", "1"), "UTC", "2026-05-11T12:00:00Z"),
        (field("custom_datetime_2", "more_than_days_ago", "90"), "UTC", "2026-08-10T12:00:00Z"),
        (field("custom_datetime_1", "anniversary", "0"), "Europe/Paris", "2027-02-27T23:00:00Z"),
        (field("custom_datetime_1", "anniversary", "7"), "Europe/Paris", "2027-02-20T23:00:00Z"),
        # A filter on events that itself depends on the instant.
        (events("visit", "at_least", 1, filters=[due("in_the_next_days", "2")]), "UTC", "2026-05-11T12:00:00Z"),
        (events("visit", "at_least", 1, filters=[due("in_the_next_days", "3")]), "UTC", DUE),
        (goal("sum", "gte", 10), "UTC", "2026-06-01T00:00:00Z"),  # the order will have been deleted
        (on_list("closing"), "UTC", "2026-07-01T00:00:00Z"),
        (sequence({"kind": "visit"}, not_done("bounce_email", 25)), "UTC", "2026-05-10T13:00:00Z"),
        (sequence({"kind": "visit"}, not_done("open_email", 24)), "UTC", None),
        (
            sequence({"kind": "open_email"}, {"kind": "open_email", "within_value": 8, "within_unit": "days"}),
            "UTC",
            None,
        ),
        (opened("at_least", 1, "in_each_of_the_last_days", "2"), "UTC", None),
        (opened("at_least", 2, count_of="days"), "UTC", None),
        (opened("at_least", 1), "UTC", None),
        (on_list("closed"), "UTC", None),
        (field("country", "equals", "US"), "UTC", None),
        # Anniversaries come for ever; here they change nothing, in 8,000 years.
        (branch("and", field("custom_datetime_1", "anniversary", "3"), tagged("x")), "UTC", None),
        (
            branch(
                "or",
                field("custom_datetime_1", "anniversary", "3"),
                branch("not", field("custom_datetime_1", "anniversary", "3")),
            ),
            "contact",
            None,
        ),
    ],
)
def test_the_next_change_is_when_time_alone_brings_it(
    explain: Explain, tree: Json, zone: str, change_at: str | None
) -> None:
    found = explain(segment(tree, timezone=zone)).next_change_at
    assert (None if found is None else found.isoformat().replace("+00:00", "Z")) == change_at


def test_a_day_that_begins_at_one_o_clock_ends_windows_where_it_begins(explain: Explain) -> None:
    """In Havana clocks went from 0:00 to 1:00 on 8 March 2026, so that 9 March began 23 hours later."""
    today, yesterday = (
        segment(events("visit", "at_least", 1, name), name, "contact") for name in ("today", "yesterday")
    )
    starts_at = datetime(2026, 3, 8, 5, tzinfo=UTC)
    assert explain(today, email=BO, as_of="2026-03-07T20:00:00Z").next_change_at == starts_at
    assert explain(yesterday, email=BO, as_of="2026-03-07T20:00:00Z").next_change_at == starts_at
    ends_at = datetime(2026, 3, 9, 4, tzinfo=UTC)
    assert explain(yesterday, email=BO, as_of="2026-03-08T05:00:00Z").next_change_at == ends_at


def test_what_holds_is_as_of_the_instant(explain: Explain) -> None:
    tree = segment(opened("at_least", 2))
    assert explain(tree).is_member
    before = explain(tree, as_of="2026-05-10T11:59:59.999999Z")
    assert (before.is_member, before.next_change_at) == (False, datetime(2026, 5, 10, 12, tzinfo=UTC))


# --- what would change it ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tree", "changes"),
    [
        (field("country", "equals", "US"), ('country set to "US"',)),
        (field("country", "is_one_of", "US", "JP"), ('country changed so that it is one of "US" or "JP"',)),
        (field("country", "not_equals", "FR"), ('country changed so that it is not "FR"',)),
        (field("country", "is_not_set"), ("country removed",)),
        (field("email", "is_set"), ()),  # every contact has one
        (tagged("x", "y"), ('given the tag "x"',)),
        (tagged("vip"), ('the tag "vip" removed',)),
        (tagged("vip", "old"), ()),  # two of them would have to go
        (on_list("news"), ('no longer on the list "news"',)),
        (on_list("news", "active"), ('subscribed to the list "news" as active',)),
        (on_list("closed"), ()),
        (leaf("identity", {"kind": "push_token"}), ("known by a push token",)),
        (opened("at_least", 4, "in_the_last_days", "30"), ("2 more open_email events",)),
        (opened("exactly", 2), ("1 more open_email event",)),
        (opened("at_most", 3), ("2 more open_email events",)),
        (opened("at_least", 1), ()),  # what happened stays so
        (opened("at_least", 1, "yesterday"), ()),
        (opened("at_least", 3, count_of="days"), ()),  # both are there: today is one of them
        (time_of("last", "before_date", "2026-05-10"), ()),
        (goal("sum", "gte", 20), ("purchase goals worth 7.5 more",)),
        (goal("count", "gte", 2), ("1 more purchase goal",)),
        (branch("and", goal("sum", "gte", 20), goal("avg", "gte", 1)), ()),  # an average of what, nobody knows
        # The last open is now; one more changes nothing about either.
        (branch("and", time_of("last", "yesterday"), opened("at_least", 1)), ()),
        (branch("and", opened("at_least", 3), sequence({"kind": "visit"}, {"kind": "open_email"})), ()),
        (goal("count", "gte", 3), ("2 more purchase goals",)),
        # Both parts are missing, so neither alone will do.
        (branch("and", field("country", "equals", "US"), tagged("x")), ()),
        (branch("or", field("country", "equals", "US"), tagged("x")), ('country set to "US"', 'given the tag "x"')),
        # Between 3 and 4: one more event does it, for the other bound is tried as well.
        (opened("between", 3, count_value_2=4), ("1 more open_email event",)),
        (branch("and", opened("at_least", 3), opened("at_most", 2)), ()),
        # Nobody knows whether another country would sort before Z.
        (branch("and", field("country", "not_equals", "FR"), field("country", "lt", "Z")), ()),
    ],
)
def test_single_things_that_would_change_it(explain: Explain, tree: Json, changes: tuple[str, ...]) -> None:
    assert explain(segment(tree)).changes == changes


def test_what_is_not_there_is_said(shop: populace.Workspace, explain: Explain) -> None:
    explain(segment(tagged("x"), "tagged"))
    with pytest.raises(populace.UnknownSegmentError, match="no segment has the id 'taged'; did you mean 'tagged'"):
        shop.explain("taged", ADA)
    with pytest.raises(populace.UnknownContactError, match="no contact has the e-mail"):
        shop.explain("tagged", "cy@x.example")
    with pytest.raises(populace.CallerError, match="is no instant"):
        shop.explain("tagged", ADA, as_of="2026-05-01")
