"""Single flight: one compute per key at a time, whose result all current callers share.

The flight is a task of its own: cancelling one caller does not affect the others, and even with all callers
gone the result still reaches the cache. A caller may stop waiting (with a stale value after the soft timeout,
with an error after the hard one), but no second compute starts until the task has ended.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from veo.cache.concurrency import ConcurrencyLimit
from veo.cache.entry import Entry, TagVersionMap

Origin = Literal["memory", "shared", "source", "stale"]


class FlightResult(NamedTuple):
    """The result of a flight: an entry and where it came from."""

    entry: Entry
    origin: Origin


class Call(NamedTuple):
    """One call of a decorated function: its key, all tags that can flush it, its arguments."""

    key: str
    tags: tuple[str, ...]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


class Flight:
    """A lookup of one key beyond memory: shared tier, lease and source."""

    def __init__(
        self,
        call: Call,
        *,
        began: float,
        background: bool = False,
        replaces: Entry | None = None,
        force: bool = False,
        limit: ConcurrencyLimit | None = None,
    ) -> None:
        self.call, self.key, self.tags, self.began = call, call.key, call.tags, began
        self.background, self.replaces, self.force, self.limit = background, replaces, force, limit
        self.loop = asyncio.get_running_loop()
        self.tier_read: asyncio.Future[None] = self.loop.create_future()  # the shared tier has been read
        self.slot: asyncio.Future[None] = self.loop.create_future()  # of `limit`; timeouts begin when granted
        self.result: asyncio.Future[FlightResult | None] = self.loop.create_future()
        self.task: asyncio.Task[None] | None = None
        self.versions: TagVersionMap = {}
        self.cached: Entry | None = None  # the newer one of both tiers
        self.cached_origin: Origin = "memory"
        self.tier_reachable = False
        self.callers = 0  # that wait for the result
        self.awaited: list[Flight] = []  # flights that this flight's own compute waits for
        self.owner: str | None = None  # of the fleet-wide lease, while this flight holds it
        self.lease_until = 0.0  # in seconds of the loop
        self.lease_settled = False  # the lease needs no release: it is released, or may expire by itself

    def waits_for(self, others: Iterable["Flight"]) -> bool:
        """Check whether this flight is one of the others, or waits for one of them."""
        others, seen, to_visit = set(others), set(), [self]
        while to_visit:
            flight = to_visit.pop()
            if flight in others:
                return True
            if flight not in seen:
                seen.add(flight)
                to_visit += flight.awaited
        return False

    def resolve(self, result: FlightResult | None) -> None:
        """Pass the result to all callers; None makes them look up again."""
        self.result.set_result(result)

    def fail(self, error: BaseException) -> None:
        """Raise an error in all callers."""
        self.result.set_exception(error)
        self.result.exception()  # mark it as retrieved, as there may be no caller left

    def holds_lease(self) -> bool:
        """Check whether this flight holds the fleet-wide lease."""
        return self.owner is not None and self.loop.time() < self.lease_until

    def cancel(self) -> None:
        """End without a result, because the event loop is shutting down."""
        self.result.cancel()


class Pause(NamedTuple):
    """The time for which a key's source is not called after a number of failures in a row."""

    since: float
    until: float
    failures: int


class Throttles:
    """The pauses of keys whose source failed; they double with each failure in a row.

    A pause that begins in the future is over: the clock was set back after it was recorded.
    """

    def __init__(self, max_keys: int = 10_000) -> None:
        self._pauses: OrderedDict[str, Pause] = OrderedDict()
        self._max_keys = max_keys

    def remaining(self, key: str, now: float) -> float:
        """Return the seconds for which a key's source is not to be called, 0 if there is no pause."""
        pause = self._pauses.get(key)
        return 0.0 if pause is None or not pause.since <= now < pause.until else pause.until - now

    def record_failure(self, key: str, now: float, first: float, longest: float) -> float:
        """Record a failure, and return the length in seconds of the pause that begins now."""
        last = self._pauses.pop(key, None)
        failures = 0 if last is None else last.failures
        seconds: float = min(first * 2**failures, longest)
        self._pauses[key] = Pause(now, now + seconds, min(failures + 1, 16))
        if len(self._pauses) > self._max_keys:
            self._pauses.popitem(last=False)
        return seconds

    def clear(self, key: str) -> None:
        """Forget the failures of a key, because its source answered."""
        self._pauses.pop(key, None)
