"""How many round trips and commands each way of a lookup costs: the shared tier bills every command."""

import asyncio

import pytest

from tests.support.chaos import ChaosStore, Fault
from tests.support.fleet import ALWAYS_EARLY, HOUR, NEVER_EARLY, Container, Upstream, passing, policy

pytestmark = pytest.mark.anyio

PAID = policy(fleet_once=True)


async def known(container: Container) -> Container:
    """Have first contact and the stamps of E15 behind us, and memory empty."""
    await container.fact("E15")
    await container.settle()
    container.cache._engine.memory.clear()  # noqa: SLF001 - a container whose memory was too small
    return container


def sent(store: ChaosStore) -> list[str]:
    """Give the commands since the last look, and forget them."""
    names = [call.method for call in store.calls]
    store.calls.clear()
    return names


@pytest.mark.parametrize("fleet_once", [False, True])
async def test_a_memory_hit_costs_nothing(store: ChaosStore, upstream: Upstream, fleet_once: bool) -> None:
    container = Container(store, upstream, policy(fleet_once=fleet_once))
    await container.fact("E15")
    await container.settle()
    sent(store)
    await container.fact("E15")
    await container.settle()
    assert sent(store) == []


@pytest.mark.parametrize("fleet_once", [False, True])
async def test_a_shared_hit_costs_one_read(store: ChaosStore, upstream: Upstream, fleet_once: bool) -> None:
    container = await known(Container(store, upstream, policy(fleet_once=fleet_once)))
    sent(store)
    await container.fact("E15")
    await container.settle()
    assert sent(store) == ["mget"]


async def test_a_cold_free_key_costs_one_read_and_a_write_behind(here: Container, store: ChaosStore) -> None:
    await known(here)
    store.put("cache:v1:fact:E15", None)
    sent(store)
    await here.fact("E15")
    await here.settle()
    assert sent(store) == ["mget", "set"]


async def test_a_cold_paid_key_costs_a_read_a_claim_and_a_write_behind(
    store: ChaosStore, upstream: Upstream
) -> None:
    container = await known(Container(store, upstream, PAID))
    store.put("cache:v1:fact:E15", None)
    store.put("cache:v1:fact:E15!", None)
    sent(store)
    await container.fact("E15")
    await container.settle()
    assert sent(store) == ["mget", "claim", "set"]


async def test_a_lookup_does_not_wait_for_its_write(here: Container, store: ChaosStore) -> None:
    await known(here)
    store.put("cache:v1:fact:E15", None)
    store.fault(Fault(hang=True), method="set")
    began = asyncio.get_running_loop().time()
    await here.fact("E15")
    assert asyncio.get_running_loop().time() == began


async def test_an_early_refresh_of_a_free_key_costs_two_commands_behind(
    here: Container, store: ChaosStore
) -> None:
    here.upstream.delay = 1
    await here.fact("E15")
    await here.settle()
    await passing(30 * 119)
    await here.fact("E15")
    await here.settle()
    sent(store)
    here.draws.value = ALWAYS_EARLY
    await here.fact("E15")
    foreground = sent(store)
    here.draws.value = NEVER_EARLY
    await passing(2)
    assert (foreground, sent(store)) == ([], ["mget", "set"])


async def test_an_early_refresh_of_a_paid_key_costs_three_commands_behind(
    store: ChaosStore, upstream: Upstream
) -> None:
    payer = Container(store, upstream, PAID)
    upstream.delay = 1
    await payer.fact("E15")
    await payer.settle()
    await passing(30 * 119)
    await payer.fact("E15")
    await payer.settle()
    sent(store)
    payer.draws.value = ALWAYS_EARLY
    await payer.fact("E15")
    payer.draws.value = NEVER_EARLY
    await passing(2)
    assert sent(store) == ["mget", "claim", "set"]


@pytest.mark.parametrize(("fleet_once", "behind"), [(False, ["set"]), (True, ["claim", "set"])])
async def test_a_stale_shared_value_costs_one_read_and_is_refreshed_behind(
    store: ChaosStore, upstream: Upstream, fleet_once: bool, behind: list[str]
) -> None:
    container = await known(Container(store, upstream, policy(fleet_once=fleet_once)))
    await passing(2 * HOUR)
    store.put("cache:v1:fact:E15!", None)
    await container.fact("warm")
    await container.settle()
    sent(store)
    upstream.delay = 3
    assert (await container.fact.lookup("E15")).stale
    await passing(3)
    await container.settle()
    assert sent(store) == ["mget", *behind]


async def test_twenty_keys_at_once_cost_one_read(here: Container, store: ChaosStore) -> None:
    calls = [(f"E{number}",) for number in range(20)]
    await here.fact.many(calls)
    await here.settle()
    here.cache._engine.memory.clear()  # noqa: SLF001 - as above
    sent(store)
    await here.fact.many(calls)
    assert sent(store) == ["mget"]


async def test_a_flush_of_a_family_costs_one_command(here: Container, store: ChaosStore) -> None:
    await known(here)
    sent(store)
    await here.cache.flush(family="fact")
    assert sent(store) == ["mset"]


async def test_an_invalidated_key_costs_one_command(here: Container, store: ChaosStore) -> None:
    await known(here)
    sent(store)
    await here.fact.invalidate("E15")
    assert sent(store) == ["set"]


async def test_the_first_sight_of_a_tag_costs_one_claim(here: Container, store: ChaosStore) -> None:
    await known(here)
    sent(store)
    await here.fact("N1")
    assert sent(store) == ["mget", "claim"]


async def test_a_write_tried_again_costs_a_read_and_a_write(here: Container, store: ChaosStore) -> None:
    await known(here)
    store.put("cache:v1:fact:E15", None)
    store.fault(Fault(kind="failed"), method="set")
    await here.fact("E15")
    await passing(0.5)
    sent(store)
    await passing(1)
    assert sent(store) == ["mget", "set"]


async def test_keeping_in_step_costs_one_read_per_sync_time_of_use(
    here: Container, store: ChaosStore
) -> None:
    await known(here)
    await here.fact("E15")
    sent(store)
    for _ in range(61):
        await passing(1)
        await here.fact("E15")
    await here.settle()
    assert sent(store) == ["mget", "mget"]


async def test_an_idle_container_sends_nothing(here: Container, store: ChaosStore) -> None:
    await known(here)
    sent(store)
    await passing(10 * HOUR)
    assert sent(store) == []
