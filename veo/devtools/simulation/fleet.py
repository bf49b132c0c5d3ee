"""The fleet: an edge, containers that come and go, each with a real cache over one shared tier."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, NamedTuple

from veo.cache import Cache, CachedFunction, Policy, StoreError, UpstreamThrottled
from veo.cache.entry import read_head
from veo.devtools.simulation.clock import LoopClock, VirtualTimeLoop
from veo.devtools.simulation.demand import DAY, Arrival, Demand, Question
from veo.devtools.simulation.store import MemoryStore
from veo.devtools.simulation.upstream import Fact, Upstream, arguments, function
from veo.errors import SourceError
from veo.runtime import LEDGER_EVERY

HOUR = 3600.0
OUTCOMES = ("edge", "memory", "shared", "source", "stale", "failed")
UNANSWERED = (SourceError, UpstreamThrottled, TimeoutError)
Window = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong: a share of calls at random, and hours from the start in which all is away."""

    failing: float = 0.0
    sources_away: Window = (0.0, 0.0)
    tier_away: Window = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """One simulation. `policies` are those of the table; `every` is the step of the sample.

    What the demand asks of a family that is not among the policies is asked of nobody.

    `containers` share the requests; one that is idle for `idle` seconds ends, and its memory with it. With
    an `edge` a request whose answers all stand fresh in the shared tier never comes to a container.
    `commands` is what a container may send to the shared tier in a day; a sample does without that bound.
    """

    demand: Demand
    policies: Sequence[Policy]
    days: float
    containers: int = 1
    idle: float = 300.0
    edge: bool = False
    commands: int | None = None
    faults: Faults = Faults()
    seed: int = 1
    every: int = 1


@dataclass(slots=True)
class Outcome:
    """What was counted, of the requests that were simulated; `oldest_stale` is in seconds."""

    requests: int = 0
    invocations: int = 0
    starts: int = 0
    ends: dict[str, Counter[str]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    commands: Counter[str] = field(default_factory=Counter)
    skipped: int = 0  # commands that were not sent: the tier was away, or a day's budget spent
    oldest_stale: float = 0.0


class Simulated(NamedTuple):
    """A family as it is simulated: its policy, and the function that asks its source."""

    policy: Policy
    function: Callable[..., Awaitable[Fact]]


def _simulated(policy: Policy, upstream: Upstream) -> Simulated:
    """Take a policy as it is, but for what looks into values, which say nothing here."""
    return Simulated(replace(policy, lifetime=None, cache_if=None), function(policy, upstream.ask))


class Container:
    """One process: a cache of its own, and the table's questions behind it."""

    def __init__(self, plan: Plan, store: MemoryStore, table: Mapping[str, Simulated], rng: Random) -> None:
        self.cache = Cache(
            store,
            LoopClock(),
            prefix="veo:",
            entries=max(1, round(1_000 / plan.every)),
            bytes_at_most=round(32 * 2**20 / plan.every),
            commands_per_day=plan.commands if plan.every == 1 else None,  # a sample spends only a part
            ledger_every=LEDGER_EVERY,
            rng=Random(rng.random()),  # noqa: S311 - a simulation
        )
        self.used = 0.0
        self._table = table
        self._functions: dict[str, CachedFunction[..., Fact]] = {}

    def cached(self, family: str) -> CachedFunction[..., Fact]:
        """Give the cached function of a family, made when it is first asked: a life may be short."""
        known = self._functions.get(family)
        if known is None:
            policy, fetch = self._table[family]
            known = self._functions[family] = self.cache.cached(policy)(fetch)
        return known

    def idle(self, now: float) -> float:
        """Give the seconds since the last request."""
        return now - self.used


class Fleet:
    """Runs one plan on the running virtual-time loop."""

    def __init__(self, plan: Plan, progress: Callable[[int], None] = lambda _done: None) -> None:
        self._plan, self._progress = plan, progress
        self._loop = asyncio.get_running_loop()
        self._rng = Random(plan.seed)  # noqa: S311 - a simulation
        faults = plan.faults
        self._store = MemoryStore(LoopClock().now, lambda: self._within(faults.tier_away))
        self._upstream = Upstream(self._rng, faults.failing, lambda: self._within(faults.sources_away))
        self._table = {policy.family: _simulated(policy, self._upstream) for policy in plan.policies}
        self._slots: list[Container | None] = [None] * plan.containers
        self._keys = self._new_container()  # only names keys
        self._arguments: dict[Question, tuple[Any, ...]] = {}
        self.outcome = Outcome(ends={family: Counter() for family in plan.demand.asks})

    async def run(self) -> Outcome:
        """Let the days pass; raises whatever is wrong with the simulation itself."""
        arrivals = self._plan.demand.arrivals(self._plan.days, Random(self._plan.seed), self._plan.every)  # noqa: S311 - a simulation
        async with asyncio.TaskGroup() as requests:
            for arrival in arrivals:
                await asyncio.sleep(arrival.at - self._loop.time())
                requests.create_task(self._serve(arrival))
                self.outcome.requests += 1
                self._progress(self.outcome.requests)
        for slot in range(len(self._slots)):
            await self._end(slot)
        self.outcome.calls, self.outcome.commands = self._upstream.calls, self._store.commands
        return self.outcome

    async def _serve(self, arrival: Arrival) -> None:
        if self._plan.edge and await self._at_edge(arrival.questions):
            return
        self.outcome.invocations += 1
        container = await self._container()
        known = [question for question in arrival.questions if question.family in self._table]
        if len(known) == 1:  # most are, and a task costs as much as a hit
            await self._ask(container, known[0])
        else:
            await asyncio.gather(*(self._ask(container, question) for question in known))

    async def _at_edge(self, questions: Sequence[Question]) -> bool:
        """Answer from the shared tier, with one command, when everything stands there fresh."""
        known = [q for q in questions if q.family in self._table]
        keys = [f"veo:v1:{self._keys.cached(q.family).key(*self._of(q))}" for q in known]
        try:
            texts = await self._store.read_by_edge(keys)
        except StoreError:
            return False
        now = LoopClock().now() * 1000
        heads = [None if text is None else read_head(text) for text in texts]
        if any(head is None or head[0]["f"] <= now for head in heads):
            return False
        for question in known:
            self.outcome.ends[question.family]["edge"] += 1
        return True

    async def _ask(self, container: Container, question: Question) -> None:
        try:
            hit = await container.cached(question.family).lookup(*self._of(question))
        except UNANSWERED:  # the cache has counted it
            return
        finally:
            container.used = self._loop.time()
        if hit.stale:
            self.outcome.oldest_stale = max(self.outcome.oldest_stale, hit.age)

    async def _container(self) -> Container:
        """Give any of the containers, a new one where the last was idle for too long."""
        slot = self._rng.randrange(len(self._slots))
        container, now = self._slots[slot], self._loop.time()
        if container is None or container.idle(now) > self._plan.idle:
            await self._end(slot)
            container = self._slots[slot] = self._new_container()
            container.used = now
            self.outcome.starts += 1
        return container

    def _new_container(self) -> Container:
        return Container(self._plan, self._store, self._table, self._rng)

    async def _end(self, slot: int) -> None:
        """End a container, and keep what it has counted."""
        container, self._slots[slot] = self._slots[slot], None
        if container is None:
            return
        await container.cache.close()
        stats = container.cache.stats()
        self.outcome.skipped += stats["shared"]["skipped"]
        for family, counts in stats["families"].items():
            if family in self.outcome.ends:
                self.outcome.ends[family].update(counts)

    def _of(self, question: Question) -> tuple[Any, ...]:
        """Give the arguments of a question; they are always the same."""
        known = self._arguments.get(question)
        if known is None:
            known = arguments(self._table[question.family].policy, question.rank)
            self._arguments[question] = known
        return known

    def _within(self, window: Window) -> bool:
        return window[0] * HOUR <= self._loop.time() < window[1] * HOUR


def simulate(plan: Plan, progress: Callable[[int], None] = lambda _done: None) -> Outcome:
    """Run a plan from an empty cache to its last day."""

    async def run() -> Outcome:
        return await Fleet(plan, progress).run()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(run())


def step(demand: Demand, days: float, most: int) -> int:
    """Give the step of the finest sample that makes at most `most` requests; 1 samples nothing.

    Raises ValueError for a demand that cannot be sampled, or not enough.
    """
    if demand.requests_a_day * days <= most:
        return 1
    if demand.together:
        raise ValueError(
            f"its requests ask several questions together and cannot be sampled: at most {most:,}"
        )
    widest = max(demand.different(family) for family in demand.asks)
    for every in range(2, widest + 1):
        if demand.simulated_a_day(every) * days <= most:
            return every
    raise ValueError(f"too many to be sampled down to {most:,}")


__all__ = ["DAY", "OUTCOMES", "Container", "Faults", "Fleet", "Outcome", "Plan", "simulate", "step"]
