"""Timeouts limit the wait of a caller, and a compute goes on after its callers stopped waiting."""

import asyncio
import logging
from datetime import timedelta

import pytest

from tests.support.chaos import ChaosStore
from tests.support.fleet import HOUR, Container, Upstream, passing, policy

pytestmark = pytest.mark.anyio


async def test_past_the_soft_timeout_a_stale_value_answers(here: Container) -> None:
    await here.fact("E15")
    await passing(2 * HOUR)
    here.upstream.delay = 5
    began = asyncio.get_running_loop().time()
    hit = await here.fact.lookup("E15")
    assert (hit.stale, asyncio.get_running_loop().time() - began) == (True, pytest.approx(1.0))


async def test_the_late_result_after_a_soft_timeout_is_cached(here: Container) -> None:
    await here.fact("E15")
    await passing(2 * HOUR)
    here.upstream.delay = 5
    await here.fact("E15")
    await passing(5)
    hit = await here.fact.lookup("E15")
    assert (hit.value.number, hit.origin) == (2, "memory")


async def test_without_a_stale_value_the_soft_timeout_does_not_apply(here: Container) -> None:
    here.upstream.delay = 5
    assert (await here.fact.lookup("E15")).origin == "source"


async def test_past_the_hard_timeout_the_caller_gets_a_timeout_error(here: Container) -> None:
    here.upstream.delay = 40
    began = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError, match="fact:E15: no answer within 30 s"):
        await here.fact("E15")
    assert asyncio.get_running_loop().time() - began == pytest.approx(30)


async def test_the_late_result_after_a_hard_timeout_is_cached(here: Container) -> None:
    here.upstream.delay = 40
    with pytest.raises(TimeoutError):
        await here.fact("E15")
    await passing(11)
    assert (await here.fact.lookup("E15")).origin == "memory"


async def test_no_second_compute_starts_while_a_late_one_runs(here: Container) -> None:
    here.upstream.delay = 50
    with pytest.raises(TimeoutError):
        await here.fact("E15")
    assert (await here.fact("E15")).number == 1
    assert len(here.upstream.calls) == 1


async def test_a_late_failure_is_only_logged(here: Container, caplog: pytest.LogCaptureFixture) -> None:
    here.upstream.delay, here.upstream.error = 40, OSError("late")
    with pytest.raises(TimeoutError):
        await here.fact("E15")
    with caplog.at_level(logging.WARNING):
        await passing(11)
    assert [record.getMessage() for record in caplog.records] == ["fact:E15 failed: OSError"]


async def test_a_late_failure_frees_the_key(here: Container) -> None:
    here.upstream.delay, here.upstream.error = 40, OSError("late")
    with pytest.raises(TimeoutError):
        await here.fact("E15")
    await passing(11)
    here.upstream.delay, here.upstream.error = 0, None
    assert (await here.fact("E15")).number == 2


async def test_a_compute_that_hangs_is_cancelled_and_frees_its_key(here: Container) -> None:
    here.upstream.hang = True
    with pytest.raises(TimeoutError):
        await here.fact("E15")
    await passing(31)
    here.upstream.hang = False
    assert (await here.fact("E15")).number == 2


async def test_a_timeout_of_the_source_itself_is_its_failure(store: ChaosStore, upstream: Upstream) -> None:
    container = Container(store, upstream, policy(stale_on=()))
    await container.fact("E15")
    await passing(2 * HOUR)
    upstream.error = TimeoutError("the source's own")
    assert (await container.fact.lookup("E15")).stale


@pytest.mark.parametrize("delay", [0, 0.5])
async def test_a_source_s_own_timeout_is_raised_unchanged(here: Container, delay: float) -> None:
    here.upstream.delay, here.upstream.error = delay, TimeoutError("the source's own")
    with pytest.raises(TimeoutError, match="the source's own"):
        await here.fact("E15")


async def test_a_stale_value_that_expires_during_the_wait_does_not_answer(
    store: ChaosStore, upstream: Upstream
) -> None:
    container = Container(store, upstream, policy(stale_if_error=timedelta(seconds=2)))
    await container.fact("E15")
    await passing(HOUR + 1.5)
    upstream.delay = 5
    assert (await container.fact("E15")).number == 2


async def test_a_value_flushed_during_the_wait_does_not_answer(here: Container) -> None:
    await here.fact("E15")
    await passing(2 * HOUR)
    here.upstream.delay = 5
    waiting = asyncio.ensure_future(here.fact.lookup("E15"))
    await passing(0.5)
    await here.cache.flush(family="fact")
    assert (await waiting).origin == "source"
