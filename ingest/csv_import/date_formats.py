"""How dates and times are written in files: names that people read, and the patterns that stand for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import polars as pl


@dataclass(frozen=True, slots=True)
class DateFormat:
    """A way of writing. `pattern` is of polars; `shape` a regular expression that what is written so matches.

    `is_day_first` is None where the order of day and month cannot be mistaken. `is_zoned`: the text says its zone.
    """

    pattern: str
    shape: str
    has_time: bool = False
    is_zoned: bool = False
    is_day_first: bool | None = None


_D, _Y, _MONTH = "[0-9]{1,2}", "[0-9]{4}", "[A-Za-z]{3,9}"
_DAYS: dict[str, tuple[str, str, bool | None]] = {
    "YYYY-MM-DD": ("%Y-%m-%d", f"{_Y}-{_D}-{_D}", None),
    "YYYY/MM/DD": ("%Y/%m/%d", f"{_Y}/{_D}/{_D}", None),
    "YYYY.MM.DD": ("%Y.%m.%d", rf"{_Y}\.{_D}\.{_D}", None),
    "YYYYMMDD": ("%Y%m%d", "[0-9]{8}", None),
    "DD/MM/YYYY": ("%d/%m/%Y", f"{_D}/{_D}/{_Y}", True),
    "MM/DD/YYYY": ("%m/%d/%Y", f"{_D}/{_D}/{_Y}", False),
    "DD.MM.YYYY": ("%d.%m.%Y", rf"{_D}\.{_D}\.{_Y}", None),
    "DD-MM-YYYY": ("%d-%m-%Y", f"{_D}-{_D}-{_Y}", True),
    "MM-DD-YYYY": ("%m-%d-%Y", f"{_D}-{_D}-{_Y}", False),
    "DD/MM/YY": ("%d/%m/%y", f"{_D}/{_D}/[0-9]{{2}}", True),
    "MM/DD/YY": ("%m/%d/%y", f"{_D}/{_D}/[0-9]{{2}}", False),
    "DD.MM.YY": ("%d.%m.%y", rf"{_D}\.{_D}\.[0-9]{{2}}", None),
    "DD MON YYYY": ("%d %B %Y", f"{_D} {_MONTH} {_Y}", None),
    "MON DD, YYYY": ("%B %d, %Y", f"{_MONTH} {_D}, {_Y}", None),
    "DD-MON-YYYY": ("%d-%B-%Y", f"{_D}-{_MONTH}-{_Y}", None),
    "DD-MON-YY": ("%d-%B-%y", f"{_D}-{_MONTH}-[0-9]{{2}}", None),
}
_CLOCK = "[0-9]{1,2}:[0-9]{2}"
_TIMES: dict[str, tuple[str, str]] = {
    "HH:MM:SS": ("%H:%M:%S", f"{_CLOCK}:[0-9]{{2}}"),
    "HH:MM:SS.F": ("%H:%M:%S%.f", rf"{_CLOCK}:[0-9]{{2}}\.[0-9]+"),
    "HH:MM": ("%H:%M", _CLOCK),
    "HH:MM:SS AM": ("%I:%M:%S %p", f"{_CLOCK}:[0-9]{{2}} [AaPp][Mm]"),
    "HH:MM AM": ("%I:%M %p", f"{_CLOCK} [AaPp][Mm]"),
}
_ZONES = {
    "": ("", ""),
    "Z": ("%#z", "(?:Z|[+-][0-9]{2}:?[0-9]{2})"),
    " Z": (" %#z", " [+-][0-9]{2}:?[0-9]{2}"),
    " Z UTC": (" %#z UTC", r" [+-]0000 UTC"),
}
_BETWEEN = {" ": " ", "T": "T", ", ": ", "}


def _formats() -> Mapping[str, DateFormat]:
    found = {
        name: DateFormat(pattern, f"^{shape}$", is_day_first=order) for name, (pattern, shape, order) in _DAYS.items()
    }
    for (day, (pattern, shape, order)), gap, (time, (clock, clock_shape)), (zone, (offset, zone_shape)) in product(
        _DAYS.items(), _BETWEEN, _TIMES.items(), _ZONES.items()
    ):
        found[f"{day}{gap}{time}{zone}"] = DateFormat(
            f"{pattern}{gap}{clock}{offset}",
            f"^{shape}{gap}{clock_shape}{zone_shape}$",
            has_time=True,
            is_zoned=bool(zone),
            is_day_first=order,
        )
    found["YYYY-MM-DD HH:MM:SS UTC"] = DateFormat(
        "%Y-%m-%d %H:%M:%S UTC", f"^{_Y}-{_D}-{_D} {_CLOCK}:[0-9]{{2}} UTC$", has_time=True, is_zoned=True
    )
    found[UNIX_SECONDS] = DateFormat("", "^[0-9]{9,10}$", has_time=True, is_zoned=True)
    found[UNIX_MILLISECONDS] = DateFormat("", "^[0-9]{12,13}$", has_time=True, is_zoned=True)
    return found


UNIX_SECONDS, UNIX_MILLISECONDS = "seconds since 1970", "milliseconds since 1970"
DATE_FORMATS = _formats()
"""All formats that can be named."""


def parsed(texts: pl.Series, names: Sequence[str], zone: str) -> pl.Series:
    """Instants (microseconds of UTC) of texts in any of some formats, null for what fits none.

    A text that does not say its zone is of `zone`; a day without a time is its first instant. Where a clock shows the
    same time twice, it is the first; where it leaves a time out, the instant that as much time has passed to.
    """
    found = [_parsed_with(name, zone) for name in names]
    if not found:
        return pl.Series([None], dtype=pl.Datetime("us")).new_from_index(0, len(texts))
    # One expression for all formats: what polars does for a single step takes as long as ten thousand dates.
    return pl.DataFrame({_TEXT: texts}).select(pl.coalesce(found)).to_series()


_TEXT = "text"


def _parsed_with(name: str, zone: str) -> pl.Expr:
    form = DATE_FORMATS[name]
    text = pl.when(pl.col(_TEXT).str.contains(form.shape)).then(pl.col(_TEXT))
    if name in {UNIX_SECONDS, UNIX_MILLISECONDS}:
        factor = 10**6 if name == UNIX_SECONDS else 10**3
        return (text.cast(pl.Int64, strict=False) * factor).cast(pl.Datetime("us"))
    if not form.has_time:
        return _in_utc(text.str.to_date(form.pattern, strict=False).cast(pl.Datetime("us")), zone)
    if "%#z" in form.pattern:
        # polars reads +02:00 and +0200 alike, and no Z.
        spelt = text.str.replace("Z$", "+0000")
        zoned = spelt.str.to_datetime(form.pattern.replace("%#z", "%z"), strict=False, time_unit="us")
        return zoned.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    moments = text.str.to_datetime(form.pattern, strict=False, time_unit="us")
    return moments if form.is_zoned else _in_utc(moments, zone)


def _in_utc(local: pl.Expr, zone: str) -> pl.Expr:
    """What clocks in a zone show, as UTC."""
    if zone == "UTC":
        return local
    return pl.coalesce(_shown_in(local, zone), _shown_in(local.dt.offset_by("-1d"), zone).dt.offset_by("1d"))


def _shown_in(local: pl.Expr, zone: str) -> pl.Expr:
    """What clocks in a zone show, as UTC; null for what they leave out."""
    known = local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return known.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
