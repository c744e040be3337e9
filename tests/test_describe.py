"""Definitions in words: what the words are, and that the same words never mean different people."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given

from engine.definition import read_segment
from engine.definition.words import describe
from engine.storage.custom_fields import definition_fields
from tests import reference
from tests.definitions import branch, events, field, goal, leaf, on_list, segment, tagged
from tests.engine_under_test import custom_fields_of
from tests.strategies import world_and_segments

Json = dict[str, Any]
US = field("country", "equals", "US")
OPENED = events("open_email", "at_least", 3, "in_the_last_days", "30")
BOUGHT = goal("sum", "gte", 1000, goal_name="tent")
OPEN = {"kind": "open_email"}
MINUTES = {"within_unit": "minutes"}
NOT_BOUGHT = {"kind": "custom_event.order", "operator": "not_done", "within_value": 48, "within_unit": "hours"}
PAGE = {"field_name": "url", "operator": "contains", "string_values": ["/Pricing"]}


def words(tree: Json) -> str:
    return describe(read_segment(segment(tree)).tree)


def event_time(which: str, timeframe: str, *values: str) -> Json:
    frame = {"timeframe_operator": timeframe, "timeframe_values": list(values)}
    return leaf("contact_timeline", {"kind": "open_email", "which": which, **frame})


def total(aggregate: str, operator: str) -> Json:
    bounds = {"operator": operator, "value": 1, **({"value_2": 2} if operator == "between" else {})}
    body = {"kind": "custom_event.order", "aggregate_operator": aggregate, "property": ["cart", "total"]}
    return leaf("contact_timeline", body | bounds | {"timeframe_operator": "today"})


@pytest.mark.parametrize(
    ("tree", "said"),
    [
        (branch("and", US, OPENED), 'country is "US" and opened at least 3 e-mails in the last 30 days'),
        (
            branch("or", US, branch("not", OPENED)),
            'country is "US" or not opened at least 3 e-mails in the last 30 days',
        ),
        (branch("not", branch("or", US, on_list("a"))), 'not (country is "US" or is on the list "a")'),
        (branch("not", branch("not", US)), 'country is "US"'),
        (field("country", "not_equals", 'U"S', missing="exclude"), 'country is set and is not "U\\"S"'),
        (field("country", "is_not_one_of", "US", "FR"), 'country is not one of "US" or "FR"'),
        (field("custom_json_1", "equals", "x", json_path=["two words", "0"]), 'custom_json_1."two words".0 is "x"'),
        (field("custom_json_1", "is_set", json_path=["n"], field_type="number"), "custom_json_1.n (as number) is set"),
        (field("lifetime_value", "between", 0.5, 1e300), "lifetime_value is between 0.5 and 1e+300"),
        (field("created_at", "in_the_last_days", "1"), "created_at is in the last 1 day"),
        (
            field("created_at", "lte", "2026-05-01T00:00:00.5Z"),
            "created_at is at or before 2026-05-01T00:00:00.5Z",
        ),
        (field("created_at", "gt", "2026-05-01"), "created_at is on or after 2026-05-02"),
        (field("created_at", "last_week", week_starts_on="sunday"), "created_at is last week, from Sunday"),
        (field("created_at", "anniversary", "0"), "created_at has an anniversary today"),
        (on_list("news", "active", "not_in"), 'is not on the list "news" as active'),
        (tagged("vip", "new", operator="not_in"), 'does not have one of "vip" or "new" as a tag'),
        (leaf("identity", {"kind": "phone", "operator": "is_not_set"}), "does not have a phone number"),
        (leaf("identity", {"kind": "whatsapp"}), 'has an identity of the kind "whatsapp"'),
        (leaf("segment", {"segment_id": "vip"}), 'is in the segment "vip"'),
        (
            leaf("sql", {"operator": "not_in", "query": "SELECT email\n  FROM  contacts"}),
            'is not found by the SQL "SELECT email FROM contacts"',
        ),
        (events("open_email", "at_least", 1), "opened an e-mail"),
        (events("open_email", "exactly", 0, "today"), "never opened an e-mail today"),
        (events("a", "at_most", 2, filters=[PAGE]), 'had at most 2 "a" events whose url contains "/pricing"'),
        (events("custom_event.order", "exactly", 1), 'had exactly 1 "order" custom event'),
        (events("open_email", "exactly", 2, template_id="t"), 'opened exactly 2 e-mails of the template "t"'),
        (
            events("open_email", "at_least", 3, "this_month", count_of="days"),
            "opened an e-mail on at least 3 different days this month",
        ),
        (
            branch("not", events("open_email", "exactly", 2, "in_each_of_the_last_weeks", "4")),
            "not opened exactly 2 e-mails in each of the last 4 weeks",
        ),
        (
            events("open_email", "exactly", 0, "in_each_of_the_last_calendar_weeks", "4", week_starts_on="sunday"),
            "opened exactly 0 e-mails in each of the last 4 calendar weeks, from Sunday",
        ),
        (
            branch("and", US, leaf("sequence", {"steps": [OPEN, {"kind": "a", "within_value": 90, **MINUTES}]})),
            'country is "US" and opened an e-mail, then had an "a" event within 90 minutes',
        ),
        (
            leaf(
                "sequence",
                {
                    "steps": [OPEN, {"kind": "a", "without": [{"kind": "b"}, OPEN]}, NOT_BOUGHT],
                    "same_property": ["id"],
                    "timeframe_operator": "today",
                },
            ),
            'opened an e-mail, then had an "a" event without one of a "b" event or an e-mail in between, '
            'then no "order" custom event within 2 days, all with the same id, today',
        ),
        (
            branch("not", leaf("sequence", {"steps": [OPEN, OPEN], "same_property": ["id"]})),
            "not (opened an e-mail, then opened an e-mail, all with the same id)",
        ),
        (total("sum", "between"), 'the sum of cart.total of "order" custom events today is between 1 and 2'),
        (
            total("distinct_count", "eq"),
            'the number of different values of cart.total of "order" custom events today is 1',
        ),
        (event_time("last", "more_than_days_ago", "90"), "last opened an e-mail more than 90 days ago"),
        (branch("not", event_time("first", "this_year")), "not first opened an e-mail this year"),
        (BOUGHT, 'the sum of purchase goals named "tent" is at least 1000'),
        (goal("avg", "between", 1, goal_type="*", value_2=2.5), "the average of goals is between 1 and 2.5"),
    ],
)
def test_a_condition_reads_as_a_sentence(tree: Json, said: str) -> None:
    assert words(tree) == said


def test_what_is_long_or_deep_is_an_outline() -> None:
    inner = branch("or", branch("and", US, OPENED), branch("not", branch("or", BOUGHT, on_list("news"))))
    assert words(branch("and", inner, branch("not", branch("and", US, tagged("vip"))))).split("\n") == [
        "all of:",
        "- any of:",
        "  - all of:",
        '    - country is "US"',
        "    - opened at least 3 e-mails in the last 30 days",
        "  - none of:",
        '    - the sum of purchase goals named "tent" is at least 1000',
        '    - is on the list "news"',
        "- not all of:",
        '  - country is "US"',
        '  - has the tag "vip"',
    ]


@given(example=world_and_segments())
def test_the_same_words_mean_the_same_people(example: tuple[Json, list[Json]]) -> None:
    world, segments = example
    fields = definition_fields(custom_fields_of(world))
    said = {}
    for item in segments:
        text = describe(read_segment(item, fields=fields).tree)
        assert text.strip()
        said[item["id"]] = (text, item.get("timezone"))
    for one, other in combinations(segments, 2):
        if said[one["id"]] == said[other["id"]]:
            found = [reference.members(item, world, others=segments) for item in (one, other)]
            assert found[0] == found[1], said[one["id"]]
