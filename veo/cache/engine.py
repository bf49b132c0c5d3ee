"""The way of a lookup past the memory hit, top to bottom: memory → shared tier → one flight → source → fill.

`Engine` joins the mechanisms, each of which has a file of its own. Nothing in here knows what the values
mean; nothing in here raises because the shared tier is away.
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
from veo.cache.tag_sync import stamp_key
from veo.cache.tag_versions import TagVersions
from veo.cache.usage import Meter
from veo.cache.wrapped_function import WrappedFunction

_under_way: contextvars.ContextVar[frozenset[Flight]] = contextvars.ContextVar(
    "under_way", default=frozenset()
)


class RecursiveLookup(RuntimeError):
    """A function that is being computed asked for its own key: it would wait for itself for ever."""


class Found(NamedTuple):
    """The answer of a lookup: an entry, where it came from, and how old it is in seconds."""

    entry: Entry
    origin: Origin
    age: float


class Engine:
    """The state of one cache, and the lookup."""

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
        self.leader = None if shared is None else FleetSingleFlight(shared, self.tag_versions, clock)
        self.throttles = Throttles()
        self.source = Compute(
            memory=memory,
            tier=self.tier,
            tag_versions=self.tag_versions,
            throttles=self.throttles,
            clock=clock,
            rng=rng,
            meter=meter,
        )
        self.beat: Callable[[float], None] | None = None  # what wants to know that time passes in use
        self.flights: dict[str, Flight] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    # ---- the lookup ------------------------------------------------------------------------------

    async def lookup(
        self,
        bound: WrappedFunction,
        call: Call,
        *,
        force: bool = False,
        gate: ConcurrencyLimit | None = None,
    ) -> Found:
        """Give the entry for a call: from memory, the shared tier or the source, or stale for an error."""
        key = call.key
        asking = _under_way.get()
        if self.flights.get(key) in asking:
            raise RecursiveLookup(f"{key} asked for itself")
        began = self.bind().time()
        trusted = await self._in_step(bound)
        now = self.clock.now()
        if self.beat is not None:
            self.beat(now)
        entry = self.valid(key)
        if entry is not None and trusted and not force:
            self.memory.used(entry)
            if now < entry.fresh:
                self._look_ahead(bound, call, entry, now)
                return self._found(bound, key, FlightResult(entry, "memory"), began)
            if now < entry.usable and self.throttles.left(key, now):
                bound.counters.throttled += 1
                return self._found(bound, key, FlightResult(entry, "stale"), began)
        while True:
            flight = self._join(bound, call, force=force, gate=gate)
            try:
                landing = await self._answer(bound, flight, asking)
            except Exception:
                bound.counters.failed += 1
                raise
            if landing is not None:  # None: a background flight made way; look again in earnest
                now = self.clock.now()
                if landing.origin == "memory" and now < landing.entry.fresh:
                    self._look_ahead(bound, call, landing.entry, now)
                return self._found(bound, key, landing, began)

    async def _in_step(self, bound: WrappedFunction) -> bool:
        """Tell whether the known stamps are recent enough to answer from memory by them.

        If not, the flight looks at the entry's own, in the same read as the one that renews them all.
        """
        if self.tier is None:
            return True
        reading = self.tier.tag_sync.keep_in_step()
        if not self.tier.tag_sync.behind():
            return True
        if not bound.policy.shared and reading is not None:
            await asyncio.shield(reading)  # no flight of this family looks at stamps
        return not bound.policy.shared

    def valid(self, key: str) -> Entry | None:
        """Give the entry of memory that no flush has overtaken; drop one that was."""
        entry = self.memory.get(key)
        if entry is None or self.tag_versions.valid(entry):
            return entry
        self.memory.drop(key)
        return None

    def _look_ahead(self, bound: WrappedFunction, call: Call, entry: Entry, now: float) -> None:
        """Refresh a fresh entry behind the caller's back when XFetch or its local life says so."""
        early = entry.early(now, bound.policy.beta, 1.0 - self.rng.random())
        if not early and now < entry.local_until:
            entry.epoch = self.tag_versions.epoch
            if not entry.negative:
                quiet = entry.quiet_before(bound.policy.beta)
                due = math.inf if self.tier is None else self.tier.tag_sync.due
                entry.quiet_until = min(entry.local_until, quiet, due)
        elif call.key not in self.flights and not self.throttles.left(call.key, now):
            bound.counters.early_refreshes += early
            self._launch(bound, call, background=True, outdo=entry if early else None)

    def _join(
        self, bound: WrappedFunction, call: Call, *, force: bool, gate: ConcurrencyLimit | None
    ) -> Flight:
        """Give the flight under way for a key, or start one; never one that began before a flush."""
        flight = self.flights.get(call.key)
        overtaken = flight is not None and not self.tag_versions.current(flight.stamps, flight.stamps)
        if flight is None or overtaken or force > flight.force:
            return self._launch(bound, call, force=force, gate=gate)
        asking = _under_way.get()
        if flight.waits_for(asking):
            raise RecursiveLookup(f"{call.key} waits for the one that asks for it")
        if flight.gate is not None and (gate is None or asking):
            flight.gate.lift(flight.turn)  # whoever waits in earnest, or holds a turn already
        bound.counters.coalesced += 1
        return flight

    def _launch(self, bound: WrappedFunction, call: Call, **options: Any) -> Flight:
        flight = Flight(call, began=self.clock.now(), **options)
        # a background flight inherits nothing: neither the request's context nor its deadline
        context = contextvars.Context() if flight.background else contextvars.copy_context()
        context.run(_under_way.set, context.run(_under_way.get) | {flight})
        self.flights[call.key] = flight
        flight.task = flight.loop.create_task(self._run(bound, flight), context=context)
        return flight

    async def _answer(
        self, bound: WrappedFunction, flight: Flight, asking: frozenset[Flight]
    ) -> FlightResult | None:
        """Wait for a flight: to the hard timeout, but only to the soft one with a value in hand."""
        flight.waiting += 1
        for asker in asking:
            asker.asks.append(flight)
        try:
            return await self._outcome(bound, flight)
        finally:
            flight.waiting -= 1
            for asker in asking:
                asker.asks.remove(flight)

    async def _outcome(self, bound: WrappedFunction, flight: Flight) -> FlightResult | None:
        if not flight.looked.done():
            await asyncio.wait((flight.looked,))
        if flight.gate is not None:  # waiting for a turn is not the source's time
            await asyncio.wait((flight.turn, flight.answer), return_when=asyncio.FIRST_COMPLETED)
        if flight.answer.done():
            return flight.answer.result()
        soft, hard = bound.policy.soft_timeout.total_seconds(), bound.policy.hard_timeout.total_seconds()
        patient = flight.force or self.source.in_hand(flight) is None
        for limit in (hard,) if patient else (soft, hard - soft):
            await asyncio.wait((flight.answer,), timeout=limit)
            if flight.answer.done():
                return flight.answer.result()
            if (held := self.source.in_hand(flight)) is not None:
                return FlightResult(held, "memory" if self.clock.now() < held.fresh else "stale")
        raise TimeoutError(f"{flight.key}: no answer within {hard:g} s")

    async def _run(self, bound: WrappedFunction, flight: Flight) -> None:
        try:
            flight.land(await self._fly(bound, flight))
        except asyncio.CancelledError:
            flight.cancel()
            raise
        except Exception as error:  # noqa: BLE001 - every waiter gets it
            flight.fail(error)
        finally:
            if self.flights.get(flight.key) is flight:
                del self.flights[flight.key]
            self._give_up(flight)

    def _give_up(self, flight: Flight) -> None:
        """Free the key for others where the lease stands for nothing any more."""
        release = None if self.leader is None else self.leader.ended(flight)
        if release is not None and self.tier is not None:
            self.tier.writes.put(lease_key(flight.key), release)

    async def _fly(self, bound: WrappedFunction, flight: Flight) -> FlightResult | None:
        """Shared tier → throttle → lease → source."""
        policy = bound.policy
        try:
            record = await self._look(bound, flight)
        finally:
            flight.looked.set_result(None)
        if (landing := self._good_enough(flight)) is not None:
            return landing
        if not flight.force and (pause := self._pause(bound, flight, record)) is not None:
            bound.counters.throttled += 1
            if (held := self.source.in_hand(flight)) is not None:
                return FlightResult(held, "stale")
            if policy.fleet_once:
                raise pause
        if flight.gate is None:
            return await self._ask(bound, flight, record)
        async with flight.gate.held(flight.turn):
            return await self._ask(bound, flight, record)

    async def _ask(self, bound: WrappedFunction, flight: Flight, record: Record) -> FlightResult | None:
        """Lease → source; None leaves it to another container."""
        policy = bound.policy
        if self.leader is not None and policy.fleet_once and flight.in_touch:
            bound.counters.commands += 1
            try:
                verdict = await self.leader.lead(
                    policy,
                    flight,
                    record,
                    lambda: self._look(bound, flight),
                    lambda: self._good_enough(flight),
                )
            except lease_record.UpstreamThrottled:
                if (held := self.source.in_hand(flight)) is None:
                    raise
                return FlightResult(held, "stale")
            if isinstance(verdict, FlightResult):
                return verdict
            if verdict is LeaseDecision.YIELD:
                return None
        return await self.source.compute(bound, flight)

    # ---- the shared tier -------------------------------------------------------------------------

    async def _look(self, bound: WrappedFunction, flight: Flight) -> Record:
        """Read entry, stamps and lease in one MGET; `flight.held` is then the better of both tiers."""
        policy, text, values = bound.policy, None, []
        if self.tier is not None and policy.shared and not policy.sensitive:
            bound.counters.commands += 1
            names = [flight.key, *map(stamp_key, flight.tags), *([lease_key(flight.key)] * policy.fleet_once)]
            try:
                text, *values = await self.tier.shared.read(names)
                await self.tier.tag_sync.learn(flight.tags, values[: len(flight.tags)])
                flight.in_touch = True
            except StoreError:
                flight.in_touch = False
        flight.stamps = self.tag_versions.stamps(flight.tags)
        flight.held, flight.held_origin = self.valid(flight.key), "memory"
        now = self.clock.now()
        found = None if text is None else decode(text, bound.codec, bound.negative, now)
        if (
            found is not None
            and self.tag_versions.current(found.stamps, flight.tags)
            and found.newer_than(flight.held)
        ):
            found.stamps = flight.stamps
            flight.held, flight.held_origin = found, "shared"
            self.source.settle(bound, found, now)
            self.memory.put(flight.key, found, len(text or ""))
        elif flight.held is not None:
            self.source.settle(bound, flight.held, now)
        return lease_record.parse(values[-1]) if policy.fleet_once and flight.in_touch else None

    async def preload(self, bound: WrappedFunction, calls: Iterable[Call]) -> int:
        """Bring into memory what the shared tier has of some calls, in one read; tell how many there were."""
        self.bind()
        if self.tier is None:
            return 0
        flights = [Flight(call, began=self.clock.now()) for call in calls]
        await asyncio.gather(*(self._look(bound, flight) for flight in flights))
        return sum(flight.held is not None for flight in flights)

    async def ask(self, tags: tuple[str, ...]) -> bool:
        """Read some stamps from the shared tier now; tell whether that was possible."""
        self.bind()
        return self.tier is not None and await self.tier.tag_sync.ask(tags)

    async def flush(self, tags: list[str], life: float | None = None) -> bool:
        """Make everything under some tags unreachable; False when the shared tier has yet to confirm."""
        self.bind()
        if self.tier is not None:
            return await self.tier.tag_sync.renew(tags, life)
        self.tag_versions.renew(tags, self.clock.now())
        for key in self.memory:
            self.valid(key)
        return True

    async def drain(self, timeout: float, *, last: bool = False) -> int:  # noqa: ASYNC109 - the bound is promised
        """Write what waits, and give up leases: at the `last` all, else those of flights nobody waits for."""
        if self.tier is None:
            return 0
        end = self.bind().time() + timeout
        left = await self.tier.writes.drain(timeout)
        with suppress(TimeoutError):
            async with asyncio.timeout_at(end):
                ended = [flight for flight in self.flights.values() if last or not flight.waiting]
                await asyncio.gather(*(self._release(flight) for flight in ended))
        return left

    async def _release(self, flight: Flight) -> None:
        """Give up the lease of a flight, now."""
        release = None if self.leader is None else self.leader.ended(flight)
        if release is not None and self.tier is not None:
            flight.settled = True
            with suppress(StoreError):
                await release.attempt(self.tier.shared, self.clock.now(), again=False)

    async def restored(self) -> None:
        """Trust nothing that a snapshot froze: randomness, connections, stamps."""
        self.rng.seed()
        if self.tier is not None:
            self.tier.tag_sync.distrust()
            await self.tier.shared.hang_up()

    # ---- small judgements ------------------------------------------------------------------------

    def _good_enough(self, flight: Flight) -> FlightResult | None:
        """Give what is held when it is fresh and not what this flight came to outdo."""
        held = flight.held
        if held is None or self.clock.now() >= held.fresh:
            return None
        if held is flight.outdo or (flight.force and held.computed <= flight.began):
            return None
        return FlightResult(held, flight.held_origin)

    def _pause(
        self, bound: WrappedFunction, flight: Flight, record: Any
    ) -> lease_record.UpstreamThrottled | None:
        """Give the throttle that is on for a key, here or in the fleet."""
        now = self.clock.now()
        if isinstance(record, lease_record.FailureNote) and record.until > now:
            return lease_record.UpstreamThrottled(record.reason, record.until - now)
        left = self.throttles.left(flight.key, now)
        return (
            lease_record.UpstreamThrottled(f"{bound.policy.family} failed a moment ago", left)
            if left
            else None
        )

    def _found(self, bound: WrappedFunction, key: str, landing: FlightResult, began: float) -> Found:
        """Count an answer that was asked for at `began` of the loop's time, and give it."""
        entry, origin = landing
        counters, age = bound.counters, max(0.0, self.clock.now() - entry.computed)
        setattr(counters, origin, getattr(counters, origin) + 1)
        took = asyncio.get_running_loop().time() - began
        bound.usage.answered(key, entry, origin, age, took, outer=not _under_way.get())
        if entry.negative:
            counters.negative += 1
            raise bound.absence(entry.value)
        return Found(entry, origin, age)

    def bind(self) -> asyncio.AbstractEventLoop:
        """Belong to the running loop, and give it; raise RuntimeError while another one runs this cache."""
        loop = asyncio.get_running_loop()
        if loop is self._loop:
            return loop
        if self._loop is not None and self._loop.is_running():
            raise RuntimeError("this cache is in use on another event loop; give each loop its own")
        self._loop = loop
        self.flights.clear()
        if self.tier is not None:
            self.tier.start()
        return loop
