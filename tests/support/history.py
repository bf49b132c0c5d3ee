"""A week that a fleet has lived through: what the ledger of a shared tier then tells."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from random import Random

from tests.support.live import ShiftedClock
from veo.runtime import Runtime, build
from veo.services.dispatch import ask
from veo.settings import Settings

DAY = 86_400.0  # seconds
BUSY = (30, 34, 29, 38, 41, 52, 60)  # questions of each area and day, from six days ago to today
AREAS = ("E15", "SE10", "N16", "E17")


def live_a_week(settings: Settings, busy: tuple[int, ...] = BUSY) -> None:
    """Let one container a day ask and go, on a thread of its own: a browser's loop may run in this one."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, _week(settings, busy)).result()


async def _week(settings: Settings, busy: tuple[int, ...]) -> None:
    for ago, questions in zip(range(len(busy) - 1, -1, -1), busy, strict=True):
        clock = ShiftedClock()
        clock.skew = -ago * DAY
        runtime = build(settings, clock)
        await _day(runtime, Random(ago), questions)  # noqa: S311 - the same week each time
        await runtime.close()


async def _day(runtime: Runtime, chance: Random, questions: int) -> None:
    for area in AREAS:
        for _ in range(chance.randint(questions // 2, questions)):
            await ask(runtime, "area", {"code": "E15"})
            await ask(runtime, "commute", {"origin": area, "destination": chance.choice(("UCL", "LSE"))})
        query = {"persona": "student", "budget": 1000, "location_type": "rent", "destination": "UCL"}
        await ask(runtime, "recommendations", {**query, "budget": chance.choice((800, 1000, 1200))})
