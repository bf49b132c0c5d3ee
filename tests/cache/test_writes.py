"""Writes leave the critical path, and are tried again until they would no longer matter."""

import asyncio
import json
from datetime import timedelta

import pytest

from tests.support.chaos import ChaosStore, Fault
from tests.support.fleet import HOUR, Container, Upstream, passing, policy

pytestmark = pytest.mark.anyio

KEY = "cache:v1:fact:E15"


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


async def test_a_write_that_fails_later_is_tried_again_along_with_the_earlier(
    here: Container, store: ChaosStore
) -> None:
    store.fault(Fault(kind="failed"), method="set", times=2)
    await here.fact("N1")
    await passing(0.9)
    await here.fact("E15")
    await passing(0.2)
    assert store.value(KEY) is not None


async def test_nothing_is_tried_while_the_day_s_commands_are_spent(
    store: ChaosStore, upstream: Upstream
) -> None:
    here = Container(store, upstream, policy(tags=()), commands_per_day=20)
    for number in range(40):
        await here.fact(f"E{number}")
        await passing(0.1)
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
