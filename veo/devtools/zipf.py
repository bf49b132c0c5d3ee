"""Zipf's law: the frequency of the nth most popular question is proportional to n^-s."""

import itertools


def shares(count: int, skew: float) -> list[float]:
    """Return the share of all requests that each of `count` questions gets, the most popular first.

    `skew` is the exponent s: 0 makes all questions equally popular, 1 is typical of lookups by people.
    """
    weights = [rank**-skew for rank in range(1, count + 1)]
    total = sum(weights)
    return [weight / total for weight in weights]


def cumulative(count: int, skew: float) -> list[float]:
    """Return the running sums of the shares, as `cum_weights` of `random.choices`."""
    return list(itertools.accumulate(shares(count, skew)))
