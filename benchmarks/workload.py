"""Two hundred mixed segments, each as a definition and as the conditions that a person would write a query for."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

Json = dict[str, object]

KINDS = ("insert_message_history", "open_email", "click_email", "bounce_email", "unsubscribe_email")
TEMPLATES = ("product-lamp", "product-chair", "welcome", "cart-reminder", "newsletter-03", "win-back")
WINDOWS_DAYS = (7, 14, 30, 60, 90, 180, 365)


@dataclass(frozen=True, slots=True)
class Counted:
    """How often something happened after `since`: `at_least`, `at_most` or `exactly` a number, which is then 0."""

    kind: str
    since: datetime
    template: str | None
    operator: str
    number: int


@dataclass(frozen=True, slots=True)
class Bought:
    """What a contact bought after `since`: the `sum`, `count` or `max` of purchases is at least a number.

    `excludes`: it bought nothing.
    """

    since: datetime | None
    measure: str
    at_least: int
    excludes: bool


@dataclass(frozen=True, slots=True)
class HasField:
    """A field of the contact, as a predicate of SQL; all engines here understand it."""

    sql: str


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A subscription to a list; `excludes`: there is none."""

    list_id: str
    status: str | None
    excludes: bool


@dataclass(frozen=True, slots=True)
class Both:
    """All parts hold."""

    parts: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """One of the parts holds."""

    parts: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """The part does not hold."""

    part: Question


Question = Counted | Bought | HasField | Subscribed | Both | Either | Negation


@dataclass(frozen=True, slots=True)
class Workload:
    """A segment's definition, and what it asks for, as of an instant."""

    segment: Json
    question: Question
    as_of: datetime


Part = tuple[Json, Question]
"""A condition in the wire format, and the same for peers."""


def workload(count: int, as_of: datetime, lists: Mapping[str, datetime | None], seed: int = 20) -> list[Workload]:
    """So many segments: a fifth each of counts, goals, profile with counts, lists with counts, nested.

    `lists` are those of the catalog, with when they were deleted.
    """
    choose = random.Random(seed)
    list_ids = sorted(list_id for list_id, deleted_at in lists.items() if deleted_at is None)
    shapes = (_counts, _goals, _profile_and_counts, _lists_and_counts, _nested)
    made = []
    for number in range(count):
        tree, question = shapes[number % len(shapes)](_Chooser(choose, as_of, list_ids))
        made.append(Workload(_segment(number, tree), question, as_of))
    return made


def on_the_same_conditions(work: Sequence[Workload], count: int, seed: int = 21) -> list[Json]:
    """So many more segments, each of three conditions that the others ask for already."""
    choose = random.Random(seed)
    known = [leaf for item in work for leaf in _leaves(item.segment["tree"])]
    return [
        _segment(len(work) + number, _tree("or" if number % 2 else "and", choose.sample(known, 3)))
        for number in range(count)
    ]


@dataclass(frozen=True, slots=True)
class _Chooser:
    choose: random.Random
    as_of: datetime
    list_ids: Sequence[str]

    def count(self) -> Part:
        """How often something happened, in one of a few windows: so some conditions recur."""
        kind, days = self.choose.choice(KINDS), self.choose.choice(WINDOWS_DAYS)
        operator, number = self.choose.choice(
            [("at_least", 1), ("at_least", 1), ("at_least", 3), ("at_least", 5), ("exactly", 0), ("at_most", 2)]
        )
        template = self.choose.choice(TEMPLATES) if kind == "click_email" and self.choose.random() < 0.5 else None
        body: Json = {
            "kind": kind,
            "count_operator": operator,
            "count_value": number,
            "timeframe_operator": "in_the_last_days",
            "timeframe_values": [str(days)],
            "template_id": template,
            "filters": [],
        }
        question = Counted(kind, self.as_of - timedelta(days=days), template, operator, number)
        return _leaf("contact_timeline", "contact_timeline", body), question

    def goal(self) -> Part:
        """What a contact bought."""
        days = self.choose.choice((30, 90, 365, None))
        aggregate, operator, value = self.choose.choice(
            [("sum", "gte", 100), ("sum", "gte", 1000), ("count", "gte", 2), ("max", "gte", 500), ("count", "lte", 0)]
        )
        body: Json = {
            "goal_type": "purchase",
            "goal_name": None,
            "aggregate_operator": aggregate,
            "operator": operator,
            "value": value,
            "timeframe_operator": "in_the_last_days" if days else "anytime",
            "timeframe_values": [str(days)] if days else [],
        }
        since = self.as_of - timedelta(days=days) if days else None
        return _leaf("custom_events_goals", "custom_events_goal", body), Bought(
            since, aggregate, value, excludes=operator == "lte"
        )

    def profile(self) -> Part:
        """A field of the contact."""
        field, kind, operator, values, sql = self.choose.choice(
            [
                ("country", "string", "equals", ["US"], "country = 'US'"),
                ("country", "string", "equals", ["DE", "FR"], "country IN ('DE', 'FR')"),
                ("country", "string", "not_equals", ["US"], "(country <> 'US' OR country IS NULL)"),
                ("language", "string", "equals", ["en"], "language = 'en'"),
                ("first_name", "string", "contains", ["an"], "lower(first_name) LIKE '%an%'"),
                ("lifetime_value", "number", "gte", [1000], "lifetime_value >= 1000"),
                ("orders_count", "number", "gte", [5], "orders_count >= 5"),
                ("phone", "string", "is_set", [], "phone IS NOT NULL"),
                ("job_title", "string", "is_not_set", [], "job_title IS NULL"),
            ]
        )
        key = "number_values" if kind == "number" else "string_values"
        body: Json = {"field_name": field, "field_type": kind, "operator": operator, key: values}
        return _leaf("contacts", "contact", {"filters": [body]}), HasField(sql)

    def list(self) -> Part:
        """A subscription."""
        list_id, status = self.choose.choice(self.list_ids), self.choose.choice(("active", "unsubscribed", None))
        operator = self.choose.choice(("in", "in", "not_in"))
        body: Json = {"operator": operator, "list_id": list_id, "status": status}
        question = Subscribed(list_id, status, excludes=operator == "not_in")
        return _leaf("contact_lists", "contact_list", body), question


# --- shapes -----------------------------------------------------------------------------------------------------------


def _counts(chooser: _Chooser) -> Part:
    return _combined(chooser, [chooser.count() for _ in range(chooser.choose.choice((1, 1, 2)))])


def _goals(chooser: _Chooser) -> Part:
    return _combined(chooser, [chooser.goal() for _ in range(chooser.choose.choice((1, 1, 2)))])


def _profile_and_counts(chooser: _Chooser) -> Part:
    return _combined(chooser, [chooser.profile(), chooser.profile(), chooser.count()])


def _lists_and_counts(chooser: _Chooser) -> Part:
    return _combined(chooser, [chooser.list(), chooser.count()])


def _nested(chooser: _Chooser) -> Part:
    """a AND (b OR c) AND NOT d."""
    first, second, third, last = chooser.profile(), chooser.count(), chooser.goal(), chooser.count()
    trees = [first[0], _tree("or", [second[0], third[0]]), _tree("not", [last[0]])]
    return _tree("and", trees), Both((first[1], Either((second[1], third[1])), Negation(last[1])))


def _combined(chooser: _Chooser, parts: Sequence[Part]) -> Part:
    if len(parts) == 1:
        return parts[0]
    operator = chooser.choose.choice(("and", "and", "or"))
    questions = tuple(question for _, question in parts)
    united = Either(questions) if operator == "or" else Both(questions)
    return _tree(operator, [tree for tree, _ in parts]), united


# --- wire format ------------------------------------------------------------------------------------------------------


def _segment(number: int, tree: Json) -> Json:
    return {"id": f"segment-{number:03}", "name": f"Segment {number}", "timezone": "UTC", "tree": tree}


def _leaf(source: str, key: str, body: Json) -> Json:
    return {"kind": "leaf", "leaf": {"source": source, key: body}}


def _tree(operator: str, parts: Sequence[Json]) -> Json:
    return {"kind": "branch", "branch": {"operator": operator, "leaves": list(parts)}}


def _leaves(tree: object) -> list[Json]:
    """Every condition of a tree."""
    assert isinstance(tree, dict)
    if tree["kind"] == "leaf":
        return [tree]
    return [leaf for part in tree["branch"]["leaves"] for leaf in _leaves(part)]
