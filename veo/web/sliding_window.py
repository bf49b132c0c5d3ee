"""A sliding-window rate limit: so many requests per client within any minute, counted in this container.

The window holds the requests of the current minute and the share of the previous minute's that still overlaps
with it, assuming that they were evenly spread. That takes two numbers per client, whatever its rate; the
libraries for this store each request, run a timer and do not bound the number of clients.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

MAX_CLIENTS = 10_000  # beyond it the least recently active one is dropped
SECONDS = 60.0


class TooManyRequests(Exception):
    """A client exceeded its rate limit; it may retry in `retry_after` seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class Count(NamedTuple):
    """A client's requests in a minute, given by its number, and in the minute before it."""

    minute: int
    current: int
    previous: int


class SlidingWindow:
    """Counts requests by client, to allow at most `limit` (at least 1) in any minute."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._clock = limit, clock
        self._counts: OrderedDict[str, Count] = OrderedDict()

    def wait(self, client: str) -> float:
        """Return the seconds until a client may send its next request: 0 if it may now."""
        minute, passed = self._time()
        count = self._count(client, minute)
        room = self._limit - 1 - count.current
        if room < 0:  # the current minute alone is too much: wait until enough of it has left the window
            return SECONDS - passed + SECONDS * (1 - (self._limit - 1) / count.current)
        if count.previous <= room:
            return 0.0
        return max(0.0, SECONDS * (1 - room / count.previous) - passed)

    def add(self, client: str) -> None:
        """Count a request of a client."""
        minute, _ = self._time()
        count = self._count(client, minute)
        self._counts[client] = Count(minute, count.current + 1, count.previous)
        self._counts.move_to_end(client)
        if len(self._counts) > MAX_CLIENTS:
            self._counts.popitem(last=False)

    def _time(self) -> tuple[int, float]:
        minute, passed = divmod(self._clock(), SECONDS)
        return int(minute), passed

    def _count(self, client: str, minute: int) -> Count:
        count = self._counts.get(client, Count(minute, 0, 0))
        if count.minute == minute:
            return count
        return Count(minute, 0, count.current if count.minute == minute - 1 else 0)
