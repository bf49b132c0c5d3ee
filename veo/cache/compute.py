"""The end of the way of a lookup: ask the source, fill both tiers, or answer stale for its failure."""

import asyncio
import logging
import random
from typing import Any

from veo.cache import lease_record
from veo.cache.clock import Clock
from veo.cache.codec import Unserialisable
from veo.cache.entry import Entry, encode
from veo.cache.l2 import L2
from veo.cache.lease import Note, lease_key
from veo.cache.memory import Memory
from veo.cache.policy import Policy
from veo.cache.single_flight import Call, Flight, FlightResult, Throttles
from veo.cache.tag_versions import TagVersions, is_key_tag
from veo.cache.usage import Meter
from veo.cache.wrapped_function import Negative, NotModified, Revalidation, WrappedFunction, revalidation
from veo.cache.writebehind import EntryWrite

log = logging.getLogger("veo.cache")

LARGEST = 8 * 2**20  # bytes of a payload that still go to the shared tier in one request


class Compute:
    """Asks the decorated functions of one cache, and keeps what they give."""

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
        self._memory, self._tier, self._generations = memory, tier, tag_versions
        self._throttles, self._clock, self._rng, self._meter = throttles, clock, rng, meter

    async def compute(self, bound: WrappedFunction, flight: Flight) -> FlightResult:
        """Ask the source; fill both tiers; on a failure answer stale, or raise it."""
        policy, counters = bound.policy, bound.counters
        held = None if flight.held is None or flight.held.negative else flight.held
        asked = Revalidation(None if held is None else held.etag)
        revalidation.set(asked)
        counters.computes += 1
        computed, started = self._clock.now(), flight.loop.time()
        calls = bound.usage.asking(self._meter)
        try:
            try:
                async with asyncio.timeout(policy.give_up.total_seconds()):
                    value = await bound.function(*flight.call.args, **flight.call.kwargs)
            finally:
                bound.usage.asked(calls, flight.loop.time() - started)
            codec = bound.codec
        except NotModified:
            if held is None:
                raise
            value, codec, asked.etag = held.value, held.codec, asked.etag or asked.sent
        except policy.negative_on as absence:
            value, codec = Negative(type(absence).__name__, str(absence)), bound.negative
        except source_errors(policy) as error:
            counters.compute_failures += 1
            return self._after_failure(bound, flight, error)
        except asyncio.CancelledError as error:
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise
            counters.compute_failures += 1  # the source cancelled itself; its callers were not cancelled
            gone = TimeoutError(f"{flight.key}: the source gave up")
            gone.__cause__ = error
            return self._after_failure(bound, flight, gone)
        except Exception:
            counters.compute_failures += 1
            log.exception("%s: the function failed", flight.key, extra={"event": "bug", "key": flight.key})
            raise
        cost = flight.loop.time() - started
        life, wanted = self._terms(bound, value, negative=codec is bound.negative)
        entry = Entry(
            value,
            codec,
            computed=computed,
            fresh=computed + life,
            usable=computed
            + life
            + (0 if codec is bound.negative else policy.stale_if_error.total_seconds()),
            cost=cost,
            calls=calls,
            stamps=flight.stamps,
            etag=None if codec is bound.negative else asked.etag,
            negative=codec is bound.negative,
        )
        self._throttles.clear(flight.key)
        if held is not None and not entry.negative:
            self._compare(bound, held.value, entry.value)
        if self._keep(bound, flight.call, entry, wanted=wanted):
            # a lease that outlives its entry would make others wait for nobody
            flight.settled = entry.fresh - self._clock.now() > flight.lease_until - flight.loop.time()
        miss = {"event": "miss", "family": policy.family, "key": flight.key, "ms": round(cost * 1000)}
        log.info("miss %s", flight.key, extra=miss)
        return FlightResult(entry, "source")

    def _after_failure(self, bound: WrappedFunction, flight: Flight, error: Exception) -> FlightResult:
        """Leave the source alone for a while; answer with what is in hand, or raise the failure itself."""
        policy, counters, now = bound.policy, bound.counters, self._clock.now()
        pause = self._throttles.strike(
            flight.key, now, policy.throttle.total_seconds(), policy.throttle_at_most.total_seconds()
        )
        if self._tier is not None and flight.leads():
            failure = lease_record.FailureNote(type(error).__name__, now + pause)
            counters.commands += 1
            self._tier.writes.put(lease_key(flight.key), Note(flight.key, flight.owner or "", failure))
            flight.settled = True
        held = self.in_hand(flight)
        fault = {
            "event": "source_fault",
            "family": policy.family,
            "key": flight.key,
            "stale": held is not None,
        }
        log.warning("%s failed: %s", flight.key, type(error).__name__, extra=fault)
        if held is None:
            raise error
        return FlightResult(held, "stale")

    def _compare(self, bound: WrappedFunction, old: Any, new: Any) -> None:
        """Count whether a refresh brought anything new, in what the policy says is the content."""
        content = bound.policy.content
        try:
            changed = old != new if content is None else content(old) != content(new)
        except Exception:
            fault = {"event": "bug", "family": bound.policy.family}
            log.exception("%s: its policy failed", bound.policy.family, extra=fault)
        else:
            bound.usage.replaced(changed=bool(changed))

    def _keep(self, bound: WrappedFunction, call: Call, entry: Entry, *, wanted: bool) -> bool:
        """Fill both tiers, unless the policy refuses or something newer came; tell whether it did."""
        policy, key, refused = bound.policy, call.key, None
        standing = self._memory.get(key)
        if not wanted:
            refused = "policy"
        elif not self._generations.current(entry.stamps, call.tags):
            refused = "flushed meanwhile"
        elif standing is not None and self._generations.valid(standing) and standing.newer_than(entry):
            refused = "overtaken"
        else:
            try:
                payload = entry.codec.dump(entry.value)
            except Unserialisable as error:
                refused = "unserialisable"
                log.warning("%s is not stored: %s", key, error, extra={"event": "unserialisable", "key": key})
        if refused is not None:
            bound.counters.not_stored += 1
            return False
        self.settle(bound, entry, self._clock.now())
        self._memory.put(key, entry, len(payload))
        known = all(stamp is not None or is_key_tag(tag) for tag, stamp in entry.stamps.items())
        if self._tier is not None and policy.shared and known and len(payload) <= LARGEST:
            bound.counters.commands += 1
            self._tier.writes.put(key, EntryWrite(key, encode(entry, payload), entry.computed, entry.usable))
        return True

    def in_hand(self, flight: Flight) -> Entry | None:
        """Give the held value if it may still answer: usable, and not flushed meanwhile."""
        held = flight.held
        usable = held is not None and not held.negative and self._clock.now() < held.usable
        return held if held is not None and usable and self._generations.valid(held) else None

    def settle(self, bound: WrappedFunction, entry: Entry, now: float) -> None:
        """Give an entry its local life: without a shared tier, all of its life."""
        local = entry.fresh if self._tier is None else now + bound.policy.local_life.total_seconds()
        entry.local_until, entry.quiet_until = min(entry.fresh, local), float("-inf")

    def _terms(self, bound: WrappedFunction, value: Any, *, negative: bool) -> tuple[float, bool]:
        """Give a value's life in seconds and whether to keep it: no, where the policy fails to say."""
        policy = bound.policy
        life, wanted = policy.negative_for if negative else policy.fresh_for, not policy.sensitive
        try:
            if not negative and policy.lifetime is not None:
                own = policy.lifetime(value)
                # only shorter: an invalidation's stamp lives as long as the policy says
                life = life if own is None else min(own, life)
            if not negative and policy.cache_if is not None:
                wanted = wanted and bool(policy.cache_if(value))
        except Exception:
            fault = {"event": "bug", "family": policy.family}
            log.exception("%s: its policy failed", policy.family, extra=fault)
            wanted = False
        return life.total_seconds() * (1.0 - policy.jitter * self._rng.random()), wanted


def source_errors(policy: Policy) -> tuple[type[Exception], ...]:
    """Give the failures that a stale value may hide."""
    return (TimeoutError, *policy.stale_on)
