"""Early refresh: XFetch makes one caller refresh a value in the background before it expires."""

import asyncio
from datetime import timedelta

import pytest

from tests.support.chaos import ChaosStore
from tests.support.fleet import ALWAYS_EARLY, HOUR, NEVER_EARLY, Container, Upstream, passing, policy

pytestmark = pytest.mark.anyio


async def near_expiry(container: Container, delay: float = 1.0) -> None:
    """Cache a value with a slow compute, and wait until an early refresh is possible."""
    container.upstream.delay = delay
    await container.fact("E15")
    await container.settle()
    await passing(HOUR - 30)


async def test_past_the_threshold_a_caller_returns_at_once(here: Container) -> None:
    await near_expiry(here)
    here.draws.value = ALWAYS_EARLY
    began = asyncio.get_running_loop().time()
    hit = await here.fact.lookup("E15")
    assert (hit.origin, asyncio.get_running_loop().time() - began) == ("memory", 0)


async def test_past_the_threshold_exactly_one_refresh_happens(here: Container) -> None:
    await near_expiry(here)
    here.draws.value = ALWAYS_EARLY
    await here.fact("E15")
    here.draws.value = NEVER_EARLY
    await passing(2)
    assert (await here.fact("E15")).number == 2


async def test_before_the_threshold_nothing_is_refreshed(here: Container) -> None:
    here.upstream.delay = 1
    await here.fact("E15")
    await passing(HOUR - 60)
    here.draws.value = ALWAYS_EARLY
    await here.fact("E15")
    await passing(2)
    assert len(here.upstream.calls) == 1


async def test_many_calls_during_a_slow_refresh_start_no_second_one(here: Container) -> None:
    await near_expiry(here)
    here.draws.value, here.upstream.delay = ALWAYS_EARLY, 10
    for _ in range(50):
        await here.fact("E15")
        await passing(0.1)
    assert len(here.upstream.calls) == 2


async def test_a_caller_after_expiry_joins_the_running_refresh(here: Container) -> None:
    await near_expiry(here)
    here.draws.value, here.upstream.delay = ALWAYS_EARLY, 31
    await here.fact("E15")
    await passing(30.5)
    assert ((await here.fact("E15")).number, len(here.upstream.calls)) == (2, 2)


async def test_cancelling_the_caller_that_started_a_refresh_does_not_end_it(here: Container) -> None:
    await near_expiry(here)
    here.draws.value = ALWAYS_EARLY
    caller = asyncio.ensure_future(here.fact("E15"))
    await passing(0.01)
    caller.cancel()
    await passing(2)
    here.draws.value = NEVER_EARLY
    assert (await here.fact("E15")).number == 2


async def test_a_value_that_another_container_refreshed_first_is_adopted(
    here: Container, there: Container
) -> None:
    await near_expiry(here)
    await there.fact.refresh("E15")
    await there.settle()
    here.draws.value = ALWAYS_EARLY
    await here.fact("E15")
    await passing(1)
    here.draws.value = NEVER_EARLY
    assert ((await here.fact("E15")).number, len(here.upstream.calls)) == (2, 2)


async def test_a_failed_refresh_is_not_retried_within_the_throttle(here: Container) -> None:
    await near_expiry(here)
    here.draws.value, here.upstream.delay, here.upstream.error = ALWAYS_EARLY, 0, OSError("down")
    for _ in range(5):
        await here.fact("E15")
        await passing(1)
    assert len(here.upstream.calls) == 2


async def test_beta_of_zero_disables_early_refresh(store: ChaosStore, upstream: Upstream) -> None:
    container = Container(store, upstream, policy(beta=0))
    await near_expiry(container)
    container.draws.value = ALWAYS_EARLY
    await container.fact("E15")
    await passing(5)
    assert len(upstream.calls) == 1


async def test_after_its_local_life_an_entry_is_checked_against_the_shared_tier(
    here: Container, there: Container
) -> None:
    await here.fact("E15")
    await here.settle()
    await there.fact.refresh("E15")
    await there.settle()
    await passing(16 * 60)
    await here.fact("E15")
    await passing(0.1)
    assert (await here.fact("E15")).number == 2


async def test_within_its_local_life_an_entry_is_not_checked(store: ChaosStore, upstream: Upstream) -> None:
    container = Container(store, upstream, policy(local_for=timedelta(minutes=5)))
    await container.fact("E15")
    await container.settle()
    await passing(20)
    store.calls.clear()
    await container.fact("E15")
    assert store.calls == []


async def test_an_adopted_value_that_is_stale_itself_is_refreshed(here: Container, there: Container) -> None:
    await here.fact("E15")
    await here.settle()
    await passing(HOUR + 1)
    assert (await there.fact.lookup("E15")).origin == "source"
