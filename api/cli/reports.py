"""What commands say alike: counts of rows, instants, shares."""

from __future__ import annotations

from collections.abc import Iterator

from ingest.load import DatasetReport, TableReport


def report_lines(report: DatasetReport) -> Iterator[str]:
    """What became of the rows of a dataset, one line per table."""
    words = {
        "set_aside": "set aside as bad",
        "replaced": "given again later",
        "unknown_contact": "of unknown e-mail",
        "unknown_list": "of unknown list",
        "counted_twice": "already in custom_events",
    }
    for name, table in report.tables.items():
        counts = row_counts(table)
        notes = [f"{counts[key]:,} {text}" for key, text in words.items() if counts[key]]
        yield f"{name}: {table.read:,} rows" + (f", of them {', '.join(notes)}" if notes else "")
    if report.unknown_zone:
        yield f"{report.unknown_zone:,} contacts have an unknown time zone; the default zone stands in for it"


def row_counts(table: TableReport) -> dict[str, int]:
    """The counts of one table by name."""
    return {name: getattr(table, name) for name in table.__slots__}


def share_of(size: int, contact_count: int) -> str:
    """A part of all contacts in per cent."""
    return f"{size / contact_count:.1%}" if contact_count else "-"
