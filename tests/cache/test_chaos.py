"""A hundred thousand lookups while everything around the cache fails at random."""

import asyncio
import random

import pytest

from tests.support.chaos import ChaosStore, Fault
from tests.support.fleet import HOUR, Container, Fact, Upstream
from tests.support.virtual_time import FakeClock, VirtualTimeLoop
from veo.cache import UpstreamThrottled

LOOKUPS = 100_000
CONTAINERS = 2
CODES = [f"E{number}" for number in range(20)]
FAULTS = [
    Fault(kind="failed"),
    Fault(kind="unreachable"),
    Fault(hang=True),
    Fault(lost=True),
    Fault(garbage="{"),
]


class FlakyUpstream(Upstream):
    """A source that fails in 30 % of calls; it records when each fact was computed."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self.rng, self.computed = rng, {0: 0.0}

    async def fetch(self, code: str) -> Fact:
        """Return a fact, or raise OSError."""
        self.error = OSError("down") if self.rng.random() < 0.3 else None
        self.computed[len(self.calls) + 1] = asyncio.get_running_loop().time()
        return await super().fetch(code)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_served_past_its_life_or_after_its_invalidation(seed: int) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(_storm(random.Random(seed)))  # noqa: S311 - repeatable, no secret


async def _storm(rng: random.Random) -> None:
    store, upstream = ChaosStore(FakeClock().now), FlakyUpstream(rng)
    both = [Container(store, upstream) for _ in range(CONTAINERS)]
    invalidated: dict[tuple[int, str], float] = {}
    loop = asyncio.get_running_loop()
    for _ in range(LOOKUPS):
        if rng.random() < 0.3:
            store.fault(rng.choice(FAULTS))
        who, code, began = rng.randrange(CONTAINERS), rng.choice(CODES), loop.time()
        cached = both[who].cache._engine.memory.get(f"fact:{code}")  # noqa: SLF001 - the value that may answer
        try:
            hit = await both[who].fact.lookup(code)
        except (OSError, UpstreamThrottled):
            engine = both[who].cache._engine  # noqa: SLF001 - likewise
            assert (
                cached is None or cached.usable <= engine.clock.now() or not engine.tag_versions.valid(cached)
            )
        else:
            computed = upstream.computed[hit.value.number]
            assert loop.time() - computed <= 25 * HOUR
            assert hit.stale or loop.time() - computed <= HOUR + 1
            assert computed >= min(began, invalidated.get((who, code), 0.0))
        if rng.random() < 0.01:
            invalidated[who, code] = loop.time()
            await both[who].fact.invalidate(code)
        await asyncio.sleep(rng.expovariate(1 / 30))
