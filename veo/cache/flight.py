"""Single flight: one compute per key at a time, whose one answer all current callers share.

The flight is a task of its own, so a caller that is cancelled harms nobody, and with all callers gone
the compute still ends in the cache. A caller may stop waiting (with a stale value after the soft timeout,
with an error after the hard one), but until the task really ends nobody starts a second one.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Literal, NamedTuple

from veo.cache.entry import Entry, Stamps

Origin = Literal["memory", "shared", "source", "stale"]


class Landing(NamedTuple):
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
        gate: AbstractAsyncContextManager[Any] | None = None,
    ) -> None:
        self.call, self.key, self.tags, self.began = call, call.key, call.tags, began
        self.background, self.outdo, self.force, self.gate = background, outdo, force, gate
        self.loop = asyncio.get_running_loop()
        self.looked: asyncio.Future[None] = self.loop.create_future()  # the shared tier has been read
        self.answer: asyncio.Future[Landing | None] = self.loop.create_future()
        self.task: asyncio.Task[None] | None = None
        self.stamps: Stamps = {}
        self.held: Entry | None = None
        self.held_origin: Origin = "memory"
        self.in_touch = False
        self.waiting = 0  # callers
        self.owner: str | None = None  # of the fleet's lease, while this flight holds it
        self.lease_until = 0.0
        self.settled = False  # what the lease stood for is written: it may run out by itself

    def land(self, landing: Landing | None) -> None:
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


class Throttles:
    """Failing keys and the time until which their source is left alone, doubling from failure to failure."""

    def __init__(self, most: int = 10_000) -> None:
        self._until: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._most = most

    def left(self, key: str, now: float) -> float:
        """Give the seconds for which a key's source is still left alone, 0 for none."""
        until, _ = self._until.get(key, (now, 0))
        return max(0.0, until - now)

    def strike(self, key: str, now: float, first: float, most: float) -> float:
        """Record a failure; give the seconds of the pause that begins now."""
        _, strikes = self._until.pop(key, (0.0, 0))
        pause: float = min(first * 2**strikes, most)
        self._until[key] = (now + pause, min(strikes + 1, 16))
        if len(self._until) > self._most:
            self._until.popitem(last=False)
        return pause

    def clear(self, key: str) -> None:
        """Forget the failures of a key: its source answered."""
        self._until.pop(key, None)
