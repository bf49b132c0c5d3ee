"""Preload: a container fills its memory from the shared tier before the first lookup."""

import pytest

from tests.support.chaos import ChaosStore
from tests.support.fleet import Container, Upstream

pytestmark = pytest.mark.anyio

BOTH = [("E15",), ("N1",)]


async def fill(here: Container) -> None:
    for (code,) in BOTH:
        await here.fact(code)
    await here.settle()


async def test_entries_of_the_tier_are_in_memory_afterwards(
    here: Container, there: Container, store: ChaosStore
) -> None:
    await fill(here)
    await there.fact.preload(BOTH)
    store.down = True
    assert (await there.fact.lookup("E15")).origin == "memory"


async def test_it_takes_one_read(here: Container, there: Container, store: ChaosStore) -> None:
    await fill(here)
    await there.fact("W1")  # reads the versions of the tags that all keys share
    await there.settle()
    store.calls.clear()
    await there.fact.preload(BOTH)
    assert [call.method for call in store.calls] == ["mget"]


async def test_absent_entries_are_not_computed(there: Container, upstream: Upstream) -> None:
    assert (await there.fact.preload(BOTH), upstream.calls) == (0, [])


async def test_it_returns_the_number_of_entries(here: Container, there: Container) -> None:
    await fill(here)
    assert await there.fact.preload([*BOTH, ("W1",)]) == 2


async def test_with_the_tier_down_it_loads_nothing(there: Container, store: ChaosStore) -> None:
    store.down = True
    assert await there.fact.preload(BOTH) == 0


async def test_without_a_tier_it_loads_nothing(upstream: Upstream) -> None:
    assert await Container(None, upstream).fact.preload(BOTH) == 0
