"""Containers that share one faulty store, and an upstream that does as it is told."""

import asyncio
import random
from datetime import timedelta
from typing import Any

from tests.support.chaos import ChaosStore
from tests.support.virtual_time import FakeClock
from veo.cache import Cache, CachedFunction, Policy
from veo.models import Value

HOUR = 3600.0
NEVER_EARLY, ALWAYS_EARLY = 0.0, 1 - 2**-53


class Fact(Value):
    """What the upstream gives: which fact, and the number of the call that gave it."""

    code: str
    number: int


class Gone(Exception):
    """The upstream's definite "there is none"."""


class Upstream:
    """A source whose delay and failure a test sets; `calls` lists the codes it was asked for."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.delay = 0.0
        self.error: BaseException | None = None
        self.hang = False

    async def fetch(self, code: str) -> Fact:
        """Give a new fact, or fail as told."""
        self.calls.append(code)
        number = len(self.calls)
        error = self.error
        await asyncio.sleep(self.delay)
        if self.hang:
            await asyncio.Event().wait()
        if error is not None:
            raise error
        return Fact(code=code, number=number)


class Draws(random.Random):
    """Randomness that always draws the same: 0 makes no jitter and no early refresh."""

    value = NEVER_EARLY

    def random(self) -> float:
        """Give the set value."""
        return self.value


def policy(**changes: Any) -> Policy:
    """Give the policy of the facts: an hour fresh, a day stale on error."""
    settings: dict[str, Any] = {
        "family": "fact",
        "key": "fact:{code}",
        "fresh_for": timedelta(hours=1),
        "tags": ("area:{code}",),
        "negative_on": (Gone,),
    }
    return Policy(**{**settings, **changes})


class Container:
    """One process of the fleet: a cache with its own clock, over the shared store."""

    def __init__(
        self,
        store: ChaosStore | None,
        upstream: Upstream,
        rules: Policy | None = None,
        skew: float = 0.0,
        **more: Any,
    ) -> None:
        self.clock, self.draws, self.upstream = FakeClock(skew), Draws(), upstream
        self.cache = Cache(store, self.clock, rng=self.draws, **more)
        self.fact: CachedFunction[[str], Fact] = self.cache.cached(rules or policy())(upstream.fetch)

    async def settle(self) -> None:
        """Let what happens behind the callers happen."""
        await asyncio.sleep(0.001)
        await self.cache.drain(5)


async def passing(seconds: float) -> None:
    """Let virtual time pass."""
    await asyncio.sleep(seconds)


async def spent(store: ChaosStore, upstream: Upstream, rules: Policy | None = None) -> Container:
    """Give a container whose commands of the day are spent."""
    here = Container(store, upstream, rules, commands_per_day=20)
    for number in range(40):
        await here.fact(f"E{number}")
        await passing(0.1)
    return here
