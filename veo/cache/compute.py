"""The last step of a lookup: call the source, fill both tiers, or answer stale if the source fails."""

import asyncio
import logging
import random
from collections.abc import Mapping
from typing import Any

from veo.cache import lease_record
from veo.cache.clock import Clock
from veo.cache.codec import Unserialisable
from veo.cache.entry import Entry, encode
from veo.cache.l2 import L2
from veo.cache.lease import FailureWrite, lease_key
from veo.cache.memory import Memory
from veo.cache.policy import Policy
from veo.cache.single_flight import Call, Flight, FlightResult, Throttles
from veo.cache.tag_versions import TagVersions, is_key_tag
from veo.cache.usage import Meter
from veo.cache.wrapped_function import Negative, NotModified, Revalidation, WrappedFunction, revalidation
from veo.cache.writebehind import EntryWrite

log = logging.getLogger("veo.cache")

MAX_SHARED_BYTES = 8 * 2**20  # the largest payload that one request to the shared tier can carry


class Compute:
    """The computes of one cache: they call decorated functions and store the results."""

    def __init__(
        self,
        *,
        memory: Memory,
        tier: L2 | None,
        tag_versions: TagVersions,
        throttles: Throttles,
        clock: Clock,
        rng: random.Random,
        meter: Meter | None,
    ) -> None:
        self._memory, self._tier, self._tag_versions = memory, tier, tag_versions
        self._throttles, self._clock, self._rng, self._meter = throttles, clock, rng, meter

    async def run(self, wrapped: WrappedFunction, flight: Flight) -> FlightResult:
        """Call the source and fill both tiers; if it fails, return a stale entry or raise the error."""
        policy, counters = wrapped.policy, wrapped.counters
        previous = None if flight.cached is None or flight.cached.negative else flight.cached
        conditional = Revalidation(None if previous is None else previous.etag)
        revalidation.set(conditional)
        counters.computes += 1
        computed, started = self._clock.now(), flight.loop.time()
        calls = wrapped.usage.start_compute(self._meter)
        try:
            value, codec = await self._call(wrapped, flight, calls, started), wrapped.codec
        except NotModified:
            if previous is None:
                raise
            value, codec = previous.value, previous.codec
            conditional.etag = conditional.etag or conditional.sent
        except policy.negative_on as absence:
            value, codec = Negative(type(absence).__name__, str(absence)), wrapped.negative
        except source_errors(policy) as error:
            counters.compute_failures += 1
            return self._after_failure(wrapped, flight, error)
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            counters.compute_failures += 1  # the source cancelled itself; its callers were not cancelled
            cancelled = TimeoutError(f"{flight.key}: the source cancelled its own call")
            cancelled.__cause__ = error
            return self._after_failure(wrapped, flight, cancelled)
        except Exception:
            counters.compute_failures += 1
            log.exception("%s: the function failed", flight.key, extra={"event": "bug", "key": flight.key})
            raise
        cost = flight.loop.time() - started
        negative = codec is wrapped.negative
        life, cacheable = self._life(wrapped, value, negative=negative)
        entry = Entry(
            value,
            codec,
            computed=computed,
            fresh=computed + life,
            usable=computed + life + (0 if negative else policy.stale_if_error.total_seconds()),
            cost=cost,
            calls=calls,
            versions=flight.versions,
            etag=None if negative else conditional.etag,
            negative=negative,
        )
        self._throttles.clear(flight.key)
        if previous is not None and not negative:
            self._compare(wrapped, previous.value, entry.value)
        if self._store(wrapped, flight.call, entry, cacheable=cacheable):
            # a lease that outlives its entry has to be released: others would wait in vain
            remaining = entry.fresh - self._clock.now()
            flight.lease_settled = remaining > flight.lease_until - flight.loop.time()
        miss = {"event": "miss", "family": policy.family, "key": flight.key, "ms": round(cost * 1000)}
        log.info("miss %s", flight.key, extra=miss)
        return FlightResult(entry, "source")

    async def _call(
        self, wrapped: WrappedFunction, flight: Flight, calls: Mapping[str, int], started: float
    ) -> Any:
        """Call the function within the give-up time, and record the calls it made."""
        try:
            async with asyncio.timeout(wrapped.policy.give_up.total_seconds()):
                return await wrapped.function(*flight.call.args, **flight.call.kwargs)
        finally:
            wrapped.usage.finish_compute(calls, flight.loop.time() - started)

    def _after_failure(self, wrapped: WrappedFunction, flight: Flight, error: Exception) -> FlightResult:
        """Pause calls to the source; return the stale entry, or raise the error if there is none."""
        policy, counters, now = wrapped.policy, wrapped.counters, self._clock.now()
        pause = self._throttles.record_failure(
            flight.key, now, policy.throttle.total_seconds(), policy.throttle_at_most.total_seconds()
        )
        if self._tier is not None and flight.holds_lease():
            failure = lease_record.FailureNote(type(error).__name__, now + pause)
            counters.commands += 1
            self._tier.writes.put(
                lease_key(flight.key), FailureWrite(flight.key, flight.owner or "", failure)
            )
            flight.lease_settled = True
        stale = self.usable_entry(flight)
        fault = {
            "event": "source_fault",
            "family": policy.family,
            "key": flight.key,
            "stale": stale is not None,
        }
        log.warning("%s failed: %s", flight.key, type(error).__name__, extra=fault)
        if stale is None:
            raise error
        return FlightResult(stale, "stale")

    def _compare(self, wrapped: WrappedFunction, old: Any, new: Any) -> None:
        """Count whether a refresh changed the content of the value, as defined by the policy."""
        content = wrapped.policy.content
        try:
            changed = old != new if content is None else content(old) != content(new)
        except Exception:
            fault = {"event": "bug", "family": wrapped.policy.family}
            log.exception("%s: its policy failed", wrapped.policy.family, extra=fault)
        else:
            wrapped.usage.count_refresh(changed=bool(changed))

    def _store(self, wrapped: WrappedFunction, call: Call, entry: Entry, *, cacheable: bool) -> bool:
        """Fill both tiers; return False if the entry is rejected by the policy, flushed or overtaken."""
        policy, key, rejected = wrapped.policy, call.key, None
        existing = self._memory.get(key)
        if not cacheable:
            rejected = "policy"
        elif not self._tag_versions.current(entry.versions, call.tags):
            rejected = "flushed"
        elif existing is not None and self._tag_versions.valid(existing) and existing.newer_than(entry):
            rejected = "overtaken"
        else:
            try:
                payload = entry.codec.dump(entry.value)
            except Unserialisable as error:
                rejected = "unserialisable"
                log.warning("%s is not stored: %s", key, error, extra={"event": "unserialisable", "key": key})
        if rejected is not None:
            wrapped.counters.not_stored += 1
            return False
        self.set_local_life(wrapped, entry, self._clock.now())
        self._memory.put(key, entry, len(payload))
        complete = all(version is not None or is_key_tag(tag) for tag, version in entry.versions.items())
        if self._tier is not None and policy.shared and complete and len(payload) <= MAX_SHARED_BYTES:
            wrapped.counters.commands += 1
            self._tier.writes.put(key, EntryWrite(key, encode(entry, payload), entry.computed, entry.usable))
        return True

    def usable_entry(self, flight: Flight) -> Entry | None:
        """Return the cached entry if it may answer, even stale: usable, not negative, not flushed."""
        entry = flight.cached
        if entry is None or entry.negative or self._clock.now() >= entry.usable:
            return None
        return entry if self._tag_versions.valid(entry) else None

    def set_local_life(self, wrapped: WrappedFunction, entry: Entry, now: float) -> None:
        """Limit how long memory serves an entry without checking the shared tier, if there is one."""
        local = entry.fresh if self._tier is None else now + wrapped.policy.local_life.total_seconds()
        entry.local_until, entry.trusted_until = min(entry.fresh, local), float("-inf")

    def _life(self, wrapped: WrappedFunction, value: Any, *, negative: bool) -> tuple[float, bool]:
        """Return a value's life in seconds and whether to store it: not if a function of the policy fails."""
        policy = wrapped.policy
        life, cacheable = policy.negative_for if negative else policy.fresh_for, not policy.sensitive
        try:
            if not negative and policy.lifetime is not None:
                own = policy.lifetime(value)
                # only shorter: the tag version of an invalidated key lives as long as the policy says
                life = life if own is None else min(own, life)
            if not negative and policy.cache_if is not None:
                cacheable = cacheable and bool(policy.cache_if(value))
        except Exception:
            fault = {"event": "bug", "family": policy.family}
            log.exception("%s: its policy failed", policy.family, extra=fault)
            cacheable = False
        return life.total_seconds() * (1.0 - policy.jitter * self._rng.random()), cacheable


def source_errors(policy: Policy) -> tuple[type[Exception], ...]:
    """Return the failures for which a stale value may answer."""
    return (TimeoutError, *policy.stale_on)
