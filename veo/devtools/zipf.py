"""Zipf's law: in a list of questions by how often they are asked, the nth is asked n to the -s as often."""

import itertools


def shares(count: int, skew: float) -> list[float]:
    """Give the share of all requests that each of `count` questions gets, the most asked first.

    `skew` is the exponent s: 0 asks all alike, 1 is usual for what people look up.
    """
    weights = [rank**-skew for rank in range(1, count + 1)]
    whole = sum(weights)
    return [weight / whole for weight in weights]


def cumulative(count: int, skew: float) -> list[float]:
    """Give the running sums of the shares: what `random.choices` draws by."""
    return list(itertools.accumulate(shares(count, skew)))
