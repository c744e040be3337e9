"""The rows that all cases run on: few, and each there for a reason."""

from __future__ import annotations

from typing import Any

AS_OF = "2026-06-01T12:00:00Z"

Row = dict[str, Any]


def _event(email: str, kind: str, occurred_at: str, **more: object) -> Row:
    return {"email": f"{email}@x.example", "kind": kind, "occurred_at": occurred_at, **more}


def _goal(email: str, key: str, occurred_at: str, value: float | None, **more: object) -> Row:
    row = {"email": f"{email}@x.example", "external_id": key, "event_name": "order", "occurred_at": occurred_at}
    return row | {"goal_type": "purchase", "goal_value": value, **more}


WORLD: dict[str, Any] = {
    "as_of": AS_OF,
    "timezone": "UTC",
    "contacts": [
        {  # has everything
            "email": "ada@x.example",
            "first_name": "Ada",
            "country": "US",
            "timezone": "America/New_York",
            "lifetime_value": 1200,
            "orders_count": 6,
            "created_at": "2026-03-08T05:30:00Z",
            "custom_json_1": {"plan": {"tier": 2, "tags": ["x", "y"]}, "renews": "2026-07-01T00:00:00+02:00"},
        },
        {  # no country: is "not US" all the same
            "email": "bo@x.example",
            "first_name": "100% Bo_b",
            "timezone": "Australia/Lord_Howe",
            "lifetime_value": 1000,
            "created_at": "2026-05-25T12:00:00Z",
            "custom_json_1": {"plan": {"tier": "2", "tags": "x"}},
        },
        {  # a zone that does not exist: the fallback holds
            "email": "cy@x.example",
            "first_name": "ZOË",
            "country": "FR",
            "timezone": "Mars/Olympus",
            "orders_count": 5,
            "created_at": "2026-05-25T12:00:00.000001Z",
            "custom_json_1": {"plan": {"tier": 7, "tags": []}},
        },
        {"email": "di@x.example", "country": "Us of A", "timezone": "America/Havana"},  # almost nothing
        {"email": "ed@x.example", "country": "US", "first_name": "O'Neil"},  # no events at all
    ],
    "timeline": [
        _event("ada", "open_email", "2026-05-02T12:00:00Z", template_id="t1"),  # on the start of 30 days: outside
        _event("ada", "open_email", "2026-05-02T12:00:00.000001Z", template_id="t1"),  # right after it: inside
        _event("ada", "open_email", "2026-06-01T12:00:00Z", template_id="t2", properties={"device": "phone", "n": 2}),
        _event("ada", "open_email", "2026-06-01T12:00:00.000001Z", template_id="t1"),  # has not happened yet
        _event("bo", "open_email", "2026-05-20T00:00:00Z", id="o1", template_id="t1", properties={"device": "phone"}),
        _event("bo", "open_email", "2026-05-20T00:00:00Z", id="o1", template_id="t1", properties={"device": "phone"}),
        _event("cy", "open_email", "2026-01-01T00:00:00Z", template_id="t1", properties={"n": "2"}),  # long ago
        _event("di", "click_email", "2026-03-08T05:00:00Z"),  # Havana's clocks jump over midnight: its day starts here
        _event("di", "click_email", "2026-03-08T04:59:59.999999Z"),  # still the day before
        _event("bo", "click_email", "2026-03-07T13:00:00Z"),  # 8 March, 00:00, on Lord Howe
        _event("ada", "custom_event.order", "2026-05-30T00:00:00Z", entity_id="a1"),  # is a1 below: counts once
        _event("cy", "custom_event.order", "2026-05-30T00:00:00Z"),  # known from the timeline alone
    ],
    "custom_events": [
        _goal("ada", "a1", "2026-05-30T00:00:00Z", 0.1),
        _goal("ada", "a2", "2026-05-30T00:00:00Z", 0.2),  # 0.1 + 0.2 is exactly 0.3
        _goal("bo", "b1", "2026-05-01T00:00:00Z", 99.5),
        _goal("bo", "b1", "2026-05-02T00:00:00Z", 0.3),  # a later version of b1 takes its place
        _goal("bo", "b1", "2026-06-01T12:00:00.000001Z", 1000),  # a version that has not come yet
        _goal("bo", "b2", "2026-05-02T00:00:00Z", 500, deleted_at="2026-06-01T12:00:00Z"),  # deleted by now
        _goal("cy", "c1", "2026-05-02T00:00:00Z", 0.3, deleted_at="2026-06-01T12:00:00.000001Z"),  # not deleted yet
        _goal("di", "d1", "2026-05-02T00:00:00Z", None, goal_type="lead"),  # a goal without a value
    ],
    "lists": [
        {"id": "news", "name": "News"},
        {"id": "gone", "name": "Gone", "deleted_at": "2026-06-01T12:00:00Z"},  # nobody is on it any more
    ],
    "subscriptions": [
        {"email": "ada@x.example", "list_id": "news", "status": "active"},
        {"email": "bo@x.example", "list_id": "news", "status": "unsubscribed"},
        {"email": "bo@x.example", "list_id": "gone", "status": "active"},
    ],
}
