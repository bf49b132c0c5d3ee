"""The guard around the shared tier: merged reads, time limits, a circuit breaker, a daily command limit.

Every method raises StoreError, and nothing else, when the tier fails. Keys are passed without the prefix
that the whole cache shares.
"""

import asyncio
import contextvars
import logging
import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Literal, TypeVar

from veo.cache.breaker import Breaker
from veo.cache.clock import Clock
from veo.cache.counters import L2Counters
from veo.cache.stores.protocol import Store, StoreError

T = TypeVar("T")
Values = dict[str, str | None]
log = logging.getLogger(__name__)

USABLE_SHARE = 0.95  # of the daily commands; the rest is reserved for invalidations and other clients
DAY = 86_400  # seconds


class L2Guard:
    """A Store behind a breaker. Times are in seconds; `commands_per_day` is this container's daily limit."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        prefix: str,
        *,
        read_timeout: float = 0.25,
        write_timeout: float = 2.0,
        first_timeout: float = 2.0,
        commands_per_day: int | None = None,
    ) -> None:
        self.store, self.breaker, self.counters = store, Breaker(), L2Counters()
        self._clock, self._prefix = clock, prefix
        self._read_timeout, self._write_timeout, self._first_timeout = (
            read_timeout,
            write_timeout,
            first_timeout,
        )
        self._commands_per_day = commands_per_day
        self._commands_today = (0, 0)  # day number, commands sent on that day
        self._warned_on = 0  # day number
        self._contacted = False  # a first call has been made
        self._probe: asyncio.Task[None] | None = None
        self.last: Literal["up", "down"] | None = None
        self.refused = False  # the last fault was a refusal: credentials, plan limit, a full store
        self._batch: _Batch | None = None
        self._reads: set[asyncio.Task[None]] = set()

    def reconnect(self) -> None:
        """Drop the state of a previous event loop or connection."""
        self._batch, self._contacted, self._probe = None, False, None
        self._reads.clear()

    async def disconnect(self) -> None:
        """Close the connections; the next call counts as the first one again."""
        self.reconnect()
        with suppress(Exception):  # the connections are discarded in any case
            async with asyncio.timeout(self._write_timeout):
                await self.store.close()

    async def read(self, keys: Sequence[str], *, urgent: bool = False) -> list[str | None]:
        """Read several keys; reads requested within one tick of the loop are merged into one MGET."""
        self._check_available(urgent=urgent)  # before a task is started
        batch, loop = self._batch, asyncio.get_running_loop()
        if batch is None:
            batch = self._batch = _Batch()
            task = loop.create_task(self._read(batch), context=contextvars.Context())
            self._reads.add(task)
            task.add_done_callback(self._reads.discard)
        batch.urgent |= urgent
        values = await batch.join(keys, loop.create_future())
        return [values[key] for key in keys]

    async def set(self, key: str, value: str, px: int | None, *, urgent: bool = False) -> None:
        """Write one key, which expires after `px` milliseconds, or never."""
        self.counters.writes += 1
        await self._guard(
            lambda: self.store.set(self._prefix + key, value, px), self._write_timeout, urgent=urgent
        )

    async def mset(self, values: Mapping[str, str]) -> None:
        """Write several keys without expiry."""
        self.counters.writes += 1
        prefixed = {self._prefix + key: value for key, value in values.items()}
        await self._guard(lambda: self.store.mset(prefixed), self._write_timeout, urgent=True)

    async def claim(self, key: str, value: str, px: int | None) -> str | None:
        """Write a key if it is absent and return None, else return the existing value."""
        return await self._guard(lambda: self.store.claim(self._prefix + key, value, px), self._read_timeout)

    async def delete(self, key: str) -> bool:
        """Remove a key; return whether it existed."""
        return await self._guard(lambda: self.store.delete(self._prefix + key), self._write_timeout)

    async def add(self, key: str, amount: int, px: int) -> int:
        """Add to a counter shared by the fleet, and return the sum."""
        self.counters.writes += 1
        return await self._guard(lambda: self.store.add(self._prefix + key, amount, px), self._read_timeout)

    async def hset(self, key: str, field: str, value: str, px: int) -> None:
        """Write one field of a hash."""
        self.counters.writes += 1
        await self._guard(lambda: self.store.hset(self._prefix + key, field, value, px), self._write_timeout)

    async def hgetall(self, key: str) -> dict[str, str]:
        """Read all fields of a hash; there may be many, so the time limit is that of a write."""
        self.counters.reads += 1
        return await self._guard(lambda: self.store.hgetall(self._prefix + key), self._write_timeout)

    async def fetch(self, key: str) -> str | None:
        """Read one key; its value may be large, so the time limit is that of a write."""
        self.counters.reads += 1
        (value,) = await self._guard(lambda: self.store.mget([self._prefix + key]), self._write_timeout)
        return value

    async def ping(self) -> None:
        """Ping the store, bounded by the longer timeout of first calls."""
        await self._guard(self.store.ping, self._first_timeout)

    async def _read(self, batch: "_Batch") -> None:
        self._batch = None  # later requests start another batch
        keys = list(batch.keys)
        self.counters.reads += 1

        async def read() -> Values:
            values = await self.store.mget([self._prefix + key for key in keys])
            return dict(zip(keys, values, strict=True))  # a wrong number of values becomes a StoreError

        try:
            batch.resolve(await self._guard(read, self._read_timeout, urgent=batch.urgent))
        except StoreError as error:
            batch.fail(error)

    async def _guard(self, operation: Callable[[], Awaitable[T]], limit: float, *, urgent: bool = False) -> T:
        self._check_available(urgent=urgent)
        return await self._call(operation, limit, began=self._clock.now())

    def is_resting(self) -> bool:
        """Check whether the breaker is open or the daily command limit reached, so calls are rejected."""
        now = self._clock.now()
        return self.breaker.state(now) == "open" or self._limit_reached(now)

    def _check_available(self, *, urgent: bool = False) -> None:
        """Raise StoreError while the tier is resting; start a background probe once the rest is over.

        An `urgent` call, such as a flush, is sent in spite of the daily command limit.
        """
        now = self._clock.now()
        state = self.breaker.state(now)
        if state == "half-open" and self._probe is None:
            # a probe has the longer time limit, because it may need DNS, TCP and TLS again
            probe = self._send_probe()
            self._probe = asyncio.get_running_loop().create_task(probe, context=contextvars.Context())
        if state != "closed" or (self._limit_reached(now) and not urgent):
            self.counters.skipped += 1
            raise StoreError("the shared tier is resting", "unreachable")

    async def _send_probe(self) -> None:
        with suppress(StoreError):
            await self._call(self.store.ping, self._first_timeout, began=math.inf)
        self._probe = None

    async def _call(self, operation: Callable[[], Awaitable[T]], limit: float, *, began: float) -> T:
        """Call the store; the success of a call that `began` before the breaker opened does not close it."""
        limit = limit if self._contacted else max(limit, self._first_timeout)
        self._contacted = True
        self.counters.commands += 1
        self._commands_today = (self._commands_today[0], self._commands_today[1] + 1)
        try:
            async with asyncio.timeout(limit):
                result = await operation()
        except TimeoutError as error:
            raise self._fault(StoreError(f"no answer within {limit:g} s", "unreachable")) from error
        except StoreError as error:
            raise self._fault(error) from error.__cause__
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            raise self._fault(StoreError("the store cancelled its own call", "unreachable")) from error
        except Exception as error:  # a store that breaks its contract must not break an answer
            raise self._fault(StoreError(f"the store raised {type(error).__name__}")) from error
        self.breaker.succeeded(began)
        self.last = "up"
        return result

    def _fault(self, error: StoreError) -> StoreError:
        self.counters.faults += 1
        self.last, self.refused = "down", error.kind == "refused"
        now = self._clock.now()
        state_before = self.breaker.state(now)
        self.breaker.failed(now, refused=error.kind == "refused")
        state = self.breaker.state(now)
        fault = {"event": "store_fault", "kind": error.kind, "error": str(error), "breaker": state}
        level = logging.WARNING if state_before == "closed" else logging.DEBUG
        log.log(level, "shared tier: %s", error, extra=fault)
        return error

    def _limit_reached(self, now: float) -> bool:
        """Check whether the usable share of the daily command limit is used up; log it once a day."""
        day = int(now // DAY)
        if self._commands_today[0] != day:
            self._commands_today = (day, 0)
        if self._commands_per_day is None or self._commands_today[1] < self._commands_per_day * USABLE_SHARE:
            return False
        if self._warned_on != day:
            self._warned_on = day
            log.warning(
                "the daily limit of %d commands is nearly reached: using memory only", self._commands_per_day
            )
        return True


class _Batch:
    """The keys requested within one tick, read together.

    Each caller waits on its own future, so cancelling one caller does not cancel the others.
    """

    def __init__(self) -> None:
        self.keys: dict[str, None] = {}
        self.urgent = False
        self._callers: list[asyncio.Future[Values]] = []

    def join(self, keys: Sequence[str], caller: asyncio.Future[Values]) -> asyncio.Future[Values]:
        """Add a caller's keys to the batch, and return the caller's future."""
        self.keys.update(dict.fromkeys(keys))
        self._callers.append(caller)
        return caller

    def resolve(self, values: Values) -> None:
        """Resolve the futures that are still pending."""
        for caller in self._callers:
            if not caller.done():
                caller.set_result(values)

    def fail(self, error: StoreError) -> None:
        """Fail the futures that are still pending."""
        for caller in self._callers:
            if not caller.done():
                caller.set_exception(error)
