"""From the records of a file to rows of contacts, as its settings say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from engine.definition.fields import CONTACT_FIELDS, FieldType
from engine.definition.vocabulary import MAX_TEXT_CHARACTERS
from engine.errors import InvalidValueError
from engine.storage.custom_fields import CustomFieldType
from engine.storage.subscription_rules import KEPT_BY_IMPORTS
from ingest.csv_import.column_types import (
    WrittenBoolean,
    WrittenDate,
    WrittenInstant,
    WrittenNumber,
    WrittenStatus,
    WrittenTags,
)
from ingest.csv_import.reader import Part
from ingest.csv_import.settings import FULL_NAME, LIST_STATUS, MARK, TAGS, ColumnSettings, ImportSettings
from ingest.dataset.column_types.column_type import ColumnType
from ingest.dataset.column_types.conversion import NOT_UTF8, Conversion, replaced
from ingest.dataset.column_types.recognised import RecognisedText
from ingest.dataset.column_types.tags import Tags
from ingest.dataset.column_types.text import Text
from ingest.dataset.columns import CONTACTS, GIVEN, ROW_NUMBER, tables_with
from ingest.values.phone import phone
from ingest.values.refused import RefusedValueError
from ingest.values.timezone import known_timezone

_NEVER_REMOVED = frozenset({"email", "created_at", "updated_at", "tags"})


@dataclass(frozen=True, slots=True)
class Rejection:
    """A record that is not taken: its number in the file, its cells (or, of a broken one, its text), and why."""

    row: int
    cells: tuple[str | None, ...]
    problem: str


@dataclass(frozen=True, slots=True)
class _Cells:
    """The cells of a column. `is_plain`: nothing but ASCII, no NUL, nothing too long: any of them is fine as a text."""

    texts: pl.Series
    is_plain: bool


@dataclass(frozen=True, slots=True)
class Rows:
    """What the records of a part become.

    `frame`: one row per record that is taken: `row_number`, the columns that the settings give and, with a column for
    it, `list_status`.
    """

    frame: pl.DataFrame
    rejections: tuple[Rejection, ...]


class RowMaker:
    """Makes rows of the records of one file."""

    def __init__(self, settings: ImportSettings, custom_fields: Mapping[str, CustomFieldType], zone: str) -> None:
        self._settings, self._zone = settings, settings.timezone or zone
        self._custom_fields = custom_fields
        self._nulls = sorted({form for word in settings.null_words for form in _letter_cases(word)} | {""})
        self._keeps = settings.empty == "keep"
        self._places = settings.by_target
        self._has_tags = bool(settings.tags) or any(column.target == TAGS for column in settings.columns)
        self._known_types = {
            name: column.type for name, column in tables_with(custom_fields)[CONTACTS.name].by_name.items()
        }
        self._constants = {name: self._constant(name, text) for name, text in settings.constants.items()}

    def rows(self, part: Part) -> Rows:
        """The rows of a part."""
        height = len(part.rows)
        cells = self._cells(part)
        values: dict[str, pl.Series] = {ROW_NUMBER: part.rows}
        problems: dict[int, str] = {}
        for name, place in self._places.items():
            self._take(values, problems, name, self._settings.columns[place], cells[place])
        values |= {name: constant.new_from_index(0, height) for name, constant in self._constants.items()}
        if "phone" in values:
            values["phone"] = self._with_country(values["phone"], values.get("country"))
        self._add_tags(values, problems, cells)
        self._require_email(values, problems)
        frame = pl.DataFrame([series.alias(name) for name, series in values.items()])
        rejections = [Rejection(record.row, (record.text,), record.problem) for record in part.refused]
        if problems:
            numbers = part.rows.to_list()
            for position in sorted(problems):
                cells_of_row = tuple(column[position] for column in part.columns)
                rejections.append(Rejection(numbers[position], cells_of_row, problems[position]))
            rejections.sort(key=lambda rejection: rejection.row)
            is_good = pl.Series([True]).new_from_index(0, height)
            is_good = is_good.scatter(list(problems), False)
            frame = frame.filter(is_good)
        return Rows(frame, tuple(rejections))

    def contacts(self, rows: Sequence[Rows]) -> list[pl.DataFrame]:
        """One row per contact, in any order, with the column `given`: see `given_columns`.

        What comes of several records of one e-mail is what would come of them one after the other.
        """
        frames = [part.frame for part in rows]
        is_repeated = pl.concat([frame["email"] for frame in frames]).is_duplicated()
        if is_repeated.any():
            repeated: list[pl.DataFrame] = []
            begin = 0
            for number, frame in enumerate(frames):
                mask = is_repeated.slice(begin, frame.height)
                begin += frame.height
                repeated.append(frame.filter(mask))
                frames[number] = frame.filter(~mask)
            frames.append(self._one_per_contact(pl.concat(repeated)))
        return [self._with_given(frame) for frame in frames if frame.height]

    def _take(
        self,
        values: dict[str, pl.Series],
        problems: dict[int, str],
        name: str,
        column: ColumnSettings,
        cells: _Cells,
    ) -> None:
        """Convert a column, and note the first problem of each row."""
        kind = self.type_of(name, column)
        if cells.is_plain and isinstance(kind, Text):
            converted = Conversion(cells.texts, {})
        else:
            converted = kind.convert(cells.texts)
        _note(problems, converted, column.header, cells.texts)
        if name == FULL_NAME:
            whole = converted.values.str.replace(r"^([^,]+),\s*(\S.*)$", "$2 $1")  # Lovelace, Ada
            first = pl.select(pl.coalesce(whole.str.extract(r"^(.*\S)\s+\S+$"), whole)).to_series()
            values["first_name"], values["last_name"] = first, whole.str.extract(r"\s(\S+)$")
        else:
            values[name] = converted.values

    def type_of(self, name: str, column: ColumnSettings) -> ColumnType:
        """How the cells of a column are read."""
        kind = CONTACT_FIELDS.get(name) or self._custom_fields.get(name)
        match kind:
            case FieldType.TIME | CustomFieldType.DATETIME:
                return WrittenInstant(column.formats or ("YYYY-MM-DDTHH:MM:SSZ", "YYYY-MM-DD"), self._zone)
            case CustomFieldType.DATE:
                return WrittenDate(column.formats or ("YYYY-MM-DD",))
            case FieldType.NUMBER | CustomFieldType.NUMBER:
                return WrittenNumber(column.decimal)
            case CustomFieldType.BOOLEAN:
                return WrittenBoolean()
        if name == TAGS:
            return WrittenTags(column.separator)
        if name == LIST_STATUS:
            return WrittenStatus(column.words)
        if name == "timezone":
            return RecognisedText(known_timezone)
        return self._known_types["first_name" if name == FULL_NAME else name]

    def _cells(self, part: Part) -> dict[int, _Cells]:
        """The cells of every column that means something, without blanks around them; null where there is no value.

        All columns at once: what polars does for a single one takes as long as ten thousand cells.
        """
        places = [place for place, column in enumerate(self._settings.columns) if column.target is not None]
        if not part.columns:
            return {place: _Cells(pl.Series([], dtype=pl.String), is_plain=True) for place in places}
        raw = pl.DataFrame({str(place): part.columns[place] for place in places})
        stripped = raw.select(pl.all().str.strip_chars())
        texts = stripped.select(pl.when(~pl.all().is_in(self._nulls)).then(pl.all()))
        marked = texts.select(pl.all().str.starts_with("'").any()).row(0)
        odd = texts.select(
            (
                (pl.all().str.len_bytes() != pl.all().str.len_chars())
                | pl.all().str.contains("\x00", literal=True)
                | (pl.all().str.len_bytes() > MAX_TEXT_CHARACTERS)
            ).any()
        ).row(0)
        found = {}
        for at, place in enumerate(places):
            column = texts.to_series(at)
            found[place] = _Cells(column.str.replace(MARK, "$1") if marked[at] else column, is_plain=not odd[at])
        return found

    def _constant(self, name: str, text: str) -> pl.Series:
        """A value for every row. Raises: InvalidValueError."""
        if not text.strip():
            raise InvalidValueError(f"constants.{name}", text, "is empty; leave it out")
        converted = self.type_of(name, ColumnSettings(header=name)).convert(pl.Series([text.strip()]))
        if converted.refused:
            raise InvalidValueError(f"constants.{name}", text, converted.refused[0])
        return converted.values

    def _with_country(self, phones: pl.Series, countries: pl.Series | None) -> pl.Series:
        """Phone numbers in national form, as the country of their row reads them."""
        positions = (phones.is_not_null() & ~phones.str.starts_with("+")).arg_true()
        default = self._settings.phone_country
        if positions.is_empty() or (countries is None and default is None):
            return phones
        texts = phones.gather(positions)
        known = pl.Series([default], dtype=pl.String).new_from_index(0, len(texts))
        if countries is not None:
            known = pl.select(pl.coalesce(countries.gather(positions), known)).to_series()
        pairs = pl.DataFrame({"text": texts, "country": known})
        distinct = pairs.unique()
        read = [_phone(text, country) for text, country in distinct.iter_rows()]
        numbers = pairs.join(
            distinct.with_columns(number=pl.Series(read, dtype=pl.String)),
            on=["text", "country"],
            how="left",
            nulls_equal=True,
            maintain_order="left",
        )
        return replaced(phones, positions, numbers["number"])

    def _add_tags(self, values: dict[str, pl.Series], problems: dict[int, str], cells: Mapping[int, _Cells]) -> None:
        """Put the tags of all columns for them together, with those that every contact gets."""
        if not self._has_tags:
            return
        height = len(values[ROW_NUMBER])
        lists: list[pl.Series] = []
        for place, column in enumerate(self._settings.columns):
            if column.target == TAGS:
                texts = cells[place].texts
                converted = WrittenTags(column.separator).convert(texts)
                _note(problems, converted, column.header, texts)
                lists.append(converted.values.fill_null([]))
        if self._settings.tags:
            given = pl.Series([[tag.strip() for tag in self._settings.tags]], dtype=pl.List(pl.String))
            lists.append(Tags().convert(given).values.new_from_index(0, height))
        together = pl.select(pl.concat_list(lists)).to_series().list.unique(maintain_order=True)
        values[TAGS] = pl.select(pl.when(together.list.len() > 0).then(together)).to_series()

    def _require_email(self, values: dict[str, pl.Series], problems: dict[int, str]) -> None:
        header = self._settings.columns[self._places["email"]].header
        for position in values["email"].is_null().arg_true().to_list():
            problems.setdefault(position, f"{header}: is missing; every row needs an e-mail")

    def _one_per_contact(self, frame: pl.DataFrame) -> pl.DataFrame:
        """One row per e-mail: what its records come to, one after the other, in the place of the last one."""
        refusals = sorted(KEPT_BY_IMPORTS)
        kept: list[pl.Expr] = []
        for name in frame.columns:
            cell = pl.col(name)
            if name == "email":
                continue
            if name == TAGS:
                kept.append(cell.explode().drop_nulls().unique(maintain_order=True))
            elif name == LIST_STATUS:
                refused = cell.filter(cell.is_in(refusals)).first()
                kept.append(pl.coalesce(refused, cell.drop_nulls().last()))
            elif self._keeps or name in _NEVER_REMOVED:
                kept.append(cell.drop_nulls().last())
            else:
                kept.append(cell.last())
        merged = frame.group_by("email", maintain_order=True).agg(kept).select(frame.columns)
        if TAGS in merged.columns:
            merged = merged.with_columns(pl.when(pl.col(TAGS).list.len() > 0).then(pl.col(TAGS)))
        return merged

    def _with_given(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows with the column that says which columns each gives."""
        marks = [
            pl.when(pl.col(name).is_null()).then(pl.lit("0")).otherwise(pl.lit("1"))
            if self._keeps or name in _NEVER_REMOVED
            else pl.lit("1")
            for name in given_columns(frame)
        ]
        return frame.with_columns(pl.concat_str(marks).alias(GIVEN))


def given_columns(frame: pl.DataFrame) -> list[str]:
    """The columns of rows that `given` speaks of."""
    return [name for name in frame.columns if name not in (ROW_NUMBER, GIVEN, LIST_STATUS)]


def _note(problems: dict[int, str], converted: Conversion, header: str, cells: pl.Series) -> None:
    for position, problem in converted.refused.items():
        value = str(cells[position]).replace(NOT_UTF8, "\ufffd")[:80]
        problems.setdefault(position, f"{header}: {value!r} {problem}")


def _phone(text: str, country: str | None) -> str:
    try:
        return phone(text, country)[0]
    except RefusedValueError:
        return text


def _letter_cases(word: str) -> set[str]:
    return {word, word.lower(), word.upper(), word.title()}
