"""What the columns of a file mean, as far as their names and values tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from engine.definition.fields import CONTACT_FIELDS, FieldType
from engine.storage.custom_fields import CustomFieldType
from ingest.csv_import.column_types import FALSE_WORDS, TRUE_WORDS
from ingest.csv_import.dialect import Dialect
from ingest.csv_import.header_words import is_inverted, meanings, plain
from ingest.csv_import.preview import Preview
from ingest.csv_import.reader import Part
from ingest.csv_import.rejected import PROBLEM, ROW
from ingest.csv_import.settings import (
    FULL_NAME,
    LIST_STATUS,
    TAGS,
    TARGETS,
    ColumnSettings,
    ImportSettings,
    key_of_header,
)
from ingest.csv_import.value_kinds import DateFormats, Values, samples
from ingest.fields import FieldState

_MOST_AGREE = 0.8
_SOME_AGREE = 0.5


@dataclass(frozen=True, slots=True)
class Written:
    """How the values of a column are written, as far as they tell: dates, numbers, tags."""

    formats: tuple[str, ...]
    decimal: str
    separator: str


@dataclass(frozen=True, slots=True)
class ProposedColumn:
    """What is proposed for a column. `confidence`: 0 to 1. `reason`: why, in words.

    `written`: how its values are. `suggested_key` and `suggested_type` are of the custom field that a column without a
    target could become.
    """

    header: str
    target: str | None
    confidence: float
    reason: str
    samples: Sequence[str]
    written: Written
    suggested_key: str | None = None
    suggested_type: CustomFieldType | None = None
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to do with a file. `preview` is None where no column is the e-mail: somebody has to say which one is."""

    settings: ImportSettings
    columns: Sequence[ProposedColumn]
    preview: Preview | None


@dataclass(frozen=True, slots=True)
class _Claim:
    """A column may be meant for a target."""

    target: str
    place: int
    certainty: float
    reason: str


def proposed(dialect: Dialect, part: Part, custom_fields: Iterable[FieldState], zone: str) -> Proposal:
    """What to do with a file of which these are the first records; without a preview."""
    headings = dialect.headings
    empty = Values.of(part.rows.cast(str).head(0)) if not part.columns else None
    values = [empty or Values.of(part.columns[place]) for place in range(len(headings))]
    own = {item.key: item for item in custom_fields if item.retired_at is None}
    claims = [
        claim
        for place, header in enumerate(headings)
        for claim in _claims(place, header, values[place], own, has_header=dialect.header is not None)
    ]
    taken: dict[int, _Claim] = {}
    for claim in sorted(_names_sorted_out(claims, values), key=lambda claim: (-claim.certainty, claim.place)):
        targets = {other.target for other in taken.values()}
        names = {"first_name", "last_name"}
        clashes = (claim.target == FULL_NAME and names & targets) or (claim.target in names and FULL_NAME in targets)
        if claim.place not in taken and not clashes and (claim.target == TAGS or claim.target not in targets):
            taken[claim.place] = claim
    prefers_day_first = _prefers_day_first(dialect, zone)
    keys = {*TARGETS, *own}
    settings: list[ColumnSettings] = []
    columns: list[ProposedColumn] = []
    for place, header in enumerate(headings):
        column, shown = _column(header, taken.get(place), values[place], own, keys, prefers_day_first=prefers_day_first)
        settings.append(column)
        columns.append(shown)
    return Proposal(
        ImportSettings(
            encoding=dialect.encoding,
            delimiter=dialect.delimiter,
            has_header=dialect.header is not None,
            columns=tuple(settings),
            lists=(),
        ),
        columns,
        None,
    )


def _claims(
    place: int, header: str, values: Values, own: Mapping[str, FieldState], *, has_header: bool
) -> Iterable[_Claim]:
    """The targets that a column may be meant for."""
    if header in (ROW, PROBLEM):
        return
    words = plain(header)
    for key, item in own.items():
        if words and words in (plain(key), plain(item.label)):
            yield _Claim(key, place, 0.99, "the custom field is called so")
    named = meanings(header) if has_header else []
    for target, certainty in named:
        agreement = _agreement(target, values)
        if agreement >= _MOST_AGREE:
            yield _Claim(target, place, certainty, "the header says so, and the values agree")
        elif agreement >= _SOME_AGREE or values.is_empty:
            yield _Claim(target, place, certainty * (0.8 if values.is_empty else 0.9), "the header says so")
    if values.is_empty:
        return
    said = {target for target, _ in named}
    if values.emails >= _MOST_AGREE and "email" not in said:
        yield _Claim("email", place, 0.6, "the values are e-mails")
    if not said and values.surely_phones >= _MOST_AGREE:
        yield _Claim("phone", place, 0.55, "the values are phone numbers")
    if not said and values.zones >= _MOST_AGREE:
        yield _Claim("timezone", place, 0.55, "the values are time zones")


def _names_sorted_out(claims: Sequence[_Claim], values: Sequence[Values]) -> list[_Claim]:
    """The claims, but a column called `name` is what the columns beside it leave: a first, a last or a whole name.

    `Nome` is a first name where there is a column for last names, and where most values are a single word.
    """
    first = {claim.place for claim in claims if claim.target == "first_name"}
    last = {claim.place for claim in claims if claim.target == "last_name"}
    whole = {claim.place for claim in claims if claim.target == FULL_NAME}
    only_first, only_last = first - whole, last - whole
    kept: list[_Claim] = []
    for claim in claims:
        is_open = claim.place in whole
        has_blanks = values[claim.place].share(r"\S\s+\S") > _SOME_AGREE
        if is_open and claim.target in {FULL_NAME, "first_name", "last_name"}:
            if only_first and only_last:
                continue
            if only_last:
                meant = "first_name"
            elif only_first:
                meant = "last_name"
            else:
                meant = FULL_NAME if has_blanks or claim.place not in first | last else "first_name"
            claim = replace(claim, target=meant)  # noqa: PLW2901
        if claim not in kept:
            kept.append(claim)
    return kept


def _agreement(target: str, values: Values) -> float:
    """Which part of the values can be what the header says, 1 for a target that takes any text."""
    if values.is_empty:
        return 0.0
    match target:
        case "email":
            return values.emails
        case "phone":
            return max(values.phones, values.surely_phones)
        case "country":
            return max(values.countries, 0.8 * values.share(r"^[^0-9@]{2,40}$"))
        case "language":
            return max(values.languages, values.share(r"^\p{L}{4,}$"))
        case "timezone":
            return values.zones
        case "external_id":
            return 1 - max(values.emails, values.share(r"^(?:https?://|.*\s.*\s)"))
        case _ if target == LIST_STATUS:
            return values.statuses
        case _ if CONTACT_FIELDS.get(target) is FieldType.TIME:
            return values.date_formats(prefers_day_first=True, takes_numbers=True).share
        case _ if CONTACT_FIELDS.get(target) is FieldType.NUMBER:
            return values.numbers(values.decimal)
        case "job_title":
            return 1 - max(values.emails, values.salutations, values.share(r"^https?://"), values.share(r"^[0-9]+$"))
        case "state":
            return 1 - max(values.emails, values.statuses, values.share(r"^https?://|^[0-9]+$"))
        case "first_name" | "last_name" | "address_line_1" | "address_line_2":
            return 1 - max(values.emails, values.share(r"^https?://"), values.share(r"^[0-9]+$"))
        case _:
            return 1 - max(values.emails, values.share(r"^https?://"))


def _column(
    header: str,
    claim: _Claim | None,
    values: Values,
    own: Mapping[str, FieldState],
    keys: set[str],
    *,
    prefers_day_first: bool,
) -> tuple[ColumnSettings, ProposedColumn]:
    """The settings of a column, and what is shown of them."""
    shown = samples(values)
    dates = values.date_formats(prefers_day_first=prefers_day_first, takes_numbers=claim is not None)
    written = Written(dates.names, values.decimal, values.separator)
    if claim is None:
        key = key_of_header(header, keys)
        keys.add(key)
        kind = _suggested_type(values, dates)
        column = ColumnSettings(header=header)
        return column, ProposedColumn(header, None, 0.0, "nothing known is meant", shown, written, key, kind)
    kind_of_target = own[claim.target].type if claim.target in own else CONTACT_FIELDS.get(claim.target)
    given: dict[str, object] = {"header": header, "target": claim.target}
    warning = None
    if kind_of_target in (FieldType.TIME, CustomFieldType.DATE, CustomFieldType.DATETIME):
        given["formats"] = dates.names
        if dates.is_open:
            warning = f"day and month may be the other way round: read as {dates.names[0]}"
    elif kind_of_target in (FieldType.NUMBER, CustomFieldType.NUMBER):
        given["decimal"] = values.decimal
        if values.is_decimal_open:
            warning = f"{shown[0]} may be thousands or decimals: decimals are taken to stand behind {values.decimal!r}"
    elif claim.target == TAGS:
        given["separator"] = values.separator
    elif claim.target == LIST_STATUS and is_inverted(header):
        given["words"] = _inverted_words(values)
    certainty = round(claim.certainty, 2)
    return ColumnSettings.model_validate(given), ProposedColumn(
        header, claim.target, certainty, claim.reason, shown, written, warning=warning
    )


def _inverted_words(values: Values) -> Mapping[str, str]:
    """What yes and no mean where the header asks who is not to be mailed."""
    distinct = {text.lower() for text in values.texts.unique().to_list()}
    yes, no = sorted(distinct & {*TRUE_WORDS}), sorted(distinct & {*FALSE_WORDS})
    return dict.fromkeys(yes, "unsubscribed") | dict.fromkeys(no, "active")


def _suggested_type(values: Values, dates: DateFormats) -> CustomFieldType:
    """The type of a custom field that would take the values."""
    if values.is_empty:
        return CustomFieldType.TEXT
    if values.share(r"(?i)^(?:true|false|yes|no|ja|nein|oui|non|sí|si)$") == 1:
        return CustomFieldType.BOOLEAN
    if values.numbers(values.decimal) == 1 and not values.share(r"^0[0-9]"):
        return CustomFieldType.NUMBER
    if dates.share == 1:
        has_time = any(":" in name or "since" in name for name in dates.names)
        return CustomFieldType.DATETIME if has_time else CustomFieldType.DATE
    if values.emails == 1:
        return CustomFieldType.EMAIL
    return CustomFieldType.URL if values.share(r"^https?://\S+$") == 1 else CustomFieldType.TEXT


def _prefers_day_first(dialect: Dialect, zone: str) -> bool:
    """Whether day comes before month where nothing tells: everywhere but in America, by zone and delimiter."""
    return dialect.delimiter == ";" or not zone.startswith(("America/", "US/", "UTC"))
