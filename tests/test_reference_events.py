"""The judge of events is judged by events counted by hand."""

from tests.one_contact import one_contact, segment_of
from tests.reference import members
from tests.reference_question import Row


def test_all_property_filters_must_hold_on_the_same_event() -> None:
    row = {"email": "ann@x.example", "kind": "open_email", "occurred_at": "2026-06-01T12:00:00Z"}
    timeline = [
        row | {"properties": {"a": "x", "b": "y"}, "template_id": "t1"},
        row | {"properties": {"a": "x"}, "template_id": "t2"},
        row | {"properties": ["x"], "id": "e1"},
        row | {"properties": {"0": "x"}, "id": "e1", "template_id": "t1"},
    ]
    world = one_contact("2026-06-01T12:00:00Z") | {"timeline": timeline}

    def count(*filters: Row, template_id: str | None = None) -> int:
        asked = {
            "kind": "open_email",
            "count_operator": "exactly",
            "template_id": template_id,
            "filters": list(filters),
        }
        leaf = {"source": "contact_timeline", "contact_timeline": asked}
        return next(
            number
            for number in range(9)
            if members(segment_of(leaf | {"contact_timeline": asked | {"count_value": number}}), world)
        )

    a_is_x = {"field_name": "a", "field_type": "string", "operator": "equals", "string_values": ["x"]}
    assert count() == 3
    assert count(template_id="") == 3
    assert count(template_id="t1") == 2
    assert count(a_is_x) == 2
    assert count(a_is_x, {"field_name": "b", "field_type": "string", "operator": "is_set"}) == 1
    assert count(a_is_x | {"operator": "not_equals"}) == 1
    assert count(a_is_x | {"operator": "not_equals", "missing": "exclude"}) == 0
    world["timeline"] = timeline[:3]
    assert count({"field_name": "0", "field_type": "string", "operator": "is_set"}) == 0  # a key, never an index


def test_goal_values_are_added_exactly_and_rounded_to_nine_decimals() -> None:
    def world_of(*goal_values: float | None) -> Row:
        rows = [
            {
                "external_id": f"x{number}",
                "email": " ANN@x.example",
                "event_name": "order",
                "occurred_at": "2026-06-01T12:00:00Z",
                "goal_type": "purchase",
                "goal_value": goal_value,
            }
            for number, goal_value in enumerate(goal_values)
        ]
        return one_contact("2026-06-01T12:00:00Z") | {"custom_events": rows}

    def found(world: Row, aggregate: str, operator: str, value: float, value_2: float = 0) -> bool:
        goal = {
            "goal_type": "*",
            "aggregate_operator": aggregate,
            "operator": operator,
            "value": value,
            "value_2": value_2,
        }
        return bool(members(segment_of({"source": "custom_events_goals", "custom_events_goal": goal}), world))

    assert found(world_of(0.1, 0.2), "sum", "eq", 0.3)
    assert not found(world_of(0.1, 0.2), "sum", "eq", 0.1 + 0.2)
    assert found(world_of(0.1, 0.1, 0.2), "avg", "gte", 0.13333333333333333)
    assert not found(world_of(0.1, 0.1, 0.2), "avg", "lte", 0.13333333333333333)
    assert found(world_of(0.0000000005), "sum", "eq", 0.000000001)  # a half goes away from zero
    assert found(world_of(-0.0000000005), "sum", "eq", -0.000000001)
    assert found(world_of(0.0000000004), "sum", "eq", 0)
    assert found(world_of(0.0000000015), "sum", "eq", 0.000000002)
    assert not found(world_of(0), "sum", "eq", 0.0000000001)  # what is asked is not rounded
    assert found(world_of(None, 2), "avg", "eq", 2)
    assert found(world_of(1, 2), "sum", "between", 2, 3)
    assert found(world_of(1, 2), "sum", "between", 3, 4)
    assert not found(world_of(1, 2), "sum", "between", 1, 2.9)
    assert found(world_of(None, 2), "count", "eq", 2)
    assert found(world_of(None), "sum", "lte", 0)
    assert not found(world_of(None), "max", "lte", 0)


def test_a_custom_event_counts_once_whatever_its_versions_and_timeline_rows() -> None:
    instant = "2026-06-01T12:00:00Z"
    later = "2026-06-01T12:00:00.000001Z"
    base = {"external_id": "x1", "event_name": "order", "email": "ann@x.example", "occurred_at": instant}
    row = {"kind": "custom_event.order", "email": "ann@x.example", "occurred_at": instant}

    def count(custom_events: list[Row], timeline: list[Row]) -> int:
        world = one_contact(instant) | {"custom_events": custom_events, "timeline": timeline}
        for number in range(10):
            asked = {"kind": "custom_event.order", "count_operator": "exactly", "count_value": number}
            if members(segment_of({"source": "contact_timeline", "contact_timeline": asked}), world):
                return number
        raise AssertionError("more than nine events")

    assert count([base, base], [row | {"entity_id": "x1"}]) == 1
    assert count([base], [row | {"entity_id": "x2"}, row]) == 3
    assert count([], [row | {"id": "e1"}, row | {"id": "e1"}]) == 1
    assert count([base, base | {"occurred_at": later}], []) == 1  # the later version has not happened yet
    earlier = base | {"occurred_at": "2026-05-01T12:00:00Z", "deleted_at": "2026-05-02T12:00:00Z"}
    assert count([base, earlier], []) == count([earlier, base], []) == 1  # latest by instant, not by order
    assert count([base | {"deleted_at": instant}, base], []) == 1  # of equal instants the later row
    assert count([row | base | {"event_name": "other"}], [row | {"id": "e1"}, row | {"id": "e1", "kind": "other"}]) == 0
    assert count([base | {"deleted_at": instant}], [row | {"entity_id": "x1"}]) == 0
    assert count([base | {"deleted_at": later}], []) == 1
