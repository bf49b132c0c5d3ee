"""Answers to two questions at once: an area or what lies around it, and the way to a destination."""

import asyncio
from math import dist
from typing import Any, TypeVar

from veo.cache import Hit, UpstreamThrottled
from veo.errors import SourceError
from veo.identity_memo import IdentityMemo
from veo.models import Answer
from veo.runtime import Runtime
from veo.schemas.responses import AreaData, CommuteData, Distance, MapsData
from veo.scoring import FigurePercentiles
from veo.sources.embedded.walking import point

T = TypeVar("T")
FAILURES = (SourceError, UpstreamThrottled, OSError)  # a timeout is an OSError


async def area(runtime: Runtime, code: str, destination: str) -> Hit[Answer[AreaData]]:
    """Tell everything known of an area, with the way to a destination where one is named."""
    if not destination:
        return await _placed(runtime, await runtime.questions.area(code))
    home = runtime.tables.places.canonical_area(code)
    asked = runtime.questions.area(home), _way(runtime, home, destination)
    bare, way = await asyncio.gather(*asked)
    found = await _placed(runtime, bare)
    if isinstance(way, str):
        return _lacking(found, way)
    return _joined(found, way, found.value.data.model_copy(update={"commute": way.value.data}))


async def _placed(runtime: Runtime, hit: Hit[Answer[AreaData]]) -> Hit[Answer[AreaData]]:
    """Say where each figure stands among London's: kept, it would be as old as the entry."""
    current = await runtime.sources.figures.current()
    return hit._replace(value=_PLACED.of(hit.value, current.percentiles))


def _with_percentiles(answer: Answer[AreaData], percentiles: FigurePercentiles) -> Answer[AreaData]:
    placed = percentiles.of(answer.data.figures)
    return answer.model_copy(update={"data": answer.data.model_copy(update={"percentiles": placed})})


_PLACED = IdentityMemo(_with_percentiles)


async def around(runtime: Runtime, code: str, destination: str) -> Hit[Answer[MapsData]]:
    """Tell what lies around an area, with the distance to a destination where one is named."""
    if not destination:
        return await runtime.questions.maps(code)
    home = runtime.tables.places.canonical_area(code)
    found, way = await asyncio.gather(runtime.questions.maps(home), _way(runtime, home, destination))
    if isinstance(way, str):
        return _lacking(found, way)
    end = await runtime.questions.located(runtime.tables.places.destination(destination))
    km = dist(point(found.value.data.location), point(end.place.location))
    far = {"distance_to_destination": _distance(km, way.value.data.duration)}
    joined = _joined(found, way, found.value.data.model_copy(update=far))
    return noted(joined, "The distance to the destination is a straight line.")


async def _way(runtime: Runtime, origin: str, destination: str) -> Hit[Answer[CommuteData]] | str:
    """Give the way, or the notice that there is none: one failed source does not spoil an answer."""
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


def noted(hit: Hit[Answer[T]], notice: str) -> Hit[Answer[T]]:
    """Give an answer with one more notice."""
    said = (*hit.value.notices, notice)
    return hit._replace(value=hit.value.model_copy(update={"notices": said}))


def _lacking(hit: Hit[Answer[T]], notice: str) -> Hit[Answer[T]]:
    """Say what is missing: nobody may keep the answer for later."""
    return noted(hit, notice)._replace(computed=0.0, fresh=0.0)


def _joined(first: Hit[Answer[T]], second: Hit[Answer[Any]], data: T) -> Hit[Answer[T]]:
    """Join two answers: cached only when both were, stale when one is, as old as the older."""
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
        # times only grow: their sum moves whenever one of the two is computed anew
        computed=first.computed + second.computed if first.computed and second.computed else 0.0,
        fresh=min(first.fresh, second.fresh),
    )
