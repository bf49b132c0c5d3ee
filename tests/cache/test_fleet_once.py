"""Paid sources are asked once across the fleet, also when they fail."""

import asyncio
import json
from datetime import timedelta

import pytest

from tests.support.chaos import ChaosStore, Fault
from tests.support.fleet import ALWAYS_EARLY, HOUR, NEVER_EARLY, Container, Gone, Upstream, passing, policy
from veo.cache import UpstreamThrottled

pytestmark = pytest.mark.anyio

PAID = policy(fleet_once=True)
KEY = "cache:v1:fact:E15"


@pytest.fixture
def payer(store: ChaosStore, upstream: Upstream) -> Container:
    """A container whose source costs money."""
    return Container(store, upstream, PAID)


@pytest.fixture
def other_payer(store: ChaosStore, upstream: Upstream) -> Container:
    """Another one, with the same source."""
    return Container(store, upstream, PAID)


async def stamps_of(container: Container, store: ChaosStore) -> dict[str, str]:
    """Fill once, and give the stamps that a lease of now carries."""
    await container.fact("E15")
    await container.settle()
    stamps: dict[str, str] = json.loads(store.value(KEY) or "{}")["g"]
    store.put(KEY, None)
    return stamps


async def test_two_containers_compute_a_cold_paid_key_once(payer: Container, other_payer: Container) -> None:
    payer.upstream.delay = 0.3
    facts = await asyncio.gather(payer.fact("E15"), other_payer.fact("E15"))
    assert (len(payer.upstream.calls), {fact.number for fact in facts}) == (1, {1})


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


async def test_drain_takes_no_longer_than_it_may_to_give_up_leases(
    payer: Container, store: ChaosStore
) -> None:
    payer.upstream.delay = 60
    asking = [asyncio.ensure_future(payer.fact(f"E{number}")) for number in range(5)]
    await passing(0.1)
    for one in asking:
        one.cancel()
    await passing(0.1)
    store.fault(Fault(hang=True), method="delete", times=5)
    began = asyncio.get_running_loop().time()
    await payer.cache.drain(0.5)
    assert asyncio.get_running_loop().time() - began == pytest.approx(0.5)


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
    patient = policy(fleet_once=True, soft_timeout=timedelta(seconds=20))
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


@pytest.mark.parametrize("error", [KeyError("ours"), Gone("none")])
async def test_an_own_bug_or_an_absence_leaves_no_lease_behind(
    payer: Container, other_payer: Container, error: Exception
) -> None:
    payer.upstream.error = error
    with pytest.raises(type(error)):
        await payer.fact("E15")
    await payer.settle()
    payer.upstream.error = None
    await passing(31)
    began = asyncio.get_running_loop().time()
    await other_payer.fact("E15")
    assert asyncio.get_running_loop().time() == began


async def test_a_refused_value_leaves_no_lease_behind(store: ChaosStore, upstream: Upstream) -> None:
    picky = Container(store, upstream, policy(fleet_once=True, cache_if=lambda _: False))
    began = asyncio.get_running_loop().time()
    assert [(await picky.fact("E15")).number for _ in range(3)] == [1, 2, 3]
    assert asyncio.get_running_loop().time() == began


async def test_a_refresh_does_not_wait_for_the_lease_of_one_s_own_last_compute(payer: Container) -> None:
    await payer.fact("E15")
    await payer.settle()
    began = asyncio.get_running_loop().time()
    assert (await payer.fact.refresh("E15")).number == 2
    assert asyncio.get_running_loop().time() == began


async def test_a_lease_that_another_container_has_by_now_is_left_alone(
    payer: Container, store: ChaosStore
) -> None:
    payer.upstream.delay, payer.upstream.error = 1, KeyError("ours")
    asking = asyncio.ensure_future(payer.fact("E15"))
    await passing(0.5)
    theirs = json.dumps({"o": "another", "eta": 1, "g": {}})
    store.put(f"{KEY}!", theirs)
    with pytest.raises(KeyError):
        await asking
    await payer.settle()
    assert store.value(f"{KEY}!") == theirs


async def test_a_late_failure_note_leaves_a_newer_lease_alone(payer: Container, store: ChaosStore) -> None:
    payer.upstream.error = OSError("down")
    store.fault(Fault(kind="failed"), method="set")
    with pytest.raises(OSError, match="down"):
        await payer.fact("E15")
    await passing(0.5)
    newer = json.dumps({"o": "somebody", "eta": 0, "g": {}})
    store.put(f"{KEY}!", newer)
    await passing(2)
    assert store.value(f"{KEY}!") == newer


async def test_a_late_failure_note_is_written_in_place_of_one_s_own_lease(
    payer: Container, store: ChaosStore
) -> None:
    payer.upstream.error = OSError("down")
    store.fault(Fault(kind="failed"), method="set")
    with pytest.raises(OSError, match="down"):
        await payer.fact("E15")
    await passing(2)
    assert "until" in json.loads(store.value(f"{KEY}!") or "{}")


async def test_a_key_that_waits_for_its_turn_holds_no_lease(payer: Container, store: ChaosStore) -> None:
    payer.upstream.delay = 1
    queue = asyncio.ensure_future(payer.fact.many([(f"E{number}",) for number in range(1, 25)]))
    await passing(0.5)
    assert sum(call.keys[0].endswith("!") for call in store.calls if call.method == "claim") == 8
    await queue
