"""Answers that are put together from parts mean what the documented models mean."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.requests import Request

from veo.cache import Hit
from veo.errors import InvalidQuestion
from veo.facts.research import Overview, ResearchData
from veo.facts.sources import SNAPSHOT
from veo.models import Answer
from veo.runtime import Runtime, build
from veo.schemas.recommendations import Recommendations
from veo.schemas.requests import RecommendationRequest, read
from veo.scoring import PERSONAS_BY_NAME
from veo.settings import Settings
from veo.sources.embedded.place_resolver import Places
from veo.web import composite
from veo.web.body import MEMO_MAX_BYTES, memoised
from veo.web.envelope import (
    Metadata,
    Recommended,
    Success,
    recommendations_response,
    static_hit,
    success_response,
    uncacheable_hit,
)

pytestmark = pytest.mark.anyio

Asked = Callable[[Runtime], Awaitable[Hit[Answer[Any]]]]


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return build(Settings(cache="memory"))


def request() -> Request:
    return Request(
        {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": [], "veo.started": 0.0}
    )


async def researched(runtime: Runtime) -> Hit[Answer[Any]]:
    """Give what only a paid source tells."""
    del runtime
    overview = Overview(content="“Stratford”: £1\n", citations=("https://a.example",), summary_points=("a",))
    data = ResearchData(area_code="E15", research_type="area", overview=overview, timestamp="")
    return uncacheable_hit(data)


async def personas(runtime: Runtime) -> Hit[Answer[Any]]:
    del runtime
    return static_hit(tuple(PERSONAS_BY_NAME.values()))


async def destinations(runtime: Runtime) -> Hit[Answer[Any]]:
    return static_hit(tuple(runtime.tables.snapshot.destinations.values()), SNAPSHOT)


ROUTES: dict[str, Asked] = {
    "area": lambda runtime: composite.area(runtime, "E15", ""),
    "area and way": lambda runtime: composite.area(runtime, "E15", "UCL"),
    "group": lambda runtime: composite.area(runtime, "EC1", ""),
    "commute": lambda runtime: runtime.questions.commute("E15", "UCL"),
    "crime": lambda runtime: runtime.questions.crime("E15"),
    "schools": lambda runtime: runtime.questions.schools("E15"),
    "boundaries": lambda runtime: runtime.questions.boundaries("E1 6AN"),
    "maps": lambda runtime: composite.around(runtime, "E15", ""),
    "maps and way": lambda runtime: composite.around(runtime, "E15", "UCL"),
    "research": researched,
    "personas": personas,
    "destinations": destinations,
}


def metadata(hit: Hit[Answer[Any]], told: Any, *notices: str) -> Metadata:
    """Give the metadata as they are documented, with the moment that an answer tells."""
    return Metadata(
        timestamp=told["metadata"]["timestamp"],
        execution_time_ms=told["metadata"]["executionTimeMs"],
        sources_used=hit.value.sources,
        cached=hit.cached,
        stale=hit.stale,
        age_seconds=int(hit.age),
        notices=notices,
        assumptions=hit.value.assumptions,
        attribution=hit.value.attribution,
    )


def check(hit: Hit[Answer[Any]], *notices: str) -> None:
    """Compare an answer with its model, when it is written for the first time and when it is known."""
    for _ in range(2):
        told = json.loads(bytes(success_response(request(), hit).body))
        model = Success[Any](data=hit.value.data, metadata=metadata(hit, told, *notices))
        assert told == json.loads(model.model_dump_json())


@pytest.mark.parametrize("route", ROUTES)
async def test_an_answer_means_what_its_model_means(runtime: Runtime, route: str) -> None:
    hit = await ROUTES[route](runtime)
    check(hit, *hit.value.notices)


@pytest.mark.parametrize("route", [route for route in ROUTES if route not in ("personas", "destinations")])
async def test_a_stale_answer_means_what_its_model_means(runtime: Runtime, route: str) -> None:
    hit = (await ROUTES[route](runtime))._replace(stale=True, cached=True, origin="stale", age=7_260.5)
    check(hit, "This answer is from 2 hours ago: no newer one came in time.", *hit.value.notices)


async def test_an_answer_grows_staler_each_time(runtime: Runtime) -> None:
    hit = (await runtime.questions.crime("E15"))._replace(stale=True)
    for hours in (3, 4):
        notice = f"This answer is from {hours} hours ago: no newer one came in time."
        check(hit._replace(age=hours * 3_600.0), notice, *hit.value.notices)


async def test_a_notice_that_is_added_is_told(runtime: Runtime) -> None:
    hit = await runtime.questions.crime("E15")
    check(composite.with_notice(hit, "One more."), *hit.value.notices, "One more.")


async def test_a_partial_answer_means_what_its_model_means(runtime: Runtime) -> None:
    hit = await runtime.questions.maps("E15")
    partial = hit._replace(value=hit.value.model_copy(update={"partial": True}))
    check(partial, *partial.value.notices)


async def test_data_without_a_model_is_told(runtime: Runtime) -> None:
    del runtime
    check(uncacheable_hit({"found": 1, "never": float("inf"), "names": ("a", "£")}))


async def listed(runtime: Runtime, **more: Any) -> Hit[Answer[Recommendations]]:
    fields = {"persona": "student", "budget": 1000, "locationType": "rent", "destination": "UCL", **more}
    return await runtime.recommender.recommend(read(RecommendationRequest, fields, runtime.tables.places))


@pytest.mark.parametrize("most", range(1, 21))
@pytest.mark.parametrize("budget", [1_000, 500])
async def test_a_list_of_any_length_means_what_its_model_means(
    runtime: Runtime, most: int, budget: int
) -> None:
    hit = await listed(runtime, budget=budget)
    data = hit.value.data
    told = json.loads(bytes(recommendations_response(request(), hit, most).body))
    notices = (*hit.value.notices, *data.notices_by_count[most - 1])
    model = Recommended(
        persona=data.persona,
        budget=data.budget,
        recommendations=data.recommendations[:most],
        metadata=metadata(hit, told, *notices),
    )
    assert told == json.loads(model.model_dump_json())


async def test_a_relaxed_list_says_so_for_each_length(runtime: Runtime) -> None:
    data = (await listed(runtime, budget=500)).value.data
    assert len(set(data.notices_by_count)) > 1  # else the test above compares nothing


# ---- what was asked ----------------------------------------------------------------------------------


class Reader:
    """Counts what it reads, and refuses an exclamation mark."""

    def __init__(self) -> None:
        self.read = 0

    def __call__(self, sent: bytes, places: Places) -> bytes:
        del places
        self.read += 1
        if b"!" in sent:
            raise InvalidQuestion("body: must be quiet")
        return sent


def test_a_short_question_is_read_once(runtime: Runtime) -> None:
    reader = Reader()
    reading = memoised(reader)
    assert [reading(b"a", runtime.tables.places) for _ in range(3)] == [b"a"] * 3
    assert reader.read == 1


def test_a_long_question_is_not_remembered(runtime: Runtime) -> None:
    reader = Reader()
    reading = memoised(reader)
    for _ in range(2):
        reading(b"a" * (MEMO_MAX_BYTES + 1), runtime.tables.places)
    assert reader.read == 2


def test_a_bad_question_is_refused_each_time(runtime: Runtime) -> None:
    reading = memoised(Reader())
    for _ in range(2):
        with pytest.raises(InvalidQuestion):
            reading(b"!", runtime.tables.places)
