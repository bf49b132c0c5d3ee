"""Write-behind: writes are sent off the critical path and retried until they expire.

The queue is bounded and holds one write per name, the latest. `drain` is for the end of a function that the
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

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0  # seconds between attempts
MAX_CONCURRENT_RETRIES = 16  # a retry first reads the stored entry; these reads are merged into one


class Write(Protocol):
    """A pending write to the shared tier."""

    @property
    def expires(self) -> float:
        """Return the time after which the write is pointless, in seconds since the epoch."""
        ...

    async def attempt(self, shared: L2Guard, now: float, *, retry: bool) -> None:
        """Write; raise StoreError to be retried."""
        ...


@dataclass(frozen=True, slots=True)
class EntryWrite:
    """The write of an envelope under its key. A retry does not overwrite a newer entry."""

    key: str
    envelope: str
    computed: float
    expires: float

    async def attempt(self, shared: L2Guard, now: float, *, retry: bool) -> None:
        """Write the envelope for the rest of its lifetime."""
        if retry and await self._is_outdated(shared):
            return
        await shared.set(self.key, self.envelope, max(1, round((self.expires - now) * 1000)))

    async def _is_outdated(self, shared: L2Guard) -> bool:
        (stored,) = await shared.read([self.key])
        parts = read_head(stored) if stored is not None else None
        return parts is not None and parts[0]["c"] > self.computed * 1000


class Backoff(NamedTuple):
    """When a failed write is retried, in seconds of the loop's clock, and the pause before that."""

    due: float
    pause: float


def _must_arrive(write: Write) -> bool:
    """Check whether a write never expires: a flush, which is sent in spite of the daily command limit."""
    return write.expires == math.inf


class WriteBehind:
    """The pending writes to the shared tier, at most `most` of them.

    A new write is attempted at once, a failed one again after a pause that grows with each attempt. While
    the tier is resting, pending entries wait until a periodic check finds it available.
    """

    def __init__(self, shared: L2Guard, clock: Clock, most: int = 256) -> None:
        self._shared, self._clock, self._most = shared, clock, most
        self._pending: dict[str, Write] = {}
        self._attempts: dict[str, asyncio.Task[None]] = {}  # in progress
        self._backoffs: dict[str, Backoff] = {}  # of failed writes
        self._timer: asyncio.TimerHandle | None = None
        self._retries: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._pending)

    def put(self, name: str, write: Write) -> None:
        """Queue a write; it replaces a pending one of the same name."""
        if name not in self._pending and len(self._pending) >= self._most:
            self._make_room()
        self._pending[name] = write
        if name not in self._backoffs:
            self._start_attempt(name)

    def _make_room(self) -> None:
        """Drop the oldest write that may be lost: an entry, never a flush."""
        self.forget(next(name for name, write in self._pending.items() if not _must_arrive(write)))
        self._shared.counters.dropped_writes += 1

    def forget(self, name: str) -> None:
        """Drop a pending write."""
        self._pending.pop(name, None)
        self._backoffs.pop(name, None)

    async def drain(self, timeout: float) -> int:  # noqa: ASYNC109 - the bound is part of the promise
        """Attempt all pending writes now; return the number still pending afterwards."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._retry(list(self._pending))
        return len(self._pending)

    def restart(self) -> None:
        """Continue on the running loop with the writes that an earlier loop left pending."""
        if self._timer is not None:
            self._timer.cancel()
        self._attempts, self._backoffs, self._retries = {}, {}, set()
        self._retry_due()

    async def _retry(self, names: Iterable[str]) -> None:
        """Attempt the writes that are still pending, a few at a time, and wait until all have ended."""
        slots = asyncio.Semaphore(MAX_CONCURRENT_RETRIES)

        async def retry_one(name: str) -> None:
            if (running := self._attempts.get(name)) is not None:
                await asyncio.wait([running])
            async with slots:
                if (attempt := self._start_attempt(name, retry=True)) is not None:
                    await asyncio.wait([attempt])

        await asyncio.gather(*(retry_one(name) for name in names))

    def _start_attempt(self, name: str, *, retry: bool = False) -> asyncio.Task[None] | None:
        """Start an attempt of a pending write unless one is running; return the running one, if any.

        While the tier is resting, only a write that must arrive is attempted.
        """
        write = self._pending.get(name)
        if write is None or name in self._attempts:
            return self._attempts.get(name)
        if write.expires <= self._clock.now():
            self.forget(name)
            return None
        loop = asyncio.get_running_loop()
        if self._shared.is_resting() and not _must_arrive(write):
            self._set_timer(loop.time() + LONGEST_PAUSE)
            return None
        self._shared.counters.retried_writes += retry
        attempt = self._attempt(name, write, self._attempts, retry=retry)
        self._attempts[name] = loop.create_task(attempt, context=contextvars.Context())
        return self._attempts[name]

    async def _attempt(
        self, name: str, write: Write, attempts: dict[str, asyncio.Task[None]], *, retry: bool
    ) -> None:
        succeeded = True
        try:
            await write.attempt(self._shared, self._clock.now(), retry=retry)
        except StoreError:
            succeeded = False
        finally:
            del attempts[name]
        if attempts is not self._attempts:  # `restart` was called on another loop meanwhile
            return
        if not succeeded:
            self._back_off(name)
        elif self._pending.get(name) is write:
            self.forget(name)
        else:  # the write was replaced or dropped meanwhile
            self._backoffs.pop(name, None)
            self._start_attempt(name)

    def _back_off(self, name: str) -> None:
        """Schedule the retry of a failed write that is still pending."""
        if name in self._pending:
            last = self._backoffs.get(name)
            pause = FIRST_PAUSE if last is None else min(2 * last.pause, LONGEST_PAUSE)
            due = asyncio.get_running_loop().time() + pause
            self._backoffs[name] = Backoff(due, pause)
            self._set_timer(due)

    def _set_timer(self, due: float) -> None:
        """Schedule `_retry_due` for `due`, unless it is scheduled earlier."""
        if self._timer is None or due < self._timer.when():
            if self._timer is not None:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_at(due, self._retry_due)

    def _retry_due(self) -> None:
        """Retry the writes that are due; entries wait for the next check while the tier is resting."""
        self._timer = None
        loop, resting, due = asyncio.get_running_loop(), self._shared.is_resting(), []
        now = loop.time()
        for name, write in self._pending.items():
            backoff = self._backoffs.get(name)
            if name in self._attempts:
                continue
            if backoff is not None and backoff.due > now:
                self._set_timer(backoff.due)
            elif resting and not _must_arrive(write):
                self._set_timer(now + LONGEST_PAUSE)
            else:
                due.append(name)
        if due:
            retries = loop.create_task(self._retry(due), context=contextvars.Context())
            self._retries.add(retries)
            retries.add_done_callback(self._retries.discard)
