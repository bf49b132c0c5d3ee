"""Who asks what, and when: requests that arrive by chance, for questions of which a few are asked often.

Beyond what can be simulated one by one, questions are sampled, not requests: every nth question of each
family, with all of its requests, stands for n of them. A cache treats each key by itself, so what a sampled
key needs of the sources is what it would need among all others; what the rest asks beyond that are hits.
(The method is that of SHARDS, Waldspurger et al., FAST 2015, with its correction for the hottest keys.)
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from veo.devtools.simulation.upstream import source_of
from veo.devtools.zipf import shares

DAY = 86_400.0


class Question(NamedTuple):
    """The question of a family that is asked most but for `rank` others."""

    family: str
    rank: int


class Arrival(NamedTuple):
    """A request: its time in seconds since the start, and what it asks."""

    at: float
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Demand:
    """A load. `asks` says how often a request asks each family.

    Either each request asks exactly one question and these are shares of them, or, `together`, each
    request asks every family with that chance. `skew` is the exponent of Zipf's law. `at_most` bounds how
    many different questions are asked of a family.
    """

    requests_a_day: float
    asks: Mapping[str, float]
    together: bool = False
    skew: float = 1.0
    at_most: int | None = None

    def different(self, family: str) -> int:
        """Give how many different questions are asked of a family."""
        whole = source_of(family).different
        return whole if self.at_most is None else min(whole, self.at_most)

    def asked_a_day(self, family: str) -> float:
        """Give how many questions of a family are asked in a day on average."""
        whole = 1.0 if self.together else sum(self.asks.values())
        return self.requests_a_day * self.asks[family] / whole

    def sampled(self, family: str, every: int) -> range:
        """Give the ranks that are simulated: the middle one of each `every`."""
        return range(min(every // 2, self.different(family) - 1), self.different(family), every)

    def weight(self, family: str, every: int) -> float:
        """Give how many questions each simulated one stands for."""
        return self.different(family) / len(self.sampled(family, every))

    def simulated_a_day(self, every: int) -> float:
        """Give how many requests a day a sample of every nth question makes."""
        if self.together:
            return self.requests_a_day
        return sum(self.asked_a_day(family) * self._seen(family, every) for family in self.asks)

    def arrivals(self, days: float, rng: Random, every: int = 1) -> Iterator[Arrival]:
        """Give the requests of some days, in order of time."""
        draw = _Draw(self, rng, every)
        rate = self.simulated_a_day(every) / DAY
        at = rng.expovariate(rate)
        while at < days * DAY:
            if questions := draw.together() if self.together else draw.one():
                yield Arrival(at, questions)
            at += rng.expovariate(rate)

    def _seen(self, family: str, every: int) -> float:
        each = shares(self.different(family), self.skew)
        return sum(each[rank] for rank in self.sampled(family, every))


class _Draw:
    """Draws questions by their shares, the sampled ones only."""

    def __init__(self, demand: Demand, rng: Random, every: int) -> None:
        self._rng, self._demand = rng, demand
        self._families = list(demand.asks)
        self._ranks = {family: demand.sampled(family, every) for family in self._families}
        self._sums: dict[str, list[float]] = {}
        for family, ranks in self._ranks.items():
            each = shares(demand.different(family), demand.skew)
            self._sums[family] = list(itertools.accumulate(each[rank] for rank in ranks))
        self._weights = [demand.asks[family] * self._sums[family][-1] for family in self._families]

    def one(self) -> tuple[Question, ...]:
        (family,) = self._rng.choices(self._families, self._weights)
        return (self._question(family),)

    def together(self) -> tuple[Question, ...]:
        asked = [family for family in self._families if self._rng.random() < self._demand.asks[family]]
        return tuple(self._question(family) for family in asked)

    def _question(self, family: str) -> Question:
        (rank,) = self._rng.choices(self._ranks[family], cum_weights=self._sums[family])
        return Question(family, rank)
