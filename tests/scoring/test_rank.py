"""Ranking: constraints, totals and order."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.scoring import criteria, district, only, spread
from veo.models import FACTORS, PERSONAS, District, FactorName, FrozenMap, Persona
from veo.scoring import Budget, Criteria, Ranking, Reference, effective_weights, rank
from veo.scoring.rank import weighted_mean

REFERENCE = Reference(spread())
EVERYTHING: FrozenMap[FactorName, float] = FrozenMap(dict.fromkeys(FACTORS, 1 / len(FACTORS)))
BUY = Budget(tenure="buy", limit=500_000)
BETTER = (
    "imd_crime_decile",
    "outstanding_share",
    "schools_count",
    "food_venues_per_km2",
    "stations_within_1km",
    "pubs_bars_per_km2",
    "open_space_pct",
)
WORSE = ("burglaries_per_1000", "median_price")


def codes(ranking: Ranking) -> list[str]:
    return [item.district.code for item in ranking.items]


def weighing(**weights: float) -> Criteria:
    return criteria(weights=FrozenMap(weights))


@given(st.sampled_from(BETTER), st.floats(0, 2000), st.floats(0, 2000))
def test_more_of_a_good_thing_never_lowers_the_total(column: str, one: float, other: float) -> None:
    question = criteria(weights=EVERYTHING, budget=BUY)
    low, high = (only(district(**{column: value}), question, REFERENCE) for value in sorted((one, other)))
    assert low.total <= high.total


@given(st.sampled_from(WORSE), st.floats(1, 1e6), st.floats(1, 1e6))
def test_more_of_a_burden_never_raises_the_total(column: str, one: float, other: float) -> None:
    question = criteria(weights=EVERYTHING, budget=BUY)
    low, high = (only(district(**{column: value}), question, REFERENCE) for value in sorted((one, other)))
    assert low.total >= high.total


@given(st.floats(0, 200), st.floats(0, 200))
def test_a_longer_journey_never_raises_the_total(one: float, other: float) -> None:
    short, long = (only(district(), criteria({"E1": value}), REFERENCE) for value in sorted((one, other)))
    assert short.total >= long.total


@given(st.permutations(spread(12)))
def test_the_ranking_does_not_depend_on_the_order_of_the_districts(areas: Sequence[District]) -> None:
    assert rank(Reference(areas), criteria(), areas) == rank(Reference(spread(12)), criteria())


@given(st.permutations(spread(12)))
def test_the_totals_do_not_depend_on_the_order_of_the_districts(areas: Sequence[District]) -> None:
    totals = [item.total for item in rank(Reference(areas), criteria()).items]
    assert totals == [item.total for item in rank(Reference(spread(12)), criteria()).items]


@given(st.floats(0, 1), st.sampled_from(PERSONAS))
def test_adding_a_dominated_area_does_not_reorder_the_others(quality: float, persona: Persona) -> None:
    question = criteria(persona=persona, weights=effective_weights(persona))
    poor = district(
        "E99", open_space_pct=0, imd_crime_decile=quality, pubs_bars_per_km2=0, outstanding_share=0
    )
    before = codes(rank(REFERENCE, question, REFERENCE.districts[:12]))
    after = codes(rank(REFERENCE, question, [*REFERENCE.districts[:12], poor]))
    assert [code for code in after if code != "E99"] == before


@given(st.sampled_from([name for name in FACTORS if name != "affordability"]), st.integers(0, 19))
def test_a_factor_without_weight_is_ignored(factor: FactorName, index: int) -> None:
    others = [name for name in FACTORS if name != factor]
    question = criteria(weights=FrozenMap(dict.fromkeys(others, 1 / len(others))))
    full = only(REFERENCE.districts[index], question, REFERENCE)
    assert math.isclose(full.total, sum(full.scores.values()) / len(others))


def test_a_factor_without_weight_is_not_shown() -> None:
    assert "nightlife" not in only(district(), criteria(persona="parent")).scores


@given(st.floats(0, 2000), st.floats(1, 1e7), st.floats(0, 500), st.floats(1, 30_000))
def test_scores_and_totals_are_from_0_to_100(
    value: float, price: float, minutes: float, limit: float
) -> None:
    figures = {**dict.fromkeys(BETTER, value), "median_price": price, "burglaries_per_1000": value}
    item = only(district(**figures), criteria({"E1": minutes}, limit=limit, weights=EVERYTHING), REFERENCE)
    assert all(0 <= score <= 100 + 1e-9 for score in (*item.scores.values(), item.total))


@given(
    st.dictionaries(st.sampled_from(FACTORS), st.tuples(st.floats(0, 100), st.floats(0.01, 1)), min_size=2),
    st.data(),
)
def test_a_missing_figure_gains_only_what_the_coverage_grants_over_the_worst_one(
    known: dict[FactorName, tuple[float, float]], data: st.DataObject
) -> None:
    lost = data.draw(st.sampled_from(sorted(known)))
    whole = sum(weight for _, weight in known.values())
    weights = {name: weight / whole for name, (_, weight) in known.items()}
    scores = {name: score for name, (score, _) in known.items() if name != lost}
    worst = weighted_mean({**scores, lost: 0}, weights)
    assert math.isclose(weighted_mean(scores, weights) * (1 - weights[lost]), worst, abs_tol=1e-6)


def test_nothing_averages_to_zero() -> None:
    assert weighted_mean({}, {"safety": 1.0}) == 0


@given(st.floats(100, 3000))
def test_areas_come_in_the_order_of_the_score_that_is_shown(limit: float) -> None:
    shown = [item.shown_total for item in rank(REFERENCE, criteria(limit=limit)).items]
    assert shown == sorted(shown, reverse=True)


@pytest.mark.parametrize(("rent", "points"), [(1000, 0), (1010, 2), (1100, 20), (1250, 50)])
def test_each_per_cent_over_budget_takes_two_points_off_the_shown_score(rent: float, points: float) -> None:
    home = district(rent_3bed=3 * rent)
    item = only(home, criteria(limit=1000, weights=FrozenMap({"safety": 1.0})), Reference([home]))
    assert item.shown_total == max(0, item.total - points)


def test_a_score_is_never_below_zero() -> None:
    assert only(district(rent_3bed=9000), criteria(limit=1000)).shown_total == 0


def test_a_district_without_a_sale_in_a_year_is_no_home() -> None:
    empty, inhabited = district("TW6", sales_12m=0), district("E1", sales_12m=1)
    question = criteria(limit=5000, include_business=True)
    assert codes(rank(Reference([empty, inhabited]), question)) == ["E1"]


def test_an_unknown_count_of_sales_excludes_no_district() -> None:
    assert codes(rank(REFERENCE, criteria(limit=5000), [district("E1", sales_12m=None)])) == ["E1"]


@given(st.floats(100, 3000), st.sampled_from(PERSONAS))
def test_the_same_question_gives_the_same_answer(limit: float, persona: Persona) -> None:
    question = criteria(limit=limit, persona=persona)
    assert rank(REFERENCE, question) == rank(Reference(spread()), question)


@given(
    st.sampled_from(["rent_1bed", "rent_3bed", "rent_all", "rent_growth_1y_pct", "price_growth_5y_pct"]),
    st.floats(1, 3000),
    st.floats(1, 3000),
)
def test_figures_of_the_borough_do_not_order_two_of_its_districts(
    column: str, one: float, other: float
) -> None:
    twins = [district("E80", "Barnet", **{column: one}), district("E81", "Barnet", **{column: other})]
    reference = Reference([*spread(), *twins])
    first, second = (only(twin, criteria(weights=EVERYTHING), reference) for twin in twins)
    assert first.total == second.total


def test_within_budget_the_higher_total_comes_first() -> None:
    ranking = rank(REFERENCE, criteria(limit=5000))
    assert [item.total for item in ranking.items] == sorted((i.total for i in ranking.items), reverse=True)


def test_equal_areas_come_in_the_order_of_their_codes() -> None:
    same = [district(code) for code in ("E3", "E1", "E2")]
    assert codes(rank(REFERENCE, criteria(), same)) == ["E1", "E2", "E3"]


def test_an_area_within_budget_comes_before_a_better_one_far_beyond_it() -> None:
    dear = district("E1", "Ealing", rent_3bed=4500, open_space_pct=99, imd_crime_decile=10)
    cheap = district("E2", "Barnet", rent_3bed=3000, open_space_pct=1, imd_crime_decile=1)
    assert codes(rank(Reference([dear, cheap]), criteria(limit=1000))) == ["E2", "E1"]


def test_of_areas_that_score_nothing_the_nearest_to_the_budget_comes_first() -> None:
    dearest = district("E1", rent_3bed=9000, open_space_pct=99, imd_crime_decile=10)
    nearest = district("E2", rent_3bed=8000, open_space_pct=1, imd_crime_decile=1)
    assert codes(rank(REFERENCE, criteria(limit=1000), [dearest, nearest])) == ["E2", "E1"]


def test_an_answer_holds_20_areas() -> None:
    assert len(rank(Reference(spread(50)), criteria(limit=5000)).items) == 20


def test_40_areas_compete_for_an_answer() -> None:
    assert len(rank(Reference(spread(50)), criteria(limit=5000)).field) == 40


def test_all_districts_of_the_reference_are_ranked_unless_others_are_given() -> None:
    assert len(rank(Reference(spread(7)), criteria()).items) == 7


def test_a_business_district_is_left_out() -> None:
    assert codes(rank(REFERENCE, criteria(), [district(population=1_499)])) == []


def test_a_business_district_is_ranked_when_asked_for() -> None:
    offices = district(population=1_499)
    assert codes(rank(REFERENCE, criteria(include_business=True), [offices])) == ["E1"]


def test_areas_without_a_sale_are_counted_by_themselves() -> None:
    offices = district("E2", sales_12m=0, population=1_499)
    ranking = rank(REFERENCE, criteria(), [district(sales_12m=0, rent_3bed=None), offices])
    assert (ranking.without_homes, ranking.without_cost) == (1, 0)


def test_an_area_without_a_sale_is_no_near_miss() -> None:
    question = criteria({"E1": 50}, max_commute=30)
    assert rank(REFERENCE, question, [district(sales_12m=0)]).nearest_commute is None


def test_an_area_without_a_cost_is_left_out() -> None:
    assert codes(rank(REFERENCE, criteria(), [district(rent_3bed=None)])) == []


def test_areas_without_a_cost_are_counted() -> None:
    assert rank(REFERENCE, criteria(), [district(), district("E2", rent_3bed=None)]).without_cost == 1


def test_a_room_is_scored_as_a_third_of_a_three_bed() -> None:
    home = district("E1", "Barnet", rent_3bed=2550)
    assert math.isclose(only(home, criteria(limit=1000), Reference([home])).scores["affordability"], 75)


def test_a_whole_home_is_scored_at_its_own_rent() -> None:
    home = district("E1", "Barnet", rent_2bed=850)
    item = only(home, criteria(limit=1000, home="2bed"), Reference([home]))
    assert math.isclose(item.scores["affordability"], 75)


def test_buying_is_scored_at_the_median_price() -> None:
    item = only(district(median_price=425_000), criteria(budget=BUY), REFERENCE)
    assert math.isclose(item.scores["affordability"], 75)


def test_a_small_number_of_sales_is_scored_nearer_the_borough() -> None:
    few = district("E1", "Barnet", population=1_500, median_price=350_000, sales_12m=10)
    reference = Reference([few, district("E2", "Barnet", population=10**12, median_price=500_000)])
    assert math.isclose(only(few, criteria(budget=BUY), reference).scores["affordability"], 75, abs_tol=1e-3)


def test_the_total_is_the_weighted_mean_of_the_shown_factors() -> None:
    item = only(district(), weighing(safety=0.75, green_spaces=0.25))
    assert item.total == 0.75 * item.scores["safety"] + 0.25 * item.scores["green_spaces"]


def test_factors_are_shown_in_the_order_of_the_weights() -> None:
    assert list(only(district(), weighing(safety=0.5, affordability=0.5)).scores) == [
        "safety",
        "affordability",
    ]


def test_full_figures_give_full_coverage() -> None:
    assert only(district()).coverage == 1


def test_an_unknown_journey_lowers_the_coverage_by_its_weight() -> None:
    assert only(district(), criteria({})).coverage == 0.78


def test_an_unknown_journey_leaves_the_other_factors_to_decide() -> None:
    item = only(district(), criteria({}, weights=FrozenMap({"safety": 0.8, "commute": 0.2})))
    assert math.isclose(item.total, item.scores["safety"])


def test_a_stand_in_is_scored_without_counting_as_coverage() -> None:
    bare = district("E1", open_space_pct=None)
    item = only(bare, weighing(safety=0.8, green_spaces=0.2), Reference([*spread(), bare]))
    assert (item.coverage, "green_spaces" in item.scores) == (0.8, True)


def test_a_coverage_of_60_percent_is_ranked() -> None:
    question = criteria(
        {}, weights=FrozenMap({"safety": 0.3, "schools": 0.2, "amenities": 0.1, "commute": 0.4})
    )
    assert codes(rank(REFERENCE, question, [district()])) == ["E1"]


def test_a_coverage_under_60_percent_is_not_ranked() -> None:
    question = criteria({}, weights=FrozenMap({"safety": 0.59, "commute": 0.41}))
    assert codes(rank(REFERENCE, question, [district()])) == []


def test_a_weighty_factor_that_fails_caps_the_shown_total() -> None:
    weights: FrozenMap[FactorName, float] = FrozenMap({"commute": 0.2, "affordability": 0.8})
    item = only(district(), criteria({"E1": 70}, weights=weights), Reference([district()]))
    assert (round(item.total), item.shown_total) == (68, 60)


def test_a_factor_of_less_weight_does_not_cap() -> None:
    weights: FrozenMap[FactorName, float] = FrozenMap({"commute": 0.19, "affordability": 0.81})
    assert only(district(), criteria({"E1": 70}, weights=weights), REFERENCE).capped_by is None


def test_a_factor_at_15_does_not_cap() -> None:
    weights: FrozenMap[FactorName, float] = FrozenMap({"commute": 0.2, "affordability": 0.8})
    assert only(district(), criteria({"E1": 66}, weights=weights), REFERENCE).capped_by is None


def test_the_weightiest_failing_factor_is_named() -> None:
    weights: FrozenMap[FactorName, float] = FrozenMap({"commute": 0.4, "affordability": 0.6})
    assert only(district(), criteria({"E1": 75}, limit=100, weights=weights)).capped_by == "affordability"


def test_a_total_below_the_cap_is_shown_as_it_is() -> None:
    weights: FrozenMap[FactorName, float] = FrozenMap({"commute": 0.5, "affordability": 0.5})
    item = only(district(), criteria({"E1": 75}, limit=800, weights=weights))
    assert item.shown_total == round(item.total, 1) < 60


def test_the_cap_orders_too() -> None:
    weights: FrozenMap[FactorName, float] = FrozenMap({"commute": 0.2, "affordability": 0.8})
    question = criteria({"E1": 20, "E2": 74}, limit=900, weights=weights)
    capped, other = district("E2", "Barnet", rent_3bed=1890), district("E1", "Ealing", rent_3bed=2430)
    ranking = rank(Reference([capped, other]), question)
    assert [(item.district.code, item.shown_total) for item in ranking.items] == [("E1", 73.3), ("E2", 60)]


def test_a_shown_total_has_one_decimal() -> None:
    shown = only(district(), weighing(safety=0.33, green_spaces=0.67)).shown_total
    assert shown == round(shown, 1)


@pytest.mark.parametrize(("minutes", "kept"), [(30, ["E1"]), (30.6, [])])
def test_a_limit_on_minutes_is_never_relaxed(minutes: float, kept: list[str]) -> None:
    assert codes(rank(REFERENCE, criteria({"E1": minutes}, max_commute=30), [district()])) == kept


def test_an_unknown_journey_does_not_meet_a_limit() -> None:
    assert codes(rank(REFERENCE, criteria({}, max_commute=30), [district()])) == []


def test_a_limit_on_safety_is_never_relaxed() -> None:
    ranking = rank(REFERENCE, criteria(limit=5000, min_safety=50))
    assert all(item.scores["safety"] >= 50 for item in ranking.items)


def test_an_area_that_just_meets_the_limit_on_safety_is_kept() -> None:
    safety = only(district()).scores["safety"]
    assert codes(rank(REFERENCE, criteria(min_safety=safety), [district()])) == ["E1"]


def test_safety_is_a_limit_even_where_it_has_no_weight() -> None:
    question = criteria(weights=FrozenMap({"affordability": 1.0}), min_safety=99)
    assert codes(rank(REFERENCE, question, [district()])) == []


def test_an_unknown_safety_does_not_meet_a_limit() -> None:
    unknown = district(imd_crime_decile=None, burglaries_per_1000=None)
    assert codes(rank(REFERENCE, criteria(min_safety=1), [unknown])) == []


def test_the_shortest_of_the_too_long_journeys_is_the_closest_miss() -> None:
    question = criteria({"E1": 50, "E2": 40, "E3": 60}, max_commute=30)
    miss = rank(REFERENCE, question, [district(f"E{number}") for number in (1, 2, 3)]).nearest_commute
    assert miss is not None
    assert miss.district.code == "E2"


def test_the_safest_of_the_too_unsafe_areas_is_the_closest_miss() -> None:
    areas = [district("E1", imd_crime_decile=3), district("E2", imd_crime_decile=4)]
    miss = rank(REFERENCE, criteria(min_safety=90), areas).nearest_safety
    assert miss is not None
    assert miss.district.code == "E2"


def test_an_area_that_breaks_both_limits_is_no_near_miss() -> None:
    ranking = rank(REFERENCE, criteria(max_commute=10, min_safety=90), [district()])
    assert (ranking.nearest_commute, ranking.nearest_safety) == (None, None)


def test_without_limits_there_is_no_near_miss() -> None:
    ranking = rank(REFERENCE, criteria())
    assert (ranking.nearest_commute, ranking.nearest_safety) == (None, None)
