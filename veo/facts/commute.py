"""Journeys from one place to another: by TfL's journey planner, else by the modelled rail graph."""

from collections.abc import Iterable

from pydantic import Field

from veo.errors import NotFoundThere
from veo.facts.sources import RAIL, Located, Sources
from veo.models import Answer, Leg, Value, absent
from veo.sources.clients import Live
from veo.sources.providers import tfl
from veo.sources.providers.tfl import TflJourney

MODELLED = "Modelled on the rail network without buses, timetables or delays."
NO_JOURNEY = "TfL knows no journey between these places: this is a model of the rail network."


class Route(Value):
    """One way to travel, in minutes."""

    mode: str
    duration: int
    steps: tuple[str, ...] | None = Field(default=None, exclude_if=absent)


class CommuteData(Value):
    """A journey to a destination, in minutes, with its `legs` and the single `fare` in GBP.

    `date` is the day (ISO) on whose morning the journey starts; a modelled journey has none.
    """

    origin: str
    destination: str
    duration: int
    modes: tuple[str, ...]
    routes: tuple[Route, ...] | None = Field(default=None, exclude_if=absent)
    legs: tuple[Leg, ...] | None = Field(default=None, exclude_if=absent)
    fare: float | None = Field(default=None, exclude_if=absent)
    date: str | None = Field(default=None, exclude_if=absent)


async def live_commute(sources: Sources, live: Live, start: Located, end: Located) -> Answer[CommuteData]:
    """Ask TfL for a journey; use the rail graph if TfL knows none. Raises provider errors."""
    try:
        journeys = await live.tfl.journeys(start.place.location, end.place.location)
    except NotFoundThere:
        return modelled_commute(sources, start, end, NO_JOURNEY)
    best = journeys[0]
    disrupted = ("TfL reports a disruption on this journey.",) if best.disrupted else ()
    return Answer(
        data=CommuteData(
            origin=start.place.label,
            destination=end.place.label,
            duration=best.minutes,
            modes=best.modes,
            routes=tuple(_route(journey) for journey in journeys),
            legs=best.legs,
            fare=None if best.fare_pence is None else best.fare_pence / 100,
            date=best.date.isoformat(),
        ),
        sources=(tfl.SOURCE,),
        notices=(*_notices(start, end), *disrupted),
        assumptions=(f"Leaving at 08:30 on {best.date:%A, %-d %B %Y}.",),
        attribution=(tfl.ATTRIBUTION.format(year=best.date.year),),
        partial=start.partial or end.partial,
    )


def modelled_commute(sources: Sources, start: Located, end: Located, *notices: str) -> Answer[CommuteData]:
    """Model a journey on the rail graph; `notices` explain why it is not TfL's."""
    journey = sources.rail.journey(start.place.location, end.place.location)
    modes = tuple(dict.fromkeys(leg.mode for leg in journey.legs)) or ("walk",)
    minutes = round(journey.minutes)
    return Answer(
        data=CommuteData(
            origin=start.place.label,
            destination=end.place.label,
            duration=minutes,
            modes=modes,
            routes=(Route(mode="+".join(modes), duration=minutes, steps=_steps(journey.legs)),),
            legs=journey.rounded(),
        ),
        sources=(RAIL,),
        notices=(*notices, *_notices(start, end)),
        assumptions=(MODELLED,),
        partial=start.partial or end.partial,
    )


def _notices(start: Located, end: Located) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*start.notices, *end.notices)))


def _route(journey: TflJourney) -> Route:
    return Route(mode="+".join(journey.modes), duration=journey.minutes, steps=_steps(journey.legs))


def _steps(legs: Iterable[Leg]) -> tuple[str, ...]:
    return tuple(
        f"{leg.line or leg.mode.capitalize()}: {leg.start} to {leg.end}, {leg.minutes:.0f} min"
        for leg in legs
    )
