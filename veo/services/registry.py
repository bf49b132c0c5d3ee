"""The registry of questions: policies, and for each question its route, models and simulated cost.

Everything that lists questions reads `QUESTIONS`: the web routes, the OpenAPI document, the command line,
Modal and the documentation. To add one, write its policy and its entry here, and its cached method in
`veo.services.questions`; tests name whatever is missing elsewhere.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from veo.cache import Policy
from veo.errors import NotFound, SourceError
from veo.facts.area import AreaData
from veo.facts.boundaries import BoundariesData
from veo.facts.commute import CommuteData
from veo.facts.crime import CrimeData
from veo.facts.maps import MapsData
from veo.facts.research import ResearchData
from veo.facts.schools import SchoolsData
from veo.models import PERSONAS, Answer, Value
from veo.schemas.recommendations import Recommendations
from veo.schemas.requests import (
    AreaRequest,
    BoundariesRequest,
    CommuteRequest,
    CrimeRequest,
    MapsRequest,
    RecommendationRequest,
    Request,
    ResearchRequest,
    SchoolsRequest,
)

DISTRICTS = 267

FAILURES = (SourceError, OSError)  # a timeout is an OSError
PARTIAL_FOR = timedelta(seconds=30)  # an answer without one of its parts
EMBEDDED_FOR = timedelta(hours=1)  # an embedded answer: the next deployment may enable live sources


def _area_tags(*codes: str) -> tuple[str, ...]:
    """Return the tags by which flushing an area reaches an answer; a postcode belongs to its district."""
    return tuple(f"area:{code.split(' ', 1)[0]}" for code in codes)


def partial_lifetime(answer: Answer[Any]) -> timedelta | None:
    """Return the short life of a partial answer, or None for the policy's own."""
    return PARTIAL_FOR if answer.partial else None


def embedded_lifetime(answer: Answer[Any]) -> timedelta | None:
    """Return the life of an answer from embedded figures."""
    return partial_lifetime(answer) or EMBEDDED_FOR


def _untimed(answer: Answer[Any]) -> Answer[Any]:
    """Return an answer without its time, which would make every refresh count as changed."""
    return answer.model_copy(update={"data": answer.data.model_copy(update={"timestamp": ""})})


# `fleet_once` is for sources with a rate limit or a price: TfL, police.uk, Overpass, Google, Perplexity
def _policy(
    family: str, key: str | Callable[..., Any], fresh: timedelta, stale: timedelta, **more: Any
) -> Policy:
    terms = {"lifetime": partial_lifetime, "negative_on": (NotFound,), **more}
    return Policy(family=family, key=key, fresh_for=fresh, stale_if_error=stale, stale_on=FAILURES, **terms)


def _hours(count: int) -> timedelta:
    return timedelta(hours=count)


def _days(count: int) -> timedelta:
    return timedelta(days=count)


RECOMMENDATIONS = _policy(
    "recommendations",
    lambda query: query.key_parts(),
    _hours(1),
    _hours(24),
    flushed_with=("area",),
)
PERSONAL = _policy(
    "personal",
    lambda query: query.key_parts(),
    _hours(1),
    _hours(1),
    shared=False,
    flushed_with=("area",),
)
AREA = _policy("area", "area:{code}", _hours(24), _hours(24), tags=("area:{code}",))
COMMUTE = _policy(
    "commute", "commute:{origin}:{destination}", _days(7), _days(30), tags=_area_tags, fleet_once=True
)
CRIME = _policy(
    "crime", "crime:{area_code}", _days(30), _days(30), tags=("area:{area_code}",), fleet_once=True
)
SCHOOLS = _policy("schools", "schools:{postcode}", _days(90), _days(30), tags=_area_tags)
BOUNDARIES = _policy(
    "boundaries",
    lambda postcode, level="simple": (postcode,) if level == "simple" else (postcode, level),
    _days(90),
    _days(30),
    tags=lambda postcode, _level="simple": _area_tags(postcode),
    content=_untimed,
)
MAPS = _policy("maps", "maps:{area_code}", _days(7), _days(7), tags=("area:{area_code}",), fleet_once=True)
GOOGLE = _policy(  # Google's terms: a point for 30 days at most, stale ones included
    "google",
    "maps:{area_code}:google",
    _days(29),
    _days(1),
    under="maps",
    tags=("area:{area_code}",),
    fleet_once=True,
    lifetime=None,
    negative_for=_days(1),
)
RESEARCH = _policy(
    "research",
    lambda area_code, persona=None: (area_code, persona or "any"),
    _hours(6),
    _hours(24),
    tags=lambda area_code, _persona=None: _area_tags(area_code),
    fleet_once=True,
    content=_untimed,
    hard_timeout=timedelta(seconds=25),  # a proxy in front of the API times out after 30
)


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one answer in a simulation: seconds, bytes as JSON, and a call to `provider`.

    `provider` is None if Veo computes the answer itself; `different` is the number of distinct questions.
    """

    seconds: float
    size: int
    provider: str | None
    different: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One public question. `name` is its method of `Questions`; `fetch_{name}_cached` is its Modal function.

    `arguments` are the request fields that the method takes. `summary` is for callers. `verb` is the name of
    the command and of the OpenAPI operation, if that differs from `name`.
    """

    name: str
    policy: Policy
    method: Literal["GET", "POST"]
    path: str
    request: type[Request]
    response: type[Value]
    arguments: tuple[str, ...]
    cost: Cost
    summary: str
    verb: str = ""

    @property
    def command(self) -> str:
        """Return the name of the command and of the operation in OpenAPI."""
        return self.verb or self.name


QUESTIONS = (
    Question(
        name="recommendations",
        verb="recommend",
        policy=RECOMMENDATIONS,
        method="POST",
        path="/api/recommendations",
        request=RecommendationRequest,
        response=Recommendations,
        arguments=(),
        cost=Cost(0.03, 41_500, None, 2_000),
        summary="Recommend areas to a persona with a budget",
    ),
    Question(
        name="area",
        policy=AREA,
        method="GET",
        path="/api/areas/{code}",
        request=AreaRequest,
        response=AreaData,
        arguments=("code",),
        cost=Cost(0.01, 8_200, None, DISTRICTS),
        summary="Return every figure of a postcode district",
    ),
    Question(
        name="commute",
        policy=COMMUTE,
        method="POST",
        path="/api/commute/calculate",
        request=CommuteRequest,
        response=CommuteData,
        arguments=("origin", "destination"),
        cost=Cost(0.8, 950, "tfl", 2_000),
        summary="Return the time of a journey, door to door",
    ),
    Question(
        name="crime",
        policy=CRIME,
        method="GET",
        path="/api/crime/{area_code}",
        request=CrimeRequest,
        response=CrimeData,
        arguments=("area_code",),
        cost=Cost(1.0, 1_000, "police.uk", DISTRICTS),
        summary="Return the recorded crime of an area",
    ),
    Question(
        name="schools",
        policy=SCHOOLS,
        method="GET",
        path="/api/schools/{postcode}",
        request=SchoolsRequest,
        response=SchoolsData,
        arguments=("postcode",),
        cost=Cost(0.01, 1_100, None, 2_000),
        summary="Return the schools near a postcode, or of a district",
    ),
    Question(
        name="boundaries",
        policy=BOUNDARIES,
        method="GET",
        path="/api/boundaries/postcode",
        request=BoundariesRequest,
        response=BoundariesData,
        arguments=("postcode", "level"),
        cost=Cost(0.3, 500, "postcodes.io", 2_000),
        summary="Return the areas that a postcode lies in",
    ),
    Question(
        name="maps",
        policy=MAPS,
        method="POST",
        path="/api/maps/area",
        request=MapsRequest,
        response=MapsData,
        arguments=("area_code",),
        cost=Cost(2.0, 1_250, "overpass", DISTRICTS),
        summary="Return what lies around an area",
    ),
    Question(
        name="research",
        policy=RESEARCH,
        method="GET",
        path="/api/research/area",
        request=ResearchRequest,
        response=ResearchData,
        arguments=("area_code", "persona"),
        cost=Cost(8.0, 3_000, "perplexity", DISTRICTS * (len(PERSONAS) + 1)),
        summary="Return what the web says about an area, with a source for every statement",
    ),
)
"""Every public question, in the order of the documentation."""

QUESTIONS_BY_NAME: Mapping[str, Question] = {question.name: question for question in QUESTIONS}

COSTS: Mapping[str, Cost] = {
    **{question.policy.family: question.cost for question in QUESTIONS},
    PERSONAL.family: QUESTIONS_BY_NAME["recommendations"].cost,
    GOOGLE.family: Cost(0.2, 250, "google", DISTRICTS),
}
"""Costs by family. Sizes were measured on the embedded figures; times are assumed typical ones."""

POLICIES = (RECOMMENDATIONS, PERSONAL, AREA, COMMUTE, CRIME, SCHOOLS, BOUNDARIES, MAPS, GOOGLE, RESEARCH)
"""Every policy, in the order of the documentation; a question may use two."""
