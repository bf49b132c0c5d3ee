"""What the cache saves, from the ledger's sums."""

from typing import Any

import pytest

from veo.cache.ledger import Day
from veo.cache.usage import bucket, bucket_end
from veo.operations.savings import Prices, hit_rate, percentile, popular, report, saved

SUMS = {
    "memory": 60.0,
    "shared": 25.0,
    "source": 10.0,
    "failed": 5.0,
    "needed:google": 95.0,
    "needed:tfl": 190.0,
    "made:google": 15.0,
    "made:tfl": 30.0,
    "needed_s": 190.0,
    "spent_s": 30.0,
    "spared": 85.0,
    f"cached:{bucket(0.004)}": 85.0,
    "cached_s": 0.34,
    f"uncached:{bucket(2.0)}": 10.0,
    "uncached_s": 20.0,
}


def day(**groups: Any) -> Day:
    return Day("2026-11-24", 2, {"family": {"maps": SUMS}, **groups})


def report_of(**groups: Any) -> dict[str, Any]:
    return report(day(**groups), Prices())


@pytest.mark.parametrize(
    ("name", "figure"),
    [
        ("cache_hit_rate", 0.85),
        ("cache_hit_rate_text", "85%"),
        ("avg_cache_response_ms", 4.0),
        ("avg_uncached_response_ms", 2000.0),
        ("daily_api_calls_saved", 80 + 160),
        ("estimated_cost_savings", round(80 * 0.005 + 85 * 0.002, 4)),
        ("currency", "USD"),
        ("compute_seconds_saved", 160.0),
        ("computes_saved", 85),
        ("containers", 2),
    ],
)
def test_the_figures_of_a_day_follow_from_its_sums(name: str, figure: object) -> None:
    assert report_of()[name] == figure


def test_a_family_has_figures_of_its_own() -> None:
    assert report_of()["families"]["maps"]["daily_api_calls_saved"] == 240


def test_a_family_reports_its_calls_by_source() -> None:
    family = report_of()["families"]["maps"]
    assert (family["calls_made"], family["calls_saved"]) == (
        {"google": 15, "tfl": 30},
        {"google": 80, "tfl": 160},
    )


@pytest.mark.parametrize("name", ["cache_hit_rate", "avg_cache_response_ms", "daily_api_calls_saved"])
def test_a_figure_without_observations_is_null(name: str) -> None:
    assert report(Day("2026-11-24", 0, {}), Prices())[name] is None


def test_a_family_without_lookups_is_left_out() -> None:
    assert report(Day("2026-11-24", 1, {"family": {"maps": {"memory": 0}}}), Prices())["families"] == {}


def test_a_rate_is_never_rounded_up() -> None:
    nearly = {"memory": 999.0, "source": 1.0}
    assert report(Day("2026-11-24", 1, {"family": {"a": nearly}}), Prices())["cache_hit_rate_text"] == "99%"


def test_an_answer_that_failed_is_no_hit() -> None:
    assert hit_rate({"memory": 1.0, "failed": 1.0}) == 0.5


def test_calls_of_early_refreshes_and_failures_count_against_the_cache() -> None:
    assert saved({"needed:tfl": 5.0, "made:tfl": 9.0, "needed_s": 1.0, "spent_s": 3.0})[:2] == (
        {"tfl": 0},
        0.0,
    )


@pytest.mark.parametrize(("percent", "seconds"), [(50, 0.004), (95, 2.0), (99, 2.0)])
def test_a_percentile_is_the_end_of_its_bucket(percent: int, seconds: float) -> None:
    sums = {f"cached:{bucket(0.004)}": 90.0, f"cached:{bucket(2.0)}": 10.0}
    assert percentile(sums, "cached", percent) == bucket_end(bucket(seconds))


def test_there_is_no_percentile_of_nothing() -> None:
    assert percentile({}, "cached", 50) is None


def test_a_source_reports_calls_failures_and_costs() -> None:
    source = report_of(source={"google": {"calls": 20.0, "failures": 2.0}})["sources"]["google"]
    assert source == {"calls": 20, "failures": 2, "cost_usd": 0.1, "calls_saved": 80, "saved_usd": 0.4}


def test_a_source_without_a_price_costs_nothing() -> None:
    assert report_of(source={"police": {"calls": 20.0}})["sources"]["police"]["cost_usd"] == 0


def test_other_prices_make_other_savings() -> None:
    assert report(day(), Prices(google=1, modal=0))["estimated_cost_savings"] == 80


def test_the_most_popular_keys_come_first() -> None:
    keys = {"maps": {"maps:N1": 1.0, "maps:E15": 3.0}, "area": {"area:E15": 2.0}}
    assert [entry["key"] for entry in popular(day(key=keys))] == ["maps:E15", "area:E15", "maps:N1"]


def test_the_commands_of_the_fleet_are_reported() -> None:
    assert report_of(container={"": {"commands": 7.0}})["commands_sent"] == 7
