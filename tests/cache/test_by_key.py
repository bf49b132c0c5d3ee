"""The operations by key, and the statistics of a cache."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from tests.support.chaos import ChaosStore, Fault
from tests.support.fleet import HOUR, Container, Gone, Upstream, passing, policy
from veo.cache import Cache, StoreError

pytestmark = pytest.mark.anyio


async def test_get_returns_plain_data(here: Container) -> None:
    await here.fact("E15")
    assert await here.cache.get("fact:E15") == {"code": "E15", "number": 1}


async def test_get_reads_the_shared_tier(here: Container, there: Container) -> None:
    await here.fact("E15")
    await here.settle()
    assert await there.cache.get("fact:E15") == {"code": "E15", "number": 1}


async def test_get_of_an_absent_key_is_none(here: Container) -> None:
    assert await here.cache.get("fact:E15") is None


async def test_get_with_the_tier_down_is_none(there: Container, here: Container, store: ChaosStore) -> None:
    await here.fact("E15")
    await here.settle()
    store.down = True
    assert await there.cache.get("fact:E15") is None


async def test_get_of_a_cached_absence_is_none(here: Container) -> None:
    here.upstream.error = Gone("no such fact")
    with pytest.raises(Gone):
        await here.fact("E15")
    assert await here.cache.get("fact:E15") is None


async def test_get_returns_a_private_copy(here: Container) -> None:
    await here.cache.set("note:1", {"a": [1]}, 60)
    (await here.cache.get("note:1"))["a"].append(2)
    assert await here.cache.get("note:1") == {"a": [1]}


async def test_a_stored_text_is_read_by_other_containers(here: Container, there: Container) -> None:
    assert await here.cache.put_text("rents", "a table", timedelta(days=1))
    assert await there.cache.get_text("rents") == "a table"


async def test_a_stored_text_survives_a_flush_of_everything(here: Container) -> None:
    await here.cache.put_text("rents", "a table", timedelta(days=1))
    await here.cache.flush(all=True)
    assert await here.cache.get_text("rents") == "a table"


async def test_a_stored_text_expires(here: Container) -> None:
    await here.cache.put_text("rents", "a table", timedelta(seconds=60))
    await passing(61)
    assert await here.cache.get_text("rents") is None


async def test_without_a_shared_tier_no_text_is_stored() -> None:
    cache = Cache()
    assert (await cache.put_text("rents", "x", timedelta(days=1)), await cache.get_text("rents")) == (
        False,
        None,
    )


async def test_with_the_tier_down_no_text_is_stored(here: Container, store: ChaosStore) -> None:
    store.down = True
    stored = await here.cache.put_text("rents", "x", timedelta(days=1))
    assert (stored, await here.cache.get_text("rents")) == (False, None)


async def test_a_stored_text_is_fetched(here: Container, there: Container) -> None:
    await here.cache.put_text("rents", "a table", timedelta(days=1))
    assert await there.cache.fetch_text("rents") == "a table"


async def test_an_absent_text_is_fetched_as_none(here: Container) -> None:
    assert await here.cache.fetch_text("rents") is None


async def test_without_a_shared_tier_no_text_is_fetched() -> None:
    assert await Cache().fetch_text("rents") is None


async def test_fetching_a_text_with_the_tier_down_raises(here: Container, store: ChaosStore) -> None:
    store.down = True
    with pytest.raises(StoreError):
        await here.cache.fetch_text("rents")


async def test_a_large_text_may_take_longer_than_an_answer(here: Container, store: ChaosStore) -> None:
    await here.cache.put_text("rents", "a table", timedelta(days=1))
    store.fault(Fault(delay=1.0), method="mget")
    assert await here.cache.fetch_text("rents") == "a table"


async def test_a_flush_changes_the_version_of_its_tag(here: Container) -> None:
    await here.fact("E15")
    before = here.cache.tag_version("fact")
    await here.cache.flush(family="fact")
    assert here.cache.tag_version("fact") != before


async def test_set_reaches_other_containers(here: Container, there: Container) -> None:
    assert await here.cache.set("note:1", {"a": [1]}, 60)
    assert await there.cache.get("note:1") == {"a": [1]}


@pytest.mark.parametrize("ttl", [60, timedelta(minutes=1)])
async def test_set_keeps_a_value_for_its_time_and_no_longer(here: Container, ttl: Any) -> None:
    await here.cache.set("note:1", "x", ttl)
    await passing(61)
    assert await here.cache.get("note:1") is None


async def test_set_with_a_stale_tail_keeps_a_value_usable(here: Container) -> None:
    await here.cache.set("note:1", "x", 60, stale_for=timedelta(minutes=5))
    await passing(61)
    assert await here.cache.get("note:1") == "x"


async def test_the_ttl_of_set_does_not_affect_the_policy(here: Container) -> None:
    await here.cache.set("fact:E15", {"code": "E15", "number": 9}, 60)
    await passing(61)
    await here.fact("E15")
    assert await here.cache.ttl("fact:E15") == HOUR - 1 or await here.cache.ttl("fact:E15") == HOUR


async def test_a_value_set_in_a_family_answers_the_next_call(here: Container) -> None:
    await here.cache.set("fact:E15", {"code": "E15", "number": 9}, 60)
    assert (await here.fact("E15")).number == 9


async def test_a_value_set_in_a_family_is_flushed_with_its_area(here: Container) -> None:
    await here.cache.set("fact:E15", {"code": "E15", "number": 9}, 60)
    await here.cache.flush(tag="area:E15")
    assert (await here.fact("E15")).number == 1


async def test_set_refuses_what_the_family_could_not_return(here: Container) -> None:
    assert not await here.cache.set("fact:E15", {"code": "E15"}, 60)


async def test_set_refuses_a_key_that_the_family_could_not_make(here: Container) -> None:
    assert not await here.cache.set("fact:E15:extra", {"code": "E15", "number": 9}, 60)


@pytest.mark.parametrize("value", [{1, 2}, float("nan"), object()])
async def test_set_refuses_what_json_cannot_hold(here: Container, value: object) -> None:
    assert not await here.cache.set("note:1", value, 60)


@pytest.mark.parametrize("ttl", [0, -1, True, 1.5, "60", None, timedelta(0), 2**53, timedelta(days=36_526)])
async def test_set_refuses_an_invalid_ttl(here: Container, ttl: Any) -> None:
    with pytest.raises(ValueError, match="ttl"):
        await here.cache.set("note:1", "x", ttl)


async def test_set_returns_false_while_the_tier_is_down(here: Container, store: ChaosStore) -> None:
    store.down = True
    assert not await here.cache.set("note:1", "x", 60)


async def test_set_returns_false_when_only_the_write_fails(here: Container, store: ChaosStore) -> None:
    store.fault(Fault(kind="failed"), method="set")
    assert not await here.cache.set("note:1", "x", 60)


async def test_without_a_tier_set_stores_in_memory() -> None:
    cache = Cache()
    assert (await cache.set("note:1", "x", 60), await cache.get("note:1")) == (True, "x")


async def test_a_none_that_was_set_exists(here: Container) -> None:
    await here.cache.set("note:1", None, 60)
    assert await here.cache.exists("note:1")


async def test_delete_returns_whether_the_key_existed(here: Container) -> None:
    await here.fact("E15")
    await here.settle()
    assert [await here.cache.delete("fact:E15"), await here.cache.delete("fact:E15")] == [True, False]


async def test_delete_with_the_tier_down_returns_whether_memory_had_the_key(
    here: Container, store: ChaosStore
) -> None:
    await here.fact("E15")
    store.down = True
    assert await here.cache.delete("fact:E15")


async def test_delete_without_a_tier_empties_memory() -> None:
    cache = Cache()
    await cache.set("note:1", "x", 60)
    assert (await cache.delete("note:1"), await cache.get("note:1")) == (True, None)


async def test_delete_drops_the_queued_write_of_the_value(here: Container, store: ChaosStore) -> None:
    await here.fact("warm")
    await here.settle()
    store.fault(Fault(kind="failed"), method="set")
    await here.fact("E15")
    await passing(0.01)
    await here.cache.delete("fact:E15")
    await passing(5)
    assert store.value("cache:v1:fact:E15") is None


async def test_delete_reaches_the_memory_of_others(here: Container, there: Container) -> None:
    await here.fact("E15")
    await here.settle()
    await there.fact("E15")
    await here.cache.delete("fact:E15")
    await passing(61)
    assert (await there.fact("E15")).number == 2


async def test_ttl_is_the_remaining_fresh_time(here: Container) -> None:
    await here.fact("E15")
    await passing(600)
    assert await here.cache.ttl("fact:E15") == HOUR - 600


async def test_ttl_of_a_stale_value_is_zero(here: Container) -> None:
    await here.fact("E15")
    await passing(2 * HOUR)
    assert await here.cache.ttl("fact:E15") == 0


async def test_ttl_of_an_absent_key_is_minus_two(here: Container) -> None:
    assert await here.cache.ttl("fact:E15") == -2


async def test_ttl_with_the_tier_down_is_minus_one(here: Container, store: ChaosStore) -> None:
    store.down = True
    assert await here.cache.ttl("fact:E15") == -1


async def test_a_flushed_entry_does_not_exist(here: Container, there: Container) -> None:
    await here.fact("E15")
    await here.settle()
    await here.cache.flush(family="fact")
    assert not await there.cache.exists("fact:E15")


@pytest.mark.parametrize(
    "text", ["garbage", '{"v":1,"m":"older","c":1,"f":2,"s":9e15,"d":0,"g":{},"e":null,"n":0,"p":1}']
)
async def test_garbage_does_not_exist(here: Container, store: ChaosStore, text: str) -> None:
    store.put("cache:v1:fact:E15", text)
    assert not await here.cache.exists("fact:E15")


async def test_an_entry_past_its_usable_life_does_not_exist(here: Container) -> None:
    await here.fact("E15")
    await passing(25 * HOUR)
    assert not await here.cache.exists("fact:E15")


@pytest.mark.parametrize(
    "selectors", [{}, {"family": "fact", "all": True}, {"family": "fact", "tag": "area:E15"}]
)
async def test_a_flush_needs_exactly_one_selector(here: Container, selectors: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="exactly one"):
        await here.cache.flush(**selectors)


async def test_peek_shows_times_and_tier(here: Container) -> None:
    await here.fact("E15")
    peek = await here.cache.peek("fact:E15")
    assert peek is not None
    assert (peek.where, peek.fresh - peek.computed, peek.usable - peek.computed) == (
        "memory",
        HOUR,
        25 * HOUR,
    )


async def test_stats_count_hits_of_every_tier(here: Container, there: Container) -> None:
    await here.fact("E15")
    await here.fact("E15")
    await here.fact("E15")
    await here.settle()
    await there.fact("E15")
    counts, other_counts = (one.cache.stats()["families"]["fact"] for one in (here, there))
    assert (counts["source"], counts["memory"], other_counts["shared"]) == (1, 2, 1)


async def test_stats_keep_the_hits_of_removed_entries(here: Container) -> None:
    for _ in range(5):
        await here.fact("E15")
    await here.fact.invalidate("E15")
    assert here.cache.stats()["families"]["fact"]["memory"] == 4


async def test_stats_include_the_state_of_the_breaker(here: Container, store: ChaosStore) -> None:
    store.fault(Fault(kind="refused"))
    await here.fact("E15")
    assert here.cache.stats()["shared"]["breaker"] == "open"


async def test_stats_without_a_tier_have_no_shared_counters() -> None:
    assert Cache().stats()["shared"] is None


async def test_preload_sends_a_ping(here: Container, store: ChaosStore) -> None:
    await here.cache.preload()
    assert store.count("ping") == 1


async def test_preload_survives_a_tier_that_is_down(here: Container, store: ChaosStore) -> None:
    store.down = True
    await here.cache.preload()
    assert here.cache.stats()["shared"]["faults"] == 1


async def test_close_sends_queued_writes(here: Container, store: ChaosStore) -> None:
    await here.fact("E15")
    await here.cache.close()
    assert store.value("cache:v1:fact:E15") is not None


async def test_without_a_tier_the_life_cycle_has_nothing_to_do() -> None:
    cache = Cache()
    await cache.preload()
    await cache.close()
    await cache.restored()
    assert await cache.drain() == 0


async def test_set_in_a_family_that_is_not_shared_stays_in_memory(
    store: ChaosStore, upstream: Upstream
) -> None:
    here = Container(store, upstream, policy(shared=False))
    stored = await here.cache.set("fact:E15", {"code": "E15", "number": 9}, 60)
    assert (stored, (await here.fact("E15")).number, store.value("cache:v1:fact:E15")) == (True, 9, None)


async def test_get_of_a_family_that_is_not_shared_reads_memory_only(
    store: ChaosStore, upstream: Upstream
) -> None:
    here = Container(store, upstream, policy(shared=False))
    assert (await here.cache.get("fact:E15"), store.calls) == (None, [])


async def test_set_refuses_what_is_too_large_for_one_request(here: Container) -> None:
    assert not await here.cache.set("note:1", "x" * 12_000_000, 60)


async def test_the_version_makes_older_entries_unreachable(store: ChaosStore, here: Container) -> None:
    await here.fact("E15")
    await here.settle()
    newer = Container(store, here.upstream, version="v2")
    assert (await newer.fact.lookup("E15")).origin == "source"


async def test_a_prefix_keeps_two_caches_apart(store: ChaosStore, here: Container) -> None:
    await here.fact("E15")
    await here.settle()
    apart = Container(store, here.upstream, prefix="staging:")
    assert (await apart.fact.lookup("E15")).origin == "source"


@pytest.mark.parametrize("stale_for", [timedelta(seconds=-1), timedelta(days=36_525)])
async def test_set_refuses_an_invalid_stale_time(here: Container, stale_for: timedelta) -> None:
    with pytest.raises(ValueError, match="stale_for"):
        await here.cache.set("note:1", "x", 60, stale_for=stale_for)


async def test_a_counter_is_shared_by_the_fleet(here: Container, there: Container) -> None:
    sums = [
        await container.cache.add_to_counter("calls", 2, timedelta(days=1)) for container in (here, there)
    ]
    assert sums == [2, 4]


async def test_a_counter_with_the_tier_down_is_none(here: Container, store: ChaosStore) -> None:
    store.down = True
    assert await here.cache.add_to_counter("calls", 2, timedelta(days=1)) is None


async def test_without_a_tier_there_is_no_counter() -> None:
    assert await Cache().add_to_counter("calls", 2, timedelta(days=1)) is None


async def test_cancelling_one_reader_of_a_batch_leaves_the_others_their_values(here: Container) -> None:
    await here.cache.put_text("rents", "a table", timedelta(days=1))
    first, second = (asyncio.ensure_future(here.cache.get_text(name)) for name in ("prices", "rents"))
    await asyncio.sleep(0)  # both requests are in one read
    first.cancel()
    assert await second == "a table"


async def test_cancelling_one_reader_of_a_batch_leaves_the_others_their_failure(
    here: Container, store: ChaosStore
) -> None:
    store.down = True
    first, second = (asyncio.ensure_future(here.cache.get_text(name)) for name in ("prices", "rents"))
    await asyncio.sleep(0)
    first.cancel()
    assert await second is None
