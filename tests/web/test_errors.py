"""What is not there and what fails is told in the contract's shape, with its code."""

from typing import Any, NoReturn
from unittest.mock import AsyncMock

import httpx
import pytest
from fastapi import FastAPI

from tests.support.web import ask, refused
from veo.cache import Cache, UpstreamThrottled
from veo.errors import NotFound, SourceError, SourceUnavailable
from veo.facts.commute import CommuteData
from veo.facts.crime import CrimeData
from veo.models import Answer
from veo.runtime import build
from veo.services.registry import COMMUTE, CRIME
from veo.settings import Settings
from veo.web import create_app
from veo.web.errors import ErrorHandler

pytestmark = pytest.mark.anyio


def failing(error: Exception, *, crime_too: bool = True) -> FastAPI:
    """Give an app whose source of commutes fails, and that of crime too."""
    runtime = build(Settings(cache="memory"))

    async def crime(area_code: str) -> Answer[CrimeData]:
        fail(area_code)

    async def commute(origin: str, destination: str) -> Answer[CommuteData]:
        fail(origin + destination)

    def fail(asked: str) -> NoReturn:
        del asked
        raise error

    cache = Cache()
    if crime_too:
        vars(runtime.questions.cached)["crime"] = cache.cached(CRIME)(crime)
    vars(runtime.questions.cached)["commute"] = cache.cached(COMMUTE)(commute)
    return create_app(runtime=runtime)


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("GET", "/api/areas/zz9", None),
        ("GET", "/api/crime/ZZ9", None),
        ("POST", "/api/maps/area", {"areaCode": "zz9"}),
        ("GET", "/api/research/area?area_code=ZZ9", None),
    ],
)
async def test_an_unknown_area_is_not_found(web: httpx.AsyncClient, method: str, url: str, body: Any) -> None:
    error = refused(await web.request(method, url, json=body), 404, "NOT_FOUND")
    assert error == {"code": "NOT_FOUND", "message": "Invalid area code: ZZ9 not found"}


async def test_a_postcode_outside_london_is_not_found(web: httpx.AsyncClient) -> None:
    error = refused(await web.get("/api/boundaries/postcode?postcode=M1 1AE"), 404, "NOT_FOUND")
    assert "not found" in error["message"]


@pytest.mark.parametrize(
    "url", ["/api/unknown", "/api/areas/", "/api/areas/E15/", "/api/areas/E15/x", "/x%0Ay"]
)
async def test_an_unknown_path_is_not_found_and_not_redirected(web: httpx.AsyncClient, url: str) -> None:
    error = refused(await web.get(url), 404, "NOT_FOUND")
    assert error["message"] == f"{url} not found"


@pytest.mark.parametrize(
    ("method", "url", "allowed"),
    [
        ("DELETE", "/api/recommendations", "GET, HEAD, POST"),
        ("GET", "/api/maps/area", "POST"),
        ("POST", "/api/areas/E15", "GET, HEAD"),
        ("OPTIONS", "/api/health", "GET, HEAD"),
    ],
)
async def test_a_method_that_a_path_does_not_answer_is_refused_with_those_it_does(
    web: httpx.AsyncClient, method: str, url: str, allowed: str
) -> None:
    answer = await web.request(method, url)
    refused(answer, 405, "METHOD_NOT_ALLOWED")
    assert answer.headers["allow"] == allowed


async def test_a_head_request_is_answered_like_its_get(web: httpx.AsyncClient) -> None:
    assert (await web.head("/api/health")).status_code == 200


async def test_research_without_its_key_says_what_is_missing() -> None:
    app = create_app(Settings(cache="memory"))
    answer = await ask(app, "GET", "/api/research/area?area_code=E15&persona=parent&no_cache=true")
    error = refused(answer, 503, "SERVICE_UNAVAILABLE")
    assert error["details"] == {"service": "perplexity", "missing": "PERPLEXITY_API_KEY"}


@pytest.mark.parametrize(
    ("error", "status", "code", "details"),
    [
        (SourceError("police.uk", "key=SECRET"), 502, "EXTERNAL_SERVICE_ERROR", {"service": "police.uk"}),
        (
            SourceUnavailable("google", "GOOGLE_MAPS_API_KEY"),
            503,
            "SERVICE_UNAVAILABLE",
            {"service": "google", "missing": "GOOGLE_MAPS_API_KEY"},
        ),
        (UpstreamThrottled("crime failed a moment ago", 6.2), 503, "SERVICE_UNAVAILABLE", {"retryAfter": 7}),
        (NotFound("Nothing not found"), 404, "NOT_FOUND", None),
        (RuntimeError("SECRET"), 500, "INTERNAL_ERROR", None),
        (OSError("SECRET"), 500, "INTERNAL_ERROR", None),
    ],
)
async def test_a_failure_has_its_code_and_its_details(
    error: Exception, status: int, code: str, details: Any
) -> None:
    answer = await ask(failing(error), "GET", "/api/crime/E15")
    assert refused(answer, status, code).get("details") == details
    assert "SECRET" not in answer.text


async def test_a_source_that_does_not_answer_in_time_is_told_with_the_seconds_waited() -> None:
    answer = await ask(failing(TimeoutError("SECRET")), "GET", "/api/crime/E15")
    details = refused(answer, 504, "TIMEOUT")["details"]
    assert details == {"operation": "GET /api/crime/E15", "timeout": pytest.approx(0, abs=5)}


async def test_a_throttled_source_says_when_to_come_back() -> None:
    answer = await ask(failing(UpstreamThrottled("crime failed", 6.2)), "GET", "/api/crime/E15")
    assert answer.headers["retry-after"] == "7"


async def test_a_bug_is_logged_with_its_trace_and_told_without(caplog: pytest.LogCaptureFixture) -> None:
    answer = await ask(failing(RuntimeError("the cause")), "GET", "/api/crime/E15")
    assert "Traceback" not in answer.text
    logged = [record for record in caplog.records if record.name == "veo.web.errors"]
    assert logged[0].exc_info is not None
    assert "the cause" in str(logged[0].exc_info[1])


async def test_what_the_caller_did_wrong_is_not_warned_of(
    web: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    await web.get("/api/areas/ZZ9")
    assert caplog.records == []


async def test_a_source_that_failed_is_warned_of_without_a_trace(caplog: pytest.LogCaptureFixture) -> None:
    await ask(failing(SourceError("police.uk", "down")), "GET", "/api/crime/E15")
    (record,) = [record for record in caplog.records if record.name == "veo.web.errors"]
    assert (record.levelname, record.exc_info) == ("WARNING", None)


async def test_an_answer_that_has_begun_is_broken_off_not_answered_twice() -> None:
    sent: list[Any] = []

    async def breaks(scope: Any, receive: Any, send: Any) -> None:
        del scope, receive
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError("half-way")

    async def send(message: Any) -> None:
        sent.append(message["type"])

    with pytest.raises(RuntimeError, match="half-way"):
        await ErrorHandler(breaks)({"type": "http"}, AsyncMock(), send)
    assert sent == ["http.response.start"]


@pytest.mark.parametrize("error", [SourceError("tfl", "down"), TimeoutError(), OSError()])
async def test_an_area_whose_commute_fails_is_answered_with_a_notice(error: Exception) -> None:
    answer = await ask(failing(error, crime_too=False), "GET", "/api/areas/E15?destination=UCL")
    assert "commute" not in answer.json()["data"]
    notice = "No commute to University College London: its source gave no usable answer."
    assert notice in answer.json()["metadata"]["notices"]


async def test_a_map_whose_distance_fails_is_answered_with_a_notice() -> None:
    asked = {"areaCode": "E15", "destination": "UCL"}
    answer = await ask(failing(SourceError("tfl", "down")), "POST", "/api/maps/area", json=asked)
    assert "distanceToDestination" not in answer.json()["data"]
    assert any(said.startswith("No commute to") for said in answer.json()["metadata"]["notices"])
