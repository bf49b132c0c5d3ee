"""Rank areas: apply the limits, score the rest and order them, best first."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf

from veo.models import District, FactorName, Figure, FrozenMap, Home, Persona, Value
from veo.scoring.boroughs import Boroughs
from veo.scoring.constraints import DEDUCTION, RENT_COLUMNS, Budget, cost_of, percent_over
from veo.scoring.factors import Reference, cost_score, is_business, lacks_homes, minutes_score

ANSWER = 20
"""How many areas an answer holds; a shorter list is a prefix of it."""

FIELD = 40
"""How many areas compete for the answer when the weights are perturbed."""

MIN_COVERAGE = 0.6
"""The share of the weight that a district's own figures must cover for it to be ranked."""

FLOOR_WEIGHT, FLOOR_SCORE, CAP = 0.2, 15, 60
"""A factor of at least `FLOOR_WEIGHT` that scores below `FLOOR_SCORE` caps the shown total at `CAP`."""


class Criteria(Value):
    """The weights and limits of a question.

    `weights` are positive, sum to 1 and order the factors; `minutes` are door to door by outcode, to the
    destination or else to the nearest main job centre. `max_commute` is in minutes, `min_safety` a score
    from 0 to 100 on the safety factor; neither is ever relaxed.
    """

    persona: Persona
    weights: FrozenMap[FactorName, float]
    budget: Budget
    home: Home
    minutes: FrozenMap[str, float]
    max_commute: float | None = None
    min_safety: float | None = None
    include_business: bool = False


@dataclass(frozen=True, slots=True)
class Ranked:
    """An area that can be ranked. `scores` are 0 to 100, by shown factor; `total` is not capped.

    `coverage` is the share of the weight that the district's own figures cover; `over` is by how many per
    cent the cost exceeds the budget; `capped_by` names the factor that caps the shown total.
    """

    district: District
    cost: Figure
    over: float
    minutes: float | None
    safety: float | None
    scores: FrozenMap[FactorName, float]
    total: float
    coverage: float
    capped_by: FactorName | None

    @property
    def shown_total(self) -> float:
        """Return the score to show, 0 to 100 with one decimal.

        It is at most 60 if an important factor scores low, less two points for each per cent over budget.
        """
        return self.shown(self.total)

    @property
    def deduction(self) -> float:
        """Return the points deducted for being over budget."""
        return DEDUCTION * self.over

    def shown(self, total: float) -> float:
        """Return a weighted mean after this area's cap and deduction, with one decimal."""
        capped = total if self.capped_by is None else min(total, CAP)
        return round(max(0.0, capped - self.deduction), 1)


@dataclass(frozen=True, slots=True)
class Ranking:
    """The best areas in order.

    `within` counts all areas within budget and limits; `without_homes` and `without_cost` count the areas
    left out; `nearest_*` is the closest of the areas that only that limit excludes.
    """

    field: tuple[Ranked, ...]
    within: int
    without_homes: int
    without_cost: int
    nearest_commute: Ranked | None
    nearest_safety: Ranked | None

    @property
    def items(self) -> tuple[Ranked, ...]:
        """Return the areas of the answer."""
        return self.field[:ANSWER]


def rank(reference: Reference, criteria: Criteria, districts: Iterable[District] | None = None) -> Ranking:
    """Rank districts (by default all of the reference) by the shown score."""
    candidates = reference.districts if districts is None else districts
    residential = [
        district for district in candidates if criteria.include_business or not is_business(district)
    ]
    eligible = [district for district in residential if not lacks_homes(district)]
    assessed = [assess(reference, criteria, district) for district in eligible]
    ranked = [item for item in assessed if item is not None and item.coverage >= MIN_COVERAGE]
    gaps = [(item, _commute_gap(item, criteria), _safety_gap(item, criteria)) for item in ranked]
    allowed = [item for item, late, unsafe in gaps if late == unsafe == 0]
    return Ranking(
        field=tuple(sorted(allowed, key=_order)[:FIELD]),
        within=sum(item.over == 0 for item in allowed),
        without_homes=len(residential) - len(eligible),
        without_cost=sum(item is None for item in assessed),
        nearest_commute=_closest((item, late) for item, late, unsafe in gaps if unsafe == 0),
        nearest_safety=_closest((item, unsafe) for item, late, unsafe in gaps if late == 0),
    )


def assess(reference: Reference, criteria: Criteria, district: District) -> Ranked | None:
    """Score one district on the weighted factors; return None if it has no cost."""
    cost = cost_of(district, criteria.budget.tenure, criteria.home)
    scored_cost = _scored_cost(reference.boroughs, criteria, district)
    if cost is None or scored_cost is None:
        return None
    compared = reference.scores(district)
    minutes = criteria.minutes.get(district.code)
    available: dict[FactorName, float] = {
        **compared,
        "affordability": cost_score(scored_cost, criteria.budget.limit),
    }
    if minutes is not None:
        available["commute"] = minutes_score(minutes)
    scores = FrozenMap({name: available[name] for name in criteria.weights if name in available})
    return Ranked(
        district=district,
        cost=cost,
        over=percent_over(cost.value, criteria.budget.limit),
        minutes=minutes,
        safety=compared.get("safety"),
        scores=scores,
        total=weighted_mean(scores, criteria.weights),
        coverage=_coverage(reference.boroughs, criteria, district, scores),
        capped_by=_capped_by(scores, criteria.weights),
    )


def weighted_mean(scores: Mapping[FactorName, float], weights: Mapping[FactorName, float]) -> float:
    """Return the mean of the scores weighted by their factors, 0 without scores."""
    weight = sum(weights[name] for name in scores)
    return sum(weights[name] * score for name, score in scores.items()) / weight if scores else 0.0


def _scored_cost(boroughs: Boroughs, criteria: Criteria, district: District) -> float | None:
    """Return the cost to score: the borough's mean rent, or a price shrunk toward the borough's."""
    if criteria.budget.tenure == "buy":
        return boroughs.value_to_score(district, "median_price")
    rent = boroughs.value_to_score(district, RENT_COLUMNS[criteria.home])
    return rent / 3 if rent is not None and criteria.home == "room" else rent


def _coverage(
    boroughs: Boroughs, criteria: Criteria, district: District, scores: Mapping[FactorName, float]
) -> float:
    """Return the total weight of the factors that rest on the district's own figures."""
    own = (criteria.weights[name] for name in scores if not boroughs.uses_borough_mean(district, name))
    return round(sum(own), 6)  # 0.3 + 0.2 + 0.1 must reach 0.6


def _capped_by(scores: Mapping[FactorName, float], weights: Mapping[FactorName, float]) -> FactorName | None:
    """Return the factor of the largest weight that fails, None if none does."""
    failing = [
        name for name, score in scores.items() if weights[name] >= FLOOR_WEIGHT and score < FLOOR_SCORE
    ]
    return max(failing, key=lambda name: weights[name], default=None)


def _commute_gap(item: Ranked, criteria: Criteria) -> float:
    """Return the minutes above the limit, 0 within it, by the whole minutes that are shown.

    An unknown journey counts as infinitely long.
    """
    if criteria.max_commute is None:
        return 0
    return inf if item.minutes is None else max(0, round(item.minutes) - criteria.max_commute)


def _safety_gap(item: Ranked, criteria: Criteria) -> float:
    """Return the points below the limit, 0 from the limit on; unknown safety counts as infinitely low."""
    if criteria.min_safety is None:
        return 0
    return inf if item.safety is None else max(0, criteria.min_safety - item.safety)


def _closest(items: Iterable[tuple[Ranked, float]]) -> Ranked | None:
    """Return the item with the smallest finite gap above 0, ties by code."""
    missed = [(gap, item.district.code, item) for item, gap in items if 0 < gap < inf]
    return min(missed, key=lambda miss: miss[:2])[2] if missed else None


def _order(item: Ranked) -> tuple[float, float, float, str]:
    """Order by shown score, then by how far over budget, by the uncapped total and by code."""
    return (-item.shown_total, item.over, -item.total, item.district.code)
