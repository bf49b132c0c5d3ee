"""Two containers over one faulty shared tier, checked against a simple model of what a lookup may return."""

import asyncio
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.support.chaos import ChaosStore, Fault
from tests.support.effort import tries
from tests.support.fleet import HOUR, Container, Fact, Upstream, policy
from tests.support.virtual_time import FakeClock, VirtualTimeLoop
from veo.cache import UpstreamThrottled

CODES = st.sampled_from(["E15", "E15", "N1"])
WHO = st.integers(0, 1)
USABLE = 25 * HOUR
SYNC, SLACK, THROTTLE = 30.0, 3.0, 120.0
REST = 340.0  # the longest rest of the breaker is after a refusal
FAULTS = [
    Fault(kind="failed"),
    Fault(kind="refused"),
    Fault(hang=True),
    Fault(lost=True),
    Fault(garbage="{"),
    Fault(delay=0.2),
]


class CacheMachine(RuleBasedStateMachine):
    """A model that records when each fact was computed, and when and by which container it was invalidated.

    A container may return a value only while it is usable, and never one computed before an invalidation by
    the same container, or by the other one more than a sync time ago while the tier was reachable. After all
    faults are over, both containers agree, and one compute serves both.
    """

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner(loop_factory=VirtualTimeLoop)
        self.started: dict[int, float] = {}  # when each numbered compute began
        self.failed: dict[str, float] = {}  # when the source last failed for a code
        self.flushed: dict[tuple[int, str], float] = {}  # when a container invalidated a code itself
        self.confirmed_at: dict[str, float] = {}  # when the tier last confirmed the invalidation of a code
        self.reachable_since = 0.0
        self.lookups = 0

    @initialize(fleet_once=st.booleans(), lag=st.sampled_from([0.0, 0.0, 2.0]))
    def build(self, fleet_once: bool, lag: float) -> None:
        self.fleet_once, self.lag = fleet_once, lag
        self.runner.run(self._build())

    async def _build(self) -> None:
        self.store = ChaosStore(FakeClock().now)
        self.store.lag = self.lag
        self.upstream = Upstream()
        self.upstream.fetch = self._recording(self.upstream.fetch)  # type: ignore[method-assign]  # the model records calls
        self.both = [
            Container(self.store, self.upstream, policy(fleet_once=self.fleet_once)) for _ in range(2)
        ]

    def _recording(self, fetch: Any) -> Any:
        async def recorded(code: str) -> Fact:
            self.started[len(self.upstream.calls) + 1] = self.now()
            try:
                fact: Fact = await fetch(code)
            except OSError:
                self.failed[code] = self.now()
                raise
            return fact

        return recorded

    def now(self) -> float:
        return self.runner.get_loop().time()

    @rule(who=WHO, code=CODES)
    def look_up(self, who: int, code: str) -> None:
        began, before = self.now(), len(self.upstream.calls)
        self.lookups += 1
        try:
            hit = self.runner.run(self.both[who].fact.lookup(code))
        except UpstreamThrottled:
            assert self.now() - self.failed[code] <= THROTTLE
            return
        except OSError:
            assert len(self.upstream.calls) > before
            return
        computed = self.started[hit.value.number]
        assert hit.value.code == code
        assert self.now() - computed <= USABLE
        assert hit.stale or self.now() - computed <= HOUR + 1
        if computed < began:
            assert computed >= self.flushed.get((who, code), -1.0)
        reachable = self.reachable_since + 2 * SYNC + SLACK + self.lag < began
        if reachable and self.confirmed_at.get(code, began) + SYNC + SLACK + self.lag < began:
            value = self.runner.run(self._look_up_again(who, code))
            assert self.started[value.number] >= self.confirmed_at[code] or self.upstream.error is not None

    async def _look_up_again(self, who: int, code: str) -> Fact:
        """Look up again after the background work of the first lookup."""
        self.lookups += 1
        await asyncio.sleep(0.6 + self.upstream.delay)
        try:
            return await self.both[who].fact(code)
        except (OSError, UpstreamThrottled):
            return Fact(code=code, number=max(self.started))

    @rule(who=WHO, code=CODES, by=st.sampled_from(["key", "area", "all"]))
    def flush(self, who: int, code: str, by: str) -> None:
        container = self.both[who]
        flush: Callable[[], Any] = {
            "key": lambda: container.fact.invalidate(code),
            "area": lambda: container.cache.flush(tag=f"area:{code}"),
            "all": lambda: container.cache.flush(all=True),
        }[by]
        began = self.now()
        confirmed = self.runner.run(flush())
        for flushed in ("E15", "N1") if by == "all" else (code,):
            self.flushed[who, flushed] = began
            if confirmed:
                self.confirmed_at[flushed] = began

    @rule(who=WHO, code=CODES)
    def refresh(self, who: int, code: str) -> None:
        self.lookups += 1
        try:
            self.runner.run(self.both[who].fact.refresh(code))
        except UpstreamThrottled:
            assert self.now() - self.failed[code] <= THROTTLE
        except OSError:
            assert self.upstream.error is not None

    @rule(who=WHO)
    def restore(self, who: int) -> None:
        self.runner.run(self.both[who].cache.restored())

    @rule(seconds=st.sampled_from([0.01, 1.0, 16.0, 31.0, 70.0, HOUR / 2, HOUR, 25 * HOUR]))
    def wait(self, seconds: float) -> None:
        self.runner.run(asyncio.sleep(seconds))

    @rule(what=st.sampled_from(["source fails", "source works", "slow", "tier down", "tier up", *FAULTS]))
    def disturb(self, what: str | Fault) -> None:
        if isinstance(what, Fault):
            self.store.fault(what)
        elif what == "slow":
            self.upstream.delay = 3.0 - self.upstream.delay
        elif what.startswith("source"):
            self.upstream.error = OSError("down") if what == "source fails" else None
        else:
            self.store.down = what == "tier down"
        # after that the breaker is closed, and retries and lost writes are over
        self.reachable_since = float("inf") if self.store.down else self.now() + REST

    @invariant()
    def the_source_is_called_at_most_once_per_lookup(self) -> None:
        assert len(self.upstream.calls) <= self.lookups

    def teardown(self) -> None:
        with closing(self.runner):
            self.runner.run(self._agree())

    async def _agree(self) -> None:
        """Look up in both after minutes of use without faults, when values in memory only have expired."""
        self.store.heal()
        self.upstream.error, self.upstream.delay = None, 0.0
        for pause in (REST, SYNC, SYNC, SYNC, HOUR + SYNC, SYNC):
            await asyncio.sleep(pause)
            for container in self.both:
                await container.fact.many([("E15",), ("N1",)])
        await asyncio.sleep(HOUR + SYNC)
        for code in ("E15", "N1"):
            before = len(self.upstream.calls)
            first = await self.both[0].fact(code)
            await asyncio.sleep(self.lag + 0.1)
            assert await self.both[1].fact(code) == first
            assert len(self.upstream.calls) - before <= 1


class CacheMachineAtLength(CacheMachine):
    """The same machine with more and longer runs."""


CacheMachine.TestCase.settings = tries(100, steps=40)
CacheMachineAtLength.TestCase.settings = tries(500, steps=50)
TestCacheMachine = CacheMachine.TestCase
TestCacheMachineAtLength = pytest.mark.slow(CacheMachineAtLength.TestCase)
