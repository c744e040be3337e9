"""Dates and booleans against the judge: whichever day it is where, and whatever JSON holds, the same members."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests import reference
from tests.definitions import branch, field, segment
from tests.engine_under_test import members_by_engine
from tests.strategies_documents import ODD_BY_TYPE

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ZONES = ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "America/New_York", "Mars/Olympus", ""]
DAYS = [f"2026-02-{day}" for day in (26, 27, 28)] + [f"2026-03-0{day}" for day in (1, 2, 3)]

contacts = st.lists(st.tuples(st.sampled_from(ZONES), st.none() | st.sampled_from(DAYS)), min_size=1, max_size=5)
as_ofs = st.builds(
    lambda hours, microseconds: NOON + timedelta(hours=hours, microseconds=microseconds),
    st.integers(-36, 36),
    st.integers(-1, 1),
)


@given(
    contacts=contacts,
    as_of=as_ofs,
    count=st.sampled_from(["1", "2", "0", "3", "999999999"]),
    workspace_zone=st.sampled_from(ZONES[:4]),
)
@example(contacts=[("Pacific/Kiritimati", "2026-03-02")], as_of=NOON, count="1", workspace_zone="UTC")
def test_the_last_days_end_today_where_the_segment_or_each_contact_is(
    contacts: list[tuple[str, str | None]], as_of: datetime, count: str, workspace_zone: str
) -> None:
    world: dict[str, Any] = {
        "as_of": as_of.isoformat(),
        "timezone": workspace_zone,
        "custom_fields": [{"key": "renews_on", "type": "date"}],
        "contacts": [
            {"email": f"c{number}@x.example", "timezone": zone, "renews_on": day}
            for number, (zone, day) in enumerate(contacts)
        ],
    }
    recent = field("renews_on", "in_the_last_days", count)
    segments = [
        segment(recent, "in-contact", "contact"),
        segment(branch("not", recent), "not-in-contact", "contact"),
        *(segment(recent, f"in-{number}", zone) for number, zone in enumerate(ZONES[:4])),
    ]
    expected = {item["id"]: reference.members(item, world) for item in segments}
    assert members_by_engine(segments, world) == expected


VALUES_IN_JSON: list[Any] = [
    *ODD_BY_TYPE["date"],
    *ODD_BY_TYPE["boolean"],
    True,
    False,
    "2026-06-01",
    {"v": True},
    "true ",
]


@pytest.mark.parametrize(
    "asked",
    [
        {"field_type": "date", "operator": "is_set"},
        {"field_type": "date", "operator": "not_equals", "string_values": ["2026-06-01"], "missing": "exclude"},
        {"field_type": "date", "operator": "lte", "string_values": ["2026-06-01"]},
        {"field_type": "boolean", "operator": "is_set"},
        {"field_type": "boolean", "operator": "equals", "boolean_values": [True]},
        {"field_type": "boolean", "operator": "not_equals", "boolean_values": [True]},
        {"field_type": "boolean", "operator": "equals", "boolean_values": [False, True]},
    ],
    ids=lambda asked: f"{asked['field_type']}-{asked['operator']}-{len(asked.get('boolean_values', ()))}",
)
def test_a_value_in_json_is_a_date_or_a_boolean_or_missing(asked: dict[str, Any]) -> None:
    world: dict[str, Any] = {
        "as_of": NOON.isoformat(),
        "contacts": [
            {"email": f"c{number}@x.example", "custom_json_1": {"v": value}}
            for number, value in enumerate(VALUES_IN_JSON)
        ],
    }
    filters = [{"field_name": "custom_json_1", "json_path": ["v"], **asked}]
    tree = {"kind": "leaf", "leaf": {"source": "contacts", "contact": {"filters": filters}}}
    expected = reference.members(segment(tree), world)
    assert expected
    assert members_by_engine([segment(tree)], world) == {"s": expected}
