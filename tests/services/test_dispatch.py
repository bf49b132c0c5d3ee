"""A question by its name: plain fields in, plain JSON data out."""

import json
from types import SimpleNamespace
from typing import Any

import pytest

from veo.cache import Hit
from veo.errors import InvalidQuestion, SourceUnavailable
from veo.models import Answer, Location
from veo.runtime import Runtime, build
from veo.services.dispatch import ask
from veo.services.registry import POLICIES, QUESTIONS
from veo.settings import Settings

pytestmark = pytest.mark.anyio

STUDENT = {"persona": "student", "budget": 1000, "location_type": "rent"}
ASKED: dict[str, dict[str, Any]] = {
    "recommendations": STUDENT,
    "area": {"code": "e15"},
    "commute": {"origin": "E15", "destination": "UCL"},
    "crime": {"area_code": "E15"},
    "schools": {"postcode": "E15"},
    "boundaries": {"postcode": "E15 1AZ"},
    "maps": {"area_code": "E15"},
}


@pytest.fixture
def runtime() -> Runtime:
    return build(Settings(cache="memory"))


def test_every_family_can_be_asked_by_its_name() -> None:
    assert {question.name for question in QUESTIONS} == {policy.family for policy in POLICIES} - {
        "personal",
        "google",
    }


@pytest.mark.parametrize(("question", "fields"), ASKED.items())
async def test_an_answer_is_json_data(runtime: Runtime, question: str, fields: dict[str, Any]) -> None:
    answer = await ask(runtime, question, fields)
    assert json.loads(json.dumps(answer)) == answer


@pytest.mark.parametrize(
    ("question", "name", "value"),
    [
        ("area", "areaCode", "E15"),
        ("commute", "destination", "University College London"),
        ("crime", "crimeRate", 111.9),
        ("schools", "count", 14),
        ("boundaries", "postcode", "E15 1AZ"),
        ("maps", "areaCode", "E15"),
    ],
)
async def test_data_are_those_of_the_question(
    runtime: Runtime, question: str, name: str, value: object
) -> None:
    assert (await ask(runtime, question, ASKED[question]))["data"][name] == value


async def test_the_level_of_boundaries_is_passed_on(runtime: Runtime) -> None:
    full = await ask(runtime, "boundaries", {"postcode": "E15 1AZ", "level": "full"})
    assert "outlines" in str(full["metadata"]["notices"])


async def test_research_names_the_setting_that_switches_it_on(runtime: Runtime) -> None:
    with pytest.raises(SourceUnavailable, match="PERPLEXITY_API_KEY"):
        await ask(runtime, "research", {"area_code": "E15", "persona": "student"})


async def test_the_persona_of_research_is_checked(runtime: Runtime) -> None:
    with pytest.raises(InvalidQuestion, match="persona: must be"):
        await ask(runtime, "research", {"area_code": "E15", "persona": "pirate"})


@pytest.mark.parametrize("shown", [1, 3, 20])
async def test_a_list_is_as_long_as_asked(runtime: Runtime, shown: int) -> None:
    answer = await ask(runtime, "recommendations", {**STUDENT, "max_areas": shown})
    assert [item["rank"] for item in answer["recommendations"]] == list(range(1, shown + 1))


async def test_a_list_is_of_five_when_no_length_is_given(runtime: Runtime) -> None:
    assert len((await ask(runtime, "recommendations", STUDENT))["recommendations"]) == 5


async def test_recommendations_echo_the_question_beside_them(runtime: Runtime) -> None:
    answer = await ask(runtime, "recommendations", STUDENT)
    assert (answer["persona"], answer["budget"], answer["locationType"]) == ("student", 1000, "rent")


async def test_notices_for_other_lengths_are_not_exposed(runtime: Runtime) -> None:
    assert "saidFor" not in await ask(runtime, "recommendations", STUDENT)


@pytest.mark.parametrize(("shown", "relaxed"), [(1, False), (20, True)])
async def test_a_relaxed_budget_is_said_for_the_areas_shown(
    runtime: Runtime, *, shown: int, relaxed: bool
) -> None:
    fields = {**STUDENT, "budget": 620, "max_areas": shown}
    notices = (await ask(runtime, "recommendations", fields))["metadata"]["notices"]
    assert bool(notices) == relaxed


async def test_a_field_that_is_none_was_not_given(runtime: Runtime) -> None:
    fields = {**STUDENT, "home": None, "max_commute": None, "max_areas": None}
    assert len((await ask(runtime, "recommendations", fields))["recommendations"]) == 5


async def test_a_first_answer_comes_from_a_source(runtime: Runtime) -> None:
    assert (await ask(runtime, "area", ASKED["area"]))["metadata"]["cached"] is False


async def test_a_second_answer_comes_from_the_cache(runtime: Runtime) -> None:
    await ask(runtime, "area", ASKED["area"])
    assert (await ask(runtime, "area", ASKED["area"]))["metadata"]["cached"] is True


async def test_metadata_say_what_an_answer_rests_on(runtime: Runtime) -> None:
    metadata = (await ask(runtime, "commute", ASKED["commute"]))["metadata"]
    assert metadata == {
        "sourcesUsed": ["modelled rail graph"],
        "cached": False,
        "stale": False,
        "ageSeconds": 0,
        "notices": ["E15 is taken to be at its centre."],
        "assumptions": ["Modelled on the rail network without buses, timetables or delays."],
        "attribution": [],
    }


async def test_a_stale_answer_says_so_first() -> None:
    answer: Answer[Location] = Answer(data=Location(lat=51.5, lng=0.0), notices=("Else.",))
    hit = Hit(answer, "stale", age=90.4, cached=True, stale=True)

    async def area(code: str) -> Hit[Answer[Location]]:
        del code
        return hit

    away: Any = SimpleNamespace(questions=SimpleNamespace(area=area, places=None))
    metadata = (await ask(away, "area", {"code": "E15"}))["metadata"]
    assert (metadata["stale"], metadata["ageSeconds"], metadata["notices"]) == (
        True,
        90,
        ["This is an older answer: no newer one came in time.", "Else."],
    )
