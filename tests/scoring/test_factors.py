"""Factors: what each score is made of."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.scoring import censored, district, spread
from veo.models import FACTORS, FactorName, FrozenMap
from veo.scoring import Reference, is_business
from veo.scoring.boroughs import Boroughs
from veo.scoring.factors import cost_score, gross_yield, minutes_score, schools_per_resident

COMPARED = tuple(name for name in FACTORS if name not in ("affordability", "commute"))


@pytest.mark.parametrize(
    ("minutes", "score"), [(0, 100), (20, 100), (32.5, 75), (45, 50), (60, 25), (75, 0), (200, 0)]
)
def test_minutes_have_an_absolute_score(minutes: float, score: float) -> None:
    assert minutes_score(minutes) == score


@pytest.mark.parametrize(
    ("cost", "score"), [(0, 100), (700, 100), (850, 75), (1000, 50), (1125, 25), (1250, 0), (5000, 0)]
)
def test_a_cost_has_an_absolute_score_against_the_budget(cost: float, score: float) -> None:
    assert math.isclose(cost_score(cost, 1000), score, abs_tol=1e-9)


@given(st.floats(0, 300), st.floats(0, 300))
def test_a_longer_journey_never_scores_more(one: float, other: float) -> None:
    assert minutes_score(max(one, other)) <= minutes_score(min(one, other))


@given(st.floats(0, 1e7), st.floats(0, 1e7), st.floats(1, 1e7))
def test_a_higher_cost_never_scores_more(one: float, other: float, budget: float) -> None:
    assert cost_score(max(one, other), budget) <= cost_score(min(one, other), budget)


def test_the_best_of_four_districts_scores_the_middle_of_the_last_rank() -> None:
    four = [district(f"E{number}", open_space_pct=number) for number in range(1, 5)]
    assert Reference(four).scores(four[3])["green_spaces"] == 87.5


@pytest.mark.parametrize(
    ("factor", "column"),
    [
        ("safety", "imd_crime_decile"),
        ("schools", "outstanding_share"),
        ("schools", "schools_count"),
        ("amenities", "food_venues_per_km2"),
        ("amenities", "stations_within_1km"),
        ("nightlife", "pubs_bars_per_km2"),
        ("green_spaces", "open_space_pct"),
        ("development", "sales_12m"),
    ],
)
def test_more_of_a_figure_raises_its_factor(factor: FactorName, column: str) -> None:
    reference = Reference(spread())
    low, high = district("E90", **{column: 0}), district("E91", **{column: 1e6})
    assert reference.scores(low)[factor] < reference.scores(high)[factor]


@pytest.mark.parametrize(
    ("factor", "column"),
    [("safety", "burglaries_per_1000"), ("property_prices", "median_price"), ("development", "median_price")],
)
def test_more_of_a_burden_lowers_its_factor(factor: FactorName, column: str) -> None:
    reference = Reference(spread())
    low, high = district("E90", **{column: 0.5}), district("E91", **{column: 1e9})
    assert reference.scores(low)[factor] > reference.scores(high)[factor]


@pytest.mark.parametrize("column", ["price_growth_5y_pct", "rent_growth_1y_pct", "rent_all"])
def test_more_growth_or_rent_in_the_borough_raises_development(column: str) -> None:
    slow, fast = district("E1", "Newham", **{column: 1}), district("E2", "Hackney", **{column: 9999})
    reference = Reference([slow, fast])
    assert reference.scores(slow)["development"] < reference.scores(fast)["development"]


def test_schools_are_counted_against_the_size_of_the_district() -> None:
    small, large = district(population=10_000), district(population=20_000)
    boroughs = Boroughs([])
    assert schools_per_resident(small, boroughs) == 2 * (schools_per_resident(large, boroughs) or 0)


def test_the_gross_yield_is_a_years_rent_over_the_price() -> None:
    one = district(rent_all=2000, median_price=480_000)
    assert gross_yield(one, Boroughs([one])) == 0.05


def test_there_is_no_yield_on_a_boroughs_price() -> None:
    bare = district("E1", median_price=None)
    assert gross_yield(bare, Boroughs([bare, district("E2")])) is None


def test_there_is_no_yield_without_a_rent() -> None:
    bare = district(rent_all=None)
    assert gross_yield(bare, Boroughs([bare])) is None


def test_censored_districts_tie_in_nightlife() -> None:
    few = [censored("E1"), censored("E2")]
    reference = Reference([*few, district("E3"), district("E4")])
    assert [reference.scores(one)["nightlife"] for one in few] == [25, 25]


def test_a_censored_district_is_below_one_that_lists_no_pub() -> None:
    few, none = censored("E1"), district("E2", pubs_bars_per_km2=0)
    reference = Reference([few, none])
    assert reference.scores(few)["nightlife"] < reference.scores(none)["nightlife"]


def test_a_censored_district_has_all_factors() -> None:
    few = censored("E1")
    assert tuple(Reference([few, district("E2")]).scores(few)) == COMPARED


def test_venues_that_are_missing_without_a_bound_leave_nightlife_out() -> None:
    assert "nightlife" not in Reference(spread()).scores(district("E90", pubs_bars_per_km2=None))


def test_a_stand_in_gives_a_score() -> None:
    bare = district("E90", open_space_pct=None)
    assert "green_spaces" in Reference([*spread(), bare]).scores(bare)


def test_a_stand_in_is_not_part_of_what_others_compare_with() -> None:
    bare = [district(f"E9{digit}", open_space_pct=None) for digit in range(5)]
    four = [district(f"E{number}", open_space_pct=number) for number in range(1, 5)]
    assert Reference([*four, *bare]).scores(four[3])["green_spaces"] == 87.5


def test_a_factor_without_figure_in_the_whole_borough_is_absent() -> None:
    bare = district("E90", "Barnet", median_price=None)
    assert "property_prices" not in Reference([*spread(), bare]).scores(bare)


@pytest.mark.parametrize(("population", "business"), [(1_499, True), (1_500, False)])
def test_under_1500_residents_is_a_business_district(population: int, business: bool) -> None:
    assert is_business(district(population=population)) is business


def test_a_business_district_is_not_part_of_what_others_compare_with() -> None:
    four = [district(f"E{number}", open_space_pct=number) for number in range(1, 5)]
    offices = district("EC3M", "City", population=200, open_space_pct=0)
    assert Reference([*four, offices]).scores(four[0])["green_spaces"] == 12.5


def test_a_business_district_can_be_scored() -> None:
    offices = district("EC3M", "City", population=200, open_space_pct=99)
    assert Reference([*spread(), offices]).scores(offices)["green_spaces"] == 100


def test_an_area_outside_the_reference_can_be_scored() -> None:
    assert tuple(Reference(spread()).scores(district("EC1"))) == COMPARED


def test_a_district_with_newer_figures_is_not_given_its_old_scores() -> None:
    areas = spread()
    newer = areas[0].model_copy(update={"figures": areas[-1].figures})
    assert Reference(areas).scores(newer)["safety"] == Reference(areas).scores(areas[-1])["safety"]


def test_scores_without_any_reference_are_absent() -> None:
    assert Reference([]).scores(district()) == FrozenMap()


@given(st.permutations(spread(12)), st.integers(0, 11))
def test_scores_do_not_depend_on_the_order_of_the_districts(areas: list, index: int) -> None:  # type: ignore[type-arg]  # hypothesis gives a list of districts
    assert Reference(areas).scores(areas[index]) == Reference(spread(12)).scores(areas[index])
