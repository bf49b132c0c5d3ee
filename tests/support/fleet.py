"""Containers that share one faulty store, and an upstream controlled by a test."""

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

READ_TIMEOUT = 0.25  # seconds, as in production: the stores of a fleet answer in virtual time


class Fact(Value):
    """A value of the upstream: the code of the fact, and the number of the call that returned it."""

    code: str
    number: int


class Gone(Exception):
    """The upstream's definite "there is none"."""


class Upstream:
    """A source whose delay and failure are set by a test; `calls` lists the codes of its calls."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.delay = 0.0
        self.error: BaseException | None = None
        self.hang = False

    async def fetch(self, code: str) -> Fact:
        """Return a new fact, or raise `error`."""
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
    """A random generator that always returns `value`; 0 means no jitter and no early refresh."""

    value = NEVER_EARLY

    def random(self) -> float:
        """Return the set value."""
        return self.value


def policy(**changes: Any) -> Policy:
    """Return the policy of the facts: an hour fresh, a day stale on error."""
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
        **options: Any,
    ) -> None:
        self.clock, self.draws, self.upstream = FakeClock(skew), Draws(), upstream
        options = {"read_timeout": READ_TIMEOUT, **options}
        self.cache = Cache(store, self.clock, rng=self.draws, **options)
        self.fact: CachedFunction[[str], Fact] = self.cache.cached(rules or policy())(upstream.fetch)

    async def settle(self) -> None:
        """Wait for background work and writes."""
        await asyncio.sleep(0.001)
        await self.cache.drain(5)


async def passing(seconds: float) -> None:
    """Wait for a virtual time."""
    await asyncio.sleep(seconds)


async def at_daily_limit(store: ChaosStore, upstream: Upstream, rules: Policy | None = None) -> Container:
    """Return a container that has reached its daily command limit."""
    here = Container(store, upstream, rules, commands_per_day=20)
    for number in range(40):
        await here.fact(f"E{number}")
        await passing(0.1)
    return here
