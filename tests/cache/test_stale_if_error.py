"""Stale if error: an expired value answers for a failing source, within limits."""

import asyncio
from datetime import timedelta

import pytest

from tests.support.chaos import ChaosStore
from tests.support.fleet import ALWAYS_EARLY, HOUR, Container, Gone, Upstream, passing, policy

pytestmark = pytest.mark.anyio


async def test_a_stale_value_answers_when_the_source_fails(here: Container) -> None:
    await here.fact("E15")
    await passing(2 * HOUR)
    here.upstream.error = OSError("down")
    hit = await here.fact.lookup("E15")
    assert (hit.value.number, hit.origin, hit.stale, hit.cached) == (1, "stale", True, True)


async def test_the_age_of_a_stale_answer_counts_from_its_compute(here: Container) -> None:
    await here.fact("E15")
    await passing(2 * HOUR)
    here.upstream.error = OSError("down")
    assert (await here.fact.lookup("E15")).age == pytest.approx(2 * HOUR)


async def test_without_a_stale_value_the_source_s_own_error_is_raised(here: Container) -> None:
    here.upstream.error = error = OSError("down")
    with pytest.raises(OSError, match="down") as caught:
        await here.fact("E15")
    assert caught.value is error


async def test_calls_within_the_throttle_call_the_source_once(here: Container) -> None:
    await here.fact("E15")
    await passing(2 * HOUR)
    here.upstream.error = OSError("down")
    for _ in range(20):
        await here.fact("E15")
        await passing(0.5)
    assert len(here.upstream.calls) == 2


async def test_after_the_throttle_the_source_is_called_once_more(here: Container) -> None:
    await here.fact("E15")
    await passing(2 * HOUR)
    here.upstream.error = OSError("down")
    await here.fact("E15")
    await passing(15.1)
    await asyncio.gather(*(here.fact("E15") for _ in range(5)))
    assert len(here.upstream.calls) == 3


async def test_the_throttle_doubles_from_failure_to_failure(here: Container) -> None:
    await here.fact("E15")
    await passing(2 * HOUR)
    here.upstream.error = OSError("down")
    await here.fact("E15")
    await passing(15.1)
    await here.fact("E15")
    await passing(29.8)
    await here.fact("E15")
    assert len(here.upstream.calls) == 3


async def test_the_throttle_grows_no_longer_than_two_minutes(here: Container) -> None:
    await here.fact("E15")
    await passing(2 * HOUR)
    here.upstream.error = OSError("down")
    for _ in range(6):
        await here.fact("E15")
        await passing(120.1)
    assert len(here.upstream.calls) == 7


async def test_a_success_ends_the_doubling(here: Container) -> None:
    await here.fact("E15")
    await passing(2 * HOUR)
    here.upstream.error = OSError("down")
    await here.fact("E15")
    await passing(15.1)
    here.upstream.error = None
    await here.fact("E15")
    await passing(2 * HOUR)
    here.upstream.error = OSError("down again")
    await here.fact("E15")
    await passing(15.1)
    await here.fact("E15")
    assert len(here.upstream.calls) == 5


async def test_the_throttle_begins_now_even_for_an_entry_that_expired_hours_ago(here: Container) -> None:
    await here.fact("E15")
    await passing(10 * HOUR)
    here.upstream.error = OSError("down")
    await here.fact("E15")
    await passing(14)
    await here.fact("E15")
    assert len(here.upstream.calls) == 2


async def test_a_value_past_its_usable_life_no_longer_answers(here: Container) -> None:
    await here.fact("E15")
    await passing(25 * HOUR)
    here.upstream.error = OSError("down")
    with pytest.raises(OSError, match="down"):
        await here.fact("E15")


async def test_failures_never_extend_the_life_of_an_entry(here: Container, store: ChaosStore) -> None:
    await here.fact("E15")
    await here.settle()
    await passing(20 * HOUR)
    here.upstream.error = OSError("down")
    await here.fact("E15")
    await here.settle()
    await passing(5.1 * HOUR)
    assert store.value("cache:v1:fact:E15") is None


async def test_the_throttle_has_no_jitter(here: Container) -> None:
    await here.fact("E15")
    await passing(2 * HOUR)
    here.draws.value = ALWAYS_EARLY
    here.upstream.error = OSError("down")
    await here.fact("E15")
    await passing(14.99)
    await here.fact("E15")
    assert len(here.upstream.calls) == 2


async def test_a_throttled_answer_is_not_written_to_the_shared_tier(
    here: Container, store: ChaosStore
) -> None:
    await here.fact("E15")
    await here.settle()
    before = store.value("cache:v1:fact:E15")
    await passing(2 * HOUR)
    here.upstream.error = OSError("down")
    await here.fact("E15")
    await here.settle()
    assert store.value("cache:v1:fact:E15") == before


async def test_a_bug_in_the_function_is_not_hidden_by_a_stale_value(here: Container) -> None:
    await here.fact("E15")
    await passing(2 * HOUR)
    here.upstream.error = KeyError("ours")
    with pytest.raises(KeyError, match="ours"):
        await here.fact("E15")


async def test_a_stale_value_of_the_shared_tier_answers_for_a_new_container(
    here: Container, there: Container
) -> None:
    await here.fact("E15")
    await here.settle()
    await passing(2 * HOUR)
    there.upstream.error = OSError("down")
    assert (await there.fact.lookup("E15")).origin == "stale"


async def test_a_definite_absence_replaces_a_stale_value(here: Container) -> None:
    await here.fact("E15")
    await passing(2 * HOUR)
    here.upstream.error = Gone("no such fact")
    with pytest.raises(Gone):
        await here.fact("E15")


async def test_an_absence_is_cached_and_raised_as_a_new_instance(here: Container) -> None:
    here.upstream.error = error = Gone("no such fact")
    for _ in range(3):
        with pytest.raises(Gone, match="no such fact") as caught:
            await here.fact("E15")
    assert (len(here.upstream.calls), caught.value is error) == (1, False)


async def test_a_cached_absence_expires(here: Container) -> None:
    here.upstream.error = Gone("no such fact")
    with pytest.raises(Gone):
        await here.fact("E15")
    here.upstream.error = None
    await passing(30.1)
    assert (await here.fact("E15")).number == 2


async def test_an_absence_is_shared_with_the_fleet(here: Container, there: Container) -> None:
    here.upstream.error = Gone("no such fact")
    with pytest.raises(Gone):
        await here.fact("E15")
    await here.settle()
    with pytest.raises(Gone, match="no such fact"):
        await there.fact("E15")
    assert len(here.upstream.calls) == 1


async def test_stale_if_error_of_zero_raises_at_once(store: ChaosStore, upstream: Upstream) -> None:
    container = Container(store, upstream, policy(stale_if_error=timedelta(0)))
    await container.fact("E15")
    await passing(HOUR)
    upstream.error = OSError("down")
    with pytest.raises(OSError, match="down"):
        await container.fact("E15")


async def test_the_throttle_does_not_extend_the_usable_life(store: ChaosStore, upstream: Upstream) -> None:
    container = Container(store, upstream, policy(stale_if_error=timedelta(seconds=20)))
    await container.fact("E15")
    await passing(HOUR + 10)
    upstream.error = OSError("down")
    await container.fact("E15")
    await passing(11)
    with pytest.raises(OSError, match="down"):
        await container.fact("E15")
