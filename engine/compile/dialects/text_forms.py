"""How dates and instants are written inside JSON, as patterns that hold for nothing but days of the calendar.

Engines cast more texts than these, and some fail on one that they cannot cast: so a pattern decides, calendar and all.
"""

from __future__ import annotations

_YEAR = r"(000[1-9]|00[1-9][0-9]|0[1-9][0-9]{2}|[1-9][0-9]{3})"
_LEAP_YEAR = r"([0-9]{2}(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)"
_DAY = (
    r"((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    r"|02-(0[1-9]|1[0-9]|2[0-8]))"
)
_CLOCK = r"([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"

OFFSET = r"[+-]([01][0-9]|2[0-3]):[0-5][0-9]"
"""Hours and minutes east (+) or west (-) of UTC: the last six characters of an instant that has it."""

DATE = rf"({_YEAR}-{_DAY}|{_LEAP_YEAR}-02-29)"
"""A day of the years 1 to 9999, such as 2026-06-01."""

INSTANT = rf"{DATE}[Tt ]{_CLOCK}(\.[0-9]+)?([Zz]|{OFFSET})"
"""An RFC 3339 instant whose local day is one of the years 1 to 9999."""

MICROSECOND_CHARACTERS = 26
"""As many as `2026-06-01T12:00:00.123456` has; what follows is finer than any engine's instants."""
