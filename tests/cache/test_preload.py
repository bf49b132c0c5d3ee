"""A container fills its memory from the shared tier before anybody asks."""

import pytest

from tests.support.chaos import ChaosStore
from tests.support.fleet import Container, Upstream

pytestmark = pytest.mark.anyio

BOTH = [("E15",), ("N1",)]


async def written(here: Container) -> None:
    for (code,) in BOTH:
        await here.fact(code)
    await here.settle()


async def test_what_the_tier_has_is_in_memory_afterwards(
    here: Container, there: Container, store: ChaosStore
) -> None:
    await written(here)
    await there.fact.preload(BOTH)
    store.down = True
    assert (await there.fact.lookup("E15")).origin == "memory"


async def test_it_takes_one_read(here: Container, there: Container, store: ChaosStore) -> None:
    await written(here)
    await there.fact("W1")  # the stamps of what all share are known by now
    await there.settle()
    store.calls.clear()
    await there.fact.preload(BOTH)
    assert [call.method for call in store.calls] == ["mget"]


async def test_what_the_tier_does_not_have_is_not_asked_for(there: Container, upstream: Upstream) -> None:
    assert (await there.fact.preload(BOTH), upstream.calls) == (0, [])


async def test_it_tells_how_many_there_were(here: Container, there: Container) -> None:
    await written(here)
    assert await there.fact.preload([*BOTH, ("W1",)]) == 2


async def test_a_tier_that_is_away_has_nothing(there: Container, store: ChaosStore) -> None:
    store.down = True
    assert await there.fact.preload(BOTH) == 0


async def test_without_a_tier_there_is_nothing(upstream: Upstream) -> None:
    assert await Container(None, upstream).fact.preload(BOTH) == 0
