"""The cost of a home, the limit of a budget, and how far a cost exceeds it."""

from veo.models import District, Figure, Home, Tenure, Value

PAYMENT_BELOW = 50_000
"""A budget to buy below this many pounds is a monthly mortgage payment, otherwise a price."""

DEDUCTION = 2.0
"""Points off the shown score for each per cent over budget."""

RENT_COLUMNS: dict[Home, str] = {
    "room": "rent_3bed",
    "1bed": "rent_1bed",
    "2bed": "rent_2bed",
    "3bed": "rent_3bed",
}
ROOM_ASSUMPTION = "A room is taken as a third of the average three-bed rent: an estimate."
BUYING_IGNORES_HOME = "Prices are one median per district for all homes: the kind of home is ignored."


class MortgageTerms(Value):
    """Mortgage terms: the yearly `rate`, the `years`, and the `deposit` as a share of the price."""

    rate: float = 0.05
    years: int = 25
    deposit: float = 0.10


class Budget(Value):
    """The `limit` in GBP, a monthly rent or a price to buy, and the assumptions behind it.

    `payment` is the monthly mortgage payment in GBP that the limit was derived from, None if it was not.
    """

    tenure: Tenure
    limit: float
    payment: float | None = None
    assumptions: tuple[str, ...] = ()

    @property
    def period(self) -> str:
        """Return the words that follow an amount: " a month" for a rent, nothing for a price."""
        return " a month" if self.tenure == "rent" else ""


def budget_of(amount: float, tenure: Tenure, terms: MortgageTerms) -> Budget:
    """Interpret an amount in GBP: a monthly rent, a price, or a monthly payment converted to a price."""
    if not is_payment(amount, tenure):
        return Budget(tenure=tenure, limit=amount)
    loan = loan_of(amount, terms)
    price = loan / (1 - terms.deposit)
    assumption = (
        f"{pounds(amount)} a month repays a loan of {pounds(loan)} over {terms.years} years at "
        f"{terms.rate:.1%}; with a deposit of {terms.deposit:.1%} that buys at {pounds(price)}; "
        "not financial advice."
    )
    return Budget(tenure=tenure, limit=price, payment=amount, assumptions=(assumption,))


def is_payment(amount: float, tenure: Tenure) -> bool:
    """Check whether an amount is a monthly mortgage payment."""
    return tenure == "buy" and amount < PAYMENT_BELOW


def loan_of(payment: float, terms: MortgageTerms) -> float:
    """Return the loan that equal monthly payments repay (the present value of an annuity)."""
    months, rate = terms.years * 12, terms.rate / 12
    return payment * months if rate == 0 else payment * (1 - (1 + rate) ** -months) / rate


def cost_of(district: District, tenure: Tenure, home: Home) -> Figure | None:
    """Return the cost of a home: GBP a month to rent, the median price to buy; None without a figure.

    Only the district's own figure counts, as a borough's price does not show that the district is within
    budget.
    """
    if tenure == "buy":
        return district.figures.get("median_price")
    rent = district.figures.get(RENT_COLUMNS[home])
    if rent is None or home != "room":
        return rent
    return rent.model_copy(
        update={"value": rent.value / 3, "source": f"estimate, a third of a three-bed: {rent.source}"}
    )


def percent_over(cost: float, limit: float) -> float:
    """Return by how many per cent a cost exceeds a limit, 0 if it does not."""
    return max(0.0, 100 * (cost - limit) / limit)


def pounds(amount: float) -> str:
    """Format an amount as £1,234."""
    return f"£{amount:,.0f}"
