"""A lookup beyond the memory hit: memory → shared tier → single flight → source → fill.

`Engine` combines the mechanisms, each of which has its own module. It does not depend on what the values
mean, and a fault of the shared tier never raises here.
"""

import asyncio
import contextvars
import math
import random
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, NamedTuple

from veo.cache import lease_record
from veo.cache.clock import Clock
from veo.cache.compute import Compute
from veo.cache.concurrency import ConcurrencyLimit
from veo.cache.entry import Entry, decode
from veo.cache.l2 import make_l2
from veo.cache.l2_guard import L2Guard
from veo.cache.lease import FleetSingleFlight, LeaseDecision, Record, lease_key
from veo.cache.memory import Memory
from veo.cache.single_flight import Call, Flight, FlightResult, Origin, Throttles
from veo.cache.stores.protocol import StoreError
from veo.cache.tag_sync import version_key
from veo.cache.tag_versions import TagVersions
from veo.cache.usage import Meter
from veo.cache.wrapped_function import WrappedFunction

# the flights whose computes the current code is part of, outermost included
_enclosing_flights: contextvars.ContextVar[frozenset[Flight]] = contextvars.ContextVar(
    "enclosing_flights", default=frozenset()
)


class RecursiveLookup(RuntimeError):
    """A compute looked up its own key, directly or through others, and would wait for itself for ever."""


class LookupResult(NamedTuple):
    """The result of a lookup: an entry, where it came from, and its age in seconds."""

    entry: Entry
    origin: Origin
    age: float


class Engine:
    """The state of one cache, and its lookup."""

    def __init__(
        self,
        memory: Memory,
        shared: L2Guard | None,
        clock: Clock,
        rng: random.Random,
        sync_every: float,
        *,
        meter: Meter | None = None,
    ) -> None:
        self.memory, self.clock, self.rng = memory, clock, rng
        self.tier = None if shared is None else make_l2(shared, memory, clock, sync_every)
        self.tag_versions = TagVersions() if self.tier is None else self.tier.tag_sync.tag_versions
        self.fleet = None if shared is None else FleetSingleFlight(shared, self.tag_versions, clock)
        self.throttles = Throttles()
        self.compute = Compute(
            memory=memory,
            tier=self.tier,
            tag_versions=self.tag_versions,
            throttles=self.throttles,
            clock=clock,
            rng=rng,
            meter=meter,
        )
        self.on_use: Callable[[float], None] | None = None  # called with the time of each engine lookup
        self.flights: dict[str, Flight] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    async def lookup(
        self,
        wrapped: WrappedFunction,
        call: Call,
        *,
        force: bool = False,
        limit: ConcurrencyLimit | None = None,
    ) -> LookupResult:
        """Return the entry of a call: from memory, the shared tier or the source, or stale on an error."""
        key = call.key
        enclosing = _enclosing_flights.get()
        if self.flights.get(key) in enclosing:
            raise RecursiveLookup(f"{key}: the function looks up its own key")
        began = self.bind().time()
        trusted = await self._trusts_memory(wrapped)
        now = self.clock.now()
        if self.on_use is not None:
            self.on_use(now)
        entry = self.valid(key)
        if entry is not None and trusted and not force:
            self.memory.mark_used(entry)
            if now < entry.fresh:
                self._refresh_early(wrapped, call, entry, now)
                return self._count(wrapped, key, FlightResult(entry, "memory"), began)
            if now < entry.usable and self.throttles.remaining(key, now):
                wrapped.counters.throttled += 1
                return self._count(wrapped, key, FlightResult(entry, "stale"), began)
        while True:
            flight = self._join_or_launch(wrapped, call, force=force, limit=limit)
            try:
                result = await self._wait(wrapped, flight, enclosing)
            except Exception:
                wrapped.counters.failed += 1
                raise
            if result is not None:  # None: a background flight yielded the lease; start over
                now = self.clock.now()
                if result.origin == "memory" and now < result.entry.fresh:
                    self._refresh_early(wrapped, call, result.entry, now)
                return self._count(wrapped, key, result, began)

    async def _trusts_memory(self, wrapped: WrappedFunction) -> bool:
        """Check whether the known tag versions are recent enough to answer from memory.

        If not, the flight reads the versions of its entry, in the same MGET as the sync of all others.
        """
        if self.tier is None:
            return True
        syncing = self.tier.tag_sync.start_due_sync()
        if not self.tier.tag_sync.is_outdated():
            return True
        if not wrapped.policy.shared and syncing is not None:
            await asyncio.shield(syncing)  # the flights of this family do not read versions themselves
        return not wrapped.policy.shared

    def valid(self, key: str) -> Entry | None:
        """Return the entry in memory, or drop it and return None if it was flushed."""
        entry = self.memory.get(key)
        if entry is None or self.tag_versions.valid(entry):
            return entry
        self.memory.drop(key)
        return None

    def _refresh_early(self, wrapped: WrappedFunction, call: Call, entry: Entry, now: float) -> None:
        """Refresh a fresh entry in the background if XFetch or the end of its local life requires it."""
        early = entry.needs_early_refresh(now, wrapped.policy.beta, 1.0 - self.rng.random())
        if not early and now < entry.local_until:
            entry.epoch = self.tag_versions.epoch
            if not entry.negative:
                earliest = entry.earliest_refresh(wrapped.policy.beta)
                next_sync = math.inf if self.tier is None else self.tier.tag_sync.due
                entry.trusted_until = min(entry.local_until, earliest, next_sync)
        elif call.key not in self.flights and not self.throttles.remaining(call.key, now):
            wrapped.counters.early_refreshes += early
            self._launch(wrapped, call, background=True, replaces=entry if early else None)

    def _join_or_launch(
        self, wrapped: WrappedFunction, call: Call, *, force: bool, limit: ConcurrencyLimit | None
    ) -> Flight:
        """Return the running flight of a key, unless it began before a flush, or start a new one."""
        flight = self.flights.get(call.key)
        flushed = flight is not None and not self.tag_versions.current(flight.versions, flight.versions)
        if flight is None or flushed or force > flight.force:
            return self._launch(wrapped, call, force=force, limit=limit)
        enclosing = _enclosing_flights.get()
        if flight.waits_for(enclosing):
            raise RecursiveLookup(f"{call.key}: its compute waits for the one that looks it up")
        if flight.limit is not None and (limit is None or enclosing):
            flight.limit.grant_now(flight.slot)  # the caller is not limited, or may itself hold a slot
        wrapped.counters.coalesced += 1
        return flight

    def _launch(self, wrapped: WrappedFunction, call: Call, **options: Any) -> Flight:
        flight = Flight(call, began=self.clock.now(), **options)
        # a background flight inherits neither the request's context nor its deadline
        context = contextvars.Context() if flight.background else contextvars.copy_context()
        context.run(_enclosing_flights.set, context.run(_enclosing_flights.get) | {flight})
        self.flights[call.key] = flight
        flight.task = flight.loop.create_task(self._run(wrapped, flight), context=context)
        return flight

    async def _wait(
        self, wrapped: WrappedFunction, flight: Flight, enclosing: frozenset[Flight]
    ) -> FlightResult | None:
        """Wait for a flight, and register the wait for the detection of recursive lookups."""
        flight.callers += 1
        for outer in enclosing:
            outer.awaited.append(flight)
        try:
            return await self._result(wrapped, flight)
        finally:
            flight.callers -= 1
            for outer in enclosing:
                outer.awaited.remove(flight)

    async def _result(self, wrapped: WrappedFunction, flight: Flight) -> FlightResult | None:
        """Return the result within the hard timeout or, if a value can answer, within the soft one."""
        if not flight.tier_read.done():
            await asyncio.wait((flight.tier_read,))
        if flight.limit is not None:  # the timeouts do not include the wait for a slot
            await asyncio.wait((flight.slot, flight.result), return_when=asyncio.FIRST_COMPLETED)
        if flight.result.done():
            return flight.result.result()
        soft, hard = wrapped.policy.soft_timeout.total_seconds(), wrapped.policy.hard_timeout.total_seconds()
        source_only = flight.force or self.compute.usable_entry(flight) is None
        for timeout in (hard,) if source_only else (soft, hard - soft):
            await asyncio.wait((flight.result,), timeout=timeout)
            if flight.result.done():
                return flight.result.result()
            if (entry := self.compute.usable_entry(flight)) is not None:
                return FlightResult(entry, "memory" if self.clock.now() < entry.fresh else "stale")
        raise TimeoutError(f"{flight.key}: no answer within {hard:g} s")

    async def _run(self, wrapped: WrappedFunction, flight: Flight) -> None:
        try:
            flight.resolve(await self._fly(wrapped, flight))
        except asyncio.CancelledError:
            flight.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - every caller gets it
            flight.fail(error)
        finally:
            if self.flights.get(flight.key) is flight:
                del self.flights[flight.key]
            self._release_later(flight)

    def _release_later(self, flight: Flight) -> None:
        """Release the lease of a finished flight in the background, if it needs a release."""
        release = None if self.fleet is None else self.fleet.finish(flight)
        if release is not None and self.tier is not None:
            self.tier.writes.put(lease_key(flight.key), release)

    async def _fly(self, wrapped: WrappedFunction, flight: Flight) -> FlightResult | None:
        """Try the shared tier, then the throttle, then the lease and the source."""
        try:
            record = await self._read_tiers(wrapped, flight)
        finally:
            flight.tier_read.set_result(None)
        if (result := self._fresh_result(flight)) is not None:
            return result
        if not flight.force and (throttled := self._throttled(wrapped, flight, record)) is not None:
            wrapped.counters.throttled += 1
            if (entry := self.compute.usable_entry(flight)) is not None:
                return FlightResult(entry, "stale")
            if wrapped.policy.fleet_once:
                raise throttled
        if flight.limit is None:
            return await self._lead_or_compute(wrapped, flight, record)
        async with flight.limit.hold(flight.slot):
            return await self._lead_or_compute(wrapped, flight, record)

    async def _lead_or_compute(
        self, wrapped: WrappedFunction, flight: Flight, record: Record
    ) -> FlightResult | None:
        """Acquire the lease where the policy needs one, then compute; None leaves it to another container."""
        if self.fleet is not None and wrapped.policy.fleet_once and flight.tier_reachable:
            wrapped.counters.commands += 1
            try:
                decision = await self.fleet.acquire(
                    wrapped.policy,
                    flight,
                    record,
                    lambda: self._read_tiers(wrapped, flight),
                    lambda: self._fresh_result(flight),
                )
            except lease_record.UpstreamThrottled:
                if (entry := self.compute.usable_entry(flight)) is None:
                    raise
                return FlightResult(entry, "stale")
            if isinstance(decision, FlightResult):
                return decision
            if decision is LeaseDecision.YIELD:
                return None
        return await self.compute.run(wrapped, flight)

    async def _read_tiers(self, wrapped: WrappedFunction, flight: Flight) -> Record:
        """Read entry, tag versions and lease in one MGET, and set `flight.cached`; return the lease."""
        policy, text, values = wrapped.policy, None, []
        if self.tier is not None and policy.shared and not policy.sensitive:
            wrapped.counters.commands += 1
            lease_keys = [lease_key(flight.key)] * policy.fleet_once
            try:
                text, *values = await self.tier.shared.read(
                    [flight.key, *map(version_key, flight.tags), *lease_keys]
                )
                await self.tier.tag_sync.learn(flight.tags, values[: len(flight.tags)])
                flight.tier_reachable = True
            except StoreError:
                flight.tier_reachable = False
        flight.versions = self.tag_versions.versions(flight.tags)
        flight.cached, flight.cached_origin = self.valid(flight.key), "memory"
        now = self.clock.now()
        entry = None if text is None else decode(text, wrapped.codec, wrapped.negative, now)
        if (
            entry is not None
            and self.tag_versions.current(entry.versions, flight.tags)
            and entry.newer_than(flight.cached)
        ):
            entry.versions = flight.versions
            flight.cached, flight.cached_origin = entry, "shared"
            self.compute.set_local_life(wrapped, entry, now)
            self.memory.put(flight.key, entry, len(text or ""))
        elif flight.cached is not None:
            self.compute.set_local_life(wrapped, flight.cached, now)
        return lease_record.parse(values[-1]) if policy.fleet_once and flight.tier_reachable else None

    async def preload(self, wrapped: WrappedFunction, calls: Iterable[Call]) -> int:
        """Load the entries of some calls from the shared tier in one read; return how many exist."""
        self.bind()
        if self.tier is None:
            return 0
        flights = [Flight(call, began=self.clock.now()) for call in calls]
        await asyncio.gather(*(self._read_tiers(wrapped, flight) for flight in flights))
        return sum(flight.cached is not None for flight in flights)

    async def read_versions(self, tags: tuple[str, ...]) -> bool:
        """Read some tag versions from the shared tier now; return False when that fails."""
        self.bind()
        return self.tier is not None and await self.tier.tag_sync.read(tags)

    async def flush(self, tags: list[str], life: float | None = None) -> bool:
        """Make everything under some tags unreachable; False while the shared tier has not confirmed it."""
        self.bind()
        if self.tier is not None:
            return await self.tier.tag_sync.flush(tags, life)
        self.tag_versions.renew(tags, self.clock.now())
        for key in self.memory:
            self.valid(key)
        return True

    async def drain(self, timeout: float, *, last: bool = False) -> int:  # noqa: ASYNC109 - part of the contract
        """Write what is queued and release leases: all if `last`, else those of flights without a caller."""
        if self.tier is None:
            return 0
        end = self.bind().time() + timeout
        unwritten = await self.tier.writes.drain(timeout)
        with suppress(TimeoutError):
            async with asyncio.timeout_at(end):
                abandoned = [flight for flight in self.flights.values() if last or not flight.callers]
                await asyncio.gather(*(self._release(flight) for flight in abandoned))
        return unwritten

    async def _release(self, flight: Flight) -> None:
        """Release the lease of a flight now."""
        release = None if self.fleet is None else self.fleet.finish(flight)
        if release is not None and self.tier is not None:
            flight.lease_settled = True
            with suppress(StoreError):
                await release.attempt(self.tier.shared, self.clock.now(), retry=False)

    async def restored(self) -> None:
        """Replace what a snapshot froze: the random state, connections and tag versions."""
        self.rng.seed()
        if self.tier is not None:
            self.tier.tag_sync.require_sync()
            await self.tier.shared.disconnect()

    def _fresh_result(self, flight: Flight) -> FlightResult | None:
        """Return the cached entry if it is fresh and not the one that this flight is to replace."""
        entry = flight.cached
        if entry is None or self.clock.now() >= entry.fresh:
            return None
        if entry is flight.replaces or (flight.force and entry.computed <= flight.began):
            return None
        return FlightResult(entry, flight.cached_origin)

    def _throttled(
        self, wrapped: WrappedFunction, flight: Flight, record: Any
    ) -> lease_record.UpstreamThrottled | None:
        """Return the error for a pause of this key's source, in the fleet or in this container."""
        now = self.clock.now()
        if isinstance(record, lease_record.FailureNote) and record.until > now:
            return lease_record.UpstreamThrottled(record.reason, record.until - now)
        if remaining := self.throttles.remaining(flight.key, now):
            return lease_record.UpstreamThrottled(f"{wrapped.policy.family} failed a moment ago", remaining)
        return None

    def _count(self, wrapped: WrappedFunction, key: str, result: FlightResult, began: float) -> LookupResult:
        """Count and return a result; `began` is the start of the lookup in seconds of the loop."""
        entry, origin = result
        counters, age = wrapped.counters, max(0.0, self.clock.now() - entry.computed)
        setattr(counters, origin, getattr(counters, origin) + 1)
        elapsed = asyncio.get_running_loop().time() - began
        wrapped.usage.count_answer(key, entry, origin, age, elapsed, outer=not _enclosing_flights.get())
        if entry.negative:
            counters.negative += 1
            raise wrapped.absence(entry.value)
        return LookupResult(entry, origin, age)

    def bind(self) -> asyncio.AbstractEventLoop:
        """Return the running loop; raise RuntimeError while another running loop uses this cache."""
        loop = asyncio.get_running_loop()
        if loop is self._loop:
            return loop
        if self._loop is not None and self._loop.is_running():
            raise RuntimeError("this cache is in use on another event loop; create one cache per loop")
        self._loop = loop
        self.flights.clear()
        if self.tier is not None:
            self.tier.start()
        return loop
