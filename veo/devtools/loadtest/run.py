"""Run one load test, from its options to its figures."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx

from veo.devtools.loadtest.plan import Question, checked_url, distinct_questions, parse_mix, plan
from veo.devtools.loadtest.results import Limits, missed_limits, summarise
from veo.devtools.loadtest.runner import TIMEOUT, Runner
from veo.errors import InvalidQuestion
from veo.runtime import tables


@dataclass(frozen=True, slots=True)
class Load:
    """Options of a load test: `rate` is in requests a second, `skew` the exponent of Zipf's law."""

    url: str
    requests: int = 1_000
    rate: float | None = None
    concurrency: int = 8
    questions: int = 60
    skew: float = 1.0
    mix: str = "recommendations=60,areas=25,commutes=15"
    seed: int = 1
    mine: bool = False


def run_load(load: Load, limits: Limits, progress: Callable[[int, int], None]) -> dict[str, Any]:
    """Run a load test, and return its figures as JSON data.

    Raise InvalidQuestion for bad options, and Unavailable if no Veo responds at the URL.
    """
    base, mix = checked_url(load.url, mine=load.mine), parse_mix(load.mix)
    snapshot = tables().snapshot
    districts, destinations = list(snapshot.districts), list(snapshot.destinations)
    questions = distinct_questions(districts, destinations, mix, load.questions, load.seed)
    if not questions:
        raise InvalidQuestion("questions: too few for any kind of the mix")
    requests = plan(questions, load.requests, load.skew, load.seed)
    options = {"url": base, "questions": len(questions), "skew": load.skew, "seed": load.seed}
    figures = {**options, **asyncio.run(_send(base, requests, load, progress))}
    return {**figures, "missed": missed_limits(figures, limits)}


async def _send(
    base: str, requests: list[Question], load: Load, progress: Callable[[int, int], None]
) -> dict[str, Any]:
    async with httpx.AsyncClient(
        base_url=base,
        timeout=TIMEOUT,
        limits=httpx.Limits(max_connections=load.concurrency),
        trust_env=False,  # a proxy would add its own latency
    ) as client:
        runner = Runner(client, load.concurrency, load.rate, lambda done: progress(done, len(requests)))
        began = time.perf_counter()
        samples = await runner.run(requests)
        figures = summarise(samples, len(requests), time.perf_counter() - began)
        return {**figures, "interrupted": runner.interrupted}
