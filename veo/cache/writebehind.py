"""Write-behind: writes leave the critical path, and are tried again until they would no longer matter.

One write per key waits, the last one; the queue is bounded. `drain` is for the end of a function that the
platform freezes as soon as it returns.
"""

import asyncio
import contextvars
import math
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from veo.cache.clock import Clock
from veo.cache.entry import read_head
from veo.cache.l2_guard import L2Guard
from veo.cache.stores.protocol import StoreError

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds between tries
AT_ONCE = 16  # entries that are tried again together: their reads are one, of all that stand


class Write(Protocol):
    """Something to be written: its last useful moment, and how."""

    @property
    def expires(self) -> float:
        """Give the time after which it no longer matters, in seconds since the epoch."""
        ...

    async def attempt(self, shared: L2Guard, now: float, *, again: bool) -> None:
        """Write; raise StoreError to be tried again."""
        ...


@dataclass(frozen=True, slots=True)
class EntryWrite:
    """An envelope under its key. On a further try a newer entry in the shared tier is left alone."""

    key: str
    envelope: str
    computed: float
    expires: float

    async def attempt(self, shared: L2Guard, now: float, *, again: bool) -> None:
        """Write the envelope for what is left of its life."""
        if again and await self._overtaken(shared):
            return
        await shared.set(self.key, self.envelope, max(1, round((self.expires - now) * 1000)))

    async def _overtaken(self, shared: L2Guard) -> bool:
        (standing,) = await shared.read([self.key])
        parts = read_head(standing) if standing is not None else None
        return parts is not None and parts[0]["c"] > self.computed * 1000


class Failed(NamedTuple):
    """When a write is tried again, in seconds of the loop, and the pause before that."""

    due: float
    pause: float


def _must_arrive(write: Write) -> bool:
    """Tell whether a write never expires: a flush, which goes out even beyond the day's budget."""
    return write.expires == math.inf


class WriteBehind:
    """Writes waiting for the shared tier, at most `most` of them.

    A new write is tried at once; one that failed after a pause of its own, which grows. While the tier rests
    what waits costs nothing but a look at the tier now and then.
    """

    def __init__(self, shared: L2Guard, clock: Clock, most: int = 256) -> None:
        self._shared, self._clock, self._most = shared, clock, most
        self._waiting: dict[str, Write] = {}
        self._tries: dict[str, asyncio.Task[None]] = {}  # under way
        self._failed: dict[str, Failed] = {}  # the others wait for the tier to wake up
        self._timer: asyncio.TimerHandle | None = None
        self._rounds: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, name: str, write: Write) -> None:
        """Write soon; a write of the same name that still waits is replaced."""
        if name not in self._waiting and len(self._waiting) >= self._most:
            self._make_room()
        self._waiting[name] = write
        if name not in self._failed:
            self._try(name)

    def _make_room(self) -> None:
        """Drop the oldest write that may be lost: an entry, never a flush."""
        self.forget(next(name for name, write in self._waiting.items() if not _must_arrive(write)))
        self._shared.counters.dropped_writes += 1

    def forget(self, name: str) -> None:
        """Drop a write that waits."""
        self._waiting.pop(name, None)
        self._failed.pop(name, None)

    async def drain(self, timeout: float) -> int:  # noqa: ASYNC109 - the bound is part of the promise
        """Try everything that waits once more, now; give the number of writes that are left after all."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._try_again(list(self._waiting))
        return len(self._waiting)

    def restart(self) -> None:
        """Go on, on the running loop, with what an earlier loop left behind."""
        if self._timer is not None:
            self._timer.cancel()
        self._tries, self._failed, self._rounds = {}, {}, set()
        self._ring()

    async def _try_again(self, names: Iterable[str]) -> None:
        """Try what still waits, a few at a time, as each first reads what stands; wait for it to end."""
        turns = asyncio.Semaphore(AT_ONCE)

        async def try_one(name: str) -> None:
            if (under_way := self._tries.get(name)) is not None:
                await asyncio.wait([under_way])
            async with turns:
                if (trying := self._try(name, again=True)) is not None:
                    await asyncio.wait([trying])

        await asyncio.gather(*(try_one(name) for name in names))

    def _try(self, name: str, *, again: bool = False) -> asyncio.Task[None] | None:
        """Have the last write of a name tried, unless the tier rests; give the try that is under way."""
        write = self._waiting.get(name)
        if write is None or name in self._tries:
            return self._tries.get(name)
        if write.expires <= self._clock.now():
            self.forget(name)
            return None
        loop = asyncio.get_running_loop()
        if self._shared.rests() and not _must_arrive(write):
            self._arm(loop.time() + LONGEST_PAUSE)
            return None
        self._shared.counters.retried_writes += again
        attempt = self._attempt(name, write, self._tries, again=again)
        self._tries[name] = loop.create_task(attempt, context=contextvars.Context())
        return self._tries[name]

    async def _attempt(
        self, name: str, write: Write, tries: dict[str, asyncio.Task[None]], *, again: bool
    ) -> None:
        arrived = True
        try:
            await write.attempt(self._shared, self._clock.now(), again=again)
        except StoreError:
            arrived = False
        finally:
            del tries[name]
        if tries is not self._tries:  # another loop has taken over
            return
        if not arrived:
            self._later(name)
        elif self._waiting.get(name) is write:
            self.forget(name)
        else:  # it was replaced, or forgotten, meanwhile
            self._failed.pop(name, None)
            self._try(name)

    def _later(self, name: str) -> None:
        """Try a write again after a pause, if it still waits."""
        if name in self._waiting:
            last = self._failed.get(name)
            pause = FIRST_PAUSE if last is None else min(2 * last.pause, LONGEST_PAUSE)
            due = asyncio.get_running_loop().time() + pause
            self._failed[name] = Failed(due, pause)
            self._arm(due)

    def _arm(self, due: float) -> None:
        """Have `_ring` called then, or earlier."""
        if self._timer is None or due < self._timer.when():
            if self._timer is not None:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_at(due, self._ring)

    def _ring(self) -> None:
        """Try what is due again; what would be refused unasked waits for the tier to wake up."""
        self._timer = None
        loop, rests, due = asyncio.get_running_loop(), self._shared.rests(), []
        now = loop.time()
        for name, write in self._waiting.items():
            failed = self._failed.get(name)
            if name in self._tries:
                continue
            if failed is not None and failed.due > now:
                self._arm(failed.due)
            elif rests and not _must_arrive(write):
                self._arm(now + LONGEST_PAUSE)
            else:
                due.append(name)
        if due:
            again = loop.create_task(self._try_again(due), context=contextvars.Context())
            self._rounds.add(again)
            again.add_done_callback(self._rounds.discard)
