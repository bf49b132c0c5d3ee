"""How often each client may ask: so many requests within any minute, counted in this container.

The moving minute is the present one and what of the last one still overlaps with it, as if its requests had
been spread evenly: two numbers a client, however often it asks. The libraries for this keep a line per
request and a timer of their own, and no bound on the number of clients.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

MOST_CLIENTS = 10_000  # the one that asked longest ago is forgotten first
SECONDS = 60.0


class TooMany(Exception):
    """A client asked too often; it may again in `retry_after` seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


class Count(NamedTuple):
    """A client's requests in the minute of a number, and in the one before."""

    minute: int
    now: int
    before: int


class SlidingWindow:
    """Requests by client, at most `limit` (from 1) in a moving minute."""

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._clock = limit, clock
        self._counts: OrderedDict[str, Count] = OrderedDict()

    def wait(self, client: str) -> float:
        """Give the seconds until a client may ask once more, 0 when it may now."""
        minute, passed = self._time()
        count = self._count(client, minute)
        room = self._limit - 1 - count.now
        if room < 0:  # the present minute alone is too much, until enough of it has passed out of sight
            return SECONDS - passed + SECONDS * (1 - (self._limit - 1) / count.now)
        if count.before <= room:
            return 0.0
        return max(0.0, SECONDS * (1 - room / count.before) - passed)

    def add(self, client: str) -> None:
        """Count a request."""
        minute, _ = self._time()
        count = self._count(client, minute)
        self._counts[client] = Count(minute, count.now + 1, count.before)
        self._counts.move_to_end(client)
        if len(self._counts) > MOST_CLIENTS:
            self._counts.popitem(last=False)

    def _time(self) -> tuple[int, float]:
        minute, passed = divmod(self._clock(), SECONDS)
        return int(minute), passed

    def _count(self, client: str, minute: int) -> Count:
        count = self._counts.get(client, Count(minute, 0, 0))
        if count.minute == minute:
            return count
        return Count(minute, 0, count.now if count.minute == minute - 1 else 0)
