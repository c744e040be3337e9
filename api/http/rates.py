"""How often somebody may ask."""

from __future__ import annotations

import time
from dataclasses import dataclass

from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from api.http.errors import TooManyRequestsError


class Rate:
    """So many requests in so many seconds, for each of many askers."""

    def __init__(self, count: int, seconds: int = 1) -> None:
        self._item = RateLimitItemPerSecond(count, seconds)
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def take(self, asker: str) -> None:
        """Count one request of an asker. Raises: TooManyRequestsError, and it does not count then."""
        if not self._limiter.hit(self._item, asker):
            reset_at = self._limiter.get_window_stats(self._item, asker).reset_time
            raise TooManyRequestsError(reset_at - time.time())


@dataclass(frozen=True, slots=True)
class Rates:
    """The limits of a server."""

    of_tokens: Rate
    of_addresses: Rate
    of_emails: Rate
