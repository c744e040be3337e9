"""Operations on JSON values: each as a plain program that changes a copy in place would do it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.writes.json_operations import ABSENT, ClashError, Operator, changed_json, same_json

KEYS = st.sampled_from(["a", "b", "0", "1"])
SCALARS = st.one_of(st.none(), st.booleans(), st.sampled_from([0, 1, 2, 1.0, 0.5]), st.sampled_from(["x", "1"]))
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=6
)
DOCUMENTS = st.dictionaries(KEYS, VALUES, max_size=3)
PATHS = st.lists(KEYS, min_size=1, max_size=3).map(tuple)


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def equal(one: Any, other: Any) -> bool:
    """Equality by a form in which equal values are equal texts: numbers as fractions, keys sorted."""
    return canonical(one) == canonical(other)


def canonical(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{key!r}:{canonical(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(canonical(item) for item in value) + "]"
    return str(float(value)) if is_number(value) else repr(value)


def model(document: Any, operator: Operator, path: tuple[str, ...], value: Any) -> Any:
    """The document after the operation, changed in place on a copy; None for a clash."""
    document = copy.deepcopy(document)
    makes = operator in {Operator.SET, Operator.INC, Operator.PUSH, Operator.ADD_TO_SET}
    here = document
    for number, segment in enumerate(path):
        is_last = number == len(path) - 1
        if isinstance(here, list):
            if segment not in {"0", "1"} or int(segment) > len(here):
                return None if makes else document
            place: Any = int(segment)
            if place == len(here):
                if not makes:
                    return document
                here.append(None)
        elif isinstance(here, dict):
            place = segment
            if place not in here:
                if not makes:
                    return document
                here[place] = None
        elif not makes:
            return document
        else:
            return None
        if not is_last:
            if here[place] is None:
                if not makes:
                    return document
                here[place] = {}
            here = here[place]
            continue
        old = here[place]
        if operator is Operator.SET:
            here[place] = value
        elif operator is Operator.UNSET:
            if isinstance(here, list):
                here[place] = None
            else:
                del here[place]
        elif operator is Operator.INC:
            if old is not None and not is_number(old):
                return None
            here[place] = (old or 0) + value
        elif old is not None and not isinstance(old, list):
            return None
        elif operator is Operator.PULL:
            if old is not None:
                here[place] = [item for item in old if not equal(item, value)]
        elif operator is Operator.PUSH or not any(equal(item, value) for item in old or []):
            here[place] = [*(old or []), value]
        else:
            here[place] = list(old or [])
    return document


@given(
    document=DOCUMENTS, operator=st.sampled_from(Operator), path=PATHS, value=VALUES, number=st.sampled_from([1, 0.5])
)
def test_an_operation_does_what_a_plain_program_does(
    document: dict[str, Any], operator: Operator, path: tuple[str, ...], value: Any, number: float
) -> None:
    """For any document and operation: the same document comes out, or both refuse; and nothing given is changed."""
    argument = number if operator is Operator.INC else value
    before = copy.deepcopy(document)
    expected = model(document, operator, path, argument)
    try:
        found = changed_json(document, operator, path, argument)
    except ClashError as error:
        assert expected is None, error.problem
        assert path[: len(error.path)] == error.path
    else:
        assert canonical(found) == canonical(expected)
    assert canonical(document) == canonical(before)


@given(one=VALUES, other=VALUES)
def test_values_are_equal_where_their_canonical_texts_are(one: Any, other: Any) -> None:
    assert same_json(one, other) == equal(one, other)
    assert same_json(one, copy.deepcopy(one))


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        (1, 1.0, True),
        (True, 1, False),
        (0, False, False),
        (None, ABSENT, False),
        (2**53 + 1, float(2**53), False),
        ({"a": [1, {"b": 2}]}, {"a": [1.0, {"b": 2.0}]}, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([1, 2], [2, 1], False),
        ("1", 1, False),
    ],
)
def test_equality_is_that_of_json(one: Any, other: Any, is_same: bool) -> None:
    assert same_json(one, other) is is_same


@pytest.mark.parametrize(
    ("document", "operator", "path", "value", "where", "problem"),
    [
        ({"plan": "gold"}, Operator.INC, "plan", 1, ("plan",), "is text, but $inc needs a number"),
        ({"plan": True}, Operator.INC, "plan", 1, ("plan",), "is true or false, but $inc needs a number"),
        ({"plan": {"a": 1}}, Operator.PUSH, "plan", 1, ("plan",), "is an object, but $push needs an array"),
        ({"plan": 1}, Operator.ADD_TO_SET, "plan", 1, ("plan",), "is a number, but $addToSet needs an array"),
        ({"plan": "x"}, Operator.PULL, "plan", 1, ("plan",), "is text, but $pull needs an array"),
        ({"plan": "x"}, Operator.SET, "plan.tier", 1, ("plan",), "is text, and has no 'tier' in it"),
        ({"orders": [1]}, Operator.SET, "orders.2", 1, ("orders",), "has 1 elements; the next one is 1, not 2"),
        ({"orders": [1]}, Operator.SET, "orders.01", 1, ("orders",), "is an array, and '01' is no index of one"),
        ({"n": 1.7e308}, Operator.INC, "n", 1.7e308, ("n",), "becomes too large a number by $inc"),
        ({"n": 2**64 - 1}, Operator.INC, "n", 1, ("n",), "becomes too large a number by $inc"),
    ],
)
def test_a_clash_says_where_and_why(
    document: Any, operator: Operator, path: str, value: Any, where: tuple[str, ...], problem: str
) -> None:
    with pytest.raises(ClashError) as caught:
        changed_json(document, operator, tuple(path.split(".")), value)
    assert (caught.value.path, caught.value.problem) == (where, problem)


def test_a_long_path_into_nothing_makes_objects() -> None:
    assert changed_json(ABSENT, Operator.SET, ("a", "0", "b"), 1) == {"a": {"0": {"b": 1}}}
    assert changed_json(ABSENT, Operator.PUSH, (), 1) == [1]
    assert changed_json({"a": None}, Operator.INC, ("a",), 2) == {"a": 2}
    assert changed_json({"a": [1, 2]}, Operator.UNSET, ("a", "0")) == {"a": [None, 2]}
