"""Under `fleet_once` a source is called once across the fleet, also when it fails."""

import asyncio
import json
from datetime import timedelta

import pytest

from tests.support.chaos import ChaosStore, Fault
from tests.support.fleet import ALWAYS_EARLY, HOUR, NEVER_EARLY, Container, Gone, Upstream, passing, policy
from veo.cache import UpstreamThrottled

pytestmark = pytest.mark.anyio

FLEET_ONCE = policy(fleet_once=True)
KEY = "cache:v1:fact:E15"


@pytest.fixture
def holder(store: ChaosStore, upstream: Upstream) -> Container:
    """One container, which usually takes the lease first."""
    return Container(store, upstream, FLEET_ONCE)


@pytest.fixture
def waiter(store: ChaosStore, upstream: Upstream) -> Container:
    """Another container with the same source."""
    return Container(store, upstream, FLEET_ONCE)


async def versions_of(container: Container, store: ChaosStore) -> dict[str, str]:
    """Fill once, and return the tag versions that a lease taken now would carry."""
    await container.fact("E15")
    await container.settle()
    versions: dict[str, str] = json.loads(store.value(KEY) or "{}")["g"]
    store.put(KEY, None)
    return versions


async def test_two_containers_compute_a_cold_key_once(holder: Container, waiter: Container) -> None:
    holder.upstream.delay = 0.3
    facts = await asyncio.gather(holder.fact("E15"), waiter.fact("E15"))
    assert (len(holder.upstream.calls), {fact.number for fact in facts}) == (1, {1})


async def test_a_waiting_container_polls_at_most_six_times(
    holder: Container, waiter: Container, store: ChaosStore
) -> None:
    holder.upstream.delay = 20
    first = asyncio.ensure_future(holder.fact("E15"))
    await passing(0.1)
    before = store.count("mget")
    await waiter.fact("E15")
    await first
    assert store.count("mget") - before <= 7


async def test_the_lease_of_a_dead_holder_is_taken_over(waiter: Container, store: ChaosStore) -> None:
    store.put(f"{KEY}!", None)
    versions = await versions_of(waiter, store)
    store.put(f"{KEY}!", json.dumps({"o": "dead", "eta": 0, "g": versions}))
    assert (await asyncio.wait_for(waiter.fact.refresh("E15"), 120)).number == 2


async def test_a_lease_from_before_a_flush_delays_no_container(holder: Container, waiter: Container) -> None:
    holder.upstream.delay = 20
    older = asyncio.ensure_future(holder.fact("E15"))
    await passing(0.1)
    await waiter.cache.flush(tag="area:E15")
    holder.upstream.delay = 0
    began = asyncio.get_running_loop().time()
    await waiter.fact("E15")
    assert asyncio.get_running_loop().time() == began
    await older


async def test_after_the_holder_s_failure_no_container_calls_the_source_within_the_throttle(
    holder: Container, waiter: Container
) -> None:
    holder.upstream.error = OSError("down")
    with pytest.raises(OSError, match="down"):
        await holder.fact("E15")
    await holder.settle()
    with pytest.raises(UpstreamThrottled) as caught:
        await waiter.fact("E15")
    assert (len(holder.upstream.calls), caught.value.retry_after) == (1, pytest.approx(15, abs=0.1))


async def test_the_holder_itself_is_throttled_without_a_stale_value(holder: Container) -> None:
    holder.upstream.error = OSError("down")
    with pytest.raises(OSError, match="down"):
        await holder.fact("E15")
    with pytest.raises(UpstreamThrottled, match="next attempt in 15 s"):
        await holder.fact("E15")


async def test_a_throttled_fleet_answers_stale_where_it_can(holder: Container, waiter: Container) -> None:
    await holder.fact("E15")
    await holder.settle()
    await passing(2 * HOUR)
    holder.upstream.error = OSError("down")
    await holder.fact("E15")
    await holder.settle()
    assert ((await waiter.fact.lookup("E15")).origin, len(holder.upstream.calls)) == ("stale", 2)


async def test_after_the_fleet_s_throttle_the_source_is_called_again(
    holder: Container, waiter: Container
) -> None:
    holder.upstream.error = OSError("down")
    with pytest.raises(OSError, match="down"):
        await holder.fact("E15")
    await holder.settle()
    holder.upstream.error = None
    await passing(16)
    assert (await waiter.fact("E15")).number == 2


async def test_with_the_tier_away_every_container_computes(
    holder: Container, waiter: Container, store: ChaosStore
) -> None:
    store.down = True
    await asyncio.gather(holder.fact("E15"), waiter.fact("E15"))
    assert len(holder.upstream.calls) == 2


async def test_a_claim_that_fails_leads_to_the_source(holder: Container, store: ChaosStore) -> None:
    await holder.fact("warm")
    await holder.settle()
    await holder.fact("E15")
    await holder.settle()
    await holder.cache.flush(family="fact")
    store.put(f"{KEY}!", None)
    store.fault(Fault(kind="failed"), method="claim")
    assert (await holder.fact("E15")).number == 3


async def test_a_background_refresh_that_loses_the_lease_ends_silently(
    holder: Container, waiter: Container
) -> None:
    holder.upstream.delay = 1
    await holder.fact("E15")
    await holder.settle()
    await waiter.fact("E15")
    await passing(HOUR - 30)
    holder.upstream.delay = 5
    for container in (holder, waiter):
        container.draws.value = ALWAYS_EARLY
        await container.fact("E15")
        container.draws.value = NEVER_EARLY
    await passing(6)
    assert len(holder.upstream.calls) == 2


async def test_drain_releases_the_lease_of_a_flight_without_a_caller(
    holder: Container, store: ChaosStore
) -> None:
    holder.upstream.delay = 20
    lookup = asyncio.ensure_future(holder.fact("E15"))
    await passing(0.1)
    lookup.cancel()
    await passing(0.1)
    await holder.cache.drain()
    assert store.value(f"{KEY}!") is None


async def test_drain_keeps_the_lease_of_a_flight_with_a_caller(holder: Container, store: ChaosStore) -> None:
    holder.upstream.delay = 20
    lookup = asyncio.ensure_future(holder.fact("E15"))
    await passing(0.1)
    await holder.cache.drain()
    assert store.value(f"{KEY}!") is not None
    await lookup


async def test_close_releases_every_lease(holder: Container, store: ChaosStore) -> None:
    holder.upstream.delay = 20
    lookup = asyncio.ensure_future(holder.fact("E15"))
    await passing(0.1)
    await holder.cache.close()
    assert store.value(f"{KEY}!") is None
    await lookup


async def test_drain_releases_leases_within_its_timeout(holder: Container, store: ChaosStore) -> None:
    holder.upstream.delay = 60
    lookup = [asyncio.ensure_future(holder.fact(f"E{number}")) for number in range(5)]
    await passing(0.1)
    for one in lookup:
        one.cancel()
    await passing(0.1)
    store.fault(Fault(hang=True), method="delete", times=5)
    began = asyncio.get_running_loop().time()
    await holder.cache.drain(0.5)
    assert asyncio.get_running_loop().time() - began == pytest.approx(0.5)


async def test_drain_survives_a_lease_that_cannot_be_released(holder: Container, store: ChaosStore) -> None:
    holder.upstream.delay = 5
    lookup = asyncio.ensure_future(holder.fact("E15"))
    await passing(0.1)
    store.fault(Fault(kind="failed"), method="delete")
    await holder.cache.close()
    assert (await lookup).number == 1


async def test_a_waiting_container_sees_the_holder_s_failure(holder: Container, waiter: Container) -> None:
    holder.upstream.delay, holder.upstream.error = 0.5, OSError("down")
    outcomes = await asyncio.gather(holder.fact("E15"), waiter.fact("E15"), return_exceptions=True)
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


async def test_an_expired_failure_note_is_ignored(holder: Container, store: ChaosStore) -> None:
    store.put(f"{KEY}!", json.dumps({"x": "OSError", "until": 1}))
    assert (await holder.fact("E15")).number == 1


@pytest.mark.parametrize(
    "text",
    ["garbage", "[]", '{"x":"OSError","until":Infinity}', '{"x":"OSError","until":1' + "0" * 400 + "}",
     '{"o":"me","eta":"soon","g":{}}', '{"o":"me","eta":1,"g":7}'],
)  # fmt: skip
async def test_garbage_in_place_of_a_lease_is_ignored(
    holder: Container, store: ChaosStore, text: str
) -> None:
    store.put(f"{KEY}!", text)
    assert (await holder.fact("E15")).number == 1


async def test_a_caller_that_joined_a_refresh_that_yielded_looks_up_again(
    holder: Container, waiter: Container, store: ChaosStore
) -> None:
    holder.upstream.delay = 1
    await holder.fact("E15")
    await holder.settle()
    await waiter.fact("E15")
    await passing(HOUR - 1.06)  # the first compute took 1 s
    await asyncio.gather(holder.fact("E15"), waiter.fact("E15"))
    await passing(0.001)
    holder.upstream.delay = 0.5
    for container in (holder, waiter):
        container.draws.value = ALWAYS_EARLY
        if container is waiter:
            store.fault(Fault(delay=0.2), method="mget")
        await container.fact("E15")
        container.draws.value = NEVER_EARLY
        await passing(0.01)
    await passing(0.1)
    hit = await waiter.fact.lookup("E15")
    assert (hit.value.number, len(holder.upstream.calls)) == (2, 2)


@pytest.mark.parametrize("error", [KeyError("ours"), Gone("none")])
async def test_a_bug_or_an_absence_leaves_no_lease_behind(
    holder: Container, waiter: Container, error: Exception
) -> None:
    holder.upstream.error = error
    with pytest.raises(type(error)):
        await holder.fact("E15")
    await holder.settle()
    holder.upstream.error = None
    await passing(31)
    began = asyncio.get_running_loop().time()
    await waiter.fact("E15")
    assert asyncio.get_running_loop().time() == began


async def test_a_refused_value_leaves_no_lease_behind(store: ChaosStore, upstream: Upstream) -> None:
    picky = Container(store, upstream, policy(fleet_once=True, cache_if=lambda _: False))
    began = asyncio.get_running_loop().time()
    assert [(await picky.fact("E15")).number for _ in range(3)] == [1, 2, 3]
    assert asyncio.get_running_loop().time() == began


async def test_a_refresh_does_not_wait_for_the_lease_of_the_container_s_own_last_compute(
    holder: Container,
) -> None:
    await holder.fact("E15")
    await holder.settle()
    began = asyncio.get_running_loop().time()
    assert (await holder.fact.refresh("E15")).number == 2
    assert asyncio.get_running_loop().time() == began


async def test_a_lease_that_another_container_took_over_is_not_released(
    holder: Container, store: ChaosStore
) -> None:
    holder.upstream.delay, holder.upstream.error = 1, KeyError("ours")
    lookup = asyncio.ensure_future(holder.fact("E15"))
    await passing(0.5)
    theirs = json.dumps({"o": "another", "eta": 1, "g": {}})
    store.put(f"{KEY}!", theirs)
    with pytest.raises(KeyError):
        await lookup
    await holder.settle()
    assert store.value(f"{KEY}!") == theirs


async def test_a_late_failure_note_does_not_overwrite_a_newer_lease(
    holder: Container, store: ChaosStore
) -> None:
    holder.upstream.error = OSError("down")
    store.fault(Fault(kind="failed"), method="set")
    with pytest.raises(OSError, match="down"):
        await holder.fact("E15")
    await passing(0.5)
    newer = json.dumps({"o": "somebody", "eta": 0, "g": {}})
    store.put(f"{KEY}!", newer)
    await passing(2)
    assert store.value(f"{KEY}!") == newer


async def test_a_late_failure_note_replaces_the_container_s_own_lease(
    holder: Container, store: ChaosStore
) -> None:
    holder.upstream.error = OSError("down")
    store.fault(Fault(kind="failed"), method="set")
    with pytest.raises(OSError, match="down"):
        await holder.fact("E15")
    await passing(2)
    assert "until" in json.loads(store.value(f"{KEY}!") or "{}")


async def test_a_key_that_waits_for_a_slot_holds_no_lease(holder: Container, store: ChaosStore) -> None:
    holder.upstream.delay = 1
    queue = asyncio.ensure_future(holder.fact.many([(f"E{number}",) for number in range(1, 25)]))
    await passing(0.5)
    assert sum(call.keys[0].endswith("!") for call in store.calls if call.method == "claim") == 8
    await queue
