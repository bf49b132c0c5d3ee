"""Constraints: what a home costs and what a budget allows."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.scoring import district
from veo.models import Home
from veo.scoring import MortgageTerms, budget_of, cost_of
from veo.scoring.constraints import loan_of, percent_over

TERMS = MortgageTerms()


def test_the_usual_mortgage_is_at_5_percent_over_25_years_with_a_tenth_down() -> None:
    assert (TERMS.rate, TERMS.years, TERMS.deposit) == (0.05, 25, 0.10)


def test_a_loan_is_the_present_value_of_its_payments() -> None:
    assert round(loan_of(1000, TERMS)) == 171_060


def test_a_loan_without_interest_is_the_sum_of_its_payments() -> None:
    assert loan_of(1000, MortgageTerms(rate=0)) == 300_000


@given(st.floats(500, 49_999), st.floats(0.001, 0.15), st.integers(5, 40))
def test_the_payments_repay_the_loan(payment: float, rate: float, years: int) -> None:
    debt = loan_of(payment, MortgageTerms(rate=rate, years=years))
    for _ in range(years * 12):
        debt = debt * (1 + rate / 12) - payment
    assert math.isclose(debt, 0, abs_tol=payment * 1e-3)


def test_a_budget_to_rent_is_a_rent() -> None:
    assert budget_of(1200, "rent", TERMS).limit == 1200


def test_a_budget_to_rent_assumes_nothing() -> None:
    assert budget_of(1200, "rent", TERMS).assumptions == ()


def test_a_large_budget_to_buy_is_a_price() -> None:
    assert budget_of(50_000, "buy", TERMS).limit == 50_000


def test_a_small_budget_to_buy_is_a_monthly_payment() -> None:
    assert round(budget_of(1000, "buy", TERMS).limit) == 190_067


def test_just_under_50000_is_still_a_monthly_payment() -> None:
    assert budget_of(49_999, "buy", TERMS).limit > 9_000_000


def test_a_price_assumes_nothing() -> None:
    assert budget_of(500_000, "buy", TERMS).assumptions == ()


def test_a_monthly_payment_is_remembered() -> None:
    assert budget_of(1000, "buy", TERMS).payment == 1000


def test_a_price_is_no_payment() -> None:
    assert budget_of(500_000, "buy", TERMS).payment is None


def test_a_monthly_payment_says_what_it_assumes() -> None:
    assert budget_of(1000, "buy", TERMS).assumptions == (
        (
            "£1,000 a month repays a loan of £171,060 over 25 years at 5.0%; with a deposit of 10.0% that "
            "buys at £190,067; not financial advice."
        ),
    )


@pytest.mark.parametrize(("home", "cost"), [("room", 800), ("1bed", 1500), ("2bed", 1800), ("3bed", 2400)])
def test_a_home_to_rent_costs_its_own_average(home: Home, cost: float) -> None:
    figure = cost_of(district(), "rent", home)
    assert figure is not None
    assert figure.value == cost


def test_a_room_says_that_it_is_an_estimate() -> None:
    figure = cost_of(district(), "rent", "room")
    assert figure is not None
    assert figure.source == "estimate, a third of a three-bed: a register"


def test_a_rent_stays_tagged_as_the_boroughs() -> None:
    figure = cost_of(district(), "rent", "room")
    assert figure is not None
    assert figure.level == "borough"


@pytest.mark.parametrize("home", ["room", "3bed"])
def test_buying_costs_the_median_price_whatever_the_home(home: Home) -> None:
    figure = cost_of(district(), "buy", home)
    assert figure is not None
    assert figure.value == 500_000


@pytest.mark.parametrize("home", ["room", "3bed"])
def test_a_missing_rent_is_no_cost(home: Home) -> None:
    assert cost_of(district(rent_3bed=None), "rent", home) is None


def test_a_missing_price_is_no_cost() -> None:
    assert cost_of(district(median_price=None), "buy", "2bed") is None


@pytest.mark.parametrize(("cost", "percent"), [(900, 0), (1200, 0), (1212, 1), (1800, 50)])
def test_a_cost_is_over_budget_by_its_share_of_the_limit(cost: float, percent: float) -> None:
    assert percent_over(cost, 1200) == pytest.approx(percent)
