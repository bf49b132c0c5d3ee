"""Virtual time of the simulation: it always moves on, and says where nothing can."""

import asyncio
import math

import pytest

from veo.devtools.simulation.clock import VirtualTimeLoop

HALF_A_YEAR = 15_768_000.0  # seconds


def test_an_hour_of_sleep_takes_no_time_but_moves_the_clock() -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(asyncio.sleep(3600))
        assert runner.get_loop().time() == pytest.approx(3600)


@pytest.mark.parametrize("start", [0.0, HALF_A_YEAR])
def test_a_timer_that_is_set_again_for_now_does_not_stop_time(start: float) -> None:
    async def set_again_for_now() -> float:
        loop = asyncio.get_running_loop()
        before = loop.time()
        for _ in range(100):
            reached = loop.create_future()
            loop.call_at(loop.time(), reached.set_result, None)
            await reached
        return loop.time() - before

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(asyncio.sleep(start))
        assert runner.run(set_again_for_now()) >= 99 * math.ulp(start)


def test_waiting_for_what_nothing_can_bring_is_an_error() -> None:
    async def wait_for_nothing() -> None:
        await asyncio.get_running_loop().create_future()

    with (
        asyncio.Runner(loop_factory=VirtualTimeLoop) as runner,
        pytest.raises(RuntimeError, match="deadlock"),
    ):
        runner.run(wait_for_nothing())
