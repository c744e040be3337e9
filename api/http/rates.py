"""How often somebody may ask."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from api.http.errors import TooManyRequestsError

MOST_ASKERS = 100_000
"""So many askers are remembered; then those are forgotten whose time is over."""


class Rate:
    """So many requests in so many seconds, for each of many askers: called from one thread.

    Counts begin anew with each stretch of so many seconds. (The library for it starts a thread with every request.)
    """

    def __init__(self, count: int, seconds: int = 1, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._count, self._seconds, self._clock = count, seconds, clock
        self._counts: dict[str, tuple[float, int]] = {}

    def take(self, asker: str) -> None:
        """Count one request of an asker. Raises: TooManyRequestsError, and it does not count then."""
        now = self._clock()
        until, count = self._counts.get(asker, (0.0, 0))
        if now >= until:
            if len(self._counts) >= MOST_ASKERS:
                self._counts = {name: item for name, item in self._counts.items() if item[0] > now}
            until, count = now + self._seconds, 0
        if count >= self._count:
            raise TooManyRequestsError(until - now)
        self._counts[asker] = until, count + 1


@dataclass(frozen=True, slots=True)
class Rates:
    """The limits of a server."""

    of_tokens: Rate
    of_addresses: Rate
    of_emails: Rate
