"""Says the definitions of performed_events.jsonl in the base language of populace.

Two readings of Dittofeed are left aside, because no case needs them: it compares a boolean as the text "true", and
a text that holds a number with `>=` and `<`.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tests.definitions import Json, branch, events, leaf, on_list

SECONDS_PER_DAY = 86_400

ANY_TRACK = "track"
IDENTIFY = "identify"
TRAITS = "custom_json_1"
TIMELINE_KINDS = {"DFEmailOpened": "open_email"}
"""Dittofeed's own events for which populace has a kind; their template is a column, not a property."""

COUNT_OPERATORS = {">=": ("at_least", 0), "=": ("exactly", 0), "<": ("at_most", -1)}
"""Operator -> ours, and what to add to its number."""

NUMBER_TEXT = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]*[1-9])?")
PATH_STEP = re.compile(r"\.([A-Za-z_][A-Za-z0-9_]*)|\[([0-9]+)\]|\[\"([^\"\\]+)\"\]")


class UntranslatableError(Exception):
    """The base vocabulary cannot say this; `feature` names what, as the cases do."""

    def __init__(self, feature: str) -> None:
        self.feature = feature
        super().__init__(feature)


def kind_of(event_name: str) -> str:
    """The kind of a tracked event: other names never become the same kind."""
    kept = re.sub(r"[^a-z0-9_.-]", lambda found: f":{ord(found[0]):x}:", event_name)
    return TIMELINE_KINDS.get(event_name, f"track.{kept}")


@dataclass(frozen=True, slots=True)
class Definition:
    """One segment of a case, and what its meaning depends on."""

    segment_id: str
    nodes: Mapping[str, Json]
    events: Sequence[Json]
    as_of: datetime

    def tree(self, node: Json) -> Json:
        """The tree that a node means."""
        match node["type"]:
            case "And" | "Or":
                return branch(node["type"].lower(), *(self.tree(self.nodes[child]) for child in node["children"]))
            case "Everyone":
                return leaf("contacts", {"filters": [_filter({"field_name": "email"}, "string", "is_set")]})
            case "Trait":
                return self._trait(node)
            case "Includes":
                includes = _filter(_trait_at(node["path"]), "json", "in_array", node["item"])
                numbers = {"number_values": [float(node["item"])]} if NUMBER_TEXT.fullmatch(node["item"]) else {}
                return leaf("contacts", {"filters": [includes | numbers]})
            case "Performed":
                return self._performed(node)
            case "LastPerformed":
                return self._last_performed(node)
            case "Email":  # at least once, whatever its `times`
                return events(kind_of(node["event"]), "at_least", 1, template_id=node["templateId"])
            case "Manual":
                return on_list(manual_list(self.segment_id, node["version"]), "active")
            case "SubscriptionGroup":
                if node["subscriptionGroupType"] == "OptOut":
                    return on_list(node["subscriptionGroupId"], "unsubscribed", "not_in")
                return on_list(node["subscriptionGroupId"], "active")
            case "SubscriptionGroupUnsubscribed":
                return on_list(node["subscriptionGroupId"], "unsubscribed")
            case other:
                raise UntranslatableError(f"node:{other}")

    def _trait(self, node: Json) -> Json:
        operator = node["operator"]
        if operator["type"] == "HasBeen":
            return self._has_been(node["path"], operator)
        ways = _ways(operator, _trait_at(node["path"]), self.as_of)
        found = _any_of([leaf("contacts", {"filters": filters}) for filters in ways])
        if operator["type"] in ("NotEquals", "NotExists"):
            return branch("and", found, events(IDENTIFY, "at_least", 1))
        return found

    def _has_been(self, path: str, operator: Json) -> Json:
        """The trait has the value now, and when it last changed: before the window, or in it."""
        steps = _steps(path) or []
        if len(steps) != 1:
            raise UntranslatableError(f"HasBeen at the path {path}")
        days, seconds = divmod(operator["windowSeconds"], SECONDS_PER_DAY)
        window = ("after_date", self._before(seconds=operator["windowSeconds"]))
        if not seconds:
            window = ("in_the_last_days", str(days))
        count = {"GTE": ("exactly", 0), "LT": ("at_least", 1)}[operator["comparator"]]
        was_changed = _filter({"field_name": "changes", "json_path": steps}, "json", "is_set")
        equals = {"type": "Equals", "value": operator["value"]}
        return branch(
            "and",
            self._trait({"path": path, "operator": equals}),
            events("contact.updated", *count, *window, filters=[was_changed]),
        )

    def _performed(self, node: Json) -> Json:
        operator, shift = COUNT_OPERATORS[node.get("timesOperator", "=")]
        count = node.get("times", 1) + shift
        window: tuple[str, ...] = ()
        if "withinSeconds" in node:
            window = ("in_date_range", self._before(seconds=node["withinSeconds"]), self.as_of.isoformat())
        counts = [
            events(kind, operator, count, *(window or ("anytime",)), filters=filters)
            for kind, filters in self._ways_to_perform(node["event"], node.get("properties", ()))
        ]
        if len(counts) > 1 and (operator, count) != ("at_least", 1):
            raise UntranslatableError("a count of events that match in several ways")
        return _any_of(counts)

    def _last_performed(self, node: Json) -> Json:
        """Where nobody has two such events, the last is the only one. The base vocabulary knows no other last one."""
        name, is_prefix = _name_or_prefix(node["event"])
        performers = Counter(
            event["user_id"]
            for event in self.events
            if event["type"] == "track" and (event["event"].startswith(name) if is_prefix else event["event"] == name)
        )
        if max(performers.values(), default=0) > 1:
            raise UntranslatableError("the last of several events")
        properties = [*node.get("whereProperties", ()), *node.get("hasProperties", ())]
        performed = {"event": node["event"], "timesOperator": ">=", "times": 1, "properties": properties}
        return self._performed(performed)

    def _ways_to_perform(self, event: str, properties: Sequence[Json]) -> Iterator[tuple[str, list[Json]]]:
        """The kind and the filters of each way in which an event can match all conditions on its properties."""
        name, is_prefix = _name_or_prefix(event)
        kind, named, above = kind_of(name), [], []
        if is_prefix:
            behind = name[:-1] + chr(ord(name[-1]) + 1)  # all names with the prefix sort before this
            subject = {"field_name": "event"}
            named = [_filter(subject, "string", "gte", name), _filter(subject, "string", "lt", behind)]
            kind, above = ANY_TRACK, ["properties"]
        ways_of_each = []
        for condition in properties:
            steps = _steps(condition["path"])
            if steps is None:  # such a condition is ignored
                continue
            field_name, *json_path = *above, *steps
            subject_at = {"field_name": field_name, "json_path": json_path}
            ways_of_each.append(_ways(condition["operator"], subject_at, self.as_of))
        for ways in itertools.product(*ways_of_each):
            yield kind, [*named, *itertools.chain.from_iterable(ways)]

    def _before(self, *, seconds: int) -> str:
        return (self.as_of - timedelta(seconds=seconds)).isoformat()


def _ways(operator: Json, subject: Json, as_of: datetime) -> list[list[Json]]:
    """The ways in which a value can match an operator: any one of them, with all of its filters.

    Values compare as text: "10" is the text or the number. The empty text counts as missing.
    """
    value = operator.get("value")
    as_number = [float(value)] if value is not None and NUMBER_TEXT.fullmatch(str(value)) else []
    match operator["type"]:
        case "Equals":
            text = [[_filter(subject, "string", "equals", str(value))]]
            return text + [[_filter(subject, "number", "equals", number)] for number in as_number]
        case "NotEquals":
            text_differs = _filter(subject, "string", "not_equals", str(value))
            return [[text_differs] + [_filter(subject, "number", "not_equals", number) for number in as_number]]
        case "Exists":
            return [[_filter(subject, "json", "is_set"), _filter(subject, "string", "not_equals", "")]]
        case "NotExists":
            return [[_filter(subject, "json", "is_not_set")], [_filter(subject, "string", "equals", "")]]
        case "GreaterThanOrEqual":
            return [[_filter(subject, "number", "gte", value)]]
        case "LessThan":
            return [[_filter(subject, "number", "lt", value)]]
        case "Within":  # open to the future
            start = as_of - timedelta(seconds=operator["windowSeconds"])
            return [[_filter(subject, "time", "gte", start.isoformat())]]
        case "AbsoluteTimestamp":
            return [[_filter(subject, "time", f"{operator['direction']}_date", operator["absoluteTimestamp"])]]
        case other:
            raise UntranslatableError(f"op:{other}")


def _filter(subject: Json, field_type: str, operator: str, *values: object) -> Json:
    body = {**subject, "field_type": field_type, "operator": operator}
    if values:
        body["number_values" if field_type == "number" else "string_values"] = list(values)
    return body


def _trait_at(path: str) -> Json:
    steps = _steps(path)
    if steps is None:
        raise UntranslatableError(f"a trait at the path {path}")
    return {"field_name": TRAITS, "json_path": steps}


def _steps(path: str) -> list[str] | None:
    """The steps of a JSONPath, whose leading `$.` may be missing; None if it is not one."""
    rest = path.removeprefix("$") if path.startswith("$") else f".{path}"
    steps = []
    while rest:
        found = PATH_STEP.match(rest)
        if found is None:
            return None
        steps.append(found[found.lastindex or 0])
        rest = rest[found.end() :]
    return steps or None


def _name_or_prefix(event: str) -> tuple[str, bool]:
    return event.removesuffix("*"), event.endswith("*")


def _any_of(trees: Sequence[Json]) -> Json:
    return trees[0] if len(trees) == 1 else branch("or", *trees)


def manual_list(segment_id: str, version: int) -> str:
    return f"{segment_id}.v{version}"
