"""Request arrivals: a Poisson process over questions whose popularity follows Zipf's law.

Loads too large to simulate in full are sampled by question, not by request: every nth question of each
family is simulated with all of its requests, and stands for n questions. A cache treats each key
independently, so a sampled key causes the same source calls as it would in the full load; the requests that
are left out beyond that count as hits. (The method is SHARDS, Waldspurger et al., FAST 2015, with its
correction for the hottest keys.)
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

from veo.devtools.simulation.upstream import cost_of
from veo.devtools.zipf import shares

DAY = 86_400.0


class Question(NamedTuple):
    """One question of a family, by its popularity: rank 0 is the most popular."""

    family: str
    rank: int


class Arrival(NamedTuple):
    """A request: its time in seconds since the start, and its questions."""

    at: float
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Demand:
    """A load over families of questions.

    By default each request has exactly one question, and `asks` holds the relative share of each family.
    With `together` each request may have several, and `asks` holds the probability of each family. `skew` is
    the exponent of Zipf's law. `at_most` limits the number of different questions per family.
    """

    requests_a_day: float
    asks: Mapping[str, float]
    together: bool = False
    skew: float = 1.0
    at_most: int | None = None

    def different(self, family: str) -> int:
        """Return the number of different questions of a family."""
        different = cost_of(family).different
        return different if self.at_most is None else min(different, self.at_most)

    def lookups_a_day(self, family: str) -> float:
        """Return the mean number of questions of a family in a day."""
        total = 1.0 if self.together else sum(self.asks.values())
        return self.requests_a_day * self.asks[family] / total

    def sampled(self, family: str, every: int) -> range:
        """Return the simulated ranks: the middle one of each `every`."""
        return range(min(every // 2, self.different(family) - 1), self.different(family), every)

    def weight(self, family: str, every: int) -> float:
        """Return the number of questions that each simulated one stands for."""
        return self.different(family) / len(self.sampled(family, every))

    def simulated_a_day(self, every: int) -> float:
        """Return the mean number of requests a day in a sample of every nth question."""
        if self.together:
            return self.requests_a_day
        return sum(self.lookups_a_day(family) * self._sampled_share(family, every) for family in self.asks)

    def arrivals(self, days: float, rng: Random, every: int = 1) -> Iterator[Arrival]:
        """Yield the requests of some days in chronological order."""
        draw = _Draw(self, rng, every)
        rate = self.simulated_a_day(every) / DAY
        at = rng.expovariate(rate)
        while at < days * DAY:
            if questions := draw.together() if self.together else draw.one():
                yield Arrival(at, questions)
            at += rng.expovariate(rate)

    def _sampled_share(self, family: str, every: int) -> float:
        by_rank = shares(self.different(family), self.skew)
        return sum(by_rank[rank] for rank in self.sampled(family, every))


class _Draw:
    """Draws sampled questions by their shares."""

    def __init__(self, demand: Demand, rng: Random, every: int) -> None:
        self._rng, self._demand = rng, demand
        self._families = list(demand.asks)
        self._ranks = {family: demand.sampled(family, every) for family in self._families}
        self._sums: dict[str, list[float]] = {}
        for family, ranks in self._ranks.items():
            by_rank = shares(demand.different(family), demand.skew)
            self._sums[family] = list(itertools.accumulate(by_rank[rank] for rank in ranks))
        self._weights = [demand.asks[family] * self._sums[family][-1] for family in self._families]

    def one(self) -> tuple[Question, ...]:
        (family,) = self._rng.choices(self._families, self._weights)
        return (self._question(family),)

    def together(self) -> tuple[Question, ...]:
        families = [family for family in self._families if self._rng.random() < self._demand.asks[family]]
        return tuple(self._question(family) for family in families)

    def _question(self, family: str) -> Question:
        (rank,) = self._rng.choices(self._ranks[family], cum_weights=self._sums[family])
        return Question(family, rank)
