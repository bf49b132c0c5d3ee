"""The public routes: one for each question of the registry, and a few without a cached question."""

import re
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, cast

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from veo import __version__
from veo.cache import Hit
from veo.facts.sources import SNAPSHOT
from veo.models import Answer, Destination
from veo.runtime import Runtime
from veo.schemas.requests import RecommendationRequest, read, read_json
from veo.schemas.requests import Request as Fields
from veo.scoring import PERSONAS_BY_NAME, PersonaConfig
from veo.services.dispatch import answer
from veo.services.registry import QUESTIONS, QUESTIONS_BY_NAME, Question
from veo.sources.embedded.place_resolver import Places
from veo.web import composite
from veo.web import health as health_report
from veo.web.auth import is_admin
from veo.web.body import json_body, memoised, parse_query, query_parameters
from veo.web.envelope import (
    Recommended,
    Success,
    blob_response,
    model_response,
    recommendations_response,
    static_hit,
    success_response,
)

Handler = Callable[[Request], Awaitable[Response]]


class Description(NamedTuple):
    """The description of a route in OpenAPI; without a `response` model, the route returns an image."""

    operation_id: str
    summary: str
    description: str = ""
    response: type[BaseModel] | None = None
    request: type[BaseModel] | None = None


class Endpoint(NamedTuple):
    """One route; public ones are described."""

    method: str
    path: str
    handler: Handler
    description: Description | None = None


def _runtime(request: Request) -> Runtime:
    return cast("Runtime", request.app.state.runtime)


# ---- the questions of the registry -----------------------------------------------------------------


COMPOSITE: Mapping[str, Callable[[Runtime, Any], Awaitable[Hit[Answer[Any]]]]] = {
    "area": lambda runtime, fields: composite.area(runtime, fields.code, fields.destination),
    "maps": lambda runtime, fields: composite.around(runtime, fields.area_code, fields.destination),
}
"""Questions whose route adds the journey to a destination."""


def _question_handler(question: Question) -> Handler:
    """Return the handler of a question: it reads the request, answers it and wraps the answer."""
    in_path = set(re.findall(r"{(\w+)}", question.path))
    in_query = set(question.request.model_fields) - in_path
    compose = COMPOSITE.get(question.name)

    async def read_request(request: Request, places: Places) -> Fields:
        if question.method == "POST":
            return read_json(question.request, await json_body(request), places)
        query = query_parameters(request) if in_query else {}
        return read(question.request, {**query, **request.path_params}, places)

    async def handler(request: Request) -> Response:
        runtime = _runtime(request)
        fields = await read_request(request, runtime.tables.places)
        if compose is not None:
            return success_response(request, await compose(runtime, fields))
        no_cache = getattr(fields, "no_cache", False)
        refresh = no_cache and is_admin(request)
        hit = await answer(runtime, question, fields, refresh=refresh)
        if no_cache and not refresh:
            hit = composite.with_notice(hit, "no_cache was ignored: it needs the admin token.")
        return success_response(request, hit)

    return handler


def _question_endpoint(question: Question) -> Endpoint:
    response = Success[question.response]  # type: ignore[name-defined]  # a model made at run time
    request = question.request
    description = Description(question.command, question.summary, response=response, request=request)
    return Endpoint(question.method, question.path, _question_handler(question), description)


# ---- recommendations, by a body and by a link ------------------------------------------------------


async def recommend(request: Request) -> Response:
    """Answer a question sent as JSON."""
    return await _recommend(request, _by_body(await json_body(request), _runtime(request).tables.places))


async def recommend_by_query(request: Request) -> Response:
    """Answer the same question from a query string."""
    return await _recommend(
        request, _by_query(request.scope["query_string"], _runtime(request).tables.places)
    )


@memoised
def _by_body(body: bytes, places: Places) -> RecommendationRequest:
    return read_json(RecommendationRequest, body, places)


@memoised
def _by_query(query: bytes, places: Places) -> RecommendationRequest:
    return read(RecommendationRequest, parse_query(query), places)


async def _recommend(request: Request, fields: RecommendationRequest) -> Response:
    hit = await _runtime(request).recommender.recommend(fields)
    return recommendations_response(request, hit, fields.max_areas)


# ---- routes without a cached question --------------------------------------------------------------


async def map_image(request: Request) -> Response:
    """Pass on a map image from Google without revealing the key."""
    return blob_response(await _runtime(request).questions.map_image(request.path_params["code"]))


async def personas(request: Request) -> Response:
    """List the personas."""
    return success_response(request, static_hit(tuple(PERSONAS_BY_NAME.values())))


async def destinations(request: Request) -> Response:
    """List the named destinations."""
    destinations = tuple(_runtime(request).tables.snapshot.destinations.values())
    return success_response(request, static_hit(destinations, SNAPSHOT))


async def health(request: Request) -> Response:
    """Report the state of the service."""
    uptime = time.monotonic() - request.app.state.started
    return model_response(health_report.health(_runtime(request), uptime))


async def home(request: Request) -> Response:
    """Describe the service, with links to its documentation."""
    del request
    about = "London postcode districts for a student, a parent or a developer"
    links = {"docs": "/docs", "openapi": "/openapi.json", "health": "/api/health", "explorer": "/"}
    return JSONResponse({"name": "Veo", "about": about, "version": __version__, **links})


RECOMMENDATIONS = QUESTIONS_BY_NAME["recommendations"]
PUBLIC = (
    Endpoint(
        "POST",
        RECOMMENDATIONS.path,
        recommend,
        Description("recommend", RECOMMENDATIONS.summary, "", Recommended, RecommendationRequest),
    ),
    Endpoint(
        "GET",
        RECOMMENDATIONS.path,
        recommend_by_query,
        Description(
            "recommend_by_query",
            "Recommend areas from a link",
            "The same question and answer as by POST; weights are written `safety:8,commute:5`.",
            Recommended,
            RecommendationRequest,
        ),
    ),
    *(_question_endpoint(question) for question in QUESTIONS if question is not RECOMMENDATIONS),
    Endpoint(
        "GET",
        "/api/maps/area/{code}/image",
        map_image,
        Description(
            "map_image",
            "Return a map image of an area",
            "The image comes from Google, whose terms do not allow it to be stored.",
        ),
    ),
    Endpoint(
        "GET",
        "/api/personas",
        personas,
        Description(
            "personas",
            "List the personas with their weights",
            response=Success[tuple[PersonaConfig, ...]],
        ),
    ),
    Endpoint(
        "GET",
        "/api/destinations",
        destinations,
        Description(
            "destinations",
            "List the named destinations",
            response=Success[tuple[Destination, ...]],
        ),
    ),
    Endpoint(
        "GET",
        "/api/health",
        health,
        Description(
            "health",
            "Report the state of the service, as last observed",
            response=health_report.Health,
        ),
    ),
)
"""Every route of the contract, in the order of the documentation."""
