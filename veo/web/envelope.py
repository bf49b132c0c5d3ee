"""The envelope of every answer: its data, and metadata on where they came from."""

import math
from datetime import UTC, datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from veo.cache import Hit
from veo.models import Answer, Persona, Value
from veo.schemas.recommendations import Recommendation, Recommendations
from veo.sources.http.provider import Blob
from veo.web import json_fragments
from veo.web.body import JSON
from veo.web.http_caching import cached_response
from veo.web.request_log import elapsed_seconds, record_answer_origin

T = TypeVar("T")

STATIC = 1.0  # the `computed` time that marks data which were never computed


class Metadata(Value):
    """Where an answer came from; `cached`, `stale` and the age are as the cache reports them.

    `attribution` holds the texts that the licences of the sources require to be shown with it.
    """

    timestamp: str
    execution_time_ms: int
    sources_used: tuple[str, ...]
    cached: bool
    stale: bool
    age_seconds: int
    notices: tuple[str, ...]
    assumptions: tuple[str, ...]
    attribution: tuple[str, ...]


class Success(Value, Generic[T]):
    """An answer in its envelope."""

    model_config = ConfigDict(defer_build=True)

    success: Literal[True] = True
    data: T
    metadata: Metadata


class Recommended(Value):
    """The answer to a request for recommendations, which has no `data`."""

    success: Literal[True] = True
    persona: Persona
    budget: int
    recommendations: tuple[Recommendation, ...]
    metadata: Metadata


def success_response(request: Request, hit: Hit[Answer[Any]]) -> Response:
    """Return an answer in its envelope."""
    answer = json_fragments.success(hit.value.data, _metadata(request.scope, hit))
    return cached_response(request, answer, hit)


def recommendations_response(request: Request, hit: Hit[Answer[Recommendations]], most: int) -> Response:
    """Return the first `most` areas, with the notices for a list of that length."""
    data = hit.value.data
    metadata = _metadata(request.scope, hit, data.notices_by_count[most - 1])
    return cached_response(request, json_fragments.recommended(data, most, metadata), hit)


def static_hit(data: Any, *sources: str) -> Hit[Answer[Any]]:
    """Return a hit for data that change only with the program."""
    answer: Answer[Any] = Answer(data=data, sources=sources)
    return Hit(answer, "source", 0.0, cached=False, stale=False, computed=STATIC, fresh=math.inf)


def uncacheable_hit(data: Any) -> Hit[Answer[Any]]:
    """Return a hit for data that no cache may store."""
    return Hit(Answer(data=data), "source", age=0.0, cached=False, stale=False)


def blob_response(blob: Blob) -> Response:
    """Return a provider's file, which no cache may store."""
    return Response(blob.content, media_type=blob.content_type, headers={"Cache-Control": "no-store"})


def model_response(model: BaseModel, status: int = 200) -> Response:
    """Return a model as JSON without an envelope."""
    return Response(model.model_dump_json(), status, media_type=JSON)


def timestamp() -> str:
    """Return the current time in UTC to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def elapsed_ms(scope: Scope) -> int:
    """Return the milliseconds since a request arrived."""
    return round(elapsed_seconds(scope) * 1000)


def _metadata(scope: Scope, hit: Hit[Answer[Any]], last: tuple[str, ...] = ()) -> bytes:
    """Return the metadata as JSON, and record the origin, sources and notices for the log."""
    late = (f"This answer is from {_ago(hit.age)} ago: no newer one came in time.",) if hit.stale else ()
    origin = "static" if hit.computed == STATIC else hit.origin
    record_answer_origin(scope, origin, hit.value.sources, (*late, *hit.value.notices, *last))
    per_request = json_fragments.PerRequest(
        timestamp(), elapsed_ms(scope), hit.cached, hit.stale, int(hit.age)
    )
    return json_fragments.metadata(per_request, hit.value, late, last)


def _ago(seconds: float) -> str:
    """Return an age in the largest unit of which there are at least two."""
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
