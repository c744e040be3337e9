"""When to try again: soon, then less and less often, for a day."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

DELAYS = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 1_800, 3_600, 7_200, 10_800, 14_400, 21_600, 25_200)
)
"""From one attempt to the next: a day in all, nearly, and with what chance adds."""

SPREAD = 0.1
"""Delays are longer by up to this share, so that not all come back at once."""

LONGEST = timedelta(days=1)
"""A message that is this old, and was tried, is given up."""

LEAST = 3
"""It is not given up before so many attempts, however old it is: clocks may jump."""

MOST_ASKED = timedelta(hours=1)
"""A receiver may ask to be left alone so long."""


def next_attempt_at(
    attempt_count: int, *, since: datetime, now: datetime, asked: timedelta | None = None
) -> datetime | None:
    """When to try a message again that was tried so often; None: not any more.

    `since` is when it was written down; `asked` is what the receiver asks for.
    """
    if attempt_count > len(DELAYS) or (attempt_count >= LEAST and now - since >= LONGEST):
        return None
    delay = DELAYS[attempt_count - 1] * random.uniform(1, 1 + SPREAD)
    return now + max(delay, min(asked or timedelta(0), MOST_ASKED))


def pause_after(failure_count: int) -> float:
    """How many seconds a receiver is left alone that failed so often, one time after the other."""
    return min(2.0 ** min(failure_count, 12), 300.0) * random.uniform(1, 1 + SPREAD)
