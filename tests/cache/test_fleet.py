"""Two containers, one fact: paid sources are asked once, flushes reach everybody."""

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from tests.support.chaos import ChaosStore, Fault
from tests.support.fleet import ALWAYS_EARLY, HOUR, NEVER_EARLY, Container, Upstream, passing, policy
from veo.cache import UpstreamThrottled
from veo.cache.generations import Generations

pytestmark = pytest.mark.anyio

PAID = policy(paid=True)
KEY = "cache:v1:fact:E15"


@pytest.fixture
def payer(store: ChaosStore, upstream: Upstream) -> Container:
    """A container whose source costs money."""
    return Container(store, upstream, PAID)


@pytest.fixture
def other_payer(store: ChaosStore, upstream: Upstream) -> Container:
    """Another one, with the same source."""
    return Container(store, upstream, PAID)


async def test_two_containers_compute_a_cold_paid_key_once(payer: Container, other_payer: Container) -> None:
    payer.upstream.delay = 0.3
    facts = await asyncio.gather(payer.fact("E15"), other_payer.fact("E15"))
    assert (len(payer.upstream.calls), {fact.number for fact in facts}) == (1, {1})


async def test_two_containers_may_both_compute_a_free_key(here: Container, there: Container) -> None:
    here.upstream.delay = 0.3
    await asyncio.gather(here.fact("E15"), there.fact("E15"))
    assert len(here.upstream.calls) == 2


async def test_a_waiting_container_polls_at_most_six_times(
    payer: Container, other_payer: Container, store: ChaosStore
) -> None:
    payer.upstream.delay = 20
    first = asyncio.ensure_future(payer.fact("E15"))
    await passing(0.1)
    before = store.count("mget")
    await other_payer.fact("E15")
    await first
    assert store.count("mget") - before <= 7


async def test_the_lease_of_a_dead_holder_is_taken_over(other_payer: Container, store: ChaosStore) -> None:
    store.put(f"{KEY}!", None)
    stamps = await stamps_of(other_payer, store)
    store.put(f"{KEY}!", json.dumps({"o": "dead", "eta": 0, "g": stamps}))
    assert (await asyncio.wait_for(other_payer.fact.refresh("E15"), 120)).number == 2


async def stamps_of(container: Container, store: ChaosStore) -> dict[str, str]:
    """Fill once, and give the stamps that a lease of now carries."""
    await container.fact("E15")
    await container.settle()
    stamps: dict[str, str] = json.loads(store.value(KEY) or "{}")["g"]
    store.put(KEY, None)
    return stamps


async def test_a_lease_from_before_a_flush_makes_nobody_wait(
    payer: Container, other_payer: Container
) -> None:
    payer.upstream.delay = 20
    older = asyncio.ensure_future(payer.fact("E15"))
    await passing(0.1)
    await other_payer.cache.flush(tag="area:E15")
    payer.upstream.delay = 0
    began = asyncio.get_running_loop().time()
    await other_payer.fact("E15")
    assert asyncio.get_running_loop().time() == began
    await older


async def test_after_the_holder_s_failure_nobody_asks_within_the_throttle(
    payer: Container, other_payer: Container
) -> None:
    payer.upstream.error = OSError("down")
    with pytest.raises(OSError, match="down"):
        await payer.fact("E15")
    await payer.settle()
    with pytest.raises(UpstreamThrottled) as caught:
        await other_payer.fact("E15")
    assert (len(payer.upstream.calls), caught.value.retry_after) == (1, pytest.approx(15, abs=0.1))


async def test_the_holder_itself_is_throttled_without_a_stale_value(payer: Container) -> None:
    payer.upstream.error = OSError("down")
    with pytest.raises(OSError, match="down"):
        await payer.fact("E15")
    with pytest.raises(UpstreamThrottled, match="asked again in 15 s"):
        await payer.fact("E15")


async def test_a_throttled_fleet_answers_stale_where_it_can(payer: Container, other_payer: Container) -> None:
    await payer.fact("E15")
    await payer.settle()
    await passing(2 * HOUR)
    payer.upstream.error = OSError("down")
    await payer.fact("E15")
    await payer.settle()
    assert ((await other_payer.fact.lookup("E15")).origin, len(payer.upstream.calls)) == ("stale", 2)


async def test_after_the_fleet_s_throttle_the_source_is_asked_again(
    payer: Container, other_payer: Container
) -> None:
    payer.upstream.error = OSError("down")
    with pytest.raises(OSError, match="down"):
        await payer.fact("E15")
    await payer.settle()
    payer.upstream.error = None
    await passing(16)
    assert (await other_payer.fact("E15")).number == 2


async def test_with_the_tier_away_every_container_computes(
    payer: Container, other_payer: Container, store: ChaosStore
) -> None:
    store.down = True
    await asyncio.gather(payer.fact("E15"), other_payer.fact("E15"))
    assert len(payer.upstream.calls) == 2


async def test_a_claim_that_fails_leads_to_the_source(payer: Container, store: ChaosStore) -> None:
    await payer.fact("warm")
    await payer.settle()
    await payer.fact("E15")
    await payer.settle()
    await payer.cache.flush(family="fact")
    store.put(f"{KEY}!", None)
    store.fault(Fault(kind="failed"), method="claim")
    assert (await payer.fact("E15")).number == 3


async def test_a_background_refresh_that_loses_the_lease_ends_silently(
    payer: Container, other_payer: Container
) -> None:
    payer.upstream.delay = 1
    await payer.fact("E15")
    await payer.settle()
    await other_payer.fact("E15")
    await passing(HOUR - 30)
    payer.upstream.delay = 5
    for container in (payer, other_payer):
        container.draws.value = ALWAYS_EARLY
        await container.fact("E15")
        container.draws.value = NEVER_EARLY
    await passing(6)
    assert len(payer.upstream.calls) == 2


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


async def test_drain_gives_up_the_lease_of_a_flight_nobody_waits_for(
    payer: Container, store: ChaosStore
) -> None:
    payer.upstream.delay = 20
    asking = asyncio.ensure_future(payer.fact("E15"))
    await passing(0.1)
    asking.cancel()
    await passing(0.1)
    await payer.cache.drain()
    assert store.value(f"{KEY}!") is None


async def test_drain_leaves_the_lease_of_another_caller_alone(payer: Container, store: ChaosStore) -> None:
    payer.upstream.delay = 20
    asking = asyncio.ensure_future(payer.fact("E15"))
    await passing(0.1)
    await payer.cache.drain()
    assert store.value(f"{KEY}!") is not None
    await asking


async def test_close_gives_up_every_lease(payer: Container, store: ChaosStore) -> None:
    payer.upstream.delay = 20
    asking = asyncio.ensure_future(payer.fact("E15"))
    await passing(0.1)
    await payer.cache.close()
    assert store.value(f"{KEY}!") is None
    await asking


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


async def test_drain_survives_a_lease_that_cannot_be_given_up(payer: Container, store: ChaosStore) -> None:
    payer.upstream.delay = 5
    asking = asyncio.ensure_future(payer.fact("E15"))
    await passing(0.1)
    store.fault(Fault(kind="failed"), method="delete")
    await payer.cache.close()
    assert (await asking).number == 1


async def test_a_waiting_container_hears_of_the_holder_s_failure(
    payer: Container, other_payer: Container
) -> None:
    payer.upstream.delay, payer.upstream.error = 0.5, OSError("down")
    outcomes = await asyncio.gather(payer.fact("E15"), other_payer.fact("E15"), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [OSError, UpstreamThrottled]


async def test_a_waiting_container_answers_stale_when_the_holder_fails(
    store: ChaosStore, upstream: Upstream
) -> None:
    patient = policy(paid=True, soft_timeout=timedelta(seconds=20))
    holder, waiter = Container(store, upstream, patient), Container(store, upstream, patient)
    await holder.fact("E15")
    await holder.settle()
    await passing(2 * HOUR)
    upstream.delay, upstream.error = 0.5, OSError("down")
    hits = await asyncio.gather(holder.fact.lookup("E15"), waiter.fact.lookup("E15"))
    assert ([hit.origin for hit in hits], len(upstream.calls)) == (["stale", "stale"], 2)


async def test_a_failure_note_whose_time_is_over_is_in_nobody_s_way(
    payer: Container, store: ChaosStore
) -> None:
    store.put(f"{KEY}!", json.dumps({"x": "OSError", "until": 1}))
    assert (await payer.fact("E15")).number == 1


@pytest.mark.parametrize(
    "text",
    ["garbage", "[]", '{"x":"OSError","until":Infinity}', '{"x":"OSError","until":1' + "0" * 400 + "}",
     '{"o":"me","eta":"soon","g":{}}', '{"o":"me","eta":1,"g":7}'],
)  # fmt: skip
async def test_garbage_in_place_of_a_lease_is_in_nobody_s_way(
    payer: Container, store: ChaosStore, text: str
) -> None:
    store.put(f"{KEY}!", text)
    assert (await payer.fact("E15")).number == 1


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


async def test_a_caller_that_joined_a_refresh_that_made_way_looks_again(
    payer: Container, other_payer: Container, store: ChaosStore
) -> None:
    payer.upstream.delay = 1
    await payer.fact("E15")
    await payer.settle()
    await other_payer.fact("E15")
    await passing(HOUR - 1.06)  # the first compute took 1 s
    await asyncio.gather(payer.fact("E15"), other_payer.fact("E15"))
    await passing(0.001)
    payer.upstream.delay = 0.5
    for container in (payer, other_payer):
        container.draws.value = ALWAYS_EARLY
        if container is other_payer:
            store.fault(Fault(delay=0.2), method="mget")
        await container.fact("E15")
        container.draws.value = NEVER_EARLY
        await passing(0.01)
    await passing(0.1)
    hit = await other_payer.fact.lookup("E15")
    assert (hit.value.number, len(payer.upstream.calls)) == (2, 2)


def test_the_stamps_of_long_ago_are_forgotten() -> None:
    generations = Generations(most=2)
    generations.renew(["a", "b", "c"])
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
