"""Options that several commands share, and values that need more than a type: instants, amounts of memory, zones."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from engine.definition import checked_timezone
from engine.definition.points import parsed_instant
from engine.definition.tree import CONTACT_TIMEZONE
from engine.errors import DefinitionError

WorkspaceFolder = Annotated[Path, typer.Argument(help="Folder of the workspace.", metavar="WORKSPACE")]
AsOf = Annotated[
    str | None, typer.Option(metavar="INSTANT", help="Evaluate as of this RFC 3339 instant; now if not given.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar.")]
MemoryLimit = Annotated[
    str | None, typer.Option(metavar="AMOUNT", help="Most memory for the tables, such as 4GB; half the machine's.")
]
BadRowsOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Set bad rows aside in this .jsonl or .csv file instead of stopping."),
]
ExtraColumnsOption = Annotated[
    Literal["refuse", "ignore"], typer.Option(help="What to do with columns that populace does not know.")
]

_UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30}
_BYTES = re.compile(r"(\d+(?:\.\d+)?)\s*([kmg]?)i?b?", re.IGNORECASE)

MIN_MEMORY_BYTES = 64 * 2**20
MAX_MEMORY_BYTES = 2**50


def as_of_instant(text: str | None) -> datetime:
    """The instant of evaluation; now where none is given."""
    if text is None:
        return datetime.now(UTC)
    instant = parsed_instant(text)
    if instant is None:
        raise typer.BadParameter(f"{text!r} is no instant; write it with its zone, such as 2026-05-01T10:00:00Z")
    return instant


def memory_bytes(text: str | None) -> int | None:
    """An amount such as 4GB or 800M."""
    if text is None:
        return None
    match = _BYTES.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no amount of memory; write it as 4GB or 800MB")
    amount = float(match[1]) * _UNITS[match[2].lower()]
    if amount < MIN_MEMORY_BYTES:
        raise typer.BadParameter(f"{text!r} is too little; give at least {MIN_MEMORY_BYTES // 2**20} MB")
    if amount > MAX_MEMORY_BYTES:
        raise typer.BadParameter(f"{text!r} is more than any machine has")
    return int(amount)


def zone_name(text: str) -> str:
    """An IANA time zone."""
    try:
        if text == CONTACT_TIMEZONE:
            raise typer.BadParameter(f"{text!r} is no IANA time zone; it can be Europe/Paris, for one")
        return checked_timezone(text, "timezone")
    except DefinitionError as error:
        raise typer.BadParameter(error.problem) from error
