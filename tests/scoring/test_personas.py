"""Personas: published weights, and a reader's own."""

import math
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from veo.errors import InvalidQuestion
from veo.models import FACTORS, PERSONAS, FactorName, Persona
from veo.scoring import DEFAULT_HOME, PERSONAS_BY_NAME, effective_weights
from veo.scoring.personas import STRONGEST_WEIGHT


@pytest.mark.parametrize("persona", PERSONAS)
def test_the_weights_of_a_persona_sum_to_one(persona: Persona) -> None:
    assert math.isclose(sum(PERSONAS_BY_NAME[persona].weights.values()), 1)


@pytest.mark.parametrize("persona", PERSONAS)
def test_centrality_counts_for_at_most_half(persona: Persona) -> None:
    weights = PERSONAS_BY_NAME[persona].weights
    assert sum(weights.get(name, 0) for name in ("commute", "amenities", "nightlife")) <= 0.5


@pytest.mark.parametrize("persona", PERSONAS)
def test_a_factor_without_weight_is_not_listed(persona: Persona) -> None:
    assert min(PERSONAS_BY_NAME[persona].weights.values()) > 0


@pytest.mark.parametrize("persona", PERSONAS)
def test_factors_are_listed_in_the_order_of_the_model(persona: Persona) -> None:
    weights = PERSONAS_BY_NAME[persona].weights
    assert list(weights) == [name for name in FACTORS if name in weights]


def test_the_strongest_weight_is_the_largest_that_a_persona_gives() -> None:
    largest = max(max(persona.weights.values()) for persona in PERSONAS_BY_NAME.values())
    assert largest == STRONGEST_WEIGHT


def test_the_personas_are_a_student_a_parent_and_a_developer_in_this_order() -> None:
    shown = [persona.display_name for persona in PERSONAS_BY_NAME.values()]
    assert shown == ["Student", "Parent", "Property Developer"]


def test_personas_are_keyed_by_their_own_name() -> None:
    assert all(name == persona.name for name, persona in PERSONAS_BY_NAME.items())


def test_the_published_weights_are_those_of_the_table() -> None:
    table = {name: dict(persona.weights) for name, persona in PERSONAS_BY_NAME.items()}
    assert table == {
        "student": {
            "safety": 0.15,
            "commute": 0.22,
            "amenities": 0.13,
            "property_prices": 0.05,
            "nightlife": 0.13,
            "green_spaces": 0.05,
            "affordability": 0.27,
        },
        "parent": {
            "safety": 0.25,
            "commute": 0.10,
            "schools": 0.30,
            "amenities": 0.10,
            "property_prices": 0.05,
            "green_spaces": 0.15,
            "affordability": 0.05,
        },
        "developer": {
            "safety": 0.10,
            "commute": 0.15,
            "schools": 0.05,
            "amenities": 0.15,
            "property_prices": 0.20,
            "nightlife": 0.05,
            "green_spaces": 0.05,
            "development": 0.25,
        },
    }


def test_a_student_rents_a_room_and_the_others_two_bedrooms_unless_they_say_so() -> None:
    assert dict(DEFAULT_HOME) == {"student": "room", "parent": "2bed", "developer": "2bed"}


def test_without_importances_the_weights_are_those_of_the_persona() -> None:
    assert effective_weights("student", {}) == PERSONAS_BY_NAME["student"].weights


def test_an_importance_of_ten_counts_like_the_strongest_weight() -> None:
    weights = effective_weights("parent", {"green_spaces": 10})
    assert math.isclose(weights["green_spaces"], weights["schools"])


def test_an_importance_of_five_counts_half_of_ten() -> None:
    weights = effective_weights("parent", {"green_spaces": 10, "safety": 5})
    assert math.isclose(2 * weights["safety"], weights["green_spaces"])


def test_factors_that_are_not_named_keep_their_proportions() -> None:
    weights = effective_weights("student", {"schools": 7})
    assert math.isclose(weights["commute"] / weights["safety"], 0.22 / 0.15)


def test_an_importance_of_zero_removes_a_factor() -> None:
    assert "commute" not in effective_weights("student", {"commute": 0})


def test_a_parent_is_not_shown_nightlife_whatever_its_importance() -> None:
    assert "nightlife" not in effective_weights("parent", {"nightlife": 10})


def test_no_weight_at_all_is_an_invalid_question() -> None:
    nothing: dict[FactorName, float] = dict.fromkeys(FACTORS, 0.0)
    with pytest.raises(InvalidQuestion, match=r"^weights: at least one factor"):
        effective_weights("student", nothing)


@pytest.mark.parametrize("importance", [-0.1, 10.1, math.nan])
def test_an_importance_outside_zero_to_ten_is_an_invalid_question(importance: float) -> None:
    with pytest.raises(InvalidQuestion, match="weights: safety must be from 0 to 10"):
        effective_weights("student", {"safety": importance})


def test_every_importance_out_of_range_is_named_at_once() -> None:
    with pytest.raises(InvalidQuestion) as caught:
        effective_weights("student", {"safety": 11, "commute": -1})
    assert len(caught.value.errors) == 2


@given(
    st.sampled_from(PERSONAS),
    st.dictionaries(st.sampled_from(get_args(FactorName)), st.floats(1, 10), min_size=1),
)
def test_a_readers_own_weights_sum_to_one(persona: Persona, importances: dict[FactorName, float]) -> None:
    assert math.isclose(sum(effective_weights(persona, importances).values()), 1)


@given(st.permutations(FACTORS))
def test_the_order_of_the_importances_does_not_change_the_order_of_the_factors(
    names: list[FactorName],
) -> None:
    weights = effective_weights("student", dict.fromkeys(names, 5.0))
    assert list(weights) == list(FACTORS)
