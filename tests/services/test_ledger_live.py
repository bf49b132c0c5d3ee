"""The ledger of live sources: the calls that providers received, and their cost."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.support.upstreams import Upstreams
from veo.operations import cache_admin
from veo.runtime import Runtime, build
from veo.services.dispatch import ask

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def providers() -> Iterator[Upstreams]:
    served = Upstreams()
    served.start()
    yield served
    served.stop()


@pytest.fixture
async def live(providers: Upstreams) -> AsyncIterator[Runtime]:
    """Yield a runtime with every source on the loopback interface."""
    providers.reset()
    runtime = build(providers.settings())
    yield runtime
    await runtime.close()


async def test_calls_of_a_provider_are_those_that_it_received(live: Runtime, providers: Upstreams) -> None:
    await ask(live, "commute", {"origin": "E15", "destination": "UCL"})
    figures = (await cache_admin.stats(live))["here"]
    assert figures["families"]["commute"]["calls_made"]["tfl"] == providers.request_count("tfl") > 0


async def test_a_second_answer_saves_the_calls_of_the_first(live: Runtime) -> None:
    for _ in range(2):
        await ask(live, "commute", {"origin": "E15", "destination": "UCL"})
    family = (await cache_admin.stats(live))["here"]["families"]["commute"]
    assert family["calls_saved"] == family["calls_made"]


async def test_a_paid_call_costs_its_price(live: Runtime) -> None:
    await ask(live, "research", {"area_code": "E15"})
    source = (await cache_admin.stats(live))["here"]["sources"]["perplexity"]
    assert (source["calls"], source["failures"], source["cost_usd"]) == (1, 0, 0.01)


async def test_a_saved_call_is_worth_its_price(live: Runtime) -> None:
    for _ in range(3):
        await ask(live, "research", {"area_code": "E15"})
    source = (await cache_admin.stats(live))["here"]["sources"]["perplexity"]
    assert (source["calls_saved"], source["saved_usd"]) == (2, 0.02)


async def test_a_call_that_failed_is_counted_as_one(live: Runtime, providers: Upstreams) -> None:
    providers.down("police.uk")
    await ask(live, "crime", {"area_code": "E15"})
    assert (await cache_admin.stats(live))["here"]["sources"]["police.uk"]["failures"] == 1
