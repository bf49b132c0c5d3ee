"""Invalidation: a flush reaches every container, and nothing brings back what it removed."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from tests.support.chaos import ChaosStore, Fault
from tests.support.fleet import HOUR, Container, Upstream, at_daily_limit, passing, policy
from veo.cache.tag_versions import TagVersions

pytestmark = pytest.mark.anyio

KEY = "cache:v1:fact:E15"


async def test_without_fleet_once_two_containers_may_both_compute_a_key(
    here: Container, there: Container
) -> None:
    here.upstream.delay = 0.3
    await asyncio.gather(here.fact("E15"), there.fact("E15"))
    assert len(here.upstream.calls) == 2


async def test_a_flush_here_is_seen_there_within_the_sync_time(here: Container, there: Container) -> None:
    await here.fact("E15")
    await here.settle()
    await there.fact("E15")
    await here.cache.flush(tag="area:E15")
    await passing(30)
    await there.fact("E15")
    await passing(0.1)
    assert (await there.fact("E15")).number == 2


async def test_an_invalidated_key_is_seen_there_within_the_sync_time(
    here: Container, there: Container
) -> None:
    await here.fact("E15")
    await here.settle()
    await there.fact("E15")
    await here.fact.invalidate("E15")
    await passing(30)
    await there.fact("E15")
    await passing(0.1)
    assert (await there.fact("E15")).number == 2


async def test_a_container_that_was_idle_reads_the_tag_versions_before_it_serves(
    here: Container, there: Container
) -> None:
    await here.fact("E15")
    await here.settle()
    await there.fact("E15")
    await here.cache.flush(all=True)
    await passing(61)
    assert (await there.fact("E15")).number == 2


async def test_a_value_computed_before_a_flush_elsewhere_is_not_served_as_fresh(
    here: Container, there: Container
) -> None:
    here.upstream.delay = 1
    computing = asyncio.ensure_future(here.fact("E15"))
    await passing(0.5)
    await there.cache.flush(family="fact")
    await computing
    await here.settle()
    assert (await there.fact("E15")).number == 2


async def test_a_value_computed_before_a_flush_here_is_not_stored(here: Container) -> None:
    here.upstream.delay = 1
    computing = asyncio.ensure_future(here.fact("E15"))
    await passing(0.5)
    await here.cache.flush(family="fact")
    await computing
    assert (await here.fact.lookup("E15")).origin == "source"


async def test_a_value_computed_before_a_flush_does_not_replace_a_later_one(
    here: Container, there: Container, store: ChaosStore
) -> None:
    await here.fact("warm")
    here.upstream.delay = 5
    late = asyncio.ensure_future(here.fact("E15"))
    await passing(1)
    await here.cache.flush(family="fact")
    here.upstream.delay = 0
    await there.fact("E15")
    await there.settle()
    await late
    await here.settle()
    assert json.loads(store.value(KEY) or "{}")["p"]["number"] == 3


async def test_a_container_started_after_a_flush_serves_nothing_older(
    here: Container, there: Container
) -> None:
    await here.fact("E15")
    await here.settle()
    await here.cache.flush(all=True)
    assert (await there.fact.lookup("E15")).origin == "source"


async def test_an_evicted_tag_version_never_revives_a_flushed_value(
    here: Container, there: Container, store: ChaosStore
) -> None:
    await here.fact("E15")
    await here.settle()
    await here.cache.flush(family="fact")
    store.put("cache:v1:g:fact", None)
    assert (await there.fact.lookup("E15")).origin == "source"


async def test_an_evicted_tag_version_invalidates_the_entries_in_memory(
    here: Container, store: ChaosStore
) -> None:
    await here.fact("E15")
    await here.settle()
    store.put("cache:v1:g:fact", None)
    await passing(61)
    assert (await here.fact.lookup("E15")).origin == "source"


async def test_a_lagging_replica_does_not_undo_a_flush(here: Container, store: ChaosStore) -> None:
    await here.fact("E15")
    await here.settle()
    await passing(10)
    await here.cache.flush(family="fact")
    store.lag = 5
    assert (await here.fact.lookup("E15")).origin == "source"


async def test_an_unconfirmed_flush_is_reported_and_sent_later(
    here: Container, there: Container, store: ChaosStore
) -> None:
    await here.fact("E15")
    await here.settle()
    store.down = True
    confirmed = await here.cache.flush(family="fact")
    store.down = False
    await passing(1.1)
    assert (confirmed, (await there.fact.lookup("E15")).origin) == (False, "source")


async def test_an_unconfirmed_flush_clears_memory_at_once(here: Container, store: ChaosStore) -> None:
    await here.fact("E15")
    store.down = True
    await here.cache.flush(family="fact")
    assert (await here.fact.lookup("E15")).origin == "source"


async def test_a_confirmed_flush_says_so(here: Container) -> None:
    assert await here.cache.flush(family="fact")


async def test_a_flush_of_one_area_leaves_the_others(here: Container) -> None:
    await here.fact.many([("E15",), ("N1",)])
    await here.cache.flush(tag="area:E15")
    hits = await here.fact.lookups([("E15",), ("N1",)])
    assert [hit.origin for hit in hits if not isinstance(hit, Exception)] == ["source", "memory"]


async def test_a_flush_of_an_area_includes_the_families_flushed_with_it(
    store: ChaosStore, upstream: Upstream
) -> None:
    container = Container(store, upstream, policy(tags=(), flushed_with=("area",)))
    await container.fact("N1")
    await container.cache.flush(tag="area:E15")
    assert (await container.fact.lookup("N1")).origin == "source"


async def test_a_restored_snapshot_reads_the_tag_versions_before_it_serves(
    here: Container, there: Container
) -> None:
    await here.fact("E15")
    await here.settle()
    await there.cache.flush(family="fact")
    await here.cache.restored()
    assert (await here.fact("E15")).number == 2


async def test_a_restored_snapshot_keeps_entries_that_are_still_valid(here: Container) -> None:
    await here.fact("E15")
    await here.settle()
    await here.cache.restored()
    assert (await here.fact.lookup("E15")).origin == "memory"


@pytest.mark.parametrize("selector", [{"family": "fact"}, {"tag": "area:E15"}, {"all": True}])
async def test_a_flush_of_a_tag_this_container_never_read_is_not_undone_by_the_tier(
    here: Container, there: Container, store: ChaosStore, selector: dict[str, Any]
) -> None:
    await there.fact("E15")
    await there.settle()
    store.fault(Fault(kind="failed"), method="mset", times=2)
    await here.cache.flush(**selector)
    assert (await here.fact.lookup("E15")).origin == "source"


async def test_a_lagging_replica_does_not_undo_a_flush_of_a_tag_never_read(
    here: Container, there: Container, store: ChaosStore
) -> None:
    await there.fact("E15")
    await there.settle()
    await passing(10)
    await here.cache.flush(all=True)
    store.lag = 3
    assert (await here.fact.lookup("E15")).origin == "source"


async def test_a_flush_elsewhere_after_one_here_is_seen(here: Container, there: Container) -> None:
    await here.cache.flush(all=True)
    await here.fact("E15")
    await here.settle()
    await passing(10)
    await there.cache.flush(all=True)
    await passing(61)
    assert (await here.fact("E15")).number == 2


async def test_callers_during_an_invalidation_sync_share_one_read(here: Container, store: ChaosStore) -> None:
    await here.fact("E15")
    await here.settle()
    await passing(70)
    before = store.count("mget")
    store.fault(Fault(delay=0.1), method="mget")
    await asyncio.gather(*(here.fact("E15") for _ in range(10)))
    assert store.count("mget") - before == 1


async def test_memory_answers_while_the_tag_versions_cannot_be_read(
    here: Container, store: ChaosStore
) -> None:
    await here.fact("E15")
    await here.settle()
    store.down = True
    await passing(70)
    assert (await here.fact.lookup("E15")).origin == "memory"


async def test_a_flush_without_a_shared_tier_empties_memory(upstream: Upstream) -> None:
    alone = Container(None, upstream)
    await alone.fact("E15")
    assert (await alone.cache.flush(all=True), (await alone.fact("E15")).number) == (True, 2)


def test_the_oldest_tag_versions_are_dropped() -> None:
    tag_versions = TagVersions(max_tags=2)
    tag_versions.renew(["a", "b", "c"], now=0.0)
    assert tag_versions.shared_tags() == ["b", "c"]


async def test_after_a_pause_a_family_in_memory_only_waits_for_the_tag_versions(
    store: ChaosStore, upstream: Upstream, there: Container
) -> None:
    alone = Container(store, upstream, policy(shared=False))
    await alone.cache.set("note:1", "x", 60)  # reads the version of the tag `all`
    await alone.fact("E15")
    await there.cache.flush(all=True)
    await passing(61)
    assert (await alone.fact("E15")).number == 2


async def test_an_unsent_flush_never_overwrites_a_later_one(
    here: Container, there: Container, store: ChaosStore
) -> None:
    await here.fact("E15")
    await here.settle()
    store.down = True
    await here.cache.flush(family="fact")
    store.down = False
    await here.cache.flush(family="fact")
    await passing(60)
    await here.fact("E15")
    await here.settle()
    assert (await there.fact.lookup("E15")).origin == "shared"


async def test_an_unsent_flush_that_was_overtaken_still_takes_effect(
    here: Container, there: Container, store: ChaosStore
) -> None:
    await here.fact("E15")
    await here.settle()
    store.fault(Fault(kind="failed"), method="mset", times=2)
    await here.cache.flush(family="fact")
    await passing(0.5)
    await there.cache.flush(family="fact")
    await there.fact("E15")
    await there.settle()
    await passing(5)
    newcomer = Container(store, here.upstream)
    assert (await newcomer.fact.lookup("E15")).origin == "source"


async def test_a_lagging_replica_revives_nothing_for_a_container_that_knows_the_flush(
    here: Container, there: Container, store: ChaosStore
) -> None:
    await here.fact.many([("N1",), ("E15",)])
    await here.settle()
    await passing(10)
    await here.cache.flush(family="fact")
    await there.fact("N1")
    store.lag = 5
    assert (await there.fact.lookup("E15")).origin == "source"


async def test_one_garbage_answer_does_not_separate_a_container_from_the_fleet(
    here: Container, there: Container, store: ChaosStore
) -> None:
    await there.fact("N1")
    await there.settle()
    store.fault(Fault(garbage="{"), method="mget")
    await there.fact("N2")
    await here.fact("E15")
    await here.settle()
    assert (await there.fact.lookup("E15")).origin == "shared"


async def test_a_tag_version_that_the_tier_lost_is_sent_again(here: Container, store: ChaosStore) -> None:
    await here.fact("E15")
    await here.settle()
    version = store.value("cache:v1:g:fact")
    store.put("cache:v1:g:fact", "000000000001" + "0" * 12)
    for _ in range(5):
        await passing(31)
        await here.fact("E15")
    await passing(1)
    assert store.value("cache:v1:g:fact") == version


async def test_an_invalidation_that_the_tier_lost_is_sent_again(here: Container, store: ChaosStore) -> None:
    await here.fact("E15")
    await here.settle()
    store.fault(Fault(lost=True), method="set")
    await here.fact.invalidate("E15")
    await here.fact("E15")
    await here.settle()
    for _ in range(5):
        await passing(31)
        await here.fact("E15")
    await passing(1)
    assert store.value("cache:v1:g:key:fact:E15") is not None


async def test_after_a_restore_every_caller_waits_for_the_tag_versions(
    here: Container, there: Container, store: ChaosStore
) -> None:
    await here.fact.many([("E15",), ("N1",)])
    await here.settle()
    await there.cache.flush(all=True)
    await here.cache.restored()
    store.fault(Fault(delay=0.2), method="mget", times=3)
    first = asyncio.ensure_future(here.fact("E15"))
    await passing(0.05)
    assert ((await here.fact.lookup("N1")).origin, (await first).number) == ("source", 3)


async def test_an_expired_invalidation_does_not_separate_two_containers(
    store: ChaosStore, upstream: Upstream
) -> None:
    brief = policy(stale_if_error=timedelta(0))
    here, there = Container(store, upstream, brief), Container(store, upstream, brief)
    await here.fact("E15")
    await here.fact.invalidate("E15")
    for _ in range(6):
        await passing(HOUR + 1)
        await here.fact("E15")
        await here.settle()
        await there.fact("E15")
        await there.settle()
    before = len(upstream.calls)
    await passing(HOUR + 1)
    await here.fact("E15")
    await here.settle()
    await there.fact("E15")
    assert len(upstream.calls) == before + 1


async def test_a_new_tag_of_many_keys_is_claimed_once(here: Container, store: ChaosStore) -> None:
    await here.fact.many([(f"E{number}",) for number in range(20)])
    assert store.count("claim") == 22


async def test_near_the_daily_command_limit_a_flush_is_still_sent(
    store: ChaosStore, upstream: Upstream
) -> None:
    here = await at_daily_limit(store, upstream)
    assert await here.cache.flush(family="fact")


async def test_near_the_daily_command_limit_a_flush_of_an_unknown_tag_is_still_sent(
    store: ChaosStore, upstream: Upstream
) -> None:
    here = await at_daily_limit(store, upstream)
    assert await here.cache.flush(tag="area:N1")


async def test_a_flush_by_a_slow_clock_replaces_a_tag_version_that_it_could_not_read(
    here: Container, store: ChaosStore, upstream: Upstream
) -> None:
    slow = Container(store, upstream, skew=-5)
    await slow.fact("warm")
    await slow.settle()
    await here.cache.flush(tag="area:E15")
    existing = store.value("cache:v1:g:area:E15") or ""
    store.fault(Fault(kind="failed"), method="mget")
    await slow.cache.flush(tag="area:E15")
    await passing(1)
    assert (store.value("cache:v1:g:area:E15") or "") > existing


async def test_an_earlier_lag_does_not_count_toward_the_next(here: Container) -> None:
    tag_versions, (old, tag) = here.cache._engine.tag_versions, ("0" * 24, "area:E15")  # noqa: SLF001 - no other way in
    tag_versions.renew([tag], 0.0)
    tag_versions.adopt(tag, old, 0.0)
    tag_versions.differences([tag], [tag_versions.version(tag)])
    assert not tag_versions.adopt(tag, old, 61.0)


async def test_a_failed_flush_is_sent_although_the_daily_command_limit_is_reached_since(
    store: ChaosStore, upstream: Upstream
) -> None:
    here = Container(store, upstream, commands_per_day=20)
    await here.fact("E15")
    await here.settle()
    store.fault(Fault(kind="failed"), method="mset", times=2)
    await here.cache.flush(tag="area:E15")
    before = store.value("cache:v1:g:area:E15")
    for number in range(30):
        await here.fact(f"N{number}")
    await passing(HOUR)
    assert store.value("cache:v1:g:area:E15") != before


async def test_without_a_tier_many_invalidations_revive_nothing(upstream: Upstream) -> None:
    alone = Container(None, upstream)
    await alone.fact("E15")
    await alone.cache.flush(family="fact")
    for number in range(10_001):
        await alone.fact.invalidate(f"Z{number}")
    assert (await alone.fact("E15")).number == 2
