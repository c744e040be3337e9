"""The strategies make every construct of the language, as plain JSON."""

import json
from typing import Any

from hypothesis import given, settings

from tests import reference
from tests.constructs import Coverage, each_alone, words_of
from tests.strategies import same_examples_each_time, world_and_segments
from tests.strategies_palette import ZONE_NAMES, Row


def test_the_strategies_make_every_source_operator_timeframe_and_zone() -> None:
    made: set[tuple[str, object]] = set()

    @settings(same_examples_each_time, max_examples=2000)
    @given(pair=world_and_segments())
    def collect(pair: tuple[Row, list[Row]]) -> None:
        for segment in pair[1]:
            made.update(words_of(segment))

    collect()
    common = ["equals", "not_equals", "gt", "gte", "lt", "lte", "is_set", "is_not_set"]
    rolling = ["in_the_last_days", "in_the_last_calendar_days", "more_than_days_ago"]
    calendar = ["today", "yesterday", "this_week", "last_week", "this_month", "last_month", "this_year", "last_year"]
    times = ["in_date_range", "not_in_date_range", "before_date", "after_date", *rolling, "in_the_next_days", *calendar]
    times += ["anniversary"]
    several = ["is_one_of", "is_not_one_of"]
    texts = ["contains", "not_contains", "starts_with", "not_starts_with", "ends_with", "not_ends_with", *several]
    timeframes = ["absent", None, "", "anytime", *rolling, *calendar, "in_date_range", "before_date", "after_date"]
    each = [f"in_each_of_the_last_{unit}" for unit in ("days", "weeks", "calendar_weeks", "calendar_months")]
    operators_by_type = {"string": common + texts, "number": [*common, *several, "between"], "time": common + times}
    operators_by_type["boolean"] = ["equals", "not_equals", "is_set", "is_not_set"]
    operators_by_type["date"] = common + times
    operators_by_type["json"] = [*common, *texts, "in_array"]
    weekdays = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday", "absent"]
    expected: dict[str, list[Any]] = {
        "timezone": [None, "contact", *ZONE_NAMES],
        "branch": ["and", "or", "not", "leaf"],
        "depth": [0, 1, 2, 3, 4],
        "source": [
            "contacts",
            "contact_lists",
            "tag",
            "identity",
            "contact_timeline",
            "custom_events_goals",
            "sequence",
            "segment",
        ],
        "identity operator": ["absent", "is_set", "is_not_set"],
        "tag operator": ["absent", "in", "not_in"],
        "contact_lists operator": ["absent", "", "in", "not_in"],
        "contact_timeline count_operator": ["at_least", "at_most", "exactly", "between", "absent"],
        "contact_timeline count_of": ["absent", "events", "days"],
        "contact_timeline which": ["first", "last", "absent"],
        "contact_timeline week_starts_on": weekdays,
        "contact_timeline aggregate_operator": ["absent", "sum", "avg", "min", "max", "distinct_count"],
        "contact_timeline operator": ["absent", "gte", "lte", "eq", "between"],
        "contact_timeline timeframe_operator": [*timeframes, *each],
        "custom_events_goals timeframe_operator": timeframes,
        "sequence timeframe_operator": timeframes,
        "sequence step operator": ["absent", "done", "not_done"],
        "sequence step within_unit": ["absent", "minutes", "hours", "days"],
        "sequence step without": [0, 1, 2],
        "sequence same_property": [True, False],
        "custom_events_goals aggregate_operator": ["sum", "count", "avg", "min", "max"],
        "custom_events_goals operator": ["gte", "lte", "eq", "between"],
        "contacts absent filter": [*common, *times, *texts, "between", "in_array"],
        "contacts missing": [None, "exclude"],
        "contact_timeline missing": [None, "exclude"],
        "contacts path length": [0, 1, 2, 3],
        "contact_timeline path length": [0, 1, 2, 3],
    }
    for source in ("contacts", "contact_timeline"):
        for field_type, operators in operators_by_type.items():
            expected[f"{source} {field_type} filter"] = operators
    never_made = {(place, word) for place, words in expected.items() for word in words} - made
    assert not never_made
    unexpected = {(place, word) for place, word in made if place in expected and word not in expected[place]}
    assert not unexpected


@same_examples_each_time
@given(pair=world_and_segments())
def test_the_strategies_make_plain_json(pair: tuple[Row, list[Row]]) -> None:
    text = json.dumps(pair, ensure_ascii=False, allow_nan=False)
    assert tuple(json.loads(text)) == pair
    assert "\\u0000" not in text
    assert text.encode("utf-8")  # no surrogates


def test_most_constructs_hold_for_some_contacts_and_not_for_others() -> None:
    """Conditions are drawn near what the worlds hold; drawn anywhere, a fifth of the constructs holds for nobody."""
    coverage = Coverage()

    @same_examples_each_time
    @given(pair=world_and_segments())
    def ask(pair: tuple[Row, list[Row]]) -> None:
        world, segments = pair
        for segment in each_alone(segments):
            coverage.add(segment, world, held=len(reference.members(segment, world, others=segments)))

    ask()
    rarest = coverage.rarest()
    one_sided = sorted(str(word) for word, number in rarest.items() if number == 0)
    assert len(one_sided) < len(rarest) / 15, one_sided


def test_most_events_have_properties() -> None:
    """A row that needs more of the tape than its part has lost what is read last: the properties."""
    properties: list[object] = []

    @settings(same_examples_each_time, max_examples=200)
    @given(pair=world_and_segments())
    def collect(pair: tuple[Row, list[Row]]) -> None:
        properties.extend(row.get("properties") for table in ("timeline", "custom_events") for row in pair[0][table])

    collect()
    assert sum(1 for row in properties if row) > 0.7 * len(properties)
