"""TTL advice: keep, lengthen or shorten a lifetime, from a day of the ledger."""

from typing import Any

import pytest

from tests.support.upstreams import Upstreams
from veo.cache.ledger import Day
from veo.operations import cache_admin
from veo.operations.savings import Prices
from veo.operations.ttl_advice import MIN_REFRESHES, Observed, advise, choose_action
from veo.runtime import build
from veo.services.dispatch import ask
from veo.services.registry import GOOGLE, POLICIES, RESEARCH
from veo.settings import Settings

pytestmark = pytest.mark.anyio

SUMS: dict[str, float] = {
    "memory": 900,
    "source": 100,
    "computes": 100,
    "made:perplexity": 100,
    "uncached:60": 100,
    "uncached_s": 200,
    "age:1": 500,
    "age:7": 400,
}


def advice_for(family: str = "research", **sums: float) -> dict[str, Any]:
    (advice,) = advise(Day("2026-11-24", 1, {"family": {family: {**SUMS, **sums}}}), POLICIES, Prices())
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
        (0, MIN_REFRESHES, "lengthen"),
        (0, MIN_REFRESHES - 1, "keep"),
        (0, 0, "keep"),
    ],
)
def test_a_lifetime_is_judged_by_how_many_refreshes_change_the_value(
    changed: int, unchanged: int, advice: str
) -> None:
    assert advice_for(changed=changed, unchanged=unchanged)["advice"] == advice


def test_a_lifetime_whose_answers_are_young_is_kept() -> None:
    young = Observed(
        refreshes=100, changed_share=1.0, late_share=0.1, computes=100, miss_seconds=2.0, calls={}
    )
    assert choose_action(RESEARCH, young)[0] == "keep"


@pytest.mark.parametrize(
    ("changed", "unchanged", "hours"), [(0, 100, 12), (100, 0, 3), (30, 70, 6)], ids=["up", "down", "same"]
)
def test_a_lifetime_is_to_be_doubled_halved_or_kept(changed: int, unchanged: int, hours: int) -> None:
    advice = advice_for(changed=changed, unchanged=unchanged)
    assert (advice["fresh_for_s"], advice["suggested_s"]) == (
        RESEARCH.fresh_for.total_seconds(),
        hours * 3600,
    )


def test_a_longer_lifetime_saves_half_of_the_refreshes() -> None:
    saving = advice_for(changed=0, unchanged=80)["expected_saving"]
    assert saving == {"calls": 40, "usd": 0.4, "seconds": 80}


def test_a_shorter_lifetime_costs_as_many_refreshes_again() -> None:
    assert advice_for(changed=80, unchanged=0)["expected_saving"] == {
        "calls": -80,
        "usd": -0.8,
        "seconds": -160,
    }


def test_keeping_saves_nothing() -> None:
    assert advice_for()["expected_saving"] == {"calls": 0, "usd": 0, "seconds": 0}


def test_the_reason_is_given_in_figures() -> None:
    assert advice_for(changed=5, unchanged=95)["reason"] == (
        "5% of 100 refreshes changed the value: most values stay valid for longer than 6 hours"
    )


def test_a_lifetime_that_terms_limit_is_not_lengthened() -> None:
    advice = advice_for(GOOGLE.family, changed=0, unchanged=100)
    assert (advice["advice"], "Google's terms" in advice["reason"]) == ("keep", True)


def test_a_family_without_lookups_has_no_advice() -> None:
    assert advise(Day("2026-11-24", 1, {"family": {"research": {"memory": 0}}}), POLICIES, Prices()) == []


def test_the_cost_of_a_miss_is_reported() -> None:
    advice = advice_for()
    assert (advice["miss_ms"], advice["miss_usd"], advice["cache_hit_rate"]) == (2000, 0.01, 0.9)


async def test_a_changed_timestamp_alone_is_no_changed_value() -> None:
    providers = Upstreams()
    providers.start()
    providers.reset()
    runtime = build(providers.settings())
    try:
        await ask(runtime, "boundaries", {"postcode": "E1 6AN"})
        await runtime.questions.boundaries("E1 6AN", refresh=True)
        sums = runtime.cache.ledger.today().record["family"]["boundaries"]
        assert (sums.get("changed", 0), sums["unchanged"]) == (0, 1)
    finally:
        await runtime.close()
        providers.stop()


async def test_stats_include_advice() -> None:
    runtime = build(Settings(cache="memory"))
    await ask(runtime, "crime", {"area_code": "E15"})
    (advice,) = (await cache_admin.stats(runtime))["advice"]
    assert (advice["family"], advice["advice"]) == ("crime", "keep")
