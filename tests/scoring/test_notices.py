"""Notices on areas over budget and on limits that leave too few areas, and the assumptions."""

from tests.support.scoring import criteria, district, spread
from veo.models import District
from veo.scoring import Budget, MortgageTerms, Reference, assumptions, budget_of, notices, rank

REFERENCE = Reference(spread())


def costing(*rents: float) -> list[District]:
    """Make districts whose rooms cost this much."""
    return [district(f"E{number}", rent_3bed=3 * rent) for number, rent in enumerate(rents, 1)]


def notices_on(*rents: float, count: int | None = None, limit: float = 1200) -> tuple[str, ...]:
    question = criteria(limit=limit)
    return notices(rank(REFERENCE, question, costing(*rents)), question, count or len(rents))


def test_an_answer_within_budget_needs_no_notice() -> None:
    assert notices_on(1000, 1200) == ()


def test_nothing_within_budget_names_the_budget_and_the_dearest_shown() -> None:
    assert notices_on(1390, 1400) == ("No areas under £1,200. Showing up to £1,400.",)


def test_the_dearest_shown_is_rounded_up() -> None:
    assert notices_on(1399.4) == ("No areas under £1,200. Showing up to £1,400.",)


def test_areas_over_budget_are_counted_and_named_by_the_dearest() -> None:
    assert notices_on(1100, 1150, 1200, 1300, 1310, 1400) == (
        "3 of 6 areas are over £1,200 a month: up to £1,400.",
    )


def test_one_area_over_budget_is_in_the_singular() -> None:
    assert notices_on(1100, 2500) == ("1 of 2 areas is over £1,200 a month: up to £2,500.",)


def test_areas_within_budget_that_are_not_shown_count_as_within() -> None:
    question = criteria(limit=1200, weights={"safety": 1.0})
    shown = district("E1", rent_3bed=3 * 1201, imd_crime_decile=10)
    hidden = district("E2", rent_3bed=3 * 1100, imd_crime_decile=1)
    ranking = rank(Reference([shown, hidden, *spread()]), question, [shown, hidden])
    assert notices(ranking, question, 1) == ("The area is over £1,200 a month: up to £1,201.",)


def test_no_areas_under_a_budget_names_the_other_limits() -> None:
    question = criteria(limit=1200, max_commute=30, min_safety=1)
    assert notices(rank(REFERENCE, question, costing(1300)), question, 1) == (
        (
            "No areas under £1,200 within 30 minutes and with a safety score of at least 1. "
            "Showing up to £1,300."
        ),
    )


def test_areas_over_budget_are_counted_within_the_limits() -> None:
    question = criteria(limit=1200, max_commute=30)
    assert notices(rank(REFERENCE, question, costing(1100, 1300)), question, 2) == (
        "1 of 2 areas is over £1,200 a month: up to £1,300.",
    )


def test_one_minute_is_in_the_singular() -> None:
    question = criteria({"E1": 2}, max_commute=1)
    (first, _) = notices(rank(REFERENCE, question, [district()]), question, 1)
    assert first == "No areas within 1 minute."


def test_a_closest_miss_of_one_minute_is_in_the_singular() -> None:
    question = criteria({"E1": 0.7}, max_commute=0.5)
    (_, second) = notices(rank(REFERENCE, question, [district()]), question, 1)
    assert second == "The closest miss is E1 (Somewhere): 1 minute."


def test_only_the_areas_shown_have_notices() -> None:
    assert notices_on(1100, 1300, count=1) == ()


def test_a_budget_to_buy_is_not_monthly() -> None:
    question = criteria(budget=Budget(tenure="buy", limit=500_000))
    areas = [district("E1", median_price=400_000), district("E2", median_price=540_000)]
    assert notices(rank(REFERENCE, question, areas), question, 2) == (
        "1 of 2 areas is over £500,000: up to £540,000.",
    )


def test_a_limit_on_minutes_holds_for_the_minutes_that_are_shown() -> None:
    question = criteria({"E1": 32.4}, max_commute=32)
    assert notices(rank(REFERENCE, question, [district()]), question, 1) == ()


def test_a_limit_on_minutes_that_leaves_nothing_names_the_closest_miss() -> None:
    question = criteria({"E1": 33.2}, max_commute=30)
    ranking = rank(REFERENCE, question, [district("E1", name="Bow, East")])
    assert notices(ranking, question, 1) == (
        "No areas within 30 minutes.",
        "The closest miss is E1 (Bow / East): 33 minutes.",
    )


def test_a_limit_on_safety_that_leaves_too_little_names_the_closest_miss() -> None:
    question = criteria(min_safety=60)
    areas = [
        district("E1", imd_crime_decile=9.9, burglaries_per_1000=1),
        district("E2", imd_crime_decile=2.6),
    ]
    assert notices(rank(REFERENCE, question, areas), question, 2) == (
        "Only 1 area with a safety score of at least 60.",
        "The closest miss is E2 (Somewhere): safety 50.0.",
    )


def test_both_limits_are_named_together() -> None:
    question = criteria(max_commute=10, min_safety=90)
    assert notices(rank(REFERENCE, question, [district()]), question, 1) == (
        "No areas within 10 minutes and with a safety score of at least 90.",
    )


def test_a_limit_that_leaves_enough_needs_no_notice() -> None:
    question = criteria(max_commute=30)
    assert notices(rank(REFERENCE, question, [district(), district("E2")]), question, 2) == ()


def test_weights_that_few_areas_have_figures_for_have_a_notice() -> None:
    question = criteria({}, weights={"commute": 1.0})
    assert notices(rank(REFERENCE, question, [district()]), question, 1) == (
        "No areas with figures for enough of the chosen weights.",
    )


def test_a_room_is_called_an_estimate() -> None:
    question = criteria()
    assert assumptions(rank(REFERENCE, question), question) == (
        "A room is taken as a third of the average three-bed rent: an estimate.",
    )


def test_a_whole_home_assumes_nothing() -> None:
    question = criteria(home="2bed")
    assert assumptions(rank(REFERENCE, question), question) == ()


def test_a_mortgage_is_an_assumption() -> None:
    question = criteria(budget=budget_of(1000, "buy", MortgageTerms()))
    assert assumptions(rank(REFERENCE, question), question) == question.budget.assumptions


def test_one_area_left_out_without_a_rent_is_counted() -> None:
    question = criteria(home="2bed")
    ranking = rank(REFERENCE, question, [district(rent_2bed=None)])
    assert assumptions(ranking, question) == ("1 area without a rent figure is left out.",)


def test_areas_left_out_without_a_sale_are_counted() -> None:
    question = criteria(home="2bed")
    ranking = rank(REFERENCE, question, [district(sales_12m=0), district("E2", sales_12m=0)])
    assert assumptions(ranking, question) == ("2 areas without a sale in 12 months are left out.",)


def test_areas_left_out_without_a_price_are_counted() -> None:
    question = criteria(budget=Budget(tenure="buy", limit=500_000))
    bare = [district(f"E{number}", median_price=None) for number in (1, 2)]
    assert assumptions(rank(REFERENCE, question, bare), question) == (
        "2 areas without a median price (too few sales) are left out.",
    )
