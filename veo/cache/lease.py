"""Who asks a paid source: the one container that holds the lease; the others wait for its answer."""

import asyncio
import secrets
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

from veo.cache.clock import Clock
from veo.cache.l2_guard import L2Guard
from veo.cache.lease_record import (
    FailureNote,
    Lease,
    UpstreamThrottled,
    failure_text,
    lease_seconds,
    lease_text,
    parse,
    waits,
)
from veo.cache.policy import Policy
from veo.cache.single_flight import Flight, FlightResult
from veo.cache.stores.protocol import StoreError
from veo.cache.tag_versions import TagVersions

Record = Lease | FailureNote | None


class LeaseDecision(Enum):
    """What a container does that got no answer from another one."""

    LEAD = "ask the source"
    YIELD = "leave it to the holder of the lease"


def lease_key(key: str) -> str:
    """Give the key of the lease on a key."""
    return f"{key}!"


@dataclass(frozen=True, slots=True)
class Release:
    """Frees a key whose lease is still ours."""

    key: str
    owner: str
    expires: float

    async def attempt(self, shared: L2Guard, now: float, *, again: bool) -> None:
        """Delete the lease, unless another container has it by now."""
        del now, again
        (text,) = await shared.read([lease_key(self.key)])
        record = parse(text)
        if isinstance(record, Lease) and record.owner == self.owner:
            await shared.delete(lease_key(self.key))


@dataclass(frozen=True, slots=True)
class Note:
    """Tells the fleet that the source of a key failed; it takes the place of our lease."""

    key: str
    owner: str
    failure: FailureNote

    @property
    def expires(self) -> float:
        """Give the end of the pause."""
        return self.failure.until

    async def attempt(self, shared: L2Guard, now: float, *, again: bool) -> None:
        """Write the note for what is left of the pause, unless somebody else leads since."""
        name = lease_key(self.key)
        if again:
            record = parse((await shared.read([name]))[0])
            if isinstance(record, Lease) and record.owner != self.owner:
                return
        await shared.set(name, failure_text(self.failure), max(1, round((self.failure.until - now) * 1000)))


class FleetSingleFlight:
    """Claims the leases of one container's flights."""

    def __init__(self, shared: L2Guard, tag_versions: TagVersions, clock: Clock) -> None:
        self._shared, self._generations, self._clock = shared, tag_versions, clock
        self._ended: deque[str] = deque(maxlen=256)  # owners of own leases whose flight is over

    async def lead(
        self,
        policy: Policy,
        flight: Flight,
        record: Record,
        look: Callable[[], Awaitable[Record]],
        landed: Callable[[], FlightResult | None],
    ) -> FlightResult | LeaseDecision:
        """Take the lease, or wait for its holder; `look` reads again, `landed` tells what it brought.

        Raises UpstreamThrottled when the fleet's failure note stands. While the shared tier is away
        everybody leads.
        """
        cost = None if flight.held is None else flight.held.cost
        length = lease_seconds(policy, cost)
        pauses: list[float] | None = None
        try:
            while True:
                if not self._stands(flight, record):
                    record = await self._claim(flight, record, length, cost or 0.0)
                if record is None:
                    return LeaseDecision.LEAD
                if isinstance(record, FailureNote):
                    raise UpstreamThrottled(record.reason, max(0.0, record.until - self._clock.now()))
                if flight.background:
                    return LeaseDecision.YIELD
                pauses = waits(record, self._clock.now(), length) if pauses is None else pauses
                if not pauses:
                    return LeaseDecision.LEAD  # the holder had all of its time
                await asyncio.sleep(pauses.pop(0))
                record = await look()
                if (landing := landed()) is not None:
                    return landing
        except StoreError:
            return LeaseDecision.LEAD

    def _stands(self, flight: Flight, record: Record) -> bool:
        """Tell whether a record is in the way: not one from before a flush, nor a failure gone by."""
        if isinstance(record, FailureNote):
            return record.until > self._clock.now()
        if record is None or record.owner in self._ended:
            return False
        return self._generations.current(record.stamps, flight.tags)

    def ended(self, flight: Flight) -> "Release | None":
        """Record that a flight is over; give the write that frees its key where nobody needs the lease."""
        if flight.owner is None:
            return None
        self._ended.append(flight.owner)
        if flight.settled or not flight.leads():
            return None
        left = flight.lease_until - flight.loop.time()
        return Release(flight.key, flight.owner, self._clock.now() + left)

    async def _claim(self, flight: Flight, outdated: Record, length: float, cost: float) -> Record:
        """Claim the lease; None when it is ours, else the record that stands."""
        owner, px = secrets.token_hex(6), round(length * 1000)
        mine = lease_text(Lease(owner, self._clock.now() + cost, flight.stamps))
        standing = None
        if outdated is None:
            standing = parse(await self._shared.claim(lease_key(flight.key), mine, px))
        else:
            await self._shared.set(lease_key(flight.key), mine, px)
        if standing is None:
            flight.owner, flight.lease_until = owner, flight.loop.time() + length
        return standing
