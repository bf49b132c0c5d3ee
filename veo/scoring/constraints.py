"""What a home costs, what a budget allows, and how far a cost goes beyond it."""

from veo.models import District, Figure, Home, Tenure, Value

PAYMENT_BELOW = 50_000
"""A budget to buy below this many pounds is a monthly mortgage payment, else a price."""

DEDUCTION = 2.0
"""Points that each per cent over budget takes off the shown score."""

RENT_COLUMNS: dict[Home, str] = {
    "room": "rent_3bed",
    "1bed": "rent_1bed",
    "2bed": "rent_2bed",
    "3bed": "rent_3bed",
}
ROOM_ASSUMPTION = "A room is taken as a third of the average three-bed rent: an estimate."
BUYING_IGNORES_HOME = "Prices are one median per district for all homes: the kind of home is ignored."


class MortgageTerms(Value):
    """How a monthly payment becomes a price: yearly `rate`, `years`, `deposit` as a share of the price."""

    rate: float = 0.05
    years: int = 25
    deposit: float = 0.10


class Budget(Value):
    """What can be spent: `limit` in GBP, per month to rent, the price to buy, and what it assumes.

    `payment` is the monthly payment in GBP that the limit was made of, None where it was given as it is.
    """

    tenure: Tenure
    limit: float
    payment: float | None = None
    assumptions: tuple[str, ...] = ()

    @property
    def per(self) -> str:
        """Say the period of the limit, to follow an amount."""
        return " a month" if self.tenure == "rent" else ""


def budget_of(amount: float, tenure: Tenure, terms: MortgageTerms) -> Budget:
    """Read an amount in GBP: a rent per month, a price, or a monthly payment turned into a price."""
    if not is_payment(amount, tenure):
        return Budget(tenure=tenure, limit=amount)
    loan = loan_of(amount, terms)
    price = loan / (1 - terms.deposit)
    said = (
        f"{pounds(amount)} a month repays a loan of {pounds(loan)} over {terms.years} years at "
        f"{terms.rate:.1%}; with a deposit of {terms.deposit:.1%} that buys at {pounds(price)}; "
        "not financial advice."
    )
    return Budget(tenure=tenure, limit=price, payment=amount, assumptions=(said,))


def is_payment(amount: float, tenure: Tenure) -> bool:
    """Tell whether an amount is a monthly mortgage payment."""
    return tenure == "buy" and amount < PAYMENT_BELOW


def loan_of(payment: float, terms: MortgageTerms) -> float:
    """Give the loan that equal monthly payments repay (the present value of an annuity)."""
    months, rate = terms.years * 12, terms.rate / 12
    return payment * months if rate == 0 else payment * (1 - (1 + rate) ** -months) / rate


def cost_of(district: District, tenure: Tenure, home: Home) -> Figure | None:
    """Give what a home costs: GBP a month to rent, the median price to buy; None without a figure.

    Only the district's own figure counts: a borough's price could not show that a limit is kept.
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
    """Return by how many per cent a cost exceeds a limit; 0 within it."""
    return max(0.0, 100 * (cost - limit) / limit)


def pounds(amount: float) -> str:
    """Write an amount as £1,234."""
    return f"£{amount:,.0f}"
