"""The simulated fleet: containers with a real cache each over one shared tier, optionally behind an edge."""

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
    """Injected faults: a share of random call failures, and outages in hours from the start."""

    failing: float = 0.0
    sources_away: Window = (0.0, 0.0)
    tier_away: Window = (0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Plan:
    """One simulation, with every nth question sampled (`every`).

    Questions of families without a policy are skipped. `containers` share the requests; one that is idle for
    `idle` seconds ends and loses its memory. With an `edge`, a request whose answers are all fresh in the
    shared tier does not reach a container. `commands` is the daily command limit of a container, which a
    sampled run ignores.
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
    """Counts over the simulated requests; `oldest_stale` is in seconds."""

    requests: int = 0
    invocations: int = 0
    starts: int = 0
    counts: dict[str, Counter[str]] = field(default_factory=dict)  # the cache's counters by family
    calls: Counter[str] = field(default_factory=Counter)
    commands: Counter[str] = field(default_factory=Counter)
    skipped: int = 0  # commands not sent: the tier was away, or the daily command limit reached
    oldest_stale: float = 0.0


class Simulated(NamedTuple):
    """A simulated family: its policy, and the function that calls its source."""

    policy: Policy
    function: Callable[..., Awaitable[Fact]]


def _simulated(policy: Policy, upstream: Upstream) -> Simulated:
    """Keep a policy except its hooks that inspect values: simulated values have no content."""
    return Simulated(replace(policy, lifetime=None, cache_if=None), function(policy, upstream.ask))


class Container:
    """One process, with its own cache."""

    def __init__(self, plan: Plan, store: MemoryStore, table: Mapping[str, Simulated], rng: Random) -> None:
        self.cache = Cache(
            store,
            LoopClock(),
            prefix="veo:",
            entries=max(1, round(1_000 / plan.every)),
            bytes_at_most=round(32 * 2**20 / plan.every),
            commands_per_day=plan.commands if plan.every == 1 else None,  # a sample sends only a part
            ledger_every=LEDGER_EVERY,
            rng=Random(rng.random()),  # noqa: S311 - a simulation
        )
        self.used = 0.0
        self._table = table
        self._functions: dict[str, CachedFunction[..., Fact]] = {}

    def cached(self, family: str) -> CachedFunction[..., Fact]:
        """Return the cached function of a family, created lazily: many containers end soon."""
        function = self._functions.get(family)
        if function is None:
            policy, fetch = self._table[family]
            function = self._functions[family] = self.cache.cached(policy)(fetch)
        return function

    def idle(self, now: float) -> float:
        """Return the seconds since the last request."""
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
        self._keys = self._new_container()  # only for building cache keys
        self._arguments: dict[Question, tuple[Any, ...]] = {}
        self.outcome = Outcome(counts={family: Counter() for family in plan.demand.asks})

    async def run(self) -> Outcome:
        """Serve all arrivals, end the containers, and return the counts."""
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
        questions = [question for question in arrival.questions if question.family in self._table]
        if len(questions) == 1:  # the usual case; a task would cost as much as a hit
            await self._ask(container, questions[0])
        else:
            await asyncio.gather(*(self._ask(container, question) for question in questions))

    async def _at_edge(self, questions: Sequence[Question]) -> bool:
        """Check whether the edge can serve every question fresh from the shared tier, with one command."""
        simulated = [q for q in questions if q.family in self._table]
        keys = [f"veo:v1:{self._keys.cached(q.family).key(*self._arguments_of(q))}" for q in simulated]
        try:
            texts = await self._store.read_by_edge(keys)
        except StoreError:
            return False
        now = LoopClock().now() * 1000
        heads = [None if text is None else read_head(text) for text in texts]
        if any(head is None or head[0]["f"] <= now for head in heads):
            return False
        for question in simulated:
            self.outcome.counts[question.family]["edge"] += 1
        return True

    async def _ask(self, container: Container, question: Question) -> None:
        try:
            hit = await container.cached(question.family).lookup(*self._arguments_of(question))
        except UNANSWERED:  # already counted by the cache
            return
        finally:
            container.used = self._loop.time()
        if hit.stale:
            self.outcome.oldest_stale = max(self.outcome.oldest_stale, hit.age)

    async def _container(self) -> Container:
        """Return a random container, replaced by a new one if it was idle for too long."""
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
        """End a container and add its counts to the outcome."""
        container, self._slots[slot] = self._slots[slot], None
        if container is None:
            return
        await container.cache.close()
        stats = container.cache.stats()
        self.outcome.skipped += stats["shared"]["skipped"]
        for family, counts in stats["families"].items():
            if family in self.outcome.counts:
                self.outcome.counts[family].update(counts)

    def _arguments_of(self, question: Question) -> tuple[Any, ...]:
        """Return the arguments of a question, memoised."""
        values = self._arguments.get(question)
        if values is None:
            values = arguments(self._table[question.family].policy, question.rank)
            self._arguments[question] = values
        return values

    def _within(self, window: Window) -> bool:
        return window[0] * HOUR <= self._loop.time() < window[1] * HOUR


def simulate(plan: Plan, progress: Callable[[int], None] = lambda _done: None) -> Outcome:
    """Run a plan, starting with an empty cache, and return its counts."""

    async def run() -> Outcome:
        return await Fleet(plan, progress).run()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        return runner.run(run())


def step(demand: Demand, days: float, most: int) -> int:
    """Return the smallest sampling step with at most `most` requests; 1 means no sampling.

    Raise ValueError if the demand cannot be sampled, or not far enough.
    """
    if demand.requests_a_day * days <= most:
        return 1
    if demand.together:
        raise ValueError(f"requests with several questions cannot be sampled: at most {most:,} requests")
    largest = max(demand.different(family) for family in demand.asks)
    for every in range(2, largest + 1):
        if demand.simulated_a_day(every) * days <= most:
            return every
    raise ValueError(f"too many requests to sample down to {most:,}")


__all__ = ["DAY", "OUTCOMES", "Container", "Faults", "Fleet", "Outcome", "Plan", "simulate", "step"]
