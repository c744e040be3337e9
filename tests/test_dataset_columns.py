"""Which columns a file may, must and must not have, in every format."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import DatasetError
from ingest.dataset import TABLES, open_dataset
from tests.test_dataset import (
    FORMATS,
    ROWS,
    error_of,
    read_table,
    write_rows,
)


@pytest.mark.parametrize("suffix", FORMATS)
def test_an_unknown_column_is_refused_with_the_nearest_known_one(tmp_path: Path, suffix: str) -> None:
    """Every unknown column is named."""
    write_rows(tmp_path, "timeline", suffix, [{**ROWS["timeline"], "entity_typ": "x", "zzz": "y"}])
    message = error_of(tmp_path, "timeline")
    assert "unknown columns 'entity_typ' (did you mean 'entity_type'?), 'zzz' (it can be " in message
    assert "--extra-columns ignore" in message


@pytest.mark.parametrize("suffix", FORMATS)
def test_unknown_columns_can_be_ignored(tmp_path: Path, suffix: str) -> None:
    """Whatever is in them."""
    write_rows(tmp_path, "contacts", suffix, [{**ROWS["contacts"], "zzz": "\x00", "state": "NV"}])
    (row,) = read_table(tmp_path, "contacts", extra_columns="ignore")
    assert (row["state"], "zzz" in row) == ("NV", False)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("again", ["state ", "State"])
def test_a_column_twice_is_refused(tmp_path: Path, suffix: str, again: str) -> None:
    """Also where the two differ in blanks or case alone, and also where unknown columns are ignored."""
    write_rows(tmp_path, "contacts", suffix, [{**ROWS["contacts"], "state": "NV", again: "TX"}])
    message = error_of(tmp_path, extra_columns="ignore")
    assert "has the same column more than once" in message
    assert repr(again) in message


@pytest.mark.parametrize("suffix", FORMATS)
def test_blanks_around_a_column_name_do_not_matter(tmp_path: Path, suffix: str) -> None:
    """Nor does a byte order mark that a writer put before the first name."""
    write_rows(tmp_path, "contacts", suffix, [{"\ufeff email\t": "ada@example.com", " state": "NV"}])
    (row,) = read_table(tmp_path, "contacts")
    assert (row["email"], row["state"]) == ("ada@example.com", "NV")


@pytest.mark.parametrize("suffix", FORMATS)
def test_the_case_of_a_column_name_matters(tmp_path: Path, suffix: str) -> None:
    """Email is not email, but the error says so."""
    write_rows(tmp_path, "contacts", suffix, [{"Email": "ada@example.com"}])
    assert "'Email' (did you mean 'email'?)" in error_of(tmp_path)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("table", TABLES)
def test_a_missing_required_column_is_refused(tmp_path: Path, suffix: str, table: str) -> None:
    """Each of them, when the dataset is opened."""
    for name in ROWS[table]:
        others = {other: value for other, value in ROWS[table].items() if other != name} or {"state": "NV"}
        write_rows(tmp_path, table, suffix, [others])
        with pytest.raises(DatasetError, match=f"has no column {name}, which every row of {table} needs"):
            open_dataset(tmp_path)
