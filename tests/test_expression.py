"""Filters as people type them mean the trees that definitions have, and say which part is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import populace
from engine.definition.expression import read_expression
from engine.definition.fields import CONTACT_FIELDS, FieldType
from engine.errors import CallerError, DefinitionError
from tests.definitions import Json, branch, field, leaf, on_list, tagged

FIELDS = {**CONTACT_FIELDS, "is_vip": FieldType.BOOLEAN, "born": FieldType.DATE, "shoe size": FieldType.NUMBER}
IN_VIP = leaf("segment", {"operator": "in", "segment_id": "vip"})


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("country = 'DE'", field("country", "equals", "DE")),
        ("country <> 'DE'", field("country", "not_equals", "DE")),
        ("country != 'O''Hara'", field("country", "not_equals", "O'Hara")),
        ("lifetime_value >= -1.5e2", field("lifetime_value", "gte", -150)),
        ("orders_count<2", field("orders_count", "lt", 2)),
        ("created_at > '2026-01-01T00:00:00Z'", field("created_at", "gt", "2026-01-01T00:00:00Z")),
        ("country in ('DE', 'FR')", field("country", "is_one_of", "DE", "FR")),
        ("country NOT IN ('DE')", field("country", "is_not_one_of", "DE")),
        ("orders_count between 1 and 3 and country = 'DE'",
         branch("and", field("orders_count", "between", 1, 3), field("country", "equals", "DE"))),
        ("created_at between '2026-01-01' and '2026-02-01'",
         field("created_at", "in_date_range", "2026-01-01", "2026-02-01")),
        ("email contains '@x.'", field("email", "contains", "@x.")),
        ("email not contains '@x.'", field("email", "not_contains", "@x.")),
        ("email starts with 'a'", field("email", "starts_with", "a")),
        ("email not ends with 'z'", field("email", "not_ends_with", "z")),
        ("phone is null", field("phone", "is_not_set")),
        ("phone is not null", field("phone", "is_set")),
        ("phone is set", field("phone", "is_set")),
        ("phone is not set", field("phone", "is_not_set")),
        ("is_vip = true", field("is_vip", "equals", True)),
        ("born > '2000-01-01'", field("born", "gt", "2000-01-01")),
        ('"shoe size" = 42', field("shoe size", "equals", 42)),
        ("profile.plan = 'pro'", field("profile", "equals", "pro", json_path=["plan"])),
        ('profile.a."b c".0 > 3', field("profile", "gt", 3, json_path=["a", "b c", "0"], field_type="number")),
        ("profile.a.1.2 is null", field("profile", "is_not_set", json_path=["a", "1", "2"])),
        ("has_tag('vip')", tagged("vip")),
        ("has_tag('vip', 'best')", tagged("vip", "best")),
        ("on_list('news')", on_list("news")),
        ("on_list('news', 'active')", on_list("news", "active")),
        ("in_segment('vip')", IN_VIP),
        ("not has_tag('vip')", branch("not", tagged("vip"))),
        ("has_tag('a') or has_tag('b') and not (has_tag('c') or has_tag('d'))",
         branch("or", tagged("a"), branch("and", tagged("b"), branch("not", branch("or", tagged("c"), tagged("d")))))),
        ("((country = 'DE'))", field("country", "equals", "DE")),
    ],
)  # fmt: skip
def test_what_a_filter_means(text: str, tree: Json) -> None:
    assert read_expression(text, fields=FIELDS) == tree


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "at character 1: expected a field, has_tag, on_list or in_segment, found the end"),
        ("country", "at character 8: expected =, <>"),
        ("country =", "expected a text in single quotes, a number, true or false, found the end"),
        ("country = DE", "at character 11: expected a text in single quotes"),
        ('country = "DE"', "at character 11: expected a text in single quotes"),
        ("country = 'DE", 'at character 11: "\'DE" means nothing'),
        ("country == 'DE'", "at character 10: expected a text"),
        ("country = 'DE' 'FR'", "at character 16: expected and, or, or the end"),
        ("(country = 'DE'", "expected ), found the end"),
        ("country = 'DE')", "at character 15: expected and, or, or the end, found ')'"),
        ("contry = 'DE'", "no contact field is named 'contry'; did you mean 'country'"),
        ("and = 'DE'", "at character 1: expected a field"),
        ("country > 3", r"in 'country > 3': "),
        ("orders_count = 'many'", "in \"orders_count = 'many'\": "),
        ("created_at > 'soon'", "in \"created_at > 'soon'\": "),
        ("country in ('DE', 3)", "must be all texts, or all numbers"),
        ("country in ()", "expected a text in single quotes"),
        ("country starts 'D'", "expected with"),
        ("country is 'DE'", "expected null or set"),
        ("orders_count between 1 or 2", "expected and"),
        ("has_tag(3)", "has_tag takes a tag, in single quotes"),
        ("on_list('a', 'b', 'c')", "on_list takes a list, and if wanted a status"),
        ("on_list('a', 'gone')", "in \"on_list\\('a', 'gone'\\)\""),
        ("in_segment('a', 'b')", "in_segment takes the id of a segment"),
        ("country = 'DE'; DROP TABLE contacts", "at character 15: '; DROP TABLE contact' means nothing"),
        ("(" * 60 + "country = 'DE'" + ")" * 60, "nested deeper than 50"),
        ("not " * 60 + "country = 'DE'", "nested deeper than 50"),
        ("x" * 10_001, "longer than 10,000 characters"),
        ("profile. = 'x'", "at character 10: expected the next step of the path, found '='"),
    ],
)
def test_what_is_wrong_with_a_filter_is_said_with_its_place(text: str, problem: str) -> None:
    with pytest.raises(DefinitionError, match=problem if "\\" in problem else None) as caught:
        read_expression(text, fields=FIELDS)
    if "\\" not in problem:
        assert problem in str(caught.value)


@given(st.text(alphabet="abc_'\"()=<>., \n0-9;é", max_size=40))
def test_no_text_breaks_the_reader(text: str) -> None:
    for whole in (text, f"country = '{text}'", f"country in ('{text}')"):
        try:
            read_expression(whole)
        except CallerError:
            continue


def test_contacts_are_found_by_a_filter_page_by_page(tmp_path: Path) -> None:
    with populace.init(tmp_path / "shop") as shop:
        shop.fields.define("is_vip", "boolean")
        shop.lists.save("news")
        people = [
            {"email": "ada@x.example", "country": "GB", "tags": ["vip"], "is_vip": True, "profile": {"plan": "pro"}},
            {"email": "bo@x.example", "country": "DE", "orders_count": 3},
            {"email": "cy@y.example", "country": "DE", "tags": ["vip"], "is_vip": False},
        ]
        shop.upsert_many(people)
        shop.lists.subscribe("bo@x.example", "news")
        ada, bo, cy = "ada@x.example", "bo@x.example", "cy@y.example"

        def found(where: str, **more: Any) -> list[object]:
            return [record.fields["email"] for record in shop.records(where=where, **more).contacts]

        assert found("country = 'DE'") == [cy, bo]
        assert found("country = 'DE' and not has_tag('vip')") == [bo]
        assert found("email contains 'x.ex' or has_tag('vip')") == [cy, bo, ada]
        assert found("on_list('news', 'active')") == [bo]
        assert found("is_vip = true or profile.plan = 'pro'") == [ada]
        assert found("orders_count > 100") == []
        page = shop.records(where="has_tag('vip')", limit=1)
        assert [record.fields["email"] for record in page.contacts] == [cy]
        assert found("has_tag('vip')", before=page.next_before) == [ada]
        for where, problem in (
            ("on_list('olds')", "filter: no list has the id 'olds'"),
            ("in_segment('none')", "filter: .*'none'"),
        ):
            with pytest.raises(DefinitionError, match=problem):
                found(where)
