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
from typing import Protocol

from veo.cache.clock import Clock
from veo.cache.entry import read_head
from veo.cache.shared import Shared
from veo.cache.store import StoreError

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds between tries


class Write(Protocol):
    """Something to be written: its last useful moment, and how."""

    @property
    def expires(self) -> float:
        """Give the time after which it no longer matters, in seconds since the epoch."""
        ...

    async def attempt(self, shared: Shared, now: float, *, again: bool) -> None:
        """Write; raise StoreError to be tried again."""
        ...


@dataclass(frozen=True, slots=True)
class EntryWrite:
    """An envelope under its key. On a further try a newer entry in the shared tier is left alone."""

    key: str
    envelope: str
    computed: float
    expires: float

    async def attempt(self, shared: Shared, now: float, *, again: bool) -> None:
        """Write the envelope for what is left of its life."""
        if again and await self._overtaken(shared):
            return
        await shared.set(self.key, self.envelope, max(1, round((self.expires - now) * 1000)))

    async def _overtaken(self, shared: Shared) -> bool:
        (standing,) = await shared.read([self.key])
        parts = read_head(standing) if standing is not None else None
        return parts is not None and parts[0]["c"] > self.computed * 1000


class WriteBehind:
    """Writes waiting for the shared tier, at most `most` of them.

    A new write is tried at once. Those that failed are tried again together, by one clock whose pauses grow:
    they failed for the same reason, and while the tier rests none of them costs anything.
    """

    def __init__(self, shared: Shared, clock: Clock, most: int = 256) -> None:
        self._shared, self._clock, self._most = shared, clock, most
        self._waiting: dict[str, Write] = {}  # under way, or failed
        self._tries: dict[str, asyncio.Task[None]] = {}  # under way
        self._retrying: asyncio.Task[None] | None = None  # for as long as there are failed ones

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, name: str, write: Write) -> None:
        """Write soon; a write of the same name that still waits is replaced."""
        waits = name in self._waiting
        if not waits and len(self._waiting) >= self._most:
            self._make_room()
        self._waiting[name] = write
        if not waits:
            self._try(name)

    def _make_room(self) -> None:
        """Drop the oldest write that may be lost: an entry, never a flush."""
        del self._waiting[next(name for name, write in self._waiting.items() if write.expires < math.inf)]
        self._shared.counters.dropped_writes += 1

    def forget(self, name: str) -> None:
        """Drop a write that waits."""
        self._waiting.pop(name, None)

    async def drain(self, timeout: float) -> int:  # noqa: ASYNC109 - the bound is part of the promise
        """Try everything that waits once more, now; give the number of writes that are left after all."""
        failed = self._failed()
        under_way = self._waiting.keys() - failed
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._try_again(failed)
                await self._try_again(under_way)
        return len(self._waiting)

    def restart(self) -> None:
        """Go on, on the running loop, with what an earlier loop left behind."""
        self._tries, self._retrying = {}, None
        for name in self._waiting:
            self._try(name, again=True)

    def _failed(self) -> list[str]:
        return [name for name in self._waiting if name not in self._tries]

    async def _try_again(self, names: Iterable[str]) -> None:
        """Try those that still wait, all at once, and wait for whatever is under way."""
        for name in names:
            self._try(name, again=True)
        if self._tries:
            await asyncio.wait(list(self._tries.values()))

    def _try(self, name: str, *, again: bool = False) -> None:
        if name in self._waiting and name not in self._tries:
            attempt = self._attempt(name, self._tries, again=again)
            loop = asyncio.get_running_loop()
            self._tries[name] = loop.create_task(attempt, context=contextvars.Context())

    async def _attempt(self, name: str, tries: dict[str, asyncio.Task[None]], *, again: bool) -> None:
        """Write the last write of a name, which may be replaced, or gone, meanwhile."""
        try:
            while (write := self._waiting.get(name)) is not None:
                if write.expires > self._clock.now():
                    await write.attempt(self._shared, self._clock.now(), again=again)
                if self._waiting.get(name) is write:
                    del self._waiting[name]
                again = False
        except StoreError:
            self._shared.counters.retried_writes += 1
            if self._retrying is None:
                loop = asyncio.get_running_loop()
                self._retrying = loop.create_task(self._retry(), context=contextvars.Context())
        finally:
            del tries[name]  # not of self: another loop may have taken over

    async def _retry(self) -> None:
        """Try what failed again and again: an entry until it expires, a flush until it arrives."""
        pause = FIRST_PAUSE
        while self._failed():
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
            rests, now = self._shared.rests(), self._clock.now()
            await self._try_again([name for name in self._failed() if not rests or self._presses(name, now)])
        self._retrying = None

    def _presses(self, name: str, now: float) -> bool:
        """Tell whether a write is not to wait for a tier that rests: it is over, or a flush.

        A flush goes out even beyond the day's budget.
        """
        return not now < self._waiting[name].expires < math.inf
