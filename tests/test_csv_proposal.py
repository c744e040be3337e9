"""What columns are taken for: headers of known tools and languages, and values that speak for themselves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import populace
from ingest.csv_import.dialect import Dialect
from ingest.csv_import.proposal import Proposal, proposed
from ingest.csv_import.reader import Part
from ingest.csv_import.settings import TARGETS

SETS: list[dict[str, Any]] = json.loads((Path(__file__).parent / "header_sets.json").read_text(encoding="utf-8"))
"""Headers of export files of known tools, each with what it means and some values, and where the headers stand."""


def proposal_of(columns: dict[str, list[str]], *, zone: str = "UTC", delimiter: str = ",") -> Proposal:
    height = max(map(len, columns.values()))
    texts = tuple(pl.Series([value or None for value in values], dtype=pl.String) for values in columns.values())
    dialect = Dialect("utf-8", delimiter, tuple(columns), len(columns), 0)
    rows = pl.int_range(1, height + 1, dtype=pl.Int64, eager=True)
    return proposed(dialect, Part(rows, texts, (), 0, height), [], zone)


def test_headers_of_known_tools_are_understood(record_property: Callable[[str, object], None]) -> None:
    right, wrong = 0, []
    for known in SETS:
        found = proposal_of({header.strip(): values for header, _, values in known["columns"]}).columns
        for (header, target, _), column in zip(known["columns"], found, strict=True):
            assert target in {None, *TARGETS}
            right += target == column.target
            if target != column.target:
                wrong.append(f"{known['tool']}: {header!r} is {target}, not {column.target}")
    share = right / (right + len(wrong))
    record_property("as they are meant", f"{share:.1%} of {right + len(wrong)} columns of {len(SETS)} header sets")
    assert len(SETS) >= 40
    assert all(known["source"] for known in SETS)
    assert share >= 0.95, "\n".join(wrong)


def test_values_speak_where_headers_do_not() -> None:
    columns = proposal_of(
        {
            "A": ["ada@x.example", "bob@x.example"],
            "B": ["+49 171 2345678", "+1 212 555 0123"],
            "C": ["Europe/Berlin", "Asia/Tokyo"],
            "D": ["12", "13"],
        }
    ).columns
    assert [column.target for column in columns] == ["email", "phone", "timezone", None]
    assert [column.confidence > 0.7 for column in columns] == [False] * 4
    assert [column.suggested_type for column in columns][3] == "number"


def test_a_header_is_not_believed_against_its_values() -> None:
    columns = proposal_of({"E-Mail": ["yes", "no"], "Mail": ["ada@x.example", "bob@x.example"]}).columns
    assert [column.target for column in columns] == [None, "email"]


@pytest.mark.parametrize(
    ("names", "targets"),
    [
        (["Name"], ["full_name"]),
        (["Vorname", "Name"], ["first_name", "last_name"]),
        (["Name", "Nachname"], ["first_name", "last_name"]),
        (["First Name", "Last Name", "Full Name"], ["first_name", "last_name", None]),
    ],
)
def test_a_column_called_name_is_what_the_others_leave(names: list[str], targets: list[str | None]) -> None:
    columns = proposal_of({name: ["Ada Lovelace", "Grace Hopper"] for name in names}).columns
    assert [column.target for column in columns] == targets


def test_dates_are_read_as_most_values_allow() -> None:
    def formats(values: list[str], **told: Any) -> tuple[tuple[str, ...], str | None]:
        (column,) = proposal_of({"Created at": values}, **told).columns
        return column.written.formats, column.warning

    assert formats(["31/12/2024", "01/02/2024"]) == (("DD/MM/YYYY",), None)
    assert formats(["12/31/2024", "01/02/2024"]) == (("MM/DD/YYYY",), None)
    open_formats, warning = formats(["01/02/2024", "03/04/2024"])
    assert open_formats == ("MM/DD/YYYY",)
    assert warning is not None
    assert "other way round" in warning
    assert formats(["01/02/2024", "03/04/2024"], zone="Europe/Berlin")[0] == ("DD/MM/YYYY",)
    mixed, _ = formats(["2024-01-31", "31.01.2024 10:00", "2024-01-31T10:00:00Z", "31.01.2024"])
    assert set(mixed) == {"YYYY-MM-DD", "DD.MM.YYYY HH:MM", "YYYY-MM-DDTHH:MM:SSZ", "DD.MM.YYYY"}


def test_numbers_tags_and_statuses_are_read_as_they_are_written() -> None:
    columns = proposal_of(
        {
            "Umsatz": ["1.234,50 €", "10,00 €"],
            "Tags": ["vip;new", "old;new"],
            "Unsubscribed": ["yes", "no"],
            "Newsletter": ["abgemeldet", "aktiv"],
        }
    )
    umsatz, tags, unsubscribed, _ = columns.settings.columns
    assert (umsatz.target, umsatz.decimal) == ("lifetime_value", ",")
    assert (tags.target, tags.separator) == ("tags", ";")
    by_target = {column.target: column for column in columns.settings.columns}
    assert "list_status" in by_target
    if unsubscribed.target == "list_status":
        assert unsubscribed.words == {"yes": "unsubscribed", "no": "active"}


@pytest.mark.parametrize(
    "header",
    ["EMAIL_BLACKLISTED", "email_disabled", "Email Opt Out", "HasOptedOutOfEmail", "Unsubscribed from all email"],
)
def test_yes_means_no_where_a_header_asks_who_is_not_to_be_mailed(header: str) -> None:
    (column,) = proposal_of({header: ["Yes", "No", "false"]}).settings.columns
    assert column.target == "list_status"
    assert column.words == {"yes": "unsubscribed", "no": "active", "false": "active"}


@pytest.mark.parametrize(
    ("values", "decimal", "is_open"),
    [
        (["0.125", "0.250"], ".", False),
        (["0,125", "0,250"], ",", False),
        (["1.250", "2.500"], ".", True),
        (["1.250", "2.500,5"], ",", False),
        (["1.250.000", "2.500"], ",", False),
        (["1,250,000", "2,500"], ".", False),
        (["1250.125"], ".", False),
        (["12", "13"], ".", False),
        (["3,5", "12"], ",", False),
    ],
)
def test_what_stands_before_decimals(values: list[str], decimal: str, is_open: bool) -> None:
    (column,) = proposal_of({"Lifetime value": values}).columns
    assert (column.written.decimal, column.warning is not None) == (decimal, is_open)


def test_custom_fields_are_known_by_key_and_label(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    path.write_text("E-Mail,Schuhgröße,plan\na@x.example,42,pro\n")
    populace.init(tmp_path / "shop").close()
    with populace.open(tmp_path / "shop") as shop:
        shop.fields.define("shoe_size", "number", "Schuhgröße")
        shop.fields.define("plan", "text")
        found = shop.imports.propose(path)
    assert [column.target for column in found.columns] == ["email", "shoe_size", "plan"]
    assert found.preview is not None
    assert found.preview.rows[0].values == {"email": "a@x.example", "shoe_size": 42.0, "plan": "pro"}
