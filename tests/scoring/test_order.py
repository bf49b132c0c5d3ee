"""Order, budget and homes over many questions about London: what holds whatever is asked."""

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
"""From what nobody can find a home for to what pays for most of London."""

DESTINATIONS = ("ucl", "lse", "canary-wharf", "heathrow")
ASKERS = list(product(PERSONAS, BUDGETS))
OVER = re.compile(r"£([\d,]+)(?: a month)? over budget \((\d+|under 1)%\): ")

asked_by = pytest.mark.parametrize(("persona", "tenure"), ASKERS)


@cache
def minutes(destination: str) -> FrozenMap[str, float]:
    return FrozenMap(RAIL.minutes_to(SNAPSHOT.destinations[destination].location))


def asking(persona: Persona, tenure: Tenure, amount: int, destination: str) -> Criteria:
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
    return [(asked, rank(LONDON, asked)) for asked in (asking(*question) for question in questions)]


def first_weaknesses(persona: Persona, tenure: Tenure, *, over: bool) -> Iterator[tuple[float, float, str]]:
    """Give cost, limit and first weakness of every area that is over its budget, or is not."""
    for asked, ranking in answers(persona, tenure):
        for item in ranking.items:
            if (item.cost.value > asked.budget.limit) == over:
                weaknesses = explain(LONDON, asked, item).weaknesses
                yield item.cost.value, asked.budget.limit, next(iter(weaknesses), "")


@asked_by
def test_an_answer_is_in_the_order_of_the_scores_that_it_shows(persona: Persona, tenure: Tenure) -> None:
    shown = [[item.shown_total for item in ranking.items] for _, ranking in answers(persona, tenure)]
    assert shown == [sorted(scores, reverse=True) for scores in shown]


@asked_by
def test_every_area_over_budget_says_so_first_with_pounds_and_per_cent(
    persona: Persona, tenure: Tenure
) -> None:
    said = list(first_weaknesses(persona, tenure, over=True))
    assert said
    for cost, limit, weakness in said:
        found = OVER.match(weakness)
        assert found, weakness
        assert abs(float(found[1].replace(",", "")) - (cost - limit)) <= 1
        assert abs(float(found[2].removeprefix("under ")) - 100 * (cost / limit - 1)) <= 1


@asked_by
def test_no_area_within_budget_is_said_to_be_over(persona: Persona, tenure: Tenure) -> None:
    assert not any("over budget" in said for *_, said in first_weaknesses(persona, tenure, over=False))


@asked_by
def test_no_area_without_a_sale_is_recommended(persona: Persona, tenure: Tenure) -> None:
    recommended = {item.district for _, ranking in answers(persona, tenure) for item in ranking.field}
    assert not [district.code for district in recommended if district.number("sales_12m") == 0]


@pytest.mark.parametrize("code", ["TW6", "UB11", "W1C"])
@pytest.mark.parametrize("business", [False, True])
@pytest.mark.parametrize("tenure", BUDGETS)
def test_a_district_without_a_sale_is_not_recommended_by_itself(
    code: str, tenure: Tenure, *, business: bool
) -> None:
    asked = asking("student", tenure, 5_000, "heathrow").model_copy(update={"include_business": business})
    assert rank(LONDON, asked, [SNAPSHOT.districts[code]]).items == ()


def resold(sales: dict[str, int]) -> list[str]:
    """Give which of TW6 and E15 are recommended once a newer table has these sales, and no others."""
    known = SNAPSHOT.districts["E15"].figures["sales_12m"]
    rows = {
        code: FrozenMap(
            {"sales_12m": known.model_copy(update={"value": count, "vintage": "Oct 2025 to Sep 2026"})}
        )
        for code, count in sales.items()
    }
    table = RefreshedTable(name=COLUMNS["sales_12m"].source, made_at="2026-12-01", rows=FrozenMap(rows))
    newer = apply(SNAPSHOT, table).districts
    asked = asking("student", "rent", 5_000, "ucl")
    found = rank(Reference(newer.values()), asked, [newer["TW6"], newer["E15"]])
    return sorted(item.district.code for item in found.items)


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


def test_a_comparison_with_london_counts_only_districts_that_really_differ() -> None:
    """Open space is one figure, so that its sentence can be counted by hand."""
    asked = asking("parent", "rent", 5_000, "ucl")
    peers = [
        share
        for district in LONDON.districts
        if not is_business(district) and (share := district.number("open_space_pct")) is not None
    ]
    for item in rank(LONDON, asked).field:
        own = item.district.number("open_space_pct")
        if own is not None:
            lower = sum(share < own for share in peers)
            higher = sum(share > own for share in peers)
            count = lower if item.scores["green_spaces"] >= 50 else higher
            said = Subject(item, asked, LONDON).standing("green_spaces", "more than", "less than")
            assert f" {100 * count // len(peers)}% of" in said
