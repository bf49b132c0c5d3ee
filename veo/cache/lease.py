"""Fleet-wide single flight: the container that holds the lease calls the source, the others wait for it."""

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
    dump_failure,
    dump_lease,
    lease_seconds,
    parse,
    poll_pauses,
)
from veo.cache.policy import Policy
from veo.cache.single_flight import Flight, FlightResult
from veo.cache.stores.protocol import StoreError
from veo.cache.tag_versions import TagVersions

Record = Lease | FailureNote | None


class LeaseDecision(Enum):
    """The next step of a flight that got no result from another container."""

    COMPUTE = "call the source"
    YIELD = "leave it to the holder of the lease"


def lease_key(key: str) -> str:
    """Return the key of the lease on a key."""
    return f"{key}!"


@dataclass(frozen=True, slots=True)
class LeaseRelease:
    """The write that frees a key whose lease this container still holds."""

    key: str
    owner: str
    expires: float

    async def attempt(self, shared: L2Guard, now: float, *, retry: bool) -> None:
        """Delete the lease, unless another container holds it by now."""
        del now, retry
        (text,) = await shared.read([lease_key(self.key)])
        record = parse(text)
        if isinstance(record, Lease) and record.owner == self.owner:
            await shared.delete(lease_key(self.key))


@dataclass(frozen=True, slots=True)
class FailureWrite:
    """The write of a failure note, which replaces this container's lease."""

    key: str
    owner: str
    failure: FailureNote

    @property
    def expires(self) -> float:
        """Return the end of the pause."""
        return self.failure.until

    async def attempt(self, shared: L2Guard, now: float, *, retry: bool) -> None:
        """Write the note with the rest of the pause as its life, unless another container took the lease."""
        name = lease_key(self.key)
        if retry:
            record = parse((await shared.read([name]))[0])
            if isinstance(record, Lease) and record.owner != self.owner:
                return
        await shared.set(name, dump_failure(self.failure), max(1, round((self.failure.until - now) * 1000)))


class FleetSingleFlight:
    """The leases of one container's flights."""

    def __init__(self, shared: L2Guard, tag_versions: TagVersions, clock: Clock) -> None:
        self._shared, self._tag_versions, self._clock = shared, tag_versions, clock
        self._finished: deque[str] = deque(maxlen=256)  # owners of this container's leases that are over

    async def acquire(
        self,
        policy: Policy,
        flight: Flight,
        record: Record,
        read_again: Callable[[], Awaitable[Record]],
        cached_result: Callable[[], FlightResult | None],
    ) -> FlightResult | LeaseDecision:
        """Take the lease, or wait for the result of its holder.

        `read_again` reads the shared tier, and `cached_result` returns the fresh entry of the last read.
        Raises UpstreamThrottled while the fleet's failure note is valid. While the shared tier is down,
        every container computes.
        """
        cost = None if flight.cached is None else flight.cached.cost
        length = lease_seconds(policy, cost)
        pauses: list[float] | None = None
        try:
            while True:
                if not self._is_valid(flight, record):
                    record = await self._claim(flight, record, length, cost or 0.0)
                if record is None:
                    return LeaseDecision.COMPUTE
                if isinstance(record, FailureNote):
                    raise UpstreamThrottled(record.reason, max(0.0, record.until - self._clock.now()))
                if flight.background:
                    return LeaseDecision.YIELD
                pauses = poll_pauses(record, self._clock.now(), length) if pauses is None else pauses
                if not pauses:
                    return LeaseDecision.COMPUTE  # the lease of the holder is over
                await asyncio.sleep(pauses.pop(0))
                record = await read_again()
                if (result := cached_result()) is not None:
                    return result
        except StoreError:
            return LeaseDecision.COMPUTE

    def _is_valid(self, flight: Flight, record: Record) -> bool:
        """Check that a record is not absent, expired, older than a flush or left by a finished flight."""
        if isinstance(record, FailureNote):
            return record.until > self._clock.now()
        if record is None or record.owner in self._finished:
            return False
        return self._tag_versions.current(record.versions, flight.tags)

    def finish(self, flight: Flight) -> LeaseRelease | None:
        """Record that a flight is over; return the write that releases its lease, if it needs one."""
        if flight.owner is None:
            return None
        self._finished.append(flight.owner)
        if flight.lease_settled or not flight.holds_lease():
            return None
        remaining = flight.lease_until - flight.loop.time()
        return LeaseRelease(flight.key, flight.owner, self._clock.now() + remaining)

    async def _claim(self, flight: Flight, outdated: Record, length: float, cost: float) -> Record:
        """Claim the lease; return None on success, else the record of another container."""
        owner, px = secrets.token_hex(6), round(length * 1000)
        lease = dump_lease(Lease(owner, self._clock.now() + cost, flight.versions))
        existing = None
        if outdated is None:
            existing = parse(await self._shared.claim(lease_key(flight.key), lease, px))
        else:
            await self._shared.set(lease_key(flight.key), lease, px)
        if existing is None:
            flight.owner, flight.lease_until = owner, flight.loop.time() + length
        return existing
