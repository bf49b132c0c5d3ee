"""Write-behind: writes happen in the background, and are retried until they would no longer matter."""

import asyncio
import json
from datetime import timedelta

import pytest

from tests.support.chaos import ChaosStore, Fault
from tests.support.fleet import HOUR, Container, Upstream, at_daily_limit, passing, policy
from tests.support.virtual_time import FakeClock, VirtualTimeLoop

pytestmark = pytest.mark.anyio

KEY = "cache:v1:fact:E15"


async def with_refused_write(store: ChaosStore, upstream: Upstream) -> Container:
    """Return a container whose write of E15 was refused, so that its breaker is open for five minutes."""
    here = Container(store, upstream, policy(tags=()))
    await here.fact("warm")
    await here.settle()
    store.fault(Fault(kind="refused"), method="set")
    await here.fact("E15")
    return here


async def test_a_failed_write_is_retried(here: Container, store: ChaosStore) -> None:
    store.fault(Fault(kind="failed"), method="set")
    await here.fact("E15")
    await passing(1.1)
    assert store.value(KEY) is not None


async def test_a_retried_write_does_not_overwrite_a_newer_entry(
    here: Container, there: Container, store: ChaosStore
) -> None:
    store.fault(Fault(kind="failed"), method="set")
    await here.fact("E15")
    await passing(0.5)
    await there.fact("E15")
    await passing(1)
    assert json.loads(store.value(KEY) or "{}")["p"]["number"] == 2


async def test_retries_of_failed_writes_share_one_read(here: Container, store: ChaosStore) -> None:
    store.fault(Fault(kind="failed"), method="set", times=2)
    await here.fact.many([("E15",), ("N1",)])
    await passing(0.5)
    before = store.count("mget")
    await passing(1)
    assert (store.count("mget") - before, store.value(KEY) is not None) == (1, True)


async def test_many_writes_are_retried_a_few_at_a_time(store: ChaosStore, upstream: Upstream) -> None:
    """Each retry first reads the existing entry: hundreds of them would exceed the read timeout."""
    here = await with_refused_write(store, upstream)
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


async def test_retries_are_counted(here: Container, store: ChaosStore) -> None:
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


async def test_a_key_that_is_always_being_written_does_not_delay_a_flush(
    here: Container, store: ChaosStore
) -> None:
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


async def test_no_write_is_tried_while_the_breaker_is_open(store: ChaosStore, upstream: Upstream) -> None:
    here = await with_refused_write(store, upstream)
    await passing(1)
    before = (store.count(), here.cache.stats()["shared"])
    await passing(200)
    assert (store.count(), here.cache.stats()["shared"]) == before


async def test_queued_writes_are_sent_after_an_outage_without_a_lookup(
    store: ChaosStore, upstream: Upstream
) -> None:
    await with_refused_write(store, upstream)
    await passing(400)
    assert store.value(KEY) is not None


def test_writes_queued_on_one_loop_are_sent_on_the_next() -> None:
    store = ChaosStore(FakeClock().now)
    here = Container(store, Upstream())

    async def fail() -> None:
        store.fault(Fault(kind="failed"), method="set", times=2)
        await here.fact("E15")
        await passing(0.1)

    async def go_on() -> str | None:
        await here.fact("E15")
        await passing(1.2)  # it fails at once, and is retried
        return store.value(KEY)

    with asyncio.Runner(loop_factory=VirtualTimeLoop) as first:
        first.run(fail())
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as second:
        assert second.run(go_on()) is not None


async def test_no_write_is_tried_at_the_daily_command_limit(store: ChaosStore, upstream: Upstream) -> None:
    here = await at_daily_limit(store, upstream, policy(tags=()))
    before = here.cache.stats()["shared"]
    await passing(HOUR)
    assert (before["waiting_writes"] > 0, here.cache.stats()["shared"]) == (True, before)


async def test_writes_queued_at_the_daily_command_limit_are_sent_on_the_next_day(
    store: ChaosStore, upstream: Upstream
) -> None:
    here = Container(store, upstream, policy(fresh_for=timedelta(days=2), tags=()), commands_per_day=20)
    for number in range(20):
        await here.fact(f"E{number}")
        await passing(0.1)
    before = store.value("cache:v1:fact:E19")
    await passing(24 * HOUR + 60)
    assert (before, store.value("cache:v1:fact:E19") is not None) == (None, True)


def test_a_write_that_ends_late_on_an_earlier_loop_changes_nothing_on_the_next() -> None:
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


async def test_a_flush_is_retried_while_a_write_hangs(here: Container, store: ChaosStore) -> None:
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


async def test_a_newer_value_waits_for_the_pause_of_the_failed_one(
    here: Container, store: ChaosStore
) -> None:
    store.fault(Fault(kind="failed"), method="set")
    await here.fact("E15")
    await passing(0.2)
    await here.fact.refresh("E15")
    await passing(0.2)
    assert store.count("set") == 1


async def test_the_next_write_after_a_delete_has_no_pause(here: Container, store: ChaosStore) -> None:
    store.fault(Fault(kind="failed"), method="set")
    await here.fact("E15")
    await passing(0.1)
    await here.cache.delete("fact:E15")
    await here.fact("E15")
    await passing(0.1)
    assert store.value(KEY) is not None


async def test_the_next_write_after_a_delete_during_a_failing_write_has_no_pause(
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


async def test_drain_sends_queued_writes(here: Container, store: ChaosStore) -> None:
    store.fault(Fault(kind="failed"), method="set")
    await here.fact("E15")
    await passing(0.01)
    left = await here.cache.drain()
    assert (left, store.value(KEY) is not None) == (0, True)


async def test_drain_returns_the_number_of_unwritten_writes(here: Container, store: ChaosStore) -> None:
    await here.fact("warm")
    await here.settle()
    store.fault(Fault(kind="failed"), method="set", times=9)
    await here.fact("E15")
    assert await here.cache.drain() == 1


async def test_drain_ends_within_its_timeout(here: Container, store: ChaosStore) -> None:
    await here.fact("warm")
    await here.settle()
    store.fault(Fault(hang=True), method="set")
    await here.fact("E15")
    began = asyncio.get_running_loop().time()
    await here.cache.drain(0.5)
    assert asyncio.get_running_loop().time() - began == pytest.approx(0.5)


async def test_a_write_that_hangs_does_not_keep_a_drain_from_retrying_another(
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


async def test_a_drain_at_the_daily_command_limit_tries_nothing(
    store: ChaosStore, upstream: Upstream
) -> None:
    here = await at_daily_limit(store, upstream, policy(tags=()))
    before = here.cache.stats()["shared"]
    left = await here.cache.drain()
    assert (left > 0, here.cache.stats()["shared"]) == (True, before)


async def test_drain_sends_nothing_for_a_flight_without_a_lease(here: Container, store: ChaosStore) -> None:
    here.upstream.delay = 5
    lookup = asyncio.ensure_future(here.fact("E15"))
    await passing(0.1)
    lookup.cancel()
    await passing(0.1)
    before = len(store.calls)
    await here.cache.drain()
    assert len(store.calls) == before


async def test_an_expired_write_is_dropped(store: ChaosStore, upstream: Upstream) -> None:
    container = Container(
        store, upstream, policy(fresh_for=timedelta(seconds=5), stale_if_error=timedelta(seconds=1))
    )
    await container.fact("warm")
    await container.settle()
    store.fault(Fault(kind="failed"), method="set", times=9)
    await container.fact("E15")
    await passing(30)
    assert container.cache.stats()["shared"]["waiting_writes"] == 0


async def test_a_full_write_queue_drops_its_oldest_write(here: Container, store: ChaosStore) -> None:
    await here.fact("warm")
    await here.settle()
    store.fault(Fault(hang=True), method="set", times=400)
    for number in range(300):
        await here.fact(f"E{number}")
    stats = here.cache.stats()["shared"]
    assert (stats["waiting_writes"], stats["dropped_writes"]) == (256, 44)


async def test_a_write_left_by_a_drain_is_retried_if_the_container_goes_on(
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


async def test_a_newer_value_replaces_the_queued_write(here: Container, store: ChaosStore) -> None:
    await here.fact("warm")
    await here.settle()
    store.fault(Fault(kind="failed", delay=0.5), method="set")
    await here.fact("E15")
    await passing(0.1)
    await here.fact.refresh("E15")
    await passing(3)
    assert json.loads(store.value(KEY) or "{}")["p"]["number"] == 3


async def test_a_running_write_does_not_lose_its_successor(here: Container, store: ChaosStore) -> None:
    await here.fact("warm")
    await here.settle()
    store.fault(Fault(delay=0.5), method="set")
    await here.fact("E15")
    await passing(0.1)
    await here.fact.refresh("E15")
    await passing(1)
    assert json.loads(store.value(KEY) or "{}")["p"]["number"] == 3


async def test_drain_does_not_affect_a_compute_without_a_lease(here: Container, store: ChaosStore) -> None:
    here.upstream.delay = 5
    lookup = asyncio.ensure_future(here.fact("E15"))
    await passing(0.1)
    await here.cache.drain()
    assert ((await lookup).number, store.count("delete")) == (1, 0)
