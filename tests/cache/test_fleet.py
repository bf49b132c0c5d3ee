"""Two containers, one fact: a flush reaches everybody, and nothing brings back what it removed."""

import asyncio
import json
from typing import Any

import pytest

from tests.support.chaos import ChaosStore, Fault
from tests.support.fleet import Container, Upstream, passing, policy
from veo.cache.generations import Generations

pytestmark = pytest.mark.anyio

KEY = "cache:v1:fact:E15"


async def test_two_containers_may_both_compute_a_free_key(here: Container, there: Container) -> None:
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


async def test_a_container_that_idled_checks_the_stamps_before_it_serves(
    here: Container, there: Container
) -> None:
    await here.fact("E15")
    await here.settle()
    await there.fact("E15")
    await here.cache.flush(all=True)
    await passing(61)
    assert (await there.fact("E15")).number == 2


async def test_what_was_computed_before_a_flush_elsewhere_is_not_served_as_fresh(
    here: Container, there: Container
) -> None:
    here.upstream.delay = 1
    computing = asyncio.ensure_future(here.fact("E15"))
    await passing(0.5)
    await there.cache.flush(family="fact")
    await computing
    await here.settle()
    assert (await there.fact("E15")).number == 2


async def test_what_was_computed_before_a_flush_here_is_not_kept(here: Container) -> None:
    here.upstream.delay = 1
    computing = asyncio.ensure_future(here.fact("E15"))
    await passing(0.5)
    await here.cache.flush(family="fact")
    await computing
    assert (await here.fact.lookup("E15")).origin == "source"


async def test_what_was_computed_before_a_flush_does_not_replace_what_came_after(
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


async def test_an_evicted_stamp_never_revives_what_was_flushed(
    here: Container, there: Container, store: ChaosStore
) -> None:
    await here.fact("E15")
    await here.settle()
    await here.cache.flush(family="fact")
    store.put("cache:v1:g:fact", None)
    assert (await there.fact.lookup("E15")).origin == "source"


async def test_an_evicted_stamp_makes_memory_distrust_its_entries(here: Container, store: ChaosStore) -> None:
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


async def test_an_area_s_flush_takes_the_families_along_that_ask_for_it(
    store: ChaosStore, upstream: Upstream
) -> None:
    container = Container(store, upstream, policy(tags=(), flushed_with=("area",)))
    await container.fact("N1")
    await container.cache.flush(tag="area:E15")
    assert (await container.fact.lookup("N1")).origin == "source"


async def test_a_restored_snapshot_checks_its_stamps_before_it_serves(
    here: Container, there: Container
) -> None:
    await here.fact("E15")
    await here.settle()
    await there.cache.flush(family="fact")
    here.cache.restored()
    assert (await here.fact("E15")).number == 2


async def test_a_restored_snapshot_keeps_what_still_holds(here: Container) -> None:
    await here.fact("E15")
    await here.settle()
    here.cache.restored()
    assert (await here.fact.lookup("E15")).origin == "memory"


@pytest.mark.parametrize("selector", [{"family": "fact"}, {"tag": "area:E15"}, {"all": True}])
async def test_a_flush_of_what_this_container_never_read_is_not_undone_by_the_tier(
    here: Container, there: Container, store: ChaosStore, selector: dict[str, Any]
) -> None:
    await there.fact("E15")
    await there.settle()
    store.fault(Fault(kind="failed"), method="mset", times=2)
    await here.cache.flush(**selector)
    assert (await here.fact.lookup("E15")).origin == "source"


async def test_a_lagging_replica_does_not_undo_a_flush_of_what_was_never_read(
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


async def test_callers_while_the_stamps_are_read_again_share_one_read(
    here: Container, store: ChaosStore
) -> None:
    await here.fact("E15")
    await here.settle()
    await passing(70)
    before = store.count("mget")
    store.fault(Fault(delay=0.1), method="mget")
    await asyncio.gather(*(here.fact("E15") for _ in range(10)))
    assert store.count("mget") - before == 1


async def test_memory_goes_on_while_the_stamps_cannot_be_read(here: Container, store: ChaosStore) -> None:
    await here.fact("E15")
    await here.settle()
    store.down = True
    await passing(70)
    assert (await here.fact.lookup("E15")).origin == "memory"


async def test_a_flush_without_a_shared_tier_empties_memory(upstream: Upstream) -> None:
    alone = Container(None, upstream)
    await alone.fact("E15")
    assert (await alone.cache.flush(all=True), (await alone.fact("E15")).number) == (True, 2)


def test_the_stamps_of_long_ago_are_forgotten() -> None:
    generations = Generations(most=2)
    generations.renew(["a", "b", "c"], now=0.0)
    assert generations.shared_tags() == ["b", "c"]


async def test_after_a_pause_a_family_of_memory_waits_for_the_stamps(
    store: ChaosStore, upstream: Upstream, there: Container
) -> None:
    alone = Container(store, upstream, policy(shared=False))
    await alone.cache.set("note:1", "x", 60)  # learns the stamp of everything
    await alone.fact("E15")
    await there.cache.flush(all=True)
    await passing(61)
    assert (await alone.fact("E15")).number == 2
