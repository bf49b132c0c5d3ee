"""The shared tier made safe: reads merged, every call bounded in time, a breaker, a budget, a count.

Every method raises StoreError and nothing else when the tier did not do its part. Keys are given without
the prefix that the whole cache shares.
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

NEAR_BUDGET = 0.95  # of a day's commands; the rest is left to invalidations and other clients
DAY = 86_400


class L2Guard:
    """A Store behind a breaker. Times are in seconds; `commands_per_day` is this container's budget."""

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
        self._today = (0, 0)  # day number, commands sent on it
        self._warned = 0
        self._met = False  # the first call has been tried
        self._probe: asyncio.Task[None] | None = None
        self.last: Literal["up", "down"] | None = None
        self.refused = False  # the last fault was a refusal: credentials, plan, a full store
        self._batch: _Batch | None = None
        self._reads: set[asyncio.Task[None]] = set()

    def reconnect(self) -> None:
        """Forget what belongs to an event loop or a connection that is gone."""
        self._batch, self._met, self._probe = None, False, None
        self._reads.clear()

    async def hang_up(self) -> None:
        """Give back the connections; the next call makes first contact again."""
        self.reconnect()
        with suppress(Exception):  # of connections that are gone anyway
            async with asyncio.timeout(self._write_timeout):
                await self.store.close()

    async def read(self, keys: Sequence[str], *, urgent: bool = False) -> list[str | None]:
        """Read several keys; reads that are asked for within one tick of the loop are one MGET."""
        self._check_awake(urgent=urgent)  # before anything is set in motion
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
        """Write one key for `px` milliseconds, or for ever."""
        self.counters.writes += 1
        await self._guard(
            lambda: self.store.set(self._prefix + key, value, px), self._write_timeout, urgent=urgent
        )

    async def mset(self, values: Mapping[str, str]) -> None:
        """Write several keys for ever."""
        self.counters.writes += 1
        named = {self._prefix + key: value for key, value in values.items()}
        await self._guard(lambda: self.store.mset(named), self._write_timeout, urgent=True)

    async def claim(self, key: str, value: str, px: int | None) -> str | None:
        """Write a key only when absent; give the value that stands otherwise."""
        return await self._guard(lambda: self.store.claim(self._prefix + key, value, px), self._read_timeout)

    async def delete(self, key: str) -> bool:
        """Remove a key; tell whether it was there."""
        return await self._guard(lambda: self.store.delete(self._prefix + key), self._write_timeout)

    async def add(self, key: str, amount: int, px: int) -> int:
        """Add to a whole number of the fleet, and give the sum."""
        self.counters.writes += 1
        return await self._guard(lambda: self.store.add(self._prefix + key, amount, px), self._read_timeout)

    async def keep(self, key: str, field: str, value: str, px: int) -> None:
        """Write one field of a hash of the fleet."""
        self.counters.writes += 1
        await self._guard(lambda: self.store.hset(self._prefix + key, field, value, px), self._write_timeout)

    async def kept(self, key: str) -> dict[str, str]:
        """Read all fields of a hash; there may be many, so it may take as long as a write."""
        self.counters.reads += 1
        return await self._guard(lambda: self.store.hgetall(self._prefix + key), self._write_timeout)

    async def fetch(self, key: str) -> str | None:
        """Read one key by itself; its value may be large, so it may take as long as a write."""
        self.counters.reads += 1
        (value,) = await self._guard(lambda: self.store.mget([self._prefix + key]), self._write_timeout)
        return value

    async def ping(self) -> None:
        """Make first contact; bounded by the longer first timeout."""
        await self._guard(self.store.ping, self._first_timeout)

    async def _read(self, batch: "_Batch") -> None:
        self._batch = None  # what is asked for from here on is another read
        names = list(batch.keys)
        self.counters.reads += 1

        async def read() -> Values:
            values = await self.store.mget([self._prefix + name for name in names])
            return dict(zip(names, values, strict=True))  # another number of values is a fault like any other

        try:
            batch.give(await self._guard(read, self._read_timeout, urgent=batch.urgent))
        except StoreError as error:
            batch.fail(error)

    async def _guard(self, operation: Callable[[], Awaitable[T]], limit: float, *, urgent: bool = False) -> T:
        self._check_awake(urgent=urgent)
        return await self._call(operation, limit, began=self._clock.now())

    def rests(self) -> bool:
        """Tell whether a call would be refused unasked now, and nothing be gained by trying."""
        now = self._clock.now()
        return self.breaker.state(now) == "open" or self._spent(now)

    def _check_awake(self, *, urgent: bool = False) -> None:
        """Raise StoreError while the tier rests; have it probed, behind the caller, when its rest is over.

        A flush is `urgent`: it goes out though the day's budget is nearly spent.
        """
        now = self._clock.now()
        state = self.breaker.state(now)
        if state == "half-open" and self._probe is None:
            # only here may a call take long: what has to be built up again is DNS, TCP and TLS
            probe = self._prove()
            self._probe = asyncio.get_running_loop().create_task(probe, context=contextvars.Context())
        if state != "closed" or (self._spent(now) and not urgent):
            self.counters.skipped += 1
            raise StoreError("the shared tier is resting", "unreachable")

    async def _prove(self) -> None:
        with suppress(StoreError):
            await self._call(self.store.ping, self._first_timeout, began=math.inf)
        self._probe = None

    async def _call(self, operation: Callable[[], Awaitable[T]], limit: float, *, began: float) -> T:
        """Call the store; what `began` before the breaker opened tells nothing of the time after."""
        limit = limit if self._met else max(limit, self._first_timeout)
        self._met = True
        self.counters.commands += 1
        self._today = (self._today[0], self._today[1] + 1)
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
            raise self._fault(StoreError("the store gave up", "unreachable")) from error
        except Exception as error:  # a store that breaks its contract may not break an answer
            raise self._fault(StoreError(f"the store raised {type(error).__name__}")) from error
        self.breaker.succeeded(began)
        self.last = "up"
        return result

    def _fault(self, error: StoreError) -> StoreError:
        self.counters.faults += 1
        self.last, self.refused = "down", error.kind == "refused"
        now = self._clock.now()
        was = self.breaker.state(now)
        self.breaker.failed(now, refused=error.kind == "refused")
        state = self.breaker.state(now)
        fault = {"event": "store_fault", "kind": error.kind, "error": str(error), "breaker": state}
        log.log(logging.WARNING if was == "closed" else logging.DEBUG, "shared tier: %s", error, extra=fault)
        return error

    def _spent(self, now: float) -> bool:
        """Tell whether the day's budget is nearly used up; say so once a day."""
        day = int(now // DAY)
        if self._today[0] != day:
            self._today = (day, 0)
        if self._commands_per_day is None or self._today[1] < self._commands_per_day * NEAR_BUDGET:
            return False
        if self._warned != day:
            self._warned = day
            log.warning("the day's %d commands are nearly spent: memory only", self._commands_per_day)
        return True


class _Batch:
    """Keys asked for within one tick, and the answer they share.

    Each caller waits on a future of its own, so that one who gives up takes nobody along.
    """

    def __init__(self) -> None:
        self.keys: dict[str, None] = {}
        self.urgent = False
        self._callers: list[asyncio.Future[Values]] = []

    def join(self, keys: Sequence[str], caller: asyncio.Future[Values]) -> asyncio.Future[Values]:
        """Ask for keys along with others."""
        self.keys.update(dict.fromkeys(keys))
        self._callers.append(caller)
        return caller

    def give(self, values: Values) -> None:
        """Answer all who still wait."""
        for caller in self._callers:
            if not caller.done():
                caller.set_result(values)

    def fail(self, error: StoreError) -> None:
        """Fail all who still wait."""
        for caller in self._callers:
            if not caller.done():
                caller.set_exception(error)
