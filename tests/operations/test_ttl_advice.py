"""Advice on lifetimes: keep, lengthen or shorten, by what a day's ledger saw."""

from typing import Any

import pytest

from tests.support.upstreams import Upstreams
from veo.cache.ledger import Day
from veo.operations import cache_admin
from veo.operations.savings import Prices
from veo.operations.ttl_advice import ENOUGH, Seen, advise, judged
from veo.runtime import build
from veo.services.dispatch import ask
from veo.services.questions import GOOGLE, POLICIES, RESEARCH
from veo.settings import Settings

pytestmark = pytest.mark.anyio

SEEN: dict[str, float] = {
    "memory": 900,
    "source": 100,
    "computes": 100,
    "made:perplexity": 100,
    "uncached:60": 100,
    "uncached_s": 200,
    "age:1": 500,
    "age:7": 400,
}


def told(family: str = "research", **sums: float) -> dict[str, Any]:
    (advice,) = advise(Day("2026-11-24", 1, {"family": {family: {**SEEN, **sums}}}), POLICIES, Prices())
    return advice


@pytest.mark.parametrize(
    ("changed", "unchanged", "advice"),
    [
        (0, 100, "lengthen"),
        (10, 90, "lengthen"),
        (11, 89, "keep"),
        (49, 51, "keep"),
        (50, 50, "shorten"),
        (100, 0, "shorten"),
        (0, ENOUGH, "lengthen"),
        (0, ENOUGH - 1, "keep"),
        (0, 0, "keep"),
    ],
)
def test_a_life_is_judged_by_what_refreshes_bring(changed: int, unchanged: int, advice: str) -> None:
    assert told(changed=changed, unchanged=unchanged)["advice"] == advice


def test_a_life_whose_answers_are_young_is_kept() -> None:
    young = Seen(refreshes=100, new=1.0, late=0.1, computes=100, miss_seconds=2.0, calls={})
    assert judged(RESEARCH, young)[0] == "keep"


@pytest.mark.parametrize(
    ("changed", "unchanged", "hours"), [(0, 100, 12), (100, 0, 3), (30, 70, 6)], ids=["up", "down", "same"]
)
def test_a_life_is_to_be_doubled_halved_or_kept(changed: int, unchanged: int, hours: int) -> None:
    advice = told(changed=changed, unchanged=unchanged)
    assert (advice["fresh_for_s"], advice["suggested_s"]) == (
        RESEARCH.fresh_for.total_seconds(),
        hours * 3600,
    )


def test_a_longer_life_saves_half_of_the_refreshes() -> None:
    saving = told(changed=0, unchanged=80)["expected_saving"]
    assert saving == {"calls": 40, "usd": 0.4, "seconds": 80}


def test_a_shorter_life_costs_as_many_refreshes_again() -> None:
    assert told(changed=80, unchanged=0)["expected_saving"] == {"calls": -80, "usd": -0.8, "seconds": -160}


def test_keeping_saves_nothing() -> None:
    assert told()["expected_saving"] == {"calls": 0, "usd": 0, "seconds": 0}


def test_the_reason_is_told_in_figures() -> None:
    assert told(changed=5, unchanged=95)["reason"] == (
        "5% of 100 refreshes brought something new: 6 hours is shorter than what it describes lasts"
    )


def test_a_life_that_terms_limit_is_not_lengthened() -> None:
    advice = told(GOOGLE.family, changed=0, unchanged=100)
    assert (advice["advice"], "Google's terms" in advice["reason"]) == ("keep", True)


def test_a_family_that_was_not_asked_has_no_advice() -> None:
    assert advise(Day("2026-11-24", 1, {"family": {"research": {"memory": 0}}}), POLICIES, Prices()) == []


def test_the_cost_of_a_miss_is_told() -> None:
    advice = told()
    assert (advice["miss_ms"], advice["miss_usd"], advice["cache_hit_rate"]) == (2000, 0.01, 0.9)


async def test_a_timestamp_alone_is_nothing_new() -> None:
    providers = Upstreams()
    providers.start()
    providers.reset()
    runtime = build(providers.settings())
    try:
        await ask(runtime, "boundaries", {"postcode": "E1 6AN"})
        await runtime.questions.boundaries("E1 6AN", anew=True)
        sums = runtime.cache.ledger.today().record["family"]["boundaries"]
        assert (sums.get("changed", 0), sums["unchanged"]) == (0, 1)
    finally:
        await runtime.close()
        providers.stop()


async def test_stats_bring_advice() -> None:
    runtime = build(Settings(cache="memory"))
    await ask(runtime, "crime", {"area_code": "E15"})
    (advice,) = (await cache_admin.stats(runtime))["advice"]
    assert (advice["family"], advice["advice"]) == ("crime", "keep")
