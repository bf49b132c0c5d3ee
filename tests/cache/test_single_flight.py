"""Single flight: one compute per key at a time, whose result all callers share."""

import asyncio
from datetime import timedelta

import pytest

from tests.support.chaos import ChaosStore, Fault
from tests.support.fleet import HOUR, Container, Fact, Upstream, passing, policy
from tests.support.virtual_time import VirtualTimeLoop
from veo.cache import Cache, CachedFunction, Policy, RecursiveLookup
from veo.cache.concurrency import ConcurrencyLimit
from veo.cache.single_flight import Throttles

pytestmark = pytest.mark.anyio


async def test_five_hundred_callers_of_a_cold_key_compute_once(here: Container) -> None:
    here.upstream.delay = 0.2
    facts = await asyncio.gather(*(here.fact("E15") for _ in range(500)))
    assert (len(here.upstream.calls), {fact.number for fact in facts}) == (1, {1})


async def test_a_failure_is_shared_by_all_current_callers(here: Container) -> None:
    here.upstream.delay, here.upstream.error = 0.2, OSError("down")
    outcomes = await asyncio.gather(*(here.fact("E15") for _ in range(20)), return_exceptions=True)
    assert (len(here.upstream.calls), set(map(id, outcomes))) == (1, {id(here.upstream.error)})


async def test_cancelling_the_first_caller_does_not_affect_the_second(here: Container) -> None:
    here.upstream.delay = 0.2
    first = asyncio.ensure_future(here.fact("E15"))
    await passing(0.1)
    second = asyncio.ensure_future(here.fact("E15"))
    await passing(0.01)
    first.cancel()
    assert (await second).number == 1


async def test_with_all_callers_cancelled_the_value_is_cached(here: Container) -> None:
    here.upstream.delay = 0.2
    callers = [asyncio.ensure_future(here.fact("E15")) for _ in range(3)]
    await passing(0.1)
    for caller in callers:
        caller.cancel()
    await passing(0.2)
    assert (await here.fact.lookup("E15")).origin == "memory"


async def test_a_cancelled_caller_is_cancelled(here: Container) -> None:
    here.upstream.delay = 0.2
    caller = asyncio.ensure_future(here.fact("E15"))
    await passing(0.1)
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller


async def test_a_function_that_looks_up_its_own_key_gets_a_clear_error() -> None:
    cache = Cache()

    @cache.cached(Policy(family="loop", key="loop:{code}", fresh_for=timedelta(hours=1)))
    async def ask(code: str) -> str:
        return await ask(code)

    with pytest.raises(RecursiveLookup, match="loop:E15: the function looks up its own key"):
        await ask("E15")


async def test_two_functions_that_look_up_each_other_get_a_clear_error() -> None:
    cache = Cache()

    @cache.cached(Policy(family="one", key="one:{code}", fresh_for=timedelta(hours=1)))
    async def one(code: str) -> str:
        return await two(code)

    @cache.cached(Policy(family="two", key="two:{code}", fresh_for=timedelta(hours=1)))
    async def two(code: str) -> str:
        return await one(code)

    with pytest.raises(RecursiveLookup):
        await one("E15")


async def test_two_functions_called_at_once_that_wait_for_each_other_get_a_clear_error() -> None:
    cache = Cache()

    @cache.cached(Policy(family="one", key="one:{code}", fresh_for=timedelta(hours=1)))
    async def one(code: str) -> str:
        await asyncio.sleep(0.1)
        return await two(code)

    @cache.cached(Policy(family="two", key="two:{code}", fresh_for=timedelta(hours=1)))
    async def two(code: str) -> str:
        await asyncio.sleep(0.1)
        return await one(code)

    errors = await asyncio.gather(one("E15"), two("E15"), return_exceptions=True)
    assert [type(error) for error in errors] == [RecursiveLookup, RecursiveLookup]


async def test_two_computes_may_look_up_the_same_key() -> None:
    cache, upstream = Cache(), Upstream()
    upstream.delay = 0.1
    fact = cache.cached(policy())(upstream.fetch)

    async def both(code: str) -> int:
        first, second = await asyncio.gather(fact("E15"), fact("E15"))
        return first.number + second.number + len(code)

    one = cache.cached(Policy(family="one", key="one:{code}", fresh_for=timedelta(hours=1)))(both)
    assert await asyncio.gather(one("a"), one("bb"), one("ccc")) == [3, 4, 5]


async def test_a_compute_may_wait_for_one_that_looks_up_a_key_twice() -> None:
    cache, upstream = Cache(), Upstream()
    upstream.delay = 1
    fact = cache.cached(policy())(upstream.fetch)

    async def twice(code: str) -> int:
        return sum(value.number for value in await asyncio.gather(fact(code), fact(code)))

    async def late(code: str) -> int:
        await asyncio.sleep(0.5)
        return await double(code)

    double = cache.cached(Policy(family="double", key="double:{code}", fresh_for=timedelta(hours=1)))(twice)
    later = cache.cached(Policy(family="later", key="later:{code}", fresh_for=timedelta(hours=1)))(late)
    assert await asyncio.gather(double("E15"), later("E15")) == [2, 2]


async def test_different_keys_do_not_wait_for_each_other(here: Container) -> None:
    here.upstream.delay = 1
    began = asyncio.get_running_loop().time()
    await asyncio.gather(here.fact("E15"), here.fact("N1"))
    assert asyncio.get_running_loop().time() - began == pytest.approx(1, abs=0.01)


async def test_a_refresh_calls_the_source_although_the_value_is_fresh(here: Container) -> None:
    await here.fact("E15")
    assert (await here.fact.refresh("E15")).number == 2


async def test_concurrent_refreshes_compute_once(here: Container) -> None:
    here.upstream.delay = 0.2
    facts = await asyncio.gather(here.fact.refresh("E15"), here.fact.refresh("E15"))
    assert ([fact.number for fact in facts], len(here.upstream.calls)) == ([1, 1], 1)


async def test_a_refresh_that_fails_raises_nothing_while_a_value_is_usable(here: Container) -> None:
    await here.fact("E15")
    here.upstream.error = OSError("down")
    assert (await here.fact.refresh("E15")).number == 1


async def test_many_limits_concurrent_computes(here: Container) -> None:
    here.upstream.delay = 1
    began = asyncio.get_running_loop().time()
    await here.fact.many([(f"E{number}",) for number in range(24)])
    assert asyncio.get_running_loop().time() - began == pytest.approx(3, abs=0.01)


async def test_many_stops_waiting_for_late_computes_whose_results_are_still_cached(here: Container) -> None:
    here.upstream.delay = 1
    results = await here.fact.many([(f"E{number}",) for number in range(16)], within=1.5)
    await passing(1)
    late = [type(result) for result in results].count(TimeoutError)
    assert (late, (await here.fact.lookup("E15")).origin) == (8, "memory")


async def test_the_timeout_does_not_include_the_wait_for_a_slot(here: Container) -> None:
    here.upstream.delay = 29
    results = await here.fact.many([(f"E{number}",) for number in range(17)])
    assert [type(result) for result in results] == [Fact] * 17


async def test_a_caller_who_joins_a_queued_key_does_not_wait_for_its_slot(here: Container) -> None:
    here.upstream.delay = 1
    queue = asyncio.ensure_future(here.fact.many([(f"E{number}",) for number in range(80)]))
    await passing(0.5)
    began = asyncio.get_running_loop().time()
    await here.fact("E79")
    assert asyncio.get_running_loop().time() - began == pytest.approx(1, abs=0.01)
    await queue


async def test_another_many_waits_for_the_slot_of_a_queued_key(here: Container) -> None:
    here.upstream.delay = 1
    calls = [(f"E{number}",) for number in range(24)]
    began = asyncio.get_running_loop().time()
    await asyncio.gather(here.fact.many(calls), here.fact.many(calls))
    assert asyncio.get_running_loop().time() - began == pytest.approx(3, abs=0.01)


async def test_a_slot_beyond_the_limit_delays_the_next_one(here: Container) -> None:
    here.upstream.delay = 1
    queue = asyncio.ensure_future(here.fact.many([(f"E{number}",) for number in range(16)]))
    await passing(0.5)
    await here.fact("E15")
    assert len(here.upstream.calls) == 8 + 1 + 7
    await queue


@pytest.mark.parametrize("at_once", ["one", "many"])
async def test_computes_of_one_many_may_look_up_each_other(at_once: str) -> None:
    cache = Cache()

    async def chain(number: int) -> int:
        await asyncio.sleep(0.1)
        if number == 20:
            return 1
        if at_once == "one":
            return await counted(number + 1) + 1
        (following,) = await counted.many([(number + 1,)])
        assert isinstance(following, int)
        return following + 1

    rules = Policy(family="count", key="count:{number}", fresh_for=timedelta(hours=1))
    counted: CachedFunction[[int], int] = cache.cached(rules)(chain)
    assert await counted.many([(number,) for number in range(21)]) == list(range(21, 0, -1))


async def test_a_cancelled_queued_slot_does_not_affect_the_others() -> None:
    limit, loop = ConcurrencyLimit(1), asyncio.get_running_loop()
    first, second, third = (loop.create_future() for _ in range(3))
    for slot in (first, second, third):
        limit.request(slot)
    second.cancel()
    limit.release(second)
    granted_too_early = third.done()
    limit.release(first)
    assert (granted_too_early, third.done()) == (False, True)


async def test_a_slot_granted_before_its_request_counts_toward_the_limit() -> None:
    limit, loop = ConcurrencyLimit(1), asyncio.get_running_loop()
    early, late = loop.create_future(), loop.create_future()
    limit.grant_now(early)
    limit.grant_now(early)
    limit.request(early)
    limit.request(late)
    granted_too_early = late.done()
    limit.release(early)
    assert (granted_too_early, late.done()) == (False, True)


async def test_many_returns_the_value_or_the_error_of_each(store: ChaosStore, upstream: Upstream) -> None:
    here = Container(store, upstream, policy(stale_if_error=timedelta(0)))
    await here.fact("E15")
    upstream.error = OSError("down")
    results = await here.fact.many([("E15",), ("N1",)])
    assert (results[0], type(results[1])) == (Fact(code="E15", number=1), OSError)


def test_a_cache_moves_to_a_new_loop_when_its_own_has_ended() -> None:
    upstream = Upstream()
    cache = Cache()
    fact = cache.cached(policy())(upstream.fetch)
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(fact("E15"))
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(fact("N1"))
    assert upstream.calls == ["E15", "N1"]


def test_a_cache_in_use_on_a_running_loop_refuses_another_one() -> None:
    fact = Cache().cached(policy())(Upstream().fetch)

    async def first() -> None:
        await fact("E15")
        with pytest.raises(RuntimeError, match="another event loop"):
            await asyncio.to_thread(asyncio.run, second())

    async def second() -> None:
        await fact("N1")

    asyncio.run(first())


async def test_a_caller_after_an_invalidation_does_not_join_the_older_flight(here: Container) -> None:
    here.upstream.delay = 1
    older = asyncio.ensure_future(here.fact("E15"))
    await passing(0.5)
    await here.fact.invalidate("E15")
    newer = await here.fact("E15")
    assert ((await older).number, newer.number) == (1, 2)


async def test_the_flight_of_an_ended_compute_is_removed(here: Container) -> None:
    await here.fact("E15")
    await passing(2 * HOUR)
    assert (await here.fact("E15")).number == 2


def test_a_flight_that_ends_with_its_loop_logs_no_error() -> None:
    upstream = Upstream()
    upstream.hang = True
    fact = Cache().cached(policy())(upstream.fetch)

    async def cancel_the_caller() -> None:
        lookup = asyncio.ensure_future(fact("E15"))
        await passing(0.1)
        lookup.cancel()

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        runner.run(cancel_the_caller())
    assert upstream.calls == ["E15"]


def test_queued_writes_move_to_a_new_loop(store: ChaosStore) -> None:
    upstream = Upstream()
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:

        async def fill() -> Container:
            container = Container(store, upstream)
            await container.fact("warm")
            await container.settle()
            store.fault(Fault(kind="failed"), method="set")
            await container.fact("E15")
            await passing(0.1)
            return container

        container = runner.run(fill())
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:

        async def go_on() -> str | None:
            await container.fact("warm")
            await passing(1)
            return store.value("cache:v1:fact:E15")

        assert runner.run(go_on()) is not None


def test_the_oldest_failures_are_dropped() -> None:
    throttles = Throttles(max_keys=2)
    for key in "abc":
        throttles.record_failure(key, 0.0, 15.0, 120.0)
    assert [throttles.remaining(key, 0.0) for key in "abc"] == [0.0, 15.0, 15.0]


async def test_an_older_compute_does_not_replace_a_newer_value(here: Container) -> None:
    here.upstream.delay = 10
    older = asyncio.ensure_future(here.fact("E15"))
    await passing(1)
    here.upstream.delay = 1
    await here.fact.refresh("E15")
    await older
    assert (await here.fact("E15")).number == 2


async def test_a_source_that_cancels_itself_fails_and_cancels_no_caller(here: Container) -> None:
    here.upstream.error = asyncio.CancelledError()
    with pytest.raises(TimeoutError, match="the source cancelled its own call"):
        await here.fact("E15")


async def test_a_cache_around_another_with_the_same_key_is_no_recursion(upstream: Upstream) -> None:
    inner = Container(None, upstream)

    @Cache().cached(policy())
    async def outer(code: str) -> Fact:
        return await inner.fact(code)

    assert (await outer("E15")).number == 1


async def test_a_task_left_running_by_a_compute_may_look_up_its_key_later() -> None:
    cache, later = Cache(), []

    async def again() -> str:
        await passing(1)
        return await ask("E15")

    @cache.cached(Policy(family="loop", key="loop:{code}", fresh_for=timedelta(hours=1)))
    async def ask(code: str) -> str:
        later.append(asyncio.ensure_future(again()))
        return code

    await ask("E15")
    assert await later[0] == "E15"


async def test_many_returns_the_error_of_a_call_without_a_valid_key(here: Container) -> None:
    results = await here.fact.many([("E15",), (7,)])
    assert [type(result) for result in results] == [Fact, TypeError]


async def test_a_clock_that_is_set_back_ends_the_pause_of_a_failing_key() -> None:
    throttles = Throttles()
    throttles.record_failure("k", 1000, 15, 120)
    assert (throttles.remaining("k", 1001), throttles.remaining("k", 900)) == (14, 0)
