"""Short ways to write definitions in the wire format, and to read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]


def leaf(source: str, body: object) -> Json:
    """A leaf of a source."""
    keys = {
        "contacts": "contact",
        "contact_lists": "contact_list",
        "contact_timeline": "contact_timeline",
        "custom_events_goals": "custom_events_goal",
        "sequence": "sequence",
        "tag": "tag",
        "segment": "segment",
        "identity": "identity",
        "sql": "sql",
    }
    return {"kind": "leaf", "leaf": {"source": source, keys[source]: body}}


def field(name: str, operator: str, *values: object, **more: object) -> Json:
    """A condition on one contact field; values go where those of their type belong."""
    keys = {str: "string_values", bool: "boolean_values"}
    body: Json = {"field_name": name, "operator": operator, **more}
    if values:
        body[keys.get(type(values[0]), "number_values")] = list(values)
    return leaf("contacts", {"filters": [body]})


def events(kind: str, operator: str, count: int, timeframe: str = "anytime", *values: str, **more: object) -> Json:
    """A condition on how often something happened."""
    body: Json = {"kind": kind, "count_operator": operator, "count_value": count}
    body |= {"timeframe_operator": timeframe, "timeframe_values": list(values), **more}
    return leaf("contact_timeline", body)


def goal(
    aggregate: str, operator: str, value: object, timeframe: str = "anytime", *values: str, **more: object
) -> Json:
    """A condition on the goals that a contact reached: purchases, if nothing else is said."""
    body: Json = {"goal_type": "purchase", "aggregate_operator": aggregate, "operator": operator, "value": value}
    return leaf(
        "custom_events_goals", body | {"timeframe_operator": timeframe, "timeframe_values": list(values), **more}
    )


def tagged(*tags: str, operator: str = "in") -> Json:
    """A condition on tags."""
    return leaf("tag", {"operator": operator, "tags": list(tags)})


def on_list(list_id: str, status: str | None = None, operator: str = "in") -> Json:
    """A condition on a subscription."""
    return leaf("contact_lists", {"operator": operator, "list_id": list_id, "status": status})


def found_by(query: str, operator: str = "in") -> Json:
    """A condition that is a query of e-mails."""
    return leaf("sql", {"operator": operator, "query": query})


def branch(operator: str, *nodes: Json) -> Json:
    """and, or, not."""
    return {"kind": "branch", "branch": {"operator": operator, "leaves": list(nodes)}}


def segment(tree: object, segment_id: str = "s", timezone: str = "UTC") -> Json:
    """A segment with this tree."""
    return {"id": segment_id, "name": segment_id, "timezone": timezone, "tree": tree}


def leaves_of(node: Json) -> Iterator[Json]:
    """The leaves of a tree, from left to right."""
    if node["kind"] == "leaf":
        yield node["leaf"]
    else:
        for inner in node["branch"]["leaves"]:
            yield from leaves_of(inner)
