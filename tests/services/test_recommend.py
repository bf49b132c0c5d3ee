"""Recommendations in the cache: their keys and their size."""

import json
from itertools import product
from typing import Any

import pytest
from pydantic import ValidationError

from veo.models import Answer
from veo.runtime import Runtime, build
from veo.schemas.recommendations import Recommendations
from veo.schemas.requests import RecommendationRequest
from veo.scoring import MortgageTerms
from veo.services.recommend import Query
from veo.settings import Settings

pytestmark = pytest.mark.anyio

DEAR = MortgageTerms(rate=0.09)
BUYER: dict[str, Any] = {"persona": "developer", "budget": 2_000, "location_type": "buy"}
BUDGETS = {"rent": (500, 1_200, 3_000, 50_000), "buy": (500, 3_000, 650_000, 20_000_000)}
PLACES = ("", "KCL", "londonmet", "Chesham", "E4", "Imperial", "E1 6AN")
"""None, a usual one, the farthest and those with the longest names."""


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return build(Settings(cache="memory"))


def query(runtime: Runtime, terms: MortgageTerms | None = None, **more: Any) -> Query:
    return Query.of(RecommendationRequest(**{**BUYER, **more}), runtime.tables.places, terms)


async def answer(runtime: Runtime, **fields: Any) -> Answer[Recommendations]:
    return (await runtime.recommender.recommend(RecommendationRequest(**fields))).value


def test_the_usual_terms_leave_the_key_in_three_parts(runtime: Runtime) -> None:
    assert query(runtime, MortgageTerms()).key_parts() == ("developer", 2_000, "buy")


@pytest.mark.parametrize("other", [{"rate": 0.09}, {"years": 30}, {"deposit": 0.2}])
def test_other_terms_of_a_mortgage_have_a_key_of_their_own(runtime: Runtime, other: dict[str, Any]) -> None:
    assert query(runtime, MortgageTerms(**other)).key_parts() != query(runtime).key_parts()


@pytest.mark.parametrize("fields", [{"budget": 50_000}, {"location_type": "rent"}])
def test_terms_that_do_not_matter_are_not_in_the_key(runtime: Runtime, fields: dict[str, Any]) -> None:
    assert query(runtime, DEAR, **fields).key_parts() == query(runtime, **fields).key_parts()


async def test_the_terms_that_are_set_are_those_of_the_answer() -> None:
    dear = build(Settings(cache="memory", mortgage_rate=0.09))
    assert "over 25 years at 9.0%" in (await answer(dear, **BUYER)).assumptions[0]


async def test_an_answer_comes_back_from_json_as_it_was(kept: Answer[Recommendations]) -> None:
    assert Answer[Recommendations].model_validate_json(kept.model_dump_json(), strict=True) == kept


@pytest.fixture
async def kept(runtime: Runtime) -> Answer[Recommendations]:
    """An answer with figures of the district and of the borough, and an upper bound."""
    return await answer(runtime, persona="developer", budget=3_000, location_type="rent", destination="E4")


async def test_what_figures_have_in_common_is_kept_once(kept: Answer[Recommendations]) -> None:
    provenance = json.loads(kept.model_dump_json())["data"]["recommendations"]["provenance"]
    assert len({json.dumps(one) for one in provenance}) == len(provenance) < 40


@pytest.mark.parametrize("change", [{"provenance": []}, {"areas": None}, {"areas": [1]}, {"provenance": 7}])
async def test_an_inconsistent_payload_is_refused(
    kept: Answer[Recommendations], change: dict[str, Any]
) -> None:
    data = json.loads(kept.model_dump_json())
    data["data"]["recommendations"] |= change
    with pytest.raises(ValidationError, match="not a compact list of recommendations"):
        Answer[Recommendations].model_validate_json(json.dumps(data), strict=True)


@pytest.mark.slow
@pytest.mark.parametrize("persona", ["student", "parent", "developer"])
@pytest.mark.parametrize("tenure", ["rent", "buy"])
async def test_no_entry_exceeds_80_kb(runtime: Runtime, persona: str, tenure: str) -> None:
    sizes = [
        len(
            (await answer(runtime, persona=persona, budget=budget, location_type=tenure, destination=place))
            .model_dump_json()
            .encode()
        )
        for budget, place in product(BUDGETS[tenure], PLACES)
    ]
    assert max(sizes) <= 80_000


async def test_no_entry_exceeds_80_kb_when_limits_leave_little_to_say(runtime: Runtime) -> None:
    recommendations = await answer(
        runtime, **{**BUYER, "budget": 900}, destination="E4", max_commute=60, min_safety=30
    )
    assert recommendations.data.recommendations
    assert len(recommendations.model_dump_json().encode()) <= 80_000
