"""One load test from its options to its figures."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from veo.devtools.loadtest.plan import Question, checked, mixed, plan, universe
from veo.devtools.loadtest.results import Limits, measured, missed
from veo.devtools.loadtest.runner import LONGEST, Runner
from veo.errors import InvalidQuestion
from veo.runtime import tables


@dataclass(frozen=True, slots=True)
class Load:
    """What to ask where: `rate` in requests a second, `skew` the exponent of Zipf's law, `mix` as text."""

    url: str
    requests: int = 1_000
    rate: float | None = None
    concurrency: int = 8
    questions: int = 60
    skew: float = 1.0
    mix: str = "recommendations=60,areas=25,commutes=15"
    seed: int = 1
    mine: bool = False


def loaded(load: Load, limits: Limits, progress: Callable[[int, int], None]) -> dict[str, Any]:
    """Run a load test, and give its figures as JSON data.

    Raises InvalidQuestion for options that make no sense and Unavailable where no Veo answers.
    """
    base, mix = checked(load.url, mine=load.mine), mixed(load.mix)
    known = tables().snapshot
    different = universe(list(known.districts), list(known.destinations), mix, load.questions, load.seed)
    if not different:
        raise InvalidQuestion("questions: too few for any kind of the mix")
    asked = plan(different, load.requests, load.skew, load.seed)
    found = asyncio.run(_asked(base, asked, load, progress))
    found = {"url": base, "questions": len(different), "skew": load.skew, "seed": load.seed, **found}
    return {**found, "missed": missed(found, limits)}


async def _asked(
    base: str, questions: list[Question], load: Load, progress: Callable[[int, int], None]
) -> dict[str, Any]:
    async with httpx.AsyncClient(
        base_url=base,
        timeout=LONGEST,
        limits=httpx.Limits(max_connections=load.concurrency),
        trust_env=False,  # a proxy's time is not Veo's
    ) as client:
        runner = Runner(client, load.concurrency, load.rate, lambda done: progress(done, len(questions)))
        began = time.perf_counter()
        samples = await runner.run(questions)
        found = measured(samples, len(questions), time.perf_counter() - began)
        return {**found, "interrupted": runner.interrupted}
