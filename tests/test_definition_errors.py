"""Every definition that is refused names the node, what is wrong, and what is allowed."""

from __future__ import annotations

from typing import Any

import pytest

from engine.definition import check_lists, read_segment
from engine.errors import DefinitionError, UnknownFieldError, UnknownListError
from tests.definitions import branch, events, field, goal, leaf, on_list, segment

FILTER = "tree.leaf.contact.filters[0]"
SEQUENCE = "tree.leaf.sequence"
STEP = f"{SEQUENCE}.steps[1]"
EVENTS = "tree.leaf.contact_timeline"
GOAL = "tree.leaf.custom_events_goal"


def then(*steps: object, **more: object) -> dict[str, Any]:
    """A sequence that begins with an event of the kind a."""
    return leaf("sequence", {"steps": [{"kind": "a"}, *steps], **more})


def totals(**more: object) -> dict[str, Any]:
    body = {"kind": "a", "aggregate_operator": "sum", "property": ["x"], "operator": "gte", "value": 1}
    return leaf("contact_timeline", body | more)


REFUSED: list[tuple[str, object, str, str]] = [
    # what, tree, path, part of the problem
    ("no object", [], "tree", "must be an object"),
    ("kind", {"kind": "twig"}, "tree.kind", "branch or leaf"),
    ("unknown key", {"kind": "leaf", "laef": {}}, "tree.laef", "did you mean 'leaf'?"),
    ("leaf missing", {"kind": "leaf"}, "tree.leaf", "is missing"),
    ("both", {"kind": "leaf", "leaf": {}, "branch": {}}, "tree.branch", "must be absent"),
    ("source", {"kind": "leaf", "leaf": {"source": "contact"}}, "tree.leaf.source", "contacts, contact_lists"),
    ("operator", branch("xor", field("email", "is_set")), "tree.branch.operator", "and, or or not"),
    ("empty branch", branch("and"), "tree.branch.leaves", "at least one node"),
    ("not of two", branch("not", field("email", "is_set"), field("email", "is_set")), "tree.branch.leaves", "exactly"),
    ("no filter", leaf("contacts", {"filters": []}), "tree.leaf.contact.filters", "at least one filter"),
    ("filters no array", leaf("contacts", {"filters": {}}), "tree.leaf.contact.filters", "must be an array"),
    ("field", field("contry", "is_set"), f"{FILTER}.field_name", "did you mean 'country'?"),
    (
        "type of field",
        field("country", "is_set", field_type="number"),
        f"{FILTER}.field_type",
        "this is a string field",
    ),
    ("operator of type", field("lifetime_value", "contains", "1"), f"{FILTER}.operator", "equals, is_one_of, gt"),
    ("values missing", field("country", "equals"), f"{FILTER}.string_values", "at least one value"),
    ("wrong values", field("country", "equals", 5), f"{FILTER}.number_values", "its values go into string_values"),
    ("two for gt", field("orders_count", "gt", 1, 2), f"{FILTER}.number_values", "exactly one value for gt, got 2"),
    ("text for number", field("orders_count", "gt", number_values=["1"]), f"{FILTER}.number_values[0]", "a number"),
    ("boolean", field("orders_count", "gt", number_values=[True]), f"{FILTER}.number_values[0]", "a number, got True"),
    ("NaN", field("orders_count", "gt", float("nan")), f"{FILTER}.number_values[0]", "finite"),
    ("infinity", field("orders_count", "gt", float("inf")), f"{FILTER}.number_values[0]", "finite"),
    ("huge integer", field("orders_count", "gt", 10**400), f"{FILTER}.number_values[0]", "finite"),
    ("NUL", field("country", "equals", "a\0b"), f"{FILTER}.string_values[0]", "NUL"),
    ("surrogate", field("country", "equals", "\ud800"), f"{FILTER}.string_values[0]", "surrogate"),
    ("long text", field("country", "equals", "x" * 70_000), f"{FILTER}.string_values[0]", "at most 65,536"),
    ("no zone", field("created_at", "gt", "2026-05-01T10:00:00"), f"{FILTER}.string_values[0]", "with its zone"),
    ("no date", field("created_at", "gt", "2026-02-30"), f"{FILTER}.string_values[0]", "a date such as"),
    ("year 0", field("created_at", "gt", "0000-01-01"), f"{FILTER}.string_values[0]", "a date such as"),
    ("one end", field("created_at", "in_date_range", "2026-05-01"), f"{FILTER}.string_values", "two values"),
    (
        "range backwards",
        field("created_at", "in_date_range", "2026-05-02", "2026-05-01"),
        f"{FILTER}.string_values",
        "later than its end",
    ),
    ("days", field("created_at", "in_the_last_days", "-7"), f"{FILTER}.string_values[0]", "number of days"),
    ("half a day", field("created_at", "in_the_last_days", "0.5"), f"{FILTER}.string_values[0]", "number of days"),
    ("path of text", field("country", "is_set", json_path=["a"]), f"{FILTER}.json_path", "a json field only"),
    ("path no text", field("custom_json_1", "is_set", json_path=[0]), f"{FILTER}.json_path[0]", "must be text"),
    ("missing", field("country", "equals", "US", missing="exclude"), f"{FILTER}.missing", "not_equals"),
    ("missing word", field("country", "not_equals", "US", missing="no"), f"{FILTER}.missing", "include or exclude"),
    ("kind of event", events("Open Email", "at_least", 1), f"{EVENTS}.kind", "a-z 0-9"),
    ("count", events("open_email", "at_least", -1), f"{EVENTS}.count_value", "0 to"),
    (
        "half a count",
        leaf("contact_timeline", {"kind": "k", "count_operator": "at_least", "count_value": 1.5}),
        f"{EVENTS}.count_value",
        "whole number",
    ),
    ("count operator", events("open_email", "often", 1), f"{EVENTS}.count_operator", "at_most, exactly or between"),
    ("between one count", events("open_email", "between", 1), f"{EVENTS}.count_value_2", "is missing"),
    ("between no counts", events("a", "between", 2, count_value_2=1), f"{EVENTS}.count_value_2", "nothing is 2 to 1"),
    ("second count", events("a", "exactly", 2, count_value_2=3), f"{EVENTS}.count_value_2", "goes with between only"),
    ("first of how many", events("a", "exactly", 2, which="first"), f"{EVENTS}.count_operator", "not on how many"),
    ("which", events("a", "exactly", 1, which="second"), f"{EVENTS}.which", "first or last"),
    ("week of no week", events("a", "exactly", 2, week_starts_on="monday"), f"{EVENTS}.week_starts_on", "last_week"),
    ("weekday", events("a", "exactly", 2, "this_week", week_starts_on="m"), f"{EVENTS}.week_starts_on", "monday"),
    ("values of today", events("a", "exactly", 2, "today", "1"), f"{EVENTS}.timeframe_values", "empty for today"),
    ("counted", events("a", "exactly", 2, count_of="weeks"), f"{EVENTS}.count_of", "events or days"),
    (
        "one week",
        events("a", "exactly", 2, "in_each_of_the_last_weeks", "1"),
        f"{EVENTS}.timeframe_values[0]",
        "whole number of weeks from 2 to 60",
    ),
    (
        "goals in each week",
        goal("sum", "gte", 1, "in_each_of_the_last_weeks", "2"),
        f"{GOAL}.timeframe_operator",
        "in_the_last_days",
    ),
    (
        "when the last of each week",
        leaf("contact_timeline", {"kind": "a", "which": "last", "timeframe_operator": "in_each_of_the_last_days"}),
        f"{EVENTS}.timeframe_operator",
        "in_the_last_days",
    ),
    ("future events", events("a", "exactly", 2, "in_the_next_days", "1"), f"{EVENTS}.timeframe_operator", "anytime"),
    (
        "aggregate of how many",
        events("a", "exactly", 1, aggregate_operator="sum"),
        f"{EVENTS}.count_operator",
        "value_2",
    ),
    ("property of a count", events("a", "exactly", 1, property=["x"]), f"{EVENTS}.property", "give aggregate_operator"),
    ("no property", totals(property=[]), f"{EVENTS}.property", "1 to 32 keys"),
    ("count of a property", totals(aggregate_operator="count"), f"{EVENTS}.aggregate_operator", "distinct_count"),
    ("total without a bound", totals(value=None), f"{EVENTS}.value", "is missing"),
    ("one number", field("orders_count", "between", 1), f"{FILTER}.number_values", "two values, low and high"),
    ("no numbers", field("orders_count", "between", 2, 1), f"{FILTER}.number_values", "low value 2.0 above"),
    ("timeframe", events("open_email", "at_least", 1, "sometimes"), f"{EVENTS}.timeframe_operator", "anytime"),
    ("anytime with values", events("open_email", "at_least", 1, "anytime", "7"), f"{EVENTS}.timeframe_values", "empty"),
    ("one step", then(), f"{SEQUENCE}.steps", "2 to 10 steps, got 1"),
    ("no step", then({"kind": 5}), f"{STEP}.kind", "must be text"),
    ("soon is when", then({"kind": "b", "within_value": 2}), f"{STEP}.within_unit", "hours or days"),
    (
        "never",
        then({"kind": "b", "within_value": 0, "within_unit": "days"}),
        f"{STEP}.within_value",
        "1 to",
    ),
    (
        "absent first",
        leaf("sequence", {"steps": [{"kind": "a", "operator": "not_done"}, {"kind": "b"}]}),
        f"{SEQUENCE}.steps[0].operator",
        "only the last step",
    ),
    ("absent for ever", then({"kind": "b", "operator": "not_done"}), f"{STEP}.within_value", "how long"),
    (
        "absent without",
        then({"kind": "b", "operator": "not_done", "without": []}),
        f"{STEP}.without",
        "does not go with not_done",
    ),
    (
        "first after what",
        leaf("sequence", {"steps": [{"kind": "a", "without": [{"kind": "x"}]}, {"kind": "b"}]}),
        f"{SEQUENCE}.steps[0].without",
        "this is the first",
    ),
    (
        "between what",
        then({"kind": "b", "without": [{"kind": "x", "a": 1}]}),
        f"{STEP}.without[0].a",
        "key",
    ),
    ("same what", then({"kind": "b"}, same_property=[]), f"{SEQUENCE}.same_property", "1 to 32 keys"),
    ("list", on_list(""), "tree.leaf.contact_list.list_id", "must not be empty"),
    ("status", on_list("news", "removed"), "tree.leaf.contact_list.status", "active, pending"),
    ("goal type", goal("sum", "gte", 1, goal_type="sale"), f"{GOAL}.goal_type", "purchase"),
    ("aggregate", goal("median", "gte", 1), f"{GOAL}.aggregate_operator", "sum"),
    ("between one", goal("sum", "between", 1), f"{GOAL}.value_2", "is missing"),
    ("between none", goal("sum", "between", 2, value_2=1), f"{GOAL}.value_2", "nothing lies between"),
    ("value_2 alone", goal("sum", "gte", 2, value_2=3), f"{GOAL}.value_2", "between only"),
    ("value NaN", goal("sum", "gte", float("nan")), f"{GOAL}.value", "finite"),
    ("value large", goal("sum", "gte", 1e20), f"{GOAL}.value", "1e20"),
    ("value fine", goal("sum", "gte", 0.1234567891), f"{GOAL}.value", "at most 9 decimals"),
]


@pytest.mark.parametrize(("tree", "path", "problem"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_a_refused_definition_names_the_node_and_the_problem(tree: object, path: str, problem: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        read_segment(segment(tree))
    assert caught.value.path == path
    assert problem in caught.value.problem


@pytest.mark.parametrize(
    ("change", "path", "problem"),
    [
        ({"id": "VIP"}, "segment.id", "a-z 0-9 _ -"),
        ({"id": "x" * 65}, "segment.id", "1 to 64"),
        ({"id": None}, "segment.id", "is missing"),
        ({"timezone": "Mars/Olympus"}, "segment.timezone", "no IANA time zone"),
        ({"timezone": "Europe/Pari"}, "segment.timezone", "did you mean 'Europe/Paris'?"),
        ({"timezone": "europe/paris"}, "segment.timezone", "did you mean 'Europe/Paris'?"),
        ({"name": 5}, "segment.name", "must be text"),
        ({"tree": None}, "segment.tree", "is missing"),
        ({"tre": {}}, "segment.tre", "did you mean 'tree'?"),
    ],
)
def test_a_refused_segment_names_the_key(change: dict[str, Any], path: str, problem: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        read_segment(segment(field("email", "is_set")) | change)
    assert (caught.value.path, problem in caught.value.problem) == (path, True), caught.value


def test_the_path_of_a_deep_node_is_exact() -> None:
    good = field("email", "is_set")
    tree = branch("and", good, good, branch("or", good, field("country", "equal", "US")))
    with pytest.raises(DefinitionError, match=r"did you mean|it must be") as caught:
        read_segment(segment(tree))
    assert caught.value.path == "tree.branch.leaves[2].branch.leaves[1].leaf.contact.filters[0].operator"


def test_an_unknown_list_is_refused_with_its_path() -> None:
    read = read_segment(segment(branch("not", on_list("newz"))))
    with pytest.raises(UnknownListError, match="did you mean 'news'") as caught:
        check_lists(read, {"news", "vip"})
    assert caught.value.path == "tree.branch.leaves[0].leaf.contact_list.list_id"


def test_an_unknown_field_says_which_there_are() -> None:
    with pytest.raises(UnknownFieldError, match="address_line_1"):
        read_segment(segment(field("qqq", "is_set")))


def test_a_definition_nested_200_deep_is_refused() -> None:
    tree = field("email", "is_set")
    for _ in range(200):
        tree = branch("not", tree)
    with pytest.raises(DefinitionError, match="nested more than 50 deep"):
        read_segment(segment(tree))


def test_a_definition_of_ten_thousand_leaves_is_refused() -> None:
    tree = branch("or", *(field("country", "equals", f"c{number}") for number in range(10_000)))
    with pytest.raises(DefinitionError, match="limit of 1,000 conditions"):
        read_segment(segment(tree))


def test_filters_on_events_count_as_conditions_too() -> None:
    many = [{"field_name": "n", "operator": "equals", "string_values": [str(number)]} for number in range(1_000)]
    with pytest.raises(DefinitionError, match="limit of 1,000 conditions"):
        read_segment(segment(events("open_email", "at_least", 1, filters=many)))


def test_what_other_systems_write_is_taken_as_it_is() -> None:
    """Null and empty optional keys, an absent field type, days as text or number."""
    body = {
        "kind": "open_email",
        "count_operator": "at_least",
        "count_value": 3.0,
        "template_id": None,
        "filters": None,
    }
    read_segment(segment(leaf("contact_timeline", body | {"timeframe_operator": "", "timeframe_values": None})))
    read_segment(segment(field("created_at", "in_the_last_days", "7")))
    read_segment(segment(field("created_at", "is_set", "2026-01-01")))
    tree = leaf("contact_lists", {"list_id": "news", "status": ""})
    tree["branch"] = None
    tree["leaf"]["contact"] = None
    read_segment(segment(tree))
