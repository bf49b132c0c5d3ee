"""Write-behind: writes leave the critical path, and are tried again until they would no longer matter.

One write per key waits, the last one; the queue is bounded. `drain` is for the end of a function that the
platform freezes as soon as it returns.
"""

import asyncio
import contextvars
import math
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
    """Writes waiting for the shared tier, at most `most` of them."""

    def __init__(self, shared: Shared, clock: Clock, most: int = 256) -> None:
        self._shared, self._clock, self._most = shared, clock, most
        self._waiting: dict[str, Write] = {}
        self._workers: dict[str, asyncio.Task[None]] = {}
        self._hurry: asyncio.Event | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, name: str, write: Write) -> None:
        """Write soon; a write of the same name that still waits is replaced."""
        if name not in self._waiting and len(self._waiting) >= self._most:
            self._make_room()
        self._waiting[name] = write
        if name not in self._workers:
            self._start(name)

    def _make_room(self) -> None:
        """Drop the oldest write that may be lost: an entry, never a flush."""
        del self._waiting[next(name for name, write in self._waiting.items() if write.expires < math.inf)]
        self._shared.counters.dropped_writes += 1

    def forget(self, name: str) -> None:
        """Drop a write that waits."""
        self._waiting.pop(name, None)

    async def drain(self, timeout: float) -> int:  # noqa: ASYNC109 - the bound is part of the promise
        """Try everything that waits once more, now; give the number of writes that are left after all."""
        if self._hurry is not None:
            self._hurry.set()
        if self._workers:
            await asyncio.wait(list(self._workers.values()), timeout=timeout)
        for name in self._waiting.keys() - self._workers.keys():
            self._start(name, FIRST_PAUSE)  # this container may live on
        return len(self._waiting)

    def restart(self) -> None:
        """Go on, on the running loop, with what an earlier loop left behind."""
        self._workers, self._hurry = {}, None
        for name in list(self._waiting):
            self._start(name)

    def _start(self, name: str, pause: float = 0.0) -> None:
        if self._hurry is None or self._hurry.is_set():
            self._hurry = asyncio.Event()
        loop = asyncio.get_running_loop()
        work = self._work(name, self._hurry, pause)
        self._workers[name] = loop.create_task(work, context=contextvars.Context())

    async def _work(self, name: str, hurry: asyncio.Event, pause: float) -> None:
        try:
            while (write := await self._next(name, hurry, pause)) is not None:
                hurried = hurry.is_set()
                if write.expires <= self._clock.now() or await self._wrote(write, again=pause > 0):
                    if self._waiting.get(name) is write:
                        del self._waiting[name]
                    pause = 0.0
                elif hurried:
                    return
                else:
                    self._shared.counters.retried_writes += 1
                    pause = min(max(FIRST_PAUSE, 2 * pause), LONGEST_PAUSE)
        finally:
            self._workers.pop(name, None)  # gone already where another loop took over

    async def _next(self, name: str, hurry: asyncio.Event, pause: float) -> Write | None:
        """Wait; then give the last write of a name, which may have come, or gone, meanwhile."""
        await _either(hurry, pause)
        return self._waiting.get(name)

    async def _wrote(self, write: Write, *, again: bool) -> bool:
        try:
            await write.attempt(self._shared, self._clock.now(), again=again)
        except StoreError:
            return False
        return True


async def _either(event: asyncio.Event, seconds: float) -> None:
    if seconds == 0.0:
        return
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
