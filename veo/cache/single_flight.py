"""Single flight: one compute per key at a time, whose one answer all current callers share.

The flight is a task of its own, so a caller that is cancelled harms nobody, and with all callers gone
the compute still ends in the cache. A caller may stop waiting (with a stale value after the soft timeout,
with an error after the hard one), but until the task really ends nobody starts a second one.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple

from veo.cache.concurrency import ConcurrencyLimit
from veo.cache.entry import Entry, Stamps

Origin = Literal["memory", "shared", "source", "stale"]


class FlightResult(NamedTuple):
    """What a flight brings: an entry and where it came from."""

    entry: Entry
    origin: Origin


class Call(NamedTuple):
    """One call of a decorated function: its key, everything it can be flushed by, its arguments."""

    key: str
    tags: tuple[str, ...]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


class Flight:
    """The one way to a new value of one key that is under way."""

    def __init__(
        self,
        call: Call,
        *,
        began: float,
        background: bool = False,
        outdo: Entry | None = None,
        force: bool = False,
        gate: ConcurrencyLimit | None = None,
    ) -> None:
        self.call, self.key, self.tags, self.began = call, call.key, call.tags, began
        self.background, self.outdo, self.force, self.gate = background, outdo, force, gate
        self.loop = asyncio.get_running_loop()
        self.looked: asyncio.Future[None] = self.loop.create_future()  # the shared tier has been read
        self.turn: asyncio.Future[None] = self.loop.create_future()  # at a gate: callers' clocks start here
        self.answer: asyncio.Future[FlightResult | None] = self.loop.create_future()
        self.task: asyncio.Task[None] | None = None
        self.stamps: Stamps = {}
        self.held: Entry | None = None
        self.held_origin: Origin = "memory"
        self.in_touch = False
        self.waiting = 0  # callers
        self.asks: list[Flight] = []  # the flights that its own compute waits for
        self.owner: str | None = None  # of the fleet's lease, while this flight holds it
        self.lease_until = 0.0
        self.settled = False  # what the lease stood for is written: it may run out by itself

    def waits_for(self, others: Iterable["Flight"]) -> bool:
        """Tell whether this flight is one of the others, or waits for one of them."""
        others, seen, ahead = set(others), set(), [self]
        while ahead:
            flight = ahead.pop()
            if flight in others:
                return True
            if flight not in seen:
                seen.add(flight)
                ahead += flight.asks
        return False

    def land(self, landing: FlightResult | None) -> None:
        """Answer all callers; None sends them looking again."""
        self.answer.set_result(landing)

    def fail(self, error: BaseException) -> None:
        """Answer all callers with an error."""
        self.answer.set_exception(error)
        self.answer.exception()  # read here: nobody may be waiting any more

    def leads(self) -> bool:
        """Tell whether this flight holds the fleet's lease."""
        return self.owner is not None and self.loop.time() < self.lease_until

    def cancel(self) -> None:
        """End without an answer: the event loop is shutting down."""
        self.answer.cancel()


class Pause(NamedTuple):
    """The time for which a key's source is left alone, after so many failures in a row."""

    since: float
    until: float
    strikes: int


class Throttles:
    """Failing keys and the time until which their source is left alone, doubling from failure to failure.

    A pause that begins in the future comes from a clock that was set back since: it is over.
    """

    def __init__(self, most: int = 10_000) -> None:
        self._pauses: OrderedDict[str, Pause] = OrderedDict()
        self._most = most

    def left(self, key: str, now: float) -> float:
        """Give the seconds for which a key's source is still left alone, 0 for none."""
        pause = self._pauses.get(key)
        return 0.0 if pause is None or not pause.since <= now < pause.until else pause.until - now

    def strike(self, key: str, now: float, first: float, most: float) -> float:
        """Record a failure; give the seconds of the pause that begins now."""
        last = self._pauses.pop(key, None)
        strikes = 0 if last is None else last.strikes
        seconds: float = min(first * 2**strikes, most)
        self._pauses[key] = Pause(now, now + seconds, min(strikes + 1, 16))
        if len(self._pauses) > self._most:
            self._pauses.popitem(last=False)
        return seconds

    def clear(self, key: str) -> None:
        """Forget the failures of a key: its source answered."""
        self._pauses.pop(key, None)
