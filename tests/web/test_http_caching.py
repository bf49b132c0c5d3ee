"""What answers tell the caches on their way: for how long they are good, and by what they are known again."""

import re
from dataclasses import replace
from typing import Any

import httpx
import pytest

from tests.support.web import ask
from veo.cache import Hit
from veo.facts.crime import CrimeData
from veo.models import Answer
from veo.runtime import build
from veo.settings import Settings
from veo.web import create_app

pytestmark = pytest.mark.anyio

STUDENT: dict[str, Any] = {"persona": "student", "budget": 1000, "locationType": "rent"}


def life(answer: httpx.Response) -> int:
    """Give for how many seconds an answer may be kept."""
    found = re.search(r"max-age=(\d+)", answer.headers["cache-control"])
    assert found is not None
    return int(found[1])


async def told(hit: Hit[Answer[CrimeData]], **headers: str) -> httpx.Response:
    """Ask for what is answered by a given hit."""
    runtime = build(Settings(cache="memory"))

    async def lookup(*asked: str) -> Hit[Answer[CrimeData]]:
        del asked
        return hit

    held: Any = type("Held", (), {"lookup": staticmethod(lookup)})
    vars(runtime.questions.cached)["crime"] = held
    return await ask(create_app(runtime=replace(runtime)), "GET", "/api/crime/E15", headers=headers)


def hit(age: float = 10.0, fresh: float = 2e9, computed: float = 1e9, **more: Any) -> Hit[Answer[CrimeData]]:
    given = {"origin": "memory", "cached": True, "stale": False, **more}
    return Hit(Answer(data=CrimeData()), age=age, fresh=fresh, computed=computed, **given)


GETS = ["/api/areas/E15", "/api/crime/E15", "/api/schools/E15", "/api/boundaries/postcode?postcode=E15 1AZ"]
LISTS = [
    "/api/personas",
    "/api/destinations",
    "/api/recommendations?persona=student&budget=1000&locationType=rent",
]


@pytest.mark.parametrize("url", [*GETS, *LISTS])
async def test_what_a_caller_has_already_is_not_sent_again(web: httpx.AsyncClient, url: str) -> None:
    etag = (await web.get(url)).headers["etag"]
    again = await web.get(url, headers={"If-None-Match": etag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)


@pytest.mark.parametrize("sent", ['"other"', 'W/"other"', "", "etag"])
async def test_what_a_caller_does_not_have_is_sent(web: httpx.AsyncClient, sent: str) -> None:
    assert (await web.get("/api/areas/E15", headers={"If-None-Match": sent})).status_code == 200


@pytest.mark.parametrize("form", ["{}", 'W/"other", {}', "*"])
async def test_a_validator_may_stand_among_others(web: httpx.AsyncClient, form: str) -> None:
    etag = (await web.get("/api/areas/E15")).headers["etag"]
    assert (await web.get("/api/areas/E15", headers={"If-None-Match": form.format(etag)})).status_code == 304


async def test_the_validator_is_weak_because_the_metadata_differ(web: httpx.AsyncClient) -> None:
    assert (await web.get("/api/areas/E15")).headers["etag"].startswith('W/"')


async def test_another_question_has_another_validator(web: httpx.AsyncClient) -> None:
    urls = [
        "/api/areas/E15",
        "/api/areas/E16",
        "/api/areas/E15?destination=UCL",
        "/api/areas/E15?destination=KCL",
    ]
    assert len({(await web.get(url)).headers["etag"] for url in urls}) == len(urls)


@pytest.mark.parametrize("change", [{"computed": 1e9 + 1}, {"stale": True}])
async def test_another_answer_has_another_validator(change: dict[str, Any]) -> None:
    assert (await told(hit())).headers["etag"] != (await told(hit(**change))).headers["etag"]


async def test_an_answer_is_good_for_an_hour_at_most_wherever_a_flush_cannot_reach() -> None:
    assert life(await told(hit(age=10))) == 3610


async def test_the_age_counts_against_the_life() -> None:
    assert (await told(hit(age=10.9))).headers["age"] == "10"


async def test_a_stale_answer_has_no_life_left() -> None:
    assert life(await told(hit(age=10, fresh=1e9 + 5, stale=True))) == 10


async def test_what_stands_in_for_a_live_answer_is_kept_nowhere() -> None:
    answer = await told(hit(computed=0.0, fresh=0.0, cached=False, origin="source"))
    assert (answer.headers["cache-control"], "etag" in answer.headers) == ("no-store", False)


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({}, r"veo; hit; ttl=\d+; detail=memory"),
        ({"origin": "shared"}, r"veo; hit; ttl=\d+; detail=shared"),
        ({"origin": "stale", "stale": True, "fresh": 1e9}, r"veo; hit; ttl=-\d+; detail=stale"),
        ({"origin": "source", "cached": False}, r"veo; fwd=miss; stored"),
        ({"origin": "source", "cached": False, "computed": 0.0}, r"veo; fwd=miss"),
    ],
)
async def test_the_cache_says_what_it_did(change: dict[str, Any], status: str) -> None:
    assert re.fullmatch(status, (await told(hit(**change))).headers["cache-status"])


async def test_the_time_taken_is_told(web: httpx.AsyncClient) -> None:
    timing = (await web.get("/api/areas/E15")).headers["server-timing"]
    assert re.fullmatch(r'cache;desc="\w+", total;dur=[\d.]+', timing)


async def test_an_answer_to_a_post_says_what_the_cache_did_and_may_not_be_kept(
    web: httpx.AsyncClient,
) -> None:
    answer = await web.post("/api/recommendations", json=STUDENT)
    assert ("cache-status" in answer.headers, "cache-control" in answer.headers) == (True, False)


async def test_an_area_is_known_again_with_the_way_to_a_place(web: httpx.AsyncClient) -> None:
    url = "/api/areas/E15?destination=UCL"
    etag = (await web.get(url)).headers["etag"]
    assert (await web.get(url, headers={"If-None-Match": etag})).status_code == 304


async def test_what_is_to_be_asked_anew_may_be_kept_nowhere(web: httpx.AsyncClient) -> None:
    answer = await web.get("/api/boundaries/postcode", params={"postcode": "E15 1AZ", "no_cache": "true"})
    assert answer.headers["cache-control"] == "no-store"


async def test_an_answer_to_personal_weights_is_kept_by_nobody_else(web: httpx.AsyncClient) -> None:
    answer = await web.get("/api/recommendations", params=dict(STUDENT, weights="safety:8"))
    assert answer.headers["cache-control"].startswith("private, ")
