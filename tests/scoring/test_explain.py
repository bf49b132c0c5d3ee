"""Explanations: every sentence states figures, and contradicts none of them."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.scoring import censored, criteria, district, figure, only, spread
from veo.models import FACTORS, District, FactorName, FrozenMap, Journey, Leg, Mode
from veo.scoring import (
    Budget,
    Criteria,
    Explanation,
    MortgageTerms,
    Reference,
    area_name,
    budget_of,
    effective_weights,
    explain,
)
from veo.scoring.phrases import Subject, phrase
from veo.scoring.words import lines_of, listed, plural

REFERENCE = Reference(spread())
EVERYTHING: FrozenMap[FactorName, float] = FrozenMap(dict.fromkeys(FACTORS, 1 / len(FACTORS)))


def leg(line: str | None, mode: Mode = "tube") -> Leg:
    return Leg(mode=mode, line=line, start="A", end="B", minutes=5)


def explained(area: District, question: Criteria | None = None) -> Explanation:
    question = question or criteria()
    reference = Reference([*spread(), area])
    return explain(reference, question, only(area, question, reference))


def phrase_on(factor: FactorName, area: District, journey: Journey | None = None, **given: Any) -> str:
    """Return the phrase on one factor of an area that is part of the reference."""
    question = criteria(weights=EVERYTHING, **given)
    reference = Reference([*spread(), area])
    item = only(area, question, reference)
    return phrase(factor, Subject(item, question, reference, journey, "UCL"))


def test_contributions_are_the_weight_times_the_distance_from_50() -> None:
    weights: FrozenMap[FactorName, float] = FrozenMap({"commute": 0.25, "safety": 0.75})
    contributions = explained(district(), criteria({"E1": 20}, weights=weights)).contributions
    assert contributions["commute"] == 12.5


@given(st.integers(0, 19))
def test_contributions_add_up_to_the_total_less_50(index: int) -> None:
    item = only(REFERENCE.districts[index], criteria(), REFERENCE)
    contributions = explain(REFERENCE, criteria(), item).contributions
    assert math.isclose(sum(contributions.values()), item.total - 50, abs_tol=0.5)


def test_contributions_have_one_decimal() -> None:
    weights: FrozenMap[FactorName, float] = FrozenMap({"commute": 0.33, "safety": 0.67})
    assert explained(district(), criteria({"E1": 44}, weights=weights)).contributions["commute"] == 0.7


def test_a_missing_factor_leaves_its_weight_to_the_others() -> None:
    weights: FrozenMap[FactorName, float] = FrozenMap({"affordability": 0.8, "commute": 0.2})
    question = criteria({}, limit=5000, weights=weights)
    assert explained(district(), question).contributions["affordability"] == 50


def test_contributions_have_the_factors_of_the_scores_in_the_same_order() -> None:
    assert list(explained(district()).contributions) == list(effective_weights("student"))


def test_the_three_largest_gains_are_strengths() -> None:
    best = district(
        "E90", imd_crime_decile=99, open_space_pct=99, pubs_bars_per_km2=99, food_venues_per_km2=999
    )
    assert len(explained(best).strengths) == 3


def test_the_largest_gain_comes_first() -> None:
    weights: FrozenMap[FactorName, float] = FrozenMap({"green_spaces": 0.3, "commute": 0.7})
    question = criteria({"E90": 10}, weights=weights)
    assert explained(district("E90", open_space_pct=99), question).strengths[0].startswith("10 min")


def test_the_two_largest_losses_are_weaknesses() -> None:
    worst = district("E90", imd_crime_decile=0, open_space_pct=0, pubs_bars_per_km2=0, food_venues_per_km2=0)
    assert len(explained(worst).weaknesses) == 2


def test_the_largest_loss_comes_first() -> None:
    weights: FrozenMap[FactorName, float] = FrozenMap({"green_spaces": 0.3, "commute": 0.7})
    question = criteria({"E90": 90}, weights=weights)
    assert explained(district("E90", open_space_pct=0), question).weaknesses[0].startswith("90 min")


def test_a_factor_at_50_is_neither() -> None:
    question = criteria({"E90": 45}, weights=FrozenMap({"commute": 1.0}))
    explanation = explained(district("E90"), question)
    assert (explanation.strengths, explanation.weaknesses) == ((), ())


@pytest.mark.parametrize("minutes", [42.5, 48])
def test_a_factor_from_45_to_55_is_neither(minutes: float) -> None:
    question = criteria({"E90": minutes}, weights=FrozenMap({"commute": 1.0}))
    explanation = explained(district("E90"), question)
    assert (explanation.strengths, explanation.weaknesses) == ((), ())


@pytest.mark.parametrize(("minutes", "sides"), [(42, (1, 0)), (49, (0, 1))])
def test_a_factor_beyond_45_to_55_is_one_of_them(minutes: float, sides: tuple[int, int]) -> None:
    question = criteria({"E90": minutes}, weights=FrozenMap({"commute": 1.0}))
    explanation = explained(district("E90"), question)
    assert (len(explanation.strengths), len(explanation.weaknesses)) == sides


@pytest.mark.parametrize(("minutes", "sides"), [(40, (1, 0)), (50, (0, 1))])
def test_less_than_a_point_still_counts(minutes: float, sides: tuple[int, int]) -> None:
    weights: FrozenMap[FactorName, float] = FrozenMap({"commute": 0.02, "affordability": 0.98})
    area = district("E90", "Barnet", rent_3bed=3000)
    explanation = explained(area, criteria({"E90": minutes}, limit=1000, weights=weights))
    assert (len(explanation.strengths), len(explanation.weaknesses)) == sides


def test_a_dear_area_is_not_praised_for_a_cheap_borough() -> None:
    dear = district("E90", "Barnet", rent_3bed=3300)
    reference = Reference([dear, district("E91", "Barnet", population=10**9, rent_3bed=1500)])
    question = criteria(limit=1000, weights=FrozenMap({"affordability": 1.0}))
    assert explain(reference, question, only(dear, question, reference)).strengths == ()


def test_a_cheap_area_is_not_blamed_for_a_dear_borough() -> None:
    cheap = district("E90", "Barnet", rent_3bed=2700)
    reference = Reference([cheap, district("E91", "Barnet", population=10**9, rent_3bed=4500)])
    question = criteria(limit=1000, weights=FrozenMap({"affordability": 1.0}))
    assert explain(reference, question, only(cheap, question, reference)).weaknesses == ()


def test_a_parent_never_reads_of_pubs() -> None:
    question = criteria(persona="parent", weights=effective_weights("parent", {"nightlife": 10}))
    lively = explained(district("E90", pubs_bars_per_km2=99), question)
    assert "pub" not in " ".join((*lively.strengths, *lively.weaknesses, lively.explanation))


def test_the_explanation_gives_the_score_what_helps_and_what_harms() -> None:
    weights: FrozenMap[FactorName, float] = FrozenMap({"affordability": 0.5, "commute": 0.5})
    question = criteria({"E90": 60}, limit=5000, weights=weights)
    assert explained(district("E90", name="Bow, East"), question).explanation == (
        "Bow / East (E90) scores 62.5 for a student, helped most by affordability, held back by commute."
    )


def test_the_explanation_of_an_even_score_names_no_factor() -> None:
    question = criteria({"E90": 45}, weights=FrozenMap({"commute": 1.0}), persona="developer")
    assert explained(district("E90"), question).explanation == (
        "Somewhere (E90) scores 50.0 for a property developer."
    )


def test_the_explanation_says_that_a_score_is_capped() -> None:
    weights: FrozenMap[FactorName, float] = FrozenMap({"affordability": 0.7, "commute": 0.3})
    explanation = explained(district("E90"), criteria({"E90": 75}, limit=5000, weights=weights))
    assert "The score is capped at 60 because of its low score for commute." in explanation.explanation


def test_the_explanation_is_silent_on_a_cap_that_changes_nothing() -> None:
    weights: FrozenMap[FactorName, float] = FrozenMap({"affordability": 0.5, "commute": 0.5})
    explanation = explained(district("E90"), criteria({"E90": 75}, limit=5000, weights=weights))
    assert "capped" not in explanation.explanation


def test_the_explanation_names_what_the_borough_stands_in_for() -> None:
    question = criteria(persona="parent", weights=effective_weights("parent"))
    explanation = explained(district("E90", open_space_pct=None), question)
    assert explanation.explanation.endswith("The borough's average stands in for green space.")


def test_the_explanation_labels_a_business_district() -> None:
    explanation = explained(district("E90", population=900), criteria(include_business=True))
    assert "A business district" in explanation.explanation


def test_the_figures_are_those_behind_the_shown_factors() -> None:
    question = criteria(weights=FrozenMap({"safety": 0.5, "green_spaces": 0.5}))
    assert list(explained(district(), question).figures) == [
        "imd_crime_decile",
        "burglaries_per_1000",
        "open_space_pct",
    ]


def test_a_figure_that_stands_in_is_shown_as_the_boroughs() -> None:
    question = criteria(persona="parent", weights=effective_weights("parent"))
    assert (
        explained(district("E90", open_space_pct=None), question).figures["open_space_pct"].level == "borough"
    )


@pytest.mark.parametrize(
    ("limit", "words"),
    [(2000, "10% under budget"), (1820, "1% under budget"), (1800, "on budget")],
)
def test_a_rent_is_set_against_the_budget(limit: float, words: str) -> None:
    assert phrase_on("affordability", district(), home="2bed", limit=limit) == (
        f"Two-bed rents average £1,800 a month, {words} (borough average, 2025)"
    )


def test_a_room_is_called_an_estimate() -> None:
    assert phrase_on("affordability", district(), limit=1000) == (
        "Rooms cost about £800 a month, 20% under budget "
        "(estimate: a third of a three-bed, borough average, 2025)"
    )


def test_a_price_is_set_against_the_budget() -> None:
    assert phrase_on("affordability", district(), budget=Budget(tenure="buy", limit=400_000)) == (
        "£100,000 over budget (25%): the median price is £500,000 (2025)"
    )


@pytest.mark.parametrize(
    ("limit", "amount"),
    [(1780, "£20 a month over budget (1%)"), (1799.5, "£1 a month over budget (under 1%)")],
)
def test_a_rent_over_budget_says_by_how_much(limit: float, amount: str) -> None:
    assert phrase_on("affordability", district(), home="2bed", limit=limit) == (
        f"{amount}: two-bed rents average £1,800 (borough average, 2025)"
    )


def test_being_over_budget_is_the_first_weakness_even_where_its_weight_is_small() -> None:
    weights = FrozenMap({"safety": 0.98, "affordability": 0.02})
    question = criteria(limit=790, weights=weights)
    assert (
        explained(district(imd_crime_decile=1), question)
        .weaknesses[0]
        .startswith("£10 a month over budget (1%)")
    )


def test_being_over_budget_without_a_weight_for_it_is_said_too() -> None:
    question = criteria(limit=790, weights=FrozenMap({"safety": 1.0}))
    assert explained(district(), question).weaknesses[0].startswith("£10 a month over budget (1%)")


def test_the_explanation_says_what_being_over_budget_costs() -> None:
    assert "Being over budget takes 20.0 points off the score." in (
        explained(district(rent_3bed=3300), criteria(limit=1000)).explanation
    )


def test_a_price_over_what_a_payment_pays_for_names_both() -> None:
    assert phrase_on("affordability", district(), budget=budget_of(1000, "buy", MortgageTerms())) == (
        "£309,933 over budget (163%): the median price is £500,000 (2025); £1,000 a month pays for £190,067"
    )


def test_a_modelled_cost_is_said_to_be_modelled() -> None:
    area = district()
    modelled = figure("median_price", 500_000).model_copy(update={"level": "modelled"})
    group = area.model_copy(update={"figures": FrozenMap({**area.figures, "median_price": modelled})})
    text = phrase_on("affordability", group, budget=Budget(tenure="buy", limit=500_000))
    assert text == "The median price is £500,000, on budget (modelled, 2025)"


def test_a_journey_names_its_lines_and_source() -> None:
    journey = Journey(minutes=27.4, legs=(leg(None, "walk"), leg("Central"), leg("Northern")))
    assert (
        phrase_on("commute", district(), journey) == "27 min to UCL by Central and Northern lines (modelled)"
    )


def test_a_journey_without_a_ride_is_on_foot() -> None:
    assert phrase_on("commute", district(), Journey(minutes=9, legs=())) == "9 min to UCL on foot (modelled)"


def test_minutes_alone_name_the_place() -> None:
    assert phrase_on("commute", district()) == "30 min to UCL (modelled)"


def test_without_a_destination_the_minutes_lead_to_a_job_centre() -> None:
    question = criteria({"E1": 21}, weights=FrozenMap({"commute": 1.0}))
    assert explained(district(), question).strengths == ("21 min to the nearest main job centre (modelled)",)


def test_safety_is_compared_with_london() -> None:
    text = phrase_on("safety", district("E90", imd_crime_decile=10, burglaries_per_1000=1))
    assert text == "Safer than 95% of London districts on crime deprivation (2025) and burglary (2025)"


def test_a_lack_of_safety_is_compared_with_london() -> None:
    text = phrase_on("safety", district("E90", imd_crime_decile=0, burglaries_per_1000=99))
    assert text.startswith("Less safe than 95% of London districts on ")


def test_safety_names_only_what_it_rests_on() -> None:
    assert phrase_on("safety", district("E90", burglaries_per_1000=None)).endswith(
        " on crime deprivation (2025)"
    )


def test_schools_give_grades_and_number() -> None:
    text = phrase_on("schools", district("E90", outstanding_share=1, schools_count=99))
    assert text == (
        "Schools ahead of 95% of London districts: 100.0% of 10 legacy Ofsted grades outstanding (2025); "
        "99 state schools (2025)"
    )


def test_a_single_grade_is_in_the_singular() -> None:
    assert "of 1 legacy Ofsted grade outstanding" in phrase_on("schools", district("E90", schools_rated=1))


def test_schools_without_a_grade_give_the_boroughs_and_no_comparison() -> None:
    bare = district("E90", "Barnet", outstanding_share=None, schools_count=0)
    reference = Reference([*spread(), bare, district("E91", "Barnet", outstanding_share=0.25)])
    question = criteria(weights=EVERYTHING)
    text = phrase("schools", Subject(only(bare, question, reference), question, reference))
    assert text == (
        "25.0% of legacy Ofsted grades are outstanding across the borough (2025); none in the district; "
        "no state schools (2025)"
    )


def test_amenities_give_venues_and_stations() -> None:
    text = phrase_on("amenities", district("E90", food_venues_per_km2=1234.56, stations_within_1km=9))
    assert text == (
        "More amenities than 95% of London districts: 1,234.6 food venues per km² (2025) "
        "and 9 stations within 1 km of its centre"
    )


def test_few_amenities_are_said_to_be_few() -> None:
    text = phrase_on("amenities", district("E90", food_venues_per_km2=0, stations_within_1km=0))
    assert text == (
        "Fewer amenities than 95% of London districts: 0.0 food venues per km² (2025) "
        "and no stations within 1 km of its centre"
    )


def test_censored_venues_are_fewer_than_150() -> None:
    assert phrase_on("amenities", censored("E90", stations_within_1km=1)) == (
        "1 station within 1 km of its centre; fewer than 150 food venues (2025)"
    )


def test_censored_nightlife_is_not_counted() -> None:
    assert (
        phrase_on("nightlife", censored("E90"))
        == "Fewer than 150 food venues (2025); pubs and bars not listed"
    )


@pytest.mark.parametrize("factor", ["amenities", "nightlife"])
def test_censored_venues_are_never_compared_with_london(factor: FactorName) -> None:
    assert "%" not in phrase_on(factor, censored("E90"))


def test_nightlife_gives_number_and_density() -> None:
    assert phrase_on("nightlife", district("E90", pubs_bars_per_km2=9.96)) == (
        "More pubs and bars than 95% of London districts: 20 pubs and bars, 10.0 per km² (2025)"
    )


def test_little_nightlife_is_said_to_be_little() -> None:
    assert phrase_on("nightlife", district("E90", pubs_bars_per_km2=0)).startswith(
        "Fewer pubs and bars than 95% of "
    )


def test_green_space_is_compared_with_london() -> None:
    assert phrase_on("green_spaces", district("E90", open_space_pct=58.76)) == (
        "More open space than 95% of London districts: 58.8% of the land (2025)"
    )


def test_little_green_space_is_said_to_be_less() -> None:
    assert phrase_on("green_spaces", district("E90", open_space_pct=1)).startswith(
        "Less open space than 95% of "
    )


def test_the_boroughs_green_space_is_not_claimed_for_the_district() -> None:
    bare = district("E90", open_space_pct=None)
    assert phrase_on("green_spaces", bare).endswith("% of the land (2025); no figure for the district")


def test_a_low_price_is_compared_with_london() -> None:
    assert phrase_on("property_prices", district("E90", median_price=99_000)) == (
        "Cheaper to buy than 95% of London districts: median £99,000 (2025)"
    )


def test_a_high_price_is_said_to_be_dearer() -> None:
    assert phrase_on("property_prices", district("E90", median_price=9e6)).startswith(
        "Dearer to buy than 95% of "
    )


def test_the_boroughs_price_is_not_claimed_for_the_district() -> None:
    text = phrase_on("property_prices", district("E90", median_price=None))
    assert text.startswith("The borough's average price is £")


def test_development_gives_growth_yield_and_sales() -> None:
    assert phrase_on("development", district("E90", sales_12m=99_999, median_price=340_000)).endswith(
        "% of London districts: prices up 10.0% in five years (borough average, 2025); rents up 3.0% in "
        "a year (borough average, 2025); gross yield 6.0%; 99999 sales in 12 months"
    )


def test_a_fall_in_prices_is_said_to_be_down() -> None:
    assert "prices down 7.6% in five years" in phrase_on(
        "development", district("E90", price_growth_5y_pct=-7.6)
    )


def test_a_small_rise_in_prices_is_said_to_be_up() -> None:
    assert "prices up 0.5% in five years" in phrase_on(
        "development", district("E90", price_growth_5y_pct=0.5)
    )


def test_development_leaves_out_what_has_no_figure() -> None:
    bare = district("E90", price_growth_5y_pct=None, rent_growth_1y_pct=None, rent_all=None)
    assert phrase_on("development", bare).endswith("% of London districts: 300 sales in 12 months")


def test_tube_lines_share_their_noun() -> None:
    journey = Journey(minutes=1, legs=(leg("Central"), leg("Central"), leg("Bank", "walk"), leg("Circle")))
    assert lines_of(journey) == "Central and Circle lines"


def test_a_single_tube_line_is_a_line() -> None:
    assert lines_of(Journey(minutes=1, legs=(leg("Central"),))) == "Central line"


def test_other_modes_keep_their_names() -> None:
    journey = Journey(
        minutes=1, legs=(leg("Elizabeth line", "elizabeth-line"), leg("Central"), leg("DLR", "dlr"))
    )
    assert lines_of(journey) == "Elizabeth line, Central line and DLR"


def test_a_bus_is_named_by_its_number() -> None:
    assert lines_of(Journey(minutes=1, legs=(leg("25", "bus"), leg(None, "bus")))) == "bus 25 and bus"


def test_a_line_without_a_name_is_called_by_its_mode() -> None:
    assert lines_of(Journey(minutes=1, legs=(leg(None, "tram"),))) == "tram"


@pytest.mark.parametrize(
    ("words", "sentence"), [((), ""), (("a",), "a"), (("a", "b"), "a and b"), (("a", "b", "c"), "a, b and c")]
)
def test_words_are_joined_as_in_a_sentence(words: tuple[str, ...], sentence: str) -> None:
    assert listed(words) == sentence


@pytest.mark.parametrize(("count", "words"), [(0, "no areas"), (1, "1 area"), (2, "2 areas")])
def test_a_count_agrees_with_its_noun(count: int, words: str) -> None:
    assert plural(count, "area") == words


@pytest.mark.parametrize("name", ["Poplar, Isle of Dogs", "Poplar,Isle of Dogs"])
def test_a_name_has_no_comma(name: str) -> None:
    assert area_name(district(name=name)) == "Poplar / Isle of Dogs"
