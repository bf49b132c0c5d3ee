"""Any question by its name, for the web, the command line and Modal: validate a request, return an answer."""

from collections.abc import Mapping
from typing import Any, Protocol

from veo.cache import Hit
from veo.errors import InvalidQuestion
from veo.models import Answer
from veo.schemas.recommendations import Recommendations
from veo.schemas.requests import RecommendationRequest, Request, read
from veo.services.questions import Questions
from veo.services.recommend import Recommender
from veo.services.registry import QUESTIONS_BY_NAME, Question

Fields = Mapping[str, Any]
Plain = dict[str, Any]


class Services(Protocol):
    """The part of a `veo.runtime.Runtime` that answers questions."""

    @property
    def questions(self) -> Questions:
        """The questions about areas and places."""

    @property
    def recommender(self) -> Recommender:
        """The recommendations."""


async def answer(
    services: Services, question: Question, request: Request, *, refresh: bool = False
) -> Hit[Answer[Any]]:
    """Answer a question about areas or places; `refresh` asks the source whatever the cache holds.

    Raises InvalidQuestion, NotFound, SourceError, UpstreamThrottled or TimeoutError.
    """
    arguments = {name: getattr(request, name) for name in question.arguments}
    options = {"refresh": True} if refresh else {}
    hit: Hit[Answer[Any]] = await getattr(services.questions, question.name)(**arguments, **options)
    return hit


async def ask(services: Services, name: str, fields: Fields) -> Plain:
    """Answer a question by its name from plain fields; a field that is None counts as absent.

    Return the JSON of the web contract: `data` and `metadata`, except that the fields of recommendations
    stand beside `metadata`. Raises the errors of `answer`, and InvalidQuestion for an unknown name.
    """
    question = QUESTIONS_BY_NAME.get(name)
    if question is None:
        raise InvalidQuestion(f"question: must be one of {', '.join(QUESTIONS_BY_NAME)}")
    present = {field: value for field, value in fields.items() if value is not None}
    request = read(question.request, present, services.questions.places)
    if isinstance(request, RecommendationRequest):
        return _recommendations(await services.recommender.recommend(request), request.max_areas)
    hit = await answer(services, question, request)
    return {"data": hit.value.data.model_dump(mode="json"), "metadata": _metadata(hit)}


def _recommendations(hit: Hit[Answer[Recommendations]], count: int) -> Plain:
    ranking = hit.value.data
    return {
        **ranking.model_dump(mode="json", exclude={"recommendations", "notices_by_count"}),
        "recommendations": [item.model_dump(mode="json") for item in ranking.recommendations[:count]],
        "metadata": _metadata(hit, *ranking.notices_by_count[count - 1]),
    }


def _metadata(hit: Hit[Answer[Any]], *notices: str) -> Plain:
    """Return the origin and age of an answer, its notices and its sources."""
    stale = ("This is an older answer: no newer one came in time.",) if hit.stale else ()
    return {
        "sourcesUsed": list(hit.value.sources),
        "cached": hit.cached,
        "stale": hit.stale,
        "ageSeconds": round(hit.age),
        "notices": [*stale, *hit.value.notices, *notices],
        "assumptions": list(hit.value.assumptions),
        "attribution": list(hit.value.attribution),
    }
