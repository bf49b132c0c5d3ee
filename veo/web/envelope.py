"""The envelope around every answer, and what it says of how the answer came about."""

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
from veo.web.request_log import elapsed, tell

T = TypeVar("T")

ALWAYS = 1.0  # a time of its own: this was never computed


class Metadata(Value):
    """How an answer came about; `cached`, `stale` and the age are the cache's word.

    `attribution` is what licences of the sources want shown with it.
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


def answered(request: Request, hit: Hit[Answer[Any]]) -> Response:
    """Give an answer in its envelope."""
    answer = json_fragments.success(hit.value.data, _metadata(request.scope, hit))
    return cached_response(request, answer, hit)


def recommended(request: Request, hit: Hit[Answer[Recommendations]], most: int) -> Response:
    """Give the first `most` areas, and what is to be said of just these."""
    data = hit.value.data
    metadata = _metadata(request.scope, hit, data.said_for[most - 1])
    return cached_response(request, json_fragments.recommended(data, most, metadata), hit)


def known(data: Any, *sources: str) -> Hit[Answer[Any]]:
    """Give what needs no question, and changes only with the program, in the form of an answer to one."""
    answer: Answer[Any] = Answer(data=data, sources=sources)
    return Hit(answer, "source", 0.0, cached=False, stale=False, computed=ALWAYS, fresh=math.inf)


def of_the_moment(data: Any) -> Hit[Answer[Any]]:
    """Give what nobody may keep in the form of an answer to a question."""
    return Hit(Answer(data=data), "source", age=0.0, cached=False, stale=False)


def uncached(blob: Blob) -> Response:
    """Give an answer that nobody may keep."""
    return Response(blob.content, media_type=blob.content_type, headers={"Cache-Control": "no-store"})


def as_json(answer: BaseModel, status: int = 200) -> Response:
    """Serialise once, straight to bytes."""
    return Response(answer.model_dump_json(), status, media_type=JSON)


def timestamp() -> str:
    """Give the present time in UTC to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def elapsed_ms(scope: Scope) -> int:
    """Give the whole milliseconds since a request came in."""
    return round(elapsed(scope) * 1000)


def _metadata(scope: Scope, hit: Hit[Answer[Any]], last: tuple[str, ...] = ()) -> bytes:
    """Give the metadata as JSON, and leave the same for the log."""
    late = (f"This answer is from {_ago(hit.age)} ago: no newer one came in time.",) if hit.stale else ()
    origin = "static" if hit.computed == ALWAYS else hit.origin
    tell(scope, origin, hit.value.sources, (*late, *hit.value.notices, *last))
    moment = json_fragments.Moment(timestamp(), elapsed_ms(scope), hit.cached, hit.stale, int(hit.age))
    return json_fragments.metadata(moment, hit.value, late, last)


def _ago(seconds: float) -> str:
    """Give an age in the largest unit of which there are at least two."""
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"
