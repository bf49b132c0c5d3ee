"""Scoring the embedded figures of London: known answers, and rules that hold for every answer."""

import re
from functools import cache

import pytest

from veo.models import PERSONAS, District, FactorName, FrozenMap, Home, Persona, Tenure
from veo.scoring import (
    DEFAULT_HOME,
    PERSONAS_BY_NAME,
    Criteria,
    Explanation,
    MortgageTerms,
    Ranked,
    Reference,
    budget_of,
    cost_of,
    effective_weights,
    explain,
    is_business,
    rank,
)
from veo.scoring.factors import minutes_score, venues_censored
from veo.sources.embedded.rail import Rail
from veo.sources.embedded.snapshot import load

Question = tuple[Persona, Tenure, int]
QUESTIONS: list[Question] = [
    *((persona, "rent", amount) for persona in PERSONAS for amount in (600, 900, 2000, 5000)),
    *((persona, "buy", amount) for persona in PERSONAS for amount in (1500, 3000, 450_000, 900_000)),
]


@cache
def london() -> Reference:
    return Reference(load().districts.values())


def asking(persona: Persona, tenure: Tenure, amount: int, *, business: bool = False) -> Criteria:
    """Make a question for areas half an hour from everywhere."""
    return Criteria(
        persona=persona,
        weights=effective_weights(persona),
        budget=budget_of(amount, tenure, MortgageTerms()),
        home=DEFAULT_HOME[persona],
        minutes=FrozenMap({district.code: 30.0 for district in london().districts}),
        include_business=business,
    )


@cache
def answer(persona: Persona, tenure: Tenure, amount: int, *, whole: bool = False) -> tuple[Ranked, ...]:
    """Return the field of an answer, or every area that can be ranked."""
    criteria = asking(persona, tenure, amount)
    if not whole:
        return rank(london(), criteria).field
    return tuple(item for one in london().districts for item in rank(london(), criteria, [one]).field)


def sentences(explanation: Explanation) -> tuple[str, ...]:
    return (*explanation.strengths, *explanation.weaknesses, explanation.explanation)


@cache
def explained(persona: Persona, tenure: Tenure, amount: int) -> list[Explanation]:
    criteria = asking(persona, tenure, amount)
    return [explain(london(), criteria, item) for item in answer(persona, tenure, amount)]


def area(code: str) -> District:
    return next(district for district in london().districts if district.code == code)


def score(code: str, factor: FactorName) -> float:
    return london().scores(area(code))[factor]


@cache
def cheapest(home: Home) -> float:
    costs = (cost_of(district, "rent", home) for district in london().districts)
    return min(cost.value for cost in costs if cost is not None)


def test_the_cheapest_two_bed_rent_is_1526() -> None:
    assert cheapest("2bed") == 1526


def test_the_cheapest_room_is_616() -> None:
    assert round(cheapest("room")) == 616


def test_235_districts_are_residential() -> None:
    assert sum(not is_business(district) for district in london().districts) == 235


def test_venues_are_censored_in_115_residential_districts() -> None:
    assert sum(venues_censored(one) and not is_business(one) for one in london().districts) == 115


def test_censored_districts_share_one_nightlife_score() -> None:
    scores = {score(one.code, "nightlife") for one in london().districts if venues_censored(one)}
    assert {round(value, 1) for value in scores} == {24.5}


def test_w8_is_dearer_than_ig11() -> None:
    assert score("W8", "property_prices") < score("IG11", "property_prices")


def test_w8_is_less_affordable_than_ig11() -> None:
    areas = {item.district.code: item for item in answer("parent", "buy", 900_000, whole=True)}
    assert areas["W8"].scores["affordability"] < areas["IG11"].scores["affordability"]


def test_e15_lies_in_newham() -> None:
    assert area("E15").borough == "Newham"


def test_richmond_is_greener_than_croydon() -> None:
    assert score("TW10", "green_spaces") > score("CR0", "green_spaces")


def test_the_west_end_has_more_nightlife_than_hayes() -> None:
    assert score("W1F", "nightlife") > score("BR2", "nightlife")


def test_every_compared_score_is_near_50_on_average() -> None:
    residential = [district for district in london().districts if not is_business(district)]
    means = [
        sum(london().scores(one)[factor] for one in residential) / len(residential)
        for factor in ("safety", "amenities", "nightlife")
    ]
    assert [round(mean) for mean in means] == [50, 50, 50]


@pytest.mark.parametrize("code", ["WC1N", "WC1H", "N1"])
def test_ucl_is_a_shorter_way_from_the_centre_than_from_croydon(code: str) -> None:
    snapshot = load()
    minutes = Rail(snapshot).minutes_to(snapshot.destinations["ucl"].location)
    assert minutes_score(minutes[code]) > minutes_score(minutes["CR0"])


@pytest.mark.parametrize("question", QUESTIONS)
def test_an_answer_is_full(question: Question) -> None:
    assert len(answer(*question)) == 40


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_area_of_an_answer_has_the_same_factors_in_the_same_order(question: Question) -> None:
    weights = PERSONAS_BY_NAME[question[0]].weights
    assert {tuple(item.scores) for item in answer(*question, whole=True)} == {tuple(weights)}


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_area_of_an_answer_is_a_business_district(question: Question) -> None:
    assert not any(is_business(item.district) for item in answer(*question, whole=True))


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_area_has_a_strength_or_a_weakness(question: Question) -> None:
    assert all(explanation.strengths or explanation.weaknesses for explanation in explained(*question))


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_strength_is_over_budget(question: Question) -> None:
    assert not any(
        "over budget" in line for explanation in explained(*question) for line in explanation.strengths
    )


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_area_over_budget_says_so_first(question: Question) -> None:
    for item, explanation in zip(answer(*question), explained(*question), strict=False):
        first = explanation.weaknesses[0] if explanation.weaknesses else ""
        assert ("over budget" in first) == (item.over > 0), item.district.code


@pytest.mark.parametrize("question", QUESTIONS)
def test_the_order_is_by_the_score_that_is_shown(question: Question) -> None:
    shown = [item.shown_total for item in answer(*question)]
    assert shown == sorted(shown, reverse=True)


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_area_of_an_answer_lacks_homes(question: Question) -> None:
    assert not {"TW6", "UB11"} & {item.district.code for item in answer(*question, whole=True)}


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_weakness_is_under_budget(question: Question) -> None:
    assert not any(
        "under budget" in line for explanation in explained(*question) for line in explanation.weaknesses
    )


@pytest.mark.parametrize("question", QUESTIONS)
def test_no_sentence_boasts_or_compares_with_all_of_london(question: Question) -> None:
    text = " ".join(line for explanation in explained(*question) for line in sentences(explanation))
    assert not re.search(r"[Pp]erfect|[Aa]mazing|\b100% of London|\bNone\b|\bnan\b", text)


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_amount_is_in_pounds_with_thousands_apart(question: Question) -> None:
    text = " ".join(line for explanation in explained(*question) for line in sentences(explanation))
    assert not re.search(r"£\d{4}|£[\d,]*\.\d", text)


@pytest.mark.parametrize("tenure", ["rent", "buy"])
def test_parents_never_read_of_nightlife(tenure: Tenure) -> None:
    text = " ".join(
        line for explanation in explained("parent", tenure, 3000) for line in sentences(explanation)
    )
    assert not re.search(r"nightlife|pubs|bars", text)


@pytest.mark.parametrize("persona", PERSONAS)
def test_every_group_can_be_ranked_against_the_districts(persona: Persona) -> None:
    groups = [group for group in load().groups.values() if group.figures.get("rent_3bed")]
    criteria = asking(persona, "rent", 2000)
    minutes = FrozenMap({group.code: 20.0 for group in groups})
    ranking = rank(london(), criteria.model_copy(update={"minutes": minutes}), groups)
    assert len(ranking.items) == len(groups)


def test_business_districts_are_ranked_when_asked_for() -> None:
    ranking = rank(london(), asking("student", "rent", 2000, business=True), [area("W1F")])
    assert [item.district.code for item in ranking.items] == ["W1F"]
