"""Writes leave the critical path, and are tried again until they would no longer matter."""

import asyncio
import json
from datetime import timedelta

import pytest

from tests.support.chaos import ChaosStore, Fault
from tests.support.fleet import HOUR, Container, Upstream, passing, policy, spent
from tests.support.virtual_time import FakeClock, VirtualTimeLoop

pytestmark = pytest.mark.anyio

KEY = "cache:v1:fact:E15"


async def turned_away(store: ChaosStore, upstream: Upstream) -> Container:
    """Give a container whose write of E15 the tier refuses, which rests it for five minutes."""
    here = Container(store, upstream, policy(tags=()))
    await here.fact("warm")
    await here.settle()
    store.fault(Fault(kind="refused"), method="set")
    await here.fact("E15")
    return here


async def test_a_failed_write_is_tried_again(here: Container, store: ChaosStore) -> None:
    store.fault(Fault(kind="failed"), method="set")
    await here.fact("E15")
    await passing(1.1)
    assert store.value(KEY) is not None


async def test_a_write_tried_again_gives_way_to_a_newer_entry(
    here: Container, there: Container, store: ChaosStore
) -> None:
    store.fault(Fault(kind="failed"), method="set")
    await here.fact("E15")
    await passing(0.5)
    await there.fact("E15")
    await passing(1)
    assert json.loads(store.value(KEY) or "{}")["p"]["number"] == 2


async def test_writes_that_failed_are_tried_again_by_one_read(here: Container, store: ChaosStore) -> None:
    store.fault(Fault(kind="failed"), method="set", times=2)
    await here.fact.many([("E15",), ("N1",)])
    await passing(0.5)
    before = store.count("mget")
    await passing(1)
    assert (store.count("mget") - before, store.value(KEY) is not None) == (1, True)


async def test_many_writes_are_tried_again_a_few_at_a_time(store: ChaosStore, upstream: Upstream) -> None:
    """What stands is read first, whole: hundreds of answers would not come within a read's time."""
    here = await turned_away(store, upstream)
    for number in range(40):
        await passing(1)
        await here.fact(f"N{number}")
    before = len(store.calls)
    await passing(400)
    read = [len(call.keys) for call in store.calls[before:] if call.method == "mget"]
    assert (max(read), store.value("cache:v1:fact:N39") is not None) == (16, True)


async def test_the_pauses_of_a_write_that_keeps_failing_grow(here: Container, store: ChaosStore) -> None:
    """It is tried after 1, 3, 7, 15, 31 and 61 seconds, at last every 30."""
    store.fault(Fault(kind="failed"), method="set", times=99)
    await here.fact("E15")
    await passing(100)
    assert store.count("set") == 8


async def test_tries_again_are_counted(here: Container, store: ChaosStore) -> None:
    store.fault(Fault(kind="failed"), method="set", times=2)
    await here.fact("E15")
    await passing(10)
    assert here.cache.stats()["shared"]["retried_writes"] == 2


async def test_a_flush_does_not_wait_as_long_as_an_entry_that_keeps_failing(
    here: Container, store: ChaosStore
) -> None:
    store.fault(Fault(kind="failed"), method="set", times=99)
    await here.fact("E15")
    await passing(40)
    before = store.value("cache:v1:g:area:E15")
    store.fault(Fault(kind="failed"), method="mset", times=2)
    await here.cache.flush(tag="area:E15")
    await passing(1.1)
    assert store.value("cache:v1:g:area:E15") != before


async def test_a_name_that_is_always_busy_holds_up_no_other(here: Container, store: ChaosStore) -> None:
    await here.fact("E15")
    await here.settle()
    before = store.value("cache:v1:g:area:E15")
    store.fault(Fault(delay=0.3), method="set", times=999)
    store.fault(Fault(kind="failed"), method="mset", times=2)
    await here.cache.flush(tag="area:E15")
    for _ in range(10):
        await here.fact.refresh("N1")
        await passing(0.2)
    assert store.value("cache:v1:g:area:E15") != before


async def test_nothing_is_tried_while_the_breaker_is_open(store: ChaosStore, upstream: Upstream) -> None:
    here = await turned_away(store, upstream)
    await passing(1)
    before = (store.count(), here.cache.stats()["shared"])
    await passing(200)
    assert (store.count(), here.cache.stats()["shared"]) == before


async def test_what_waits_is_written_after_an_outage_though_nobody_asks(
    store: ChaosStore, upstream: Upstream
) -> None:
    await turned_away(store, upstream)
    await passing(400)
    assert store.value(KEY) is not None


def test_what_one_loop_left_behind_is_written_on_the_next() -> None:
    store = ChaosStore(FakeClock().now)
    here = Container(store, Upstream())

    async def fail() -> None:
        store.fault(Fault(kind="failed"), method="set", times=2)
        await here.fact("E15")
        await passing(0.1)

    async def go_on() -> str | None:
        await here.fact("E15")
        await passing(1.2)  # it fails at once, and is tried again
        return store.value(KEY)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as first:
        first.run(fail())
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as second:
        assert second.run(go_on()) is not None


async def test_nothing_is_tried_while_the_day_s_commands_are_spent(
    store: ChaosStore, upstream: Upstream
) -> None:
    here = await spent(store, upstream, policy(tags=()))
    before = here.cache.stats()["shared"]
    await passing(HOUR)
    assert (before["waiting_writes"] > 0, here.cache.stats()["shared"]) == (True, before)


async def test_what_waits_for_the_next_day_s_commands_is_written_then(
    store: ChaosStore, upstream: Upstream
) -> None:
    here = Container(store, upstream, policy(fresh_for=timedelta(days=2), tags=()), commands_per_day=20)
    for number in range(20):
        await here.fact(f"E{number}")
        await passing(0.1)
    before = store.value("cache:v1:fact:E19")
    await passing(24 * HOUR + 60)
    assert (before, store.value("cache:v1:fact:E19") is not None) == (None, True)


def test_what_ends_late_on_an_earlier_loop_changes_nothing_on_the_next() -> None:
    store = ChaosStore(FakeClock().now)
    here = Container(store, Upstream())

    async def fail_after(seconds: float) -> None:
        store.fault(Fault(delay=seconds, kind="failed"), method="set")
        await here.fact("E15")
        await passing(0.1)

    async def go_on() -> str | None:
        await passing(1.1)
        return store.value(KEY)

    with (
        asyncio.Runner(loop_factory=VirtualTimeLoop) as first,
        asyncio.Runner(loop_factory=VirtualTimeLoop) as second,
    ):
        first.run(fail_after(1.5))
        second.run(fail_after(0.0))
        first.run(passing(10))
        assert second.run(go_on()) is not None


async def test_a_flush_is_tried_again_while_an_entry_hangs(here: Container, store: ChaosStore) -> None:
    await here.fact("E15")
    await here.settle()
    before = store.value("cache:v1:g:area:E15")
    store.fault(Fault(kind="failed"), method="set")
    store.fault(Fault(hang=True), method="set", times=9)
    await here.fact("N1")
    await passing(0.5)
    store.fault(Fault(kind="failed"), method="mset", times=2)
    await here.cache.flush(tag="area:E15")
    await passing(1.1)
    assert store.value("cache:v1:g:area:E15") != before


async def test_a_newer_value_keeps_the_pause_of_the_one_that_failed(
    here: Container, store: ChaosStore
) -> None:
    store.fault(Fault(kind="failed"), method="set")
    await here.fact("E15")
    await passing(0.2)
    await here.fact.refresh("E15")
    await passing(0.2)
    assert store.count("set") == 1


async def test_a_deleted_value_leaves_no_pause_to_the_next(here: Container, store: ChaosStore) -> None:
    store.fault(Fault(kind="failed"), method="set")
    await here.fact("E15")
    await passing(0.1)
    await here.cache.delete("fact:E15")
    await here.fact("E15")
    await passing(0.1)
    assert store.value(KEY) is not None


async def test_a_value_deleted_while_its_write_fails_leaves_no_pause_to_the_next(
    here: Container, store: ChaosStore
) -> None:
    store.fault(Fault(delay=0.5, kind="failed"), method="set")
    await here.fact("E15")
    await passing(0.1)
    await here.cache.delete("fact:E15")
    await passing(0.5)
    await here.fact("E15")
    await passing(0.1)
    assert store.value(KEY) is not None


async def test_drain_writes_what_waits(here: Container, store: ChaosStore) -> None:
    store.fault(Fault(kind="failed"), method="set")
    await here.fact("E15")
    await passing(0.01)
    left = await here.cache.drain()
    assert (left, store.value(KEY) is not None) == (0, True)


async def test_drain_tells_what_it_could_not_write(here: Container, store: ChaosStore) -> None:
    await here.fact("warm")
    await here.settle()
    store.fault(Fault(kind="failed"), method="set", times=9)
    await here.fact("E15")
    assert await here.cache.drain() == 1


async def test_drain_takes_no_longer_than_it_may(here: Container, store: ChaosStore) -> None:
    await here.fact("warm")
    await here.settle()
    store.fault(Fault(hang=True), method="set")
    await here.fact("E15")
    began = asyncio.get_running_loop().time()
    await here.cache.drain(0.5)
    assert asyncio.get_running_loop().time() - began == pytest.approx(0.5)


async def test_a_write_that_hangs_takes_a_drain_s_second_try_from_no_other(
    here: Container, store: ChaosStore
) -> None:
    await here.fact("warm")
    await here.settle()
    store.fault(Fault(hang=True), method="set")
    store.fault(Fault(delay=0.05, kind="failed"), method="set")
    await here.fact.many([("N1",), ("E15",)])
    await passing(0.01)
    await here.cache.drain(0.5)
    assert store.value(KEY) is not None


async def test_drains_while_the_day_s_commands_are_spent_try_nothing(
    store: ChaosStore, upstream: Upstream
) -> None:
    here = await spent(store, upstream, policy(tags=()))
    before = here.cache.stats()["shared"]
    left = await here.cache.drain()
    assert (left > 0, here.cache.stats()["shared"]) == (True, before)


async def test_drain_asks_nothing_for_a_free_flight_that_nobody_waits_for(
    here: Container, store: ChaosStore
) -> None:
    here.upstream.delay = 5
    asking = asyncio.ensure_future(here.fact("E15"))
    await passing(0.1)
    asking.cancel()
    await passing(0.1)
    before = len(store.calls)
    await here.cache.drain()
    assert len(store.calls) == before


async def test_a_write_whose_life_is_over_is_dropped(store: ChaosStore, upstream: Upstream) -> None:
    container = Container(
        store, upstream, policy(fresh_for=timedelta(seconds=5), stale_if_error=timedelta(seconds=1))
    )
    await container.fact("warm")
    await container.settle()
    store.fault(Fault(kind="failed"), method="set", times=9)
    await container.fact("E15")
    await passing(30)
    assert container.cache.stats()["shared"]["waiting_writes"] == 0


async def test_a_full_write_queue_drops_its_oldest(here: Container, store: ChaosStore) -> None:
    await here.fact("warm")
    await here.settle()
    store.fault(Fault(hang=True), method="set", times=400)
    for number in range(300):
        await here.fact(f"E{number}")
    stats = here.cache.stats()["shared"]
    assert (stats["waiting_writes"], stats["dropped_writes"]) == (256, 44)


async def test_a_leftover_of_a_drain_is_tried_again_when_the_container_lives_on(
    here: Container, store: ChaosStore
) -> None:
    await here.fact("warm")
    await here.settle()
    store.fault(Fault(kind="failed"), method="set", times=2)
    await here.fact("E15")
    await here.cache.drain()
    await passing(4)
    assert store.value(KEY) is not None


async def test_a_flush_is_never_dropped_from_a_full_queue(here: Container, store: ChaosStore) -> None:
    await here.fact("warm")
    await here.settle()
    store.down = True
    for number in range(300):
        await here.cache.flush(tag=f"area:E{number}")
    store.down = False
    await passing(120)
    assert store.value("cache:v1:g:area:E299") is not None


async def test_a_newer_value_replaces_the_write_that_waits(here: Container, store: ChaosStore) -> None:
    await here.fact("warm")
    await here.settle()
    store.fault(Fault(kind="failed", delay=0.5), method="set")
    await here.fact("E15")
    await passing(0.1)
    await here.fact.refresh("E15")
    await passing(3)
    assert json.loads(store.value(KEY) or "{}")["p"]["number"] == 3


async def test_a_write_under_way_does_not_swallow_its_successor(here: Container, store: ChaosStore) -> None:
    await here.fact("warm")
    await here.settle()
    store.fault(Fault(delay=0.5), method="set")
    await here.fact("E15")
    await passing(0.1)
    await here.fact.refresh("E15")
    await passing(1)
    assert json.loads(store.value(KEY) or "{}")["p"]["number"] == 3


async def test_drain_leaves_a_free_compute_alone(here: Container, store: ChaosStore) -> None:
    here.upstream.delay = 5
    asking = asyncio.ensure_future(here.fact("E15"))
    await passing(0.1)
    await here.cache.drain()
    assert ((await asking).number, store.count("delete")) == (1, 0)
