"""Answers composed of two questions: an area, or what lies around it, and the journey to a destination."""

import asyncio
from math import dist
from typing import Any, TypeVar

from veo.cache import Hit, UpstreamThrottled
from veo.errors import SourceError
from veo.facts.area import AreaData
from veo.facts.commute import CommuteData
from veo.facts.maps import Distance, MapsData
from veo.identity_memo import IdentityMemo
from veo.models import Answer
from veo.runtime import Runtime
from veo.scoring import FigurePercentiles
from veo.sources.embedded.walking import point

T = TypeVar("T")
FAILURES = (SourceError, UpstreamThrottled, OSError)  # a timeout is an OSError


async def area(runtime: Runtime, code: str, destination: str) -> Hit[Answer[AreaData]]:
    """Answer with an area, and the journey to the destination if there is one."""
    if not destination:
        return await _add_percentiles(runtime, await runtime.questions.area(code))
    home = runtime.tables.places.canonical_area(code)
    hit, commute = await asyncio.gather(runtime.questions.area(home), _commute(runtime, home, destination))
    hit = await _add_percentiles(runtime, hit)
    if isinstance(commute, str):
        return _incomplete(hit, commute)
    return _joined(hit, commute, hit.value.data.model_copy(update={"commute": commute.value.data}))


async def _add_percentiles(runtime: Runtime, hit: Hit[Answer[AreaData]]) -> Hit[Answer[AreaData]]:
    """Add the percentile of each figure; it is not cached, because it depends on all districts."""
    current = await runtime.sources.figures.current()
    return hit._replace(value=_PERCENTILES.get(hit.value, current.percentiles))


def _with_percentiles(answer: Answer[AreaData], percentiles: FigurePercentiles) -> Answer[AreaData]:
    data = answer.data.model_copy(update={"percentiles": percentiles.of(answer.data.figures)})
    return answer.model_copy(update={"data": data})


_PERCENTILES = IdentityMemo(_with_percentiles)


async def around(runtime: Runtime, code: str, destination: str) -> Hit[Answer[MapsData]]:
    """Answer with what lies around an area, and the distance to the destination if there is one."""
    if not destination:
        return await runtime.questions.maps(code)
    home = runtime.tables.places.canonical_area(code)
    hit, commute = await asyncio.gather(runtime.questions.maps(home), _commute(runtime, home, destination))
    if isinstance(commute, str):
        return _incomplete(hit, commute)
    end = await runtime.questions.located(runtime.tables.places.destination(destination))
    km = dist(point(hit.value.data.location), point(end.place.location))
    distance = _distance(km, commute.value.data.duration)
    joined = _joined(hit, commute, hit.value.data.model_copy(update={"distance_to_destination": distance}))
    return with_notice(joined, "The distance to the destination is measured in a straight line.")


async def _commute(runtime: Runtime, origin: str, destination: str) -> Hit[Answer[CommuteData]] | str:
    """Return the journey, or a notice if its source fails, so that the rest can still be answered."""
    try:
        return await runtime.questions.commute(origin, destination)
    except FAILURES:
        label = runtime.tables.places.destination(destination).label
        return f"No commute to {label}: its source gave no usable answer."


def _distance(km: float, minutes: int) -> Distance:
    return Distance(
        distance=f"{km:.1f} km",
        distance_meters=round(km * 1000),
        duration=f"{minutes} min",
        duration_seconds=minutes * 60,
    )


def with_notice(hit: Hit[Answer[T]], notice: str) -> Hit[Answer[T]]:
    """Return a hit with one more notice in its answer."""
    notices = (*hit.value.notices, notice)
    return hit._replace(value=hit.value.model_copy(update={"notices": notices}))


def _incomplete(hit: Hit[Answer[T]], notice: str) -> Hit[Answer[T]]:
    """Return a hit with a notice of the missing part; no HTTP cache may store it."""
    return with_notice(hit, notice)._replace(computed=0.0, fresh=0.0)


def _joined(first: Hit[Answer[T]], second: Hit[Answer[Any]], data: T) -> Hit[Answer[T]]:
    """Join two answers: cached if both are, stale if either is, and as old as the older one."""
    one, other = first.value, second.value
    answer: Answer[T] = Answer(
        data=data,
        sources=tuple(dict.fromkeys((*one.sources, *other.sources))),
        notices=tuple(dict.fromkeys((*one.notices, *other.notices))),
        assumptions=(*one.assumptions, *other.assumptions),
        attribution=tuple(dict.fromkeys((*one.attribution, *other.attribution))),
        partial=one.partial or other.partial,
    )
    return first._replace(
        value=answer,
        age=max(first.age, second.age),
        cached=first.cached and second.cached,
        stale=first.stale or second.stale,
        # times only increase, so their sum changes whenever either answer is computed again
        computed=first.computed + second.computed if first.computed and second.computed else 0.0,
        fresh=min(first.fresh, second.fresh),
    )
