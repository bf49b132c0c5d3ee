"""What can be asked over HTTP: one thin coroutine per route, and the table of them all."""

import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, cast

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from veo import __version__
from veo.cache import Hit
from veo.facts.sources import SNAPSHOT
from veo.models import Answer
from veo.runtime import Runtime
from veo.schemas.requests import (
    AreaRequest,
    BoundariesRequest,
    CommuteRequest,
    MapsRequest,
    RecommendationRequest,
    ResearchRequest,
    read,
    read_json,
)
from veo.scoring import PERSONAS_BY_NAME
from veo.sources.embedded.place_resolver import Places
from veo.web import composite
from veo.web import health as condition
from veo.web.auth import is_admin
from veo.web.body import json_body, parameters, query, remembered
from veo.web.envelope import answered, as_json, known, recommended, uncached

Handler = Callable[[Request], Awaitable[Response]]


class Endpoint(NamedTuple):
    """One public route; the handler's docstring describes it to callers."""

    method: str
    path: str
    handler: Handler


def _runtime(request: Request) -> Runtime:
    return cast("Runtime", request.app.state.runtime)


async def recommend(request: Request) -> Response:
    """Recommend areas to a persona with a budget."""
    places = _runtime(request).tables.places
    return await _recommended(request, _by_body(await json_body(request), places))


async def recommend_by_query(request: Request) -> Response:
    """Recommend areas, asked by a link.

    The same question and answer as by POST; weights are written `safety:8,commute:5`.
    """
    places = _runtime(request).tables.places
    return await _recommended(request, _by_query(request.scope["query_string"], places))


@remembered
def _by_body(sent: bytes, places: Places) -> RecommendationRequest:
    return read_json(RecommendationRequest, sent, places)


@remembered
def _by_query(sent: bytes, places: Places) -> RecommendationRequest:
    return read(RecommendationRequest, parameters(sent), places)


async def _recommended(request: Request, asked: RecommendationRequest) -> Response:
    hit = await _runtime(request).recommender.recommend(asked)
    return recommended(request, hit, asked.max_areas)


async def area(request: Request) -> Response:
    """Tell everything known of a postcode district, and the way from there to a destination."""
    runtime = _runtime(request)
    asked = read(AreaRequest, query(request), runtime.tables.places)
    return answered(request, await composite.area(runtime, request.path_params["code"], asked.destination))


async def commute(request: Request) -> Response:
    """Tell how long a journey takes, door to door."""
    runtime = _runtime(request)
    asked = read_json(CommuteRequest, await json_body(request), runtime.tables.places)
    return answered(request, await runtime.questions.commute(asked.origin, asked.destination))


async def crime(request: Request) -> Response:
    """Tell the recorded crime of an area."""
    return answered(request, await _runtime(request).questions.crime(request.path_params["area_code"]))


async def schools(request: Request) -> Response:
    """Tell the schools near a postcode, or of a district."""
    return answered(request, await _runtime(request).questions.schools(request.path_params["postcode"]))


async def boundaries(request: Request) -> Response:
    """Tell in which areas a postcode lies."""
    asked = read(BoundariesRequest, query(request))
    anew = asked.no_cache and is_admin(request)
    hit = await _runtime(request).questions.boundaries(asked.postcode, asked.level, anew=anew)
    return answered(request, _told(hit, ignored=asked.no_cache and not anew))


def _told(hit: Hit[Answer[Any]], *, ignored: bool) -> Hit[Answer[Any]]:
    """Say so where `no_cache` was ignored."""
    return composite.noted(hit, "no_cache was ignored: it needs the admin token.") if ignored else hit


async def maps(request: Request) -> Response:
    """Tell what lies around an area, and how far a destination is."""
    runtime = _runtime(request)
    asked = read_json(MapsRequest, await json_body(request), runtime.tables.places)
    return answered(request, await composite.around(runtime, asked.area_code, asked.destination))


async def map_image(request: Request) -> Response:
    """Give a picture of the map around an area.

    It is passed on from Google, whose terms let nobody keep it, and whose key stays here.
    """
    return uncached(await _runtime(request).questions.map_image(request.path_params["code"]))


async def research(request: Request) -> Response:
    """Tell what the web says of an area, every statement by its source."""
    asked = read(ResearchRequest, query(request))
    anew = asked.no_cache and is_admin(request)
    hit = await _runtime(request).questions.research(asked.area_code, asked.persona, anew=anew)
    return answered(request, _told(hit, ignored=asked.no_cache and not anew))


async def personas(request: Request) -> Response:
    """List the personas with what each of them weighs."""
    return answered(request, known(tuple(PERSONAS_BY_NAME.values())))


async def destinations(request: Request) -> Response:
    """List the places that a commute can lead to by name."""
    listed = tuple(_runtime(request).tables.snapshot.destinations.values())
    return answered(request, known(listed, SNAPSHOT))


async def health(request: Request) -> Response:
    """Tell how the service is, by what was last observed."""
    uptime = time.monotonic() - request.app.state.started
    return as_json(condition.health(_runtime(request), uptime))


async def home(request: Request) -> Response:
    """Say what this is and where to read on."""
    del request
    about = "London postcode districts for a student, a parent or a developer"
    links = {"docs": "/docs", "openapi": "/openapi.json", "health": "/api/health", "explorer": "/"}
    return JSONResponse({"name": "Veo", "about": about, "version": __version__, **links})


PUBLIC = (
    Endpoint("POST", "/api/recommendations", recommend),
    Endpoint("GET", "/api/recommendations", recommend_by_query),
    Endpoint("GET", "/api/areas/{code}", area),
    Endpoint("POST", "/api/commute/calculate", commute),
    Endpoint("GET", "/api/crime/{area_code}", crime),
    Endpoint("GET", "/api/schools/{postcode}", schools),
    Endpoint("GET", "/api/boundaries/postcode", boundaries),
    Endpoint("POST", "/api/maps/area", maps),
    Endpoint("GET", "/api/maps/area/{code}/image", map_image),
    Endpoint("GET", "/api/research/area", research),
    Endpoint("GET", "/api/personas", personas),
    Endpoint("GET", "/api/destinations", destinations),
    Endpoint("GET", "/api/health", health),
)
"""Every route of the contract, in the order of the documentation."""
