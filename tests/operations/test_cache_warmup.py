"""Cache warm-up: what it computes, what it leaves as it is, and where it stops."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.gateway import Gateway
from veo.cache import Cache
from veo.errors import SourceError
from veo.models import Answer
from veo.operations import cache_warmup
from veo.runtime import Runtime, build
from veo.schemas.recommendations import Recommendations
from veo.schemas.requests import RecommendationRequest
from veo.services.dispatch import ask
from veo.services.recommend import Query
from veo.services.registry import RECOMMENDATIONS
from veo.settings import Settings

pytestmark = pytest.mark.anyio

STUDENT = {"persona": "student", "budget": 1000, "location_type": "rent", "destination": "UCL"}


@pytest.fixture
def alone() -> Runtime:
    return build(Settings(cache="memory"))


@pytest.fixture
async def shared(database: Gateway) -> AsyncIterator[Runtime]:
    runtime = build(Settings(upstash_url=database.url, upstash_token=database.token))
    yield runtime
    await runtime.close()


def other_of(database: Gateway) -> Runtime:
    """Return another container of the fleet."""
    return build(Settings(upstash_url=database.url, upstash_token=database.token))


@pytest.mark.parametrize(
    "fields",
    [
        {"persona": "student", "budget": 1000},
        {"persona": "parent", "budget": 2000, "destination": "WC1E 6BT"},
        {"persona": "student", "budget": 900, "destination": "UCL", "home": "1bed"},
    ],
)
def test_a_recommendations_key_is_parsed_into_its_query(alone: Runtime, fields: dict[str, Any]) -> None:
    request = RecommendationRequest(location_type="rent", **fields)
    query = alone.recommender.query(request)
    assert cache_warmup.query_of(alone.recommender.ranking.key(query)) == query


@pytest.mark.parametrize(
    "key",
    [
        "area:E15",
        "recommendations:student:1000:rent:-:-:1a2b",
        "recommendations:nobody:1:rent",
        "recommendations",
    ],
)
def test_a_key_that_cannot_be_parsed_is_left_out(key: str) -> None:
    assert cache_warmup.query_of(key) is None


async def test_the_most_popular_queries_of_the_fleet_are_warmed_as_well(database: Gateway) -> None:
    first = build(Settings(upstash_url=database.url, upstash_token=database.token, live="off"))
    await ask(first, "recommendations", {"persona": "student", "budget": 1234, "location_type": "rent"})
    await first.cache.close()
    other = build(Settings(upstash_url=database.url, upstash_token=database.token, live="off"))
    (query,) = await cache_warmup.popular_queries(other)
    await other.cache.close()
    assert (query.persona, query.budget) == ("student", 1234)


def test_common_requests_cover_the_three_personas_and_four_universities() -> None:
    questions = {(request.persona, request.destination) for request in cache_warmup.common_requests()}
    assert questions == {
        (p, u) for p in ("student", "parent", "developer") for u in cache_warmup.UNIVERSITIES
    }


def test_no_query_is_warmed_twice(alone: Runtime) -> None:
    keys = {Query.of(request, alone.tables.places).key_parts() for request in cache_warmup.common_requests()}
    assert len(keys) == len(cache_warmup.common_requests()) == 36


async def test_a_cold_cache_is_warmed_by_computing(alone: Runtime) -> None:
    done = await cache_warmup.warm(alone)
    assert (done["asked"], done["computed"], done["alreadyCached"], done["failures"]) == (36, 36, 0, [])


async def test_a_warm_cache_is_not_refreshed(alone: Runtime) -> None:
    await cache_warmup.warm(alone)
    done = await cache_warmup.warm(alone)
    assert (done["computed"], done["refreshed"], done["alreadyCached"]) == (0, 0, 36)


async def test_a_warmed_question_is_answered_from_the_cache(alone: Runtime) -> None:
    await cache_warmup.warm(alone)
    fields = {"persona": "student", "budget": 1000, "location_type": "rent", "destination": "UCL"}
    assert (await ask(alone, "recommendations", fields))["metadata"]["cached"] is True


async def test_warming_goes_on_past_failures_and_names_each_once(alone: Runtime) -> None:
    async def fail(query: Query) -> Answer[Recommendations]:
        raise SourceError("tfl", f"tfl is away for {query.persona}")

    failing: Any = SimpleNamespace(
        ranking=Cache().cached(RECOMMENDATIONS)(fail), query=alone.recommender.query
    )
    done = await cache_warmup.warm(replace(alone, recommender=failing))
    assert (done["computed"], done["failures"]) == (
        0,
        ["tfl is away for developer", "tfl is away for parent", "tfl is away for student"],
    )


async def test_an_answer_about_to_go_stale_is_refreshed(alone: Runtime) -> None:
    brief = replace(RECOMMENDATIONS, fresh_for=timedelta(minutes=20), jitter=0.0)
    computed: list[Query] = []

    async def compute(query: Query) -> Answer[Recommendations]:
        computed.append(query)
        return (await alone.recommender.recommend(RecommendationRequest.model_validate(STUDENT))).value

    other: Any = SimpleNamespace(ranking=Cache().cached(brief)(compute), query=alone.recommender.query)
    await cache_warmup.warm(replace(alone, recommender=other))
    done = await cache_warmup.warm(replace(alone, recommender=other))
    assert (done["refreshed"], len(computed)) == (36, 72)


async def test_warming_stops_at_its_command_limit(shared: Runtime) -> None:
    done = await cache_warmup.warm(shared, commands=1)
    assert (done["asked"], done["leftOut"]) == (0, 36)


async def test_warming_reports_the_commands_that_it_sent(shared: Runtime, database: Gateway) -> None:
    done = await cache_warmup.warm(shared)
    sent = [command[0] for command in database.commands]
    assert done["commands"] == len(sent) - sent.count(
        "PEXPIRE"
    )  # goes with the first write of a day's ledger


async def test_a_new_container_is_filled_by_one_read(shared: Runtime, database: Gateway) -> None:
    await cache_warmup.warm(shared)
    await shared.cache.drain()
    database.reset()
    other = other_of(database)
    assert await cache_warmup.preload(other) == 36
    assert [command[0] for command in database.commands] == ["MGET"]
    await other.close()


async def test_a_filled_container_answers_from_memory(shared: Runtime, database: Gateway) -> None:
    await cache_warmup.warm(shared)
    await shared.cache.drain()
    other = other_of(database)
    await cache_warmup.preload(other)
    database.reset()
    await ask(other, "recommendations", STUDENT)
    assert database.commands == []
    await other.close()


async def test_without_a_shared_tier_there_is_nothing_to_fill_from(alone: Runtime) -> None:
    assert await cache_warmup.preload(alone) == 0
