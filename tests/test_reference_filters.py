"""The judge of filters is judged by values compared by hand."""

import pytest
from hypothesis import given

from tests.definitions import leaves_of
from tests.one_contact import contact_condition, one_contact, segment_of
from tests.reference import members
from tests.reference_filters import lower
from tests.reference_question import Row
from tests.strategies import same_examples_each_time, world_and_segments


def test_lower_case_is_simple_and_keeps_the_number_of_code_points() -> None:
    assert lower("\u0130\u1e9e\u03a3\u212aO'Neil") == "i\u00df\u03c3ko'neil"


@pytest.mark.parametrize(
    ("value", "operator", "asked", "answer"),
    [
        ("Zo\u00eb", "equals", ["x", "Zoe\u0308"], True),
        ("Zo\u00eb", "not_equals", ["Zoe\u0308"], False),
        ("Zo\u00eb", "contains", ["e\u0308"], True),
        ("\uff21", "equals", ["A"], False),  # and not to NFKC
        ("US", "equals", ["us"], False),
        ("US", "contains", ["s"], True),
        ("axb", "contains", ["a_b", "%"], False),
        ("100%", "contains", ["0%"], True),
        ("\u0130x", "contains", ["IX"], True),
        ("\u0391\u03a3", "contains", ["\u03b1\u03c3"], True),  # no final sigma
        ("\u1e9e", "contains", ["ss"], False),
        ("", "is_set", [], True),
        ("", "equals", [""], True),
        ("x", "contains", [""], True),
        ("\uff5a", "lt", ["\U0001f600"], True),  # by code point, not by UTF-16 unit
        ("a", "gt", ["B"], True),
    ],
)
def test_strings_compare_as_the_rules_say(value: str, operator: str, asked: list[str], answer: bool) -> None:
    world = one_contact("2026-06-01T12:00:00Z", country=value)
    found = members(segment_of(contact_condition("country", operator, string_values=asked)), world)
    assert bool(found) is answer


def test_a_json_path_reads_keys_and_indexes_and_never_another_type() -> None:
    document: Row = {"a.b": 1, "a": {"b": 2, "0": "zero"}, "list": ["x", True, None, {"$": 3}, "Zoe\u0308"], "n": "5"}
    document |= {"numbers": [1, 2**53 + 1], "one": "1"}
    world = one_contact("2026-06-01T12:00:00Z", custom_json_1=document)
    cases: list[tuple[list[str], str, str, Row, bool]] = [
        (["a.b"], "equals", "number", {"number_values": [1]}, True),
        (["a", "b"], "equals", "number", {"number_values": [2]}, True),
        (["a", "0"], "equals", "string", {"string_values": ["zero"]}, True),
        (["list", "0"], "equals", "json", {"string_values": ["x"]}, True),
        (["list", "-1"], "is_set", "json", {}, False),
        (["list", "1"], "equals", "number", {"number_values": [1]}, False),
        (["list", "2"], "is_not_set", "json", {}, True),
        (["list", "3", "$"], "gte", "number", {"number_values": [3.0]}, True),
        (["n"], "equals", "number", {"number_values": [5]}, False),
        (["n"], "not_equals", "number", {"number_values": [5]}, True),
        (["n"], "not_equals", "number", {"number_values": [5], "missing": "exclude"}, False),
        (["list"], "in_array", "json", {"string_values": ["x"]}, True),
        (["list"], "in_array", "json", {"number_values": [1]}, False),
        (["list"], "in_array", "json", {"string_values": ["Zo\u00eb"]}, True),
        (["numbers"], "in_array", "json", {"string_values": ["1"]}, False),
        (["numbers"], "in_array", "json", {"string_values": ["2"], "number_values": [1]}, True),
        (["numbers", "1"], "equals", "number", {"number_values": [2**53]}, True),
        (["numbers", "01"], "is_set", "json", {}, False),  # no index has a leading zero
        (["numbers", "0"], "equals", "string", {"string_values": ["1"]}, False),
        (["numbers", "18446744073709551616"], "is_set", "json", {}, False),
        (["one"], "equals", "number", {"number_values": [1]}, False),
    ]
    for path, operator, field_type, rest, answer in cases:
        condition = contact_condition("custom_json_1", operator, field_type=field_type, json_path=path, **rest)
        assert bool(members(segment_of(condition), world)) is answer, (path, operator)


@same_examples_each_time
@given(pair=world_and_segments())
def test_without_missing_exclude_each_negative_filter_is_the_complement_of_its_positive(
    pair: tuple[Row, list[Row]],
) -> None:
    world, segments = pair
    positive_of = {"not_equals": "equals", "not_contains": "contains", "not_in_date_range": "in_date_range"}
    positive_of |= {"not_starts_with": "starts_with", "not_ends_with": "ends_with", "is_not_one_of": "is_one_of"}
    everyone = {row["email"].strip().lower() for row in world["contacts"]}
    for segment in segments:
        for leaf in leaves_of(segment["tree"]):
            filters = leaf["contact"]["filters"] if leaf["source"] == "contacts" else []
            for asked in filters:
                if asked["operator"] in positive_of and "missing" not in asked:
                    positive = asked | {"operator": positive_of[asked["operator"]]}
                    found = [members(segment | {"tree": contact_tree(one)}, world) for one in (asked, positive)]
                    assert found[0] == everyone - found[1]


def contact_tree(asked: Row) -> Row:
    return {"kind": "leaf", "leaf": {"source": "contacts", "contact": {"filters": [asked]}}}
