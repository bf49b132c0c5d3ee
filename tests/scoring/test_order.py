"""Order, budget and homes: facts that hold for many questions about London."""

import re
from collections.abc import Iterator
from functools import cache
from itertools import product

import pytest

from veo.models import PERSONAS, FrozenMap, Persona, Tenure
from veo.runtime import tables
from veo.scoring import (
    DEFAULT_HOME,
    Criteria,
    MortgageTerms,
    Ranking,
    Reference,
    budget_of,
    effective_weights,
    explain,
    is_business,
    rank,
)
from veo.scoring.phrases import Subject
from veo.sources.bulk.refresh import RefreshedTable, apply
from veo.sources.embedded.columns import COLUMNS
from veo.sources.embedded.rail import Rail

SNAPSHOT = tables().snapshot
LONDON = Reference(SNAPSHOT.districts.values())
RAIL = Rail(SNAPSHOT)
BUDGETS: dict[Tenure, tuple[int, ...]] = {
    "rent": (500, 620, 700, 850, 1_550, 1_700, 2_000, 5_000),
    "buy": (500, 1_850, 2_300, 3_000, 350_000, 400_000, 450_000, 900_000),
}
"""From a budget for no home at all to one for most of London."""

DESTINATIONS = ("ucl", "lse", "canary-wharf", "heathrow")
PERSONAS_AND_TENURES = list(product(PERSONAS, BUDGETS))
OVER = re.compile(r"£([\d,]+)(?: a month)? over budget \((\d+|under 1)%\): ")

by_persona_and_tenure = pytest.mark.parametrize(("persona", "tenure"), PERSONAS_AND_TENURES)


@cache
def minutes(destination: str) -> FrozenMap[str, float]:
    return FrozenMap(RAIL.minutes_to(SNAPSHOT.destinations[destination].location))


def question(persona: Persona, tenure: Tenure, amount: int, destination: str) -> Criteria:
    return Criteria(
        persona=persona,
        weights=effective_weights(persona),
        budget=budget_of(amount, tenure, MortgageTerms()),
        home=DEFAULT_HOME[persona],
        minutes=minutes(destination),
    )


@cache
def answers(persona: Persona, tenure: Tenure) -> list[tuple[Criteria, Ranking]]:
    questions = product([persona], [tenure], BUDGETS[tenure], DESTINATIONS)
    return [(criteria, rank(LONDON, criteria)) for criteria in (question(*parts) for parts in questions)]


def first_weaknesses(persona: Persona, tenure: Tenure, *, over: bool) -> Iterator[tuple[float, float, str]]:
    """Yield cost, limit and first weakness of every area that is over its budget, or is not."""
    for criteria, ranking in answers(persona, tenure):
        for item in ranking.items:
            if (item.cost.value > criteria.budget.limit) == over:
                weaknesses = explain(LONDON, criteria, item).weaknesses
                yield item.cost.value, criteria.budget.limit, next(iter(weaknesses), "")


@by_persona_and_tenure
def test_an_answer_is_in_the_order_of_the_scores_that_it_shows(persona: Persona, tenure: Tenure) -> None:
    shown = [[item.shown_total for item in ranking.items] for _, ranking in answers(persona, tenure)]
    assert shown == [sorted(scores, reverse=True) for scores in shown]


@by_persona_and_tenure
def test_every_area_over_budget_says_so_first_with_pounds_and_per_cent(
    persona: Persona, tenure: Tenure
) -> None:
    weaknesses = list(first_weaknesses(persona, tenure, over=True))
    assert weaknesses
    for cost, limit, weakness in weaknesses:
        excess = OVER.match(weakness)
        assert excess, weakness
        assert abs(float(excess[1].replace(",", "")) - (cost - limit)) <= 1
        assert abs(float(excess[2].removeprefix("under ")) - 100 * (cost / limit - 1)) <= 1


@by_persona_and_tenure
def test_no_area_within_budget_is_called_over_budget(persona: Persona, tenure: Tenure) -> None:
    assert not any(
        "over budget" in weakness for *_, weakness in first_weaknesses(persona, tenure, over=False)
    )


@by_persona_and_tenure
def test_no_area_without_a_sale_is_recommended(persona: Persona, tenure: Tenure) -> None:
    recommended = {item.district for _, ranking in answers(persona, tenure) for item in ranking.field}
    assert not [district.code for district in recommended if district.number("sales_12m") == 0]


@pytest.mark.parametrize("code", ["TW6", "UB11", "W1C"])
@pytest.mark.parametrize("business", [False, True])
@pytest.mark.parametrize("tenure", BUDGETS)
def test_a_district_without_a_sale_is_not_recommended_by_itself(
    code: str, tenure: Tenure, *, business: bool
) -> None:
    criteria = question("student", tenure, 5_000, "heathrow").model_copy(
        update={"include_business": business}
    )
    assert rank(LONDON, criteria, [SNAPSHOT.districts[code]]).items == ()


def resold(sales: dict[str, int]) -> list[str]:
    """Return which of TW6 and E15 are recommended after a newer table with only these sales."""
    figure = SNAPSHOT.districts["E15"].figures["sales_12m"]
    rows = {
        code: FrozenMap(
            {"sales_12m": figure.model_copy(update={"value": count, "vintage": "Oct 2025 to Sep 2026"})}
        )
        for code, count in sales.items()
    }
    table = RefreshedTable(name=COLUMNS["sales_12m"].source, made_at="2026-12-01", rows=FrozenMap(rows))
    newer = apply(SNAPSHOT, table).districts
    criteria = question("student", "rent", 5_000, "ucl")
    ranking = rank(Reference(newer.values()), criteria, [newer["TW6"], newer["E15"]])
    return sorted(item.district.code for item in ranking.items)


@pytest.mark.parametrize(
    ("sales", "recommended"),
    [
        ({"TW6": 0, "E15": 271}, ["E15"]),
        ({"TW6": 3, "E15": 271}, ["E15", "TW6"]),
        ({"TW6": 3, "E15": 0}, ["TW6"]),
        ({"TW6": 0}, ["E15"]),
    ],
    ids=["as before", "some sold", "none sold any more", "no count"],
)
def test_a_newer_count_of_sales_decides(sales: dict[str, int], recommended: list[str]) -> None:
    assert resold(sales) == recommended


def test_a_comparison_with_london_counts_only_districts_that_differ() -> None:
    """Open space is one figure, so its sentence can be checked by counting."""
    criteria = question("parent", "rent", 5_000, "ucl")
    peers = [
        share
        for district in LONDON.districts
        if not is_business(district) and (share := district.number("open_space_pct")) is not None
    ]
    for item in rank(LONDON, criteria).field:
        own = item.district.number("open_space_pct")
        if own is not None:
            lower = sum(share < own for share in peers)
            higher = sum(share > own for share in peers)
            count = lower if item.scores["green_spaces"] >= 50 else higher
            standing = Subject(item, criteria, LONDON).standing("green_spaces", "more than", "less than")
            assert f" {100 * count // len(peers)}% of" in standing
