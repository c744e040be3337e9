"""Custom fields and tags in definitions: named at once, refused where they do not fit, in use while a segment looks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import populace
from engine.definition.fields import CONTACT_FIELDS, FieldType
from engine.definition.points import checked_date
from engine.errors import DefinitionError, FieldInUseError, SegmentsFileError, UnknownFieldError
from ingest.workspace import Workspace
from ingest.writes.write import Outcome
from tests.definitions import branch, events, field, segment, tagged
from tests.engine_under_test import write_dataset

ADA, BO = "ada@x.example", "bo@x.example"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Workspace]:
    with populace.init(tmp_path / "shop") as opened:
        yield opened


def apply(shop: Workspace, tmp_path: Path, *definitions: dict[str, Any]) -> None:
    (tmp_path / "segments.json").write_text(json.dumps(definitions), "utf-8")
    shop.apply(tmp_path / "segments.json")


def test_a_definition_names_custom_fields_at_once(shop: Workspace, tmp_path: Path) -> None:
    shop.fields.define("is_partner", "boolean")
    shop.fields.define("renews_on", "date")
    shop.upsert({"email": ADA, "is_partner": True, "renews_on": "2126-06-01"})
    shop.upsert({"email": BO, "is_partner": False, "tags": ["vip"]})
    apply(
        shop,
        tmp_path,
        segment(field("is_partner", "equals", True), "partners"),
        segment(branch("and", field("renews_on", "in_the_last_days", "1"), tagged("vip", operator="not_in")), "due"),
    )
    shop.recompute("2126-06-01T12:00:00Z")
    assert [shop.members(name)["email"].to_list() for name in ("partners", "due")] == [[ADA], [ADA]]
    assert shop.sql("SELECT email, is_partner FROM segment.partners").rows() == [(ADA, True)]
    found = shop.preview(tmp_path / "segments.json", as_of="2126-06-02T12:00:00Z")
    assert [item.size for item in found.segments] == [1, 0]
    assert all(not item.violation_count for item in shop.check().invariants)


def test_an_unknown_field_is_answered_with_the_nearest_custom_one(shop: Workspace, tmp_path: Path) -> None:
    shop.fields.define("renews_on", "date")
    with pytest.raises(SegmentsFileError, match=r"filters\[0\].field_name: .*'renew_on'; did you mean 'renews_on'"):
        apply(shop, tmp_path, segment(field("renew_on", "is_set")))
    shop.fields.retire("renews_on")
    with pytest.raises(SegmentsFileError, match="no contact field is named 'renews_on'"):
        apply(shop, tmp_path, segment(field("renews_on", "is_set")))
    with pytest.raises(UnknownFieldError):
        populace.read_segment(segment(field("renews_on", "is_set")))


def test_segments_that_were_read_before_are_checked_when_they_are_applied(shop: Workspace) -> None:
    shop.fields.define("own", "text")
    read = populace.read_segment(segment(field("own", "equals", "x")), fields=shop.fields.of_definitions)
    shop.fields.retire("own")
    for use in (shop.apply, shop.preview):
        with pytest.raises(SegmentsFileError, match=r"segment 's': tree.leaf.* no contact field is named 'own'"):
            use([read])
    other = populace.read_segment(
        segment(field("later", "equals", "x")), fields={**CONTACT_FIELDS, "later": FieldType.JSON}
    )
    shop.fields.define("later", "text")
    with pytest.raises(SegmentsFileError, match="custom fields of other types"):
        shop.apply([other])
    assert shop.segments() == []


def test_a_run_over_files_refuses_segments_with_custom_fields(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    write_dataset({"contacts": [{"email": ADA}]}, tmp_path / "data")
    read = populace.read_segment(segment(field("own", "is_set")), fields={**CONTACT_FIELDS, "own": FieldType.DATE})
    with pytest.raises(SegmentsFileError, match="no contact field is named 'own'"):
        populace.run(tmp_path / "data", segments=[read])


@pytest.mark.parametrize(
    ("tree", "problem"),
    [
        (field("own_date", "equals", "2026-05-01T00:00:00Z"), "must be a date such as 2026-05-01"),
        (field("own_date", "gt", "2026-02-30"), "must be a date"),
        (field("own_date", "in_date_range", "2026-05-02", "2026-05-01"), "later than its end"),
        (field("own_date", "in_date_range", "2026-05-01T00:00:00Z", "2026-05-02"), "must be a date such as"),
        (field("own_date", "in_date_range", "2026-05-02"), "must hold two values"),
        (field("own_date", "contains", "2026"), "operator: is 'contains'"),
        (field("own_date", "in_the_last_days", "-1"), "whole number of days"),
        (field("own_date", "equals", True), "boolean_values: is not used by equals on a date field"),
        (field("own_boolean", "equals", "true"), "string_values: is not used by equals on a boolean field"),
        (field("own_boolean", "equals", boolean_values=["true"]), r"boolean_values\[0\]: must be true or false"),
        (field("own_boolean", "equals", boolean_values=[1]), "must be true or false, got 1"),
        (field("own_boolean", "equals"), "must hold at least one value"),
        (field("own_boolean", "gt", True), "operator: is 'gt'"),
        (field("own_boolean", "is_set", field_type="date"), "this is a boolean field"),
        (field("own_date", "is_set", json_path=["a"]), "goes with a json field only"),
        (field("country", "equals", "US", boolean_values=[True]), "boolean_values: is not used by equals on a string"),
        (tagged(), "tags: must hold at least one tag"),
        (tagged(""), r"tags\[0\]: must not be empty"),
        (tagged("a", operator="any"), "it must be in or not_in"),
    ],
)
def test_what_does_not_fit_a_boolean_a_date_or_a_tag_is_refused(tree: dict[str, Any], problem: str) -> None:
    fields = {**CONTACT_FIELDS, "own_date": FieldType.DATE, "own_boolean": FieldType.BOOLEAN}
    with pytest.raises(DefinitionError, match=problem):
        populace.read_segment(segment(tree), fields=fields)


def test_a_date_in_a_definition_is_one_day() -> None:
    assert checked_date("2024-02-29", "here") == date(2024, 2, 29)


def test_a_field_that_a_segment_looks_at_is_not_retired(shop: Workspace, tmp_path: Path) -> None:
    shop.fields.define("plan", "text")
    shop.fields.define("other", "text")
    inside = branch("not", branch("or", field("country", "is_set"), field("plan", "equals", "pro")))
    apply(shop, tmp_path, segment(inside, "pro"), segment(field("plan", "is_set"), "any-plan"))
    with pytest.raises(FieldInUseError, match="'plan' is in use by 'any-plan', 'pro'") as caught:
        shop.fields.retire("plan")
    assert caught.value.segment_ids == ("any-plan", "pro")
    shop.delete_segment("any-plan")
    apply(shop, tmp_path, segment(field("other", "is_set"), "pro"))
    assert shop.fields.retire("plan") is Outcome.UPDATED
    with pytest.raises(FieldInUseError):
        shop.fields.retire("other")
    assert [state.version for state in shop.segments()] == [2]


def test_an_event_property_of_the_same_name_is_no_use_of_a_field(shop: Workspace, tmp_path: Path) -> None:
    shop.fields.define("plan", "text")
    asked = {"field_name": "plan", "operator": "is_set"}
    apply(shop, tmp_path, segment(events("open_email", "at_least", 1, filters=[asked])))
    assert shop.fields.retire("plan") is Outcome.UPDATED
