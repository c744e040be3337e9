"""Text that spreadsheets take for a formula, written so that they do not: somebody's name must not run in Excel.

Source: OWASP, CSV Injection. A cell that begins with = + - @, a tab or a carriage return gets an apostrophe before it,
which is how spreadsheets mark text. Numbers and phone numbers stay as they are: they hold nothing to run.
"""

from __future__ import annotations

import re

_BEGINS_FORMULA = re.compile(r"[=+\-@\t\r]")
_IS_NUMBER = re.compile(r"[+-]?[0-9][0-9 .,()/-]*(?:[eE][+-]?[0-9]+)?")


def as_text_cell(text: str) -> str:
    """The text of a cell, with an apostrophe before what would be a formula."""
    if _BEGINS_FORMULA.match(text) and not _IS_NUMBER.fullmatch(text):
        return f"'{text}"
    return text
