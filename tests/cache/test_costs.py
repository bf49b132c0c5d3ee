"""The number of commands that each kind of lookup costs, as the shared tier bills every command."""

import asyncio

import pytest

from tests.support.chaos import ChaosStore, Fault
from tests.support.fleet import ALWAYS_EARLY, HOUR, NEVER_EARLY, Container, Upstream, passing, policy

pytestmark = pytest.mark.anyio

FLEET_ONCE = policy(fleet_once=True)


async def with_known_tags(container: Container) -> Container:
    """Make the first call, read the tag versions of E15, and empty the memory."""
    await container.fact("E15")
    await container.settle()
    container.cache._engine.memory.clear()  # noqa: SLF001 - a container whose memory was too small
    return container


def take_commands(store: ChaosStore) -> list[str]:
    """Return the commands since the last call, and reset them."""
    names = [call.method for call in store.calls]
    store.calls.clear()
    return names


@pytest.mark.parametrize("fleet_once", [False, True])
async def test_a_memory_hit_costs_nothing(store: ChaosStore, upstream: Upstream, fleet_once: bool) -> None:
    container = Container(store, upstream, policy(fleet_once=fleet_once))
    await container.fact("E15")
    await container.settle()
    take_commands(store)
    await container.fact("E15")
    await container.settle()
    assert take_commands(store) == []


@pytest.mark.parametrize("fleet_once", [False, True])
async def test_a_shared_hit_costs_one_read(store: ChaosStore, upstream: Upstream, fleet_once: bool) -> None:
    container = await with_known_tags(Container(store, upstream, policy(fleet_once=fleet_once)))
    take_commands(store)
    await container.fact("E15")
    await container.settle()
    assert take_commands(store) == ["mget"]


async def test_a_cold_key_costs_one_read_and_a_write_behind(here: Container, store: ChaosStore) -> None:
    await with_known_tags(here)
    store.put("cache:v1:fact:E15", None)
    take_commands(store)
    await here.fact("E15")
    await here.settle()
    assert take_commands(store) == ["mget", "set"]


async def test_a_cold_fleet_once_key_costs_a_read_a_claim_and_a_write_behind(
    store: ChaosStore, upstream: Upstream
) -> None:
    container = await with_known_tags(Container(store, upstream, FLEET_ONCE))
    store.put("cache:v1:fact:E15", None)
    store.put("cache:v1:fact:E15!", None)
    take_commands(store)
    await container.fact("E15")
    await container.settle()
    assert take_commands(store) == ["mget", "claim", "set"]


async def test_a_lookup_does_not_wait_for_its_write(here: Container, store: ChaosStore) -> None:
    await with_known_tags(here)
    store.put("cache:v1:fact:E15", None)
    store.fault(Fault(hang=True), method="set")
    began = asyncio.get_running_loop().time()
    await here.fact("E15")
    assert asyncio.get_running_loop().time() == began


async def test_an_early_refresh_costs_two_commands_in_the_background(
    here: Container, store: ChaosStore
) -> None:
    here.upstream.delay = 1
    await here.fact("E15")
    await here.settle()
    await passing(30 * 119)
    await here.fact("E15")
    await here.settle()
    take_commands(store)
    here.draws.value = ALWAYS_EARLY
    await here.fact("E15")
    foreground = take_commands(store)
    here.draws.value = NEVER_EARLY
    await passing(2)
    assert (foreground, take_commands(store)) == ([], ["mget", "set"])


async def test_an_early_refresh_of_a_fleet_once_key_costs_three_commands_in_the_background(
    store: ChaosStore, upstream: Upstream
) -> None:
    container = Container(store, upstream, FLEET_ONCE)
    upstream.delay = 1
    await container.fact("E15")
    await container.settle()
    await passing(30 * 119)
    await container.fact("E15")
    await container.settle()
    take_commands(store)
    container.draws.value = ALWAYS_EARLY
    await container.fact("E15")
    container.draws.value = NEVER_EARLY
    await passing(2)
    assert take_commands(store) == ["mget", "claim", "set"]


@pytest.mark.parametrize(("fleet_once", "background"), [(False, ["set"]), (True, ["claim", "set"])])
async def test_a_stale_shared_value_costs_one_read_and_is_refreshed_in_the_background(
    store: ChaosStore, upstream: Upstream, fleet_once: bool, background: list[str]
) -> None:
    container = await with_known_tags(Container(store, upstream, policy(fleet_once=fleet_once)))
    await passing(2 * HOUR)
    store.put("cache:v1:fact:E15!", None)
    await container.fact("warm")
    await container.settle()
    take_commands(store)
    upstream.delay = 3
    assert (await container.fact.lookup("E15")).stale
    await passing(3)
    await container.settle()
    assert take_commands(store) == ["mget", *background]


async def test_twenty_keys_at_once_cost_one_read(here: Container, store: ChaosStore) -> None:
    calls = [(f"E{number}",) for number in range(20)]
    await here.fact.many(calls)
    await here.settle()
    here.cache._engine.memory.clear()  # noqa: SLF001 - as above
    take_commands(store)
    await here.fact.many(calls)
    assert take_commands(store) == ["mget"]


async def test_a_flush_of_a_family_costs_one_command(here: Container, store: ChaosStore) -> None:
    await with_known_tags(here)
    take_commands(store)
    await here.cache.flush(family="fact")
    assert take_commands(store) == ["mset"]


async def test_an_invalidated_key_costs_one_command(here: Container, store: ChaosStore) -> None:
    await with_known_tags(here)
    take_commands(store)
    await here.fact.invalidate("E15")
    assert take_commands(store) == ["set"]


async def test_a_new_tag_costs_one_claim(here: Container, store: ChaosStore) -> None:
    await with_known_tags(here)
    take_commands(store)
    await here.fact("N1")
    assert take_commands(store) == ["mget", "claim"]


async def test_a_retried_write_costs_a_read_and_a_write(here: Container, store: ChaosStore) -> None:
    await with_known_tags(here)
    store.put("cache:v1:fact:E15", None)
    store.fault(Fault(kind="failed"), method="set")
    await here.fact("E15")
    await passing(0.5)
    take_commands(store)
    await passing(1)
    assert take_commands(store) == ["mget", "set"]


async def test_invalidation_sync_costs_one_read_per_sync_time_of_use(
    here: Container, store: ChaosStore
) -> None:
    await with_known_tags(here)
    await here.fact("E15")
    take_commands(store)
    for _ in range(61):
        await passing(1)
        await here.fact("E15")
    await here.settle()
    assert take_commands(store) == ["mget", "mget"]


async def test_an_idle_container_sends_nothing(here: Container, store: ChaosStore) -> None:
    await with_known_tags(here)
    take_commands(store)
    await passing(10 * HOUR)
    assert take_commands(store) == []
