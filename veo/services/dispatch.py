"""A question by its name, from plain fields to plain JSON data: the command line and Modal share this.

The JSON has the shape of the web contract: `data` and `metadata`, but for recommendations, whose fields
stand beside `metadata`.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

from veo.cache import Hit
from veo.models import Answer
from veo.schemas.recommendations import Recommendations
from veo.schemas.requests import (
    BoundariesRequest,
    CommuteRequest,
    MapsRequest,
    RecommendationRequest,
    ResearchRequest,
    read,
)
from veo.services.questions import Questions
from veo.services.recommend import Recommender

Fields = Mapping[str, Any]
Plain = dict[str, Any]


class Answering(Protocol):
    """What answers every question: the part of a `veo.runtime.Runtime` that is needed here."""

    @property
    def questions(self) -> Questions:
        """The cached questions."""

    @property
    def recommender(self) -> Recommender:
        """The recommendations."""


async def ask(runtime: Answering, question: str, fields: Fields) -> Plain:
    """Answer one question; a field that is None was not given.

    Raises InvalidQuestion or NotFound for what makes no sense, SourceError or TimeoutError when no source
    answers, and KeyError for a question that is not one of `QUESTIONS`.
    """
    return await QUESTIONS[question](runtime, {name: v for name, v in fields.items() if v is not None})


async def _recommendations(runtime: Answering, fields: Fields) -> Plain:
    request = read(RecommendationRequest, fields, runtime.questions.places)
    hit: Hit[Answer[Recommendations]] = await runtime.recommender.recommend(request)
    found, shown = hit.value.data, request.max_areas
    return {
        **found.model_dump(mode="json", exclude={"recommendations", "said_for"}),
        "recommendations": [item.model_dump(mode="json") for item in found.recommendations[:shown]],
        "metadata": _metadata(hit, *found.said_for[shown - 1]),
    }


async def _area(runtime: Answering, fields: Fields) -> Plain:
    return _plain(await runtime.questions.area(fields["code"]))


async def _commute(runtime: Answering, fields: Fields) -> Plain:
    request = read(CommuteRequest, fields, runtime.questions.places)
    return _plain(await runtime.questions.commute(request.origin, request.destination))


async def _crime(runtime: Answering, fields: Fields) -> Plain:
    return _plain(await runtime.questions.crime(fields["area_code"]))


async def _schools(runtime: Answering, fields: Fields) -> Plain:
    return _plain(await runtime.questions.schools(fields["postcode"]))


async def _boundaries(runtime: Answering, fields: Fields) -> Plain:
    request = read(BoundariesRequest, fields)
    return _plain(await runtime.questions.boundaries(request.postcode, request.level))


async def _maps(runtime: Answering, fields: Fields) -> Plain:
    return _plain(await runtime.questions.maps(read(MapsRequest, fields).area_code))


async def _research(runtime: Answering, fields: Fields) -> Plain:
    request = read(ResearchRequest, fields)
    return _plain(await runtime.questions.research(request.area_code, request.persona))


QUESTIONS: Mapping[str, Callable[[Answering, Fields], Awaitable[Plain]]] = {
    "recommendations": _recommendations,
    "area": _area,
    "commute": _commute,
    "crime": _crime,
    "schools": _schools,
    "boundaries": _boundaries,
    "maps": _maps,
    "research": _research,
}


def _plain(hit: Hit[Answer[Any]]) -> Plain:
    return {"data": hit.value.data.model_dump(mode="json"), "metadata": _metadata(hit)}


def _metadata(hit: Hit[Answer[Any]], *more: str) -> Plain:
    """Tell what happened: `ageSeconds` counts from the computation of the answer."""
    late = ("This is an older answer: no newer one came in time.",) if hit.stale else ()
    return {
        "sourcesUsed": list(hit.value.sources),
        "cached": hit.cached,
        "stale": hit.stale,
        "ageSeconds": round(hit.age),
        "notices": [*late, *hit.value.notices, *more],
        "assumptions": list(hit.value.assumptions),
        "attribution": list(hit.value.attribution),
    }
