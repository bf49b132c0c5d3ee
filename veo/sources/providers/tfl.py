"""TfL's Unified API: journeys on a working morning, and stops by name.

Journeys depend on the day: at night, at weekends and around Christmas they are others. So every question is
for 08:30 on the next Tuesday, Wednesday or Thursday, and that date is part of the answer.

Under the terms of TfL's Transport Data Service, which ask for `ATTRIBUTION`; answers may be cached.
"""

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from itertools import count
from operator import attrgetter
from typing import Annotated, Any, Literal, TypeVar, get_args
from urllib.parse import quote

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from veo.errors import BadAnswer, NotFoundThere
from veo.models import Leg, Location, Mode, Value, absent
from veo.sources.http.client import Http
from veo.sources.http.provider import Provider, Reply
from veo.sources.http.sanitize import plain

SOURCE = "TfL Unified API"

ATTRIBUTION = (
    "Powered by TfL Open Data. Contains OS data © Crown copyright and database rights {year} "
    "and Geomni UK Map data © and database rights {year}"
)
"""To be formatted with the `year` of the answer."""

PROVIDER = Provider("tfl", "https://api.tfl.gov.uk", timeout=5.0, rate=(50, 60.0))
"""As it serves everybody; `WITH_KEY` is for the holder of a free key."""

WITH_KEY = PROVIDER._replace(rate=(500, 60.0))

MODES = "tube,dlr,overground,elizabeth-line,national-rail,tram,bus,walking,river-bus,cable-car"
"""What a commute may use, in TfL's words: coaches and bicycles are left out."""

MOST = 3
"""Alternatives of one answer."""

_MIDWEEK = (2, 3, 4)  # as ISO counts: Mondays and Fridays are quieter, and many are holidays
_LONGEST = 600  # minutes: ten hours cross all of the country
_DEAREST = 100_000  # pence
_SOUTH, _NORTH, _WEST, _EAST = 49, 61, -9, 3  # degrees
_NAME = 120  # characters
_OURS: dict[str, Mode] = {mode: mode for mode in get_args(Mode)} | {
    "walking": "walk",
    "replacement-bus": "bus",
}


class TflJourney(Value):
    """One way from door to door: `minutes` in all, changes included, for which `date` was asked.

    `fare_pence` is the single adult pay-as-you-go fare, None where TfL gives none. `disrupted` says whether
    TfL calls any leg disrupted, None where it does not say so of every leg.
    """

    minutes: int
    legs: tuple[Leg, ...]
    modes: tuple[Mode, ...]
    fare_pence: int | None = Field(default=None, exclude_if=absent)
    date: dt.date
    disrupted: bool | None = Field(default=None, exclude_if=absent)
    source: str = SOURCE


class StopPlace(Value):
    """A stop, station or hub; `modes` in TfL's words, `zone` as TfL writes it (`2+3`), None without one."""

    id: str
    name: str
    location: Location
    modes: tuple[str, ...] = ()
    zone: str | None = Field(default=None, exclude_if=absent)


class Tfl:
    """Asks TfL, with a key or without; raises `ProviderError`s only."""

    def __init__(self, upstream_of: Http, key: str | None, today: Callable[[], dt.date]) -> None:
        self._upstream = upstream_of.upstream(WITH_KEY if key else PROVIDER)
        self._key = key or None
        self._today = today

    @property
    def provider(self) -> Provider:
        """Who is asked, and how often at most: without a key, a tenth as often."""
        return self._upstream.provider

    async def journeys(self, start: Location, end: Location) -> tuple[TflJourney, ...]:
        """Give at most `MOST` ways that differ in their modes or lines, the quickest first.

        Where TfL asks which of several places is meant, its best match is taken, once. Raises
        `NotFoundThere` when it knows no such place or no journey.
        """
        on = commuting_day(self._today())
        ends = _at(start), _at(end)
        reply = await self._plan(ends, on)
        if reply.status == HTTPStatus.MULTIPLE_CHOICES:
            reply = await self._plan(choose_places(reply.data, ends), on)
        if reply.status == HTTPStatus.MULTIPLE_CHOICES:
            raise BadAnswer(PROVIDER.name, "its own match of a place is unclear to it", reply.status)
        return read_journeys(reply.data, on)

    async def places(self, text: str, most: int = 5) -> tuple[StopPlace, ...]:
        """Give the stops and stations whose name is like a text, TfL's best match first; none for none."""
        if not text.strip():
            return ()  # the path would be that of another question
        params = {"maxResults": most, "app_key": self._key}
        reply = await self._upstream.json(f"/StopPoint/Search/{_part(text.strip())}", params=params)
        return read_places(reply.data)[:most]

    async def _plan(self, ends: tuple[str, str], on: dt.date) -> Reply:
        params = {
            "date": f"{on:%Y%m%d}",
            "time": "0830",
            "timeIs": "Departing",
            "mode": MODES,
            "nationalSearch": "true",
            "app_key": self._key,
        }
        path = f"/Journey/JourneyResults/{ends[0]}/to/{ends[1]}"
        return await self._upstream.json(
            path, params=params, accept=(HTTPStatus.OK, HTTPStatus.MULTIPLE_CHOICES)
        )


def commuting_day(today: dt.date) -> dt.date:
    """Give the next Tuesday, Wednesday or Thursday after today, none from 20 December to 3 January."""
    later = (today + dt.timedelta(days=ahead) for ahead in count(1))
    return next(day for day in later if day.isoweekday() in _MIDWEEK and not _in_holidays(day))


def read_journeys(data: Any, on: dt.date) -> tuple[TflJourney, ...]:
    """Read an answer about a date; raises `BadAnswer` when none of its journeys can be used.

    One that is not as documented, or uses a mode that Veo does not know, is left out.
    """
    listed = _read(_Results, data, HTTPStatus.OK).journeys
    if not listed:
        raise NotFoundThere(PROVIDER.name, "no journey", HTTPStatus.OK)
    journeys = [journey.public(on) for journey in _usable(_Journey, listed)]
    if not journeys:
        raise BadAnswer(PROVIDER.name, "no journey is as documented", HTTPStatus.OK)
    distinct: dict[tuple[tuple[Mode, str | None], ...], TflJourney] = {}
    for journey in sorted(journeys, key=attrgetter("minutes")):
        distinct.setdefault(tuple((leg.mode, leg.line) for leg in journey.legs), journey)
    return tuple(distinct.values())[:MOST]


def choose_places(data: Any, ends: tuple[str, str]) -> tuple[str, str]:
    """Give both ends for another try, as parts of a path, where TfL asks which places were meant.

    An end that it knows stays as it was asked. Raises `NotFoundThere` when one is not known to it, and
    `BadAnswer` when there is nothing to choose.
    """
    choice = _read(_Choice, data, HTTPStatus.MULTIPLE_CHOICES)
    sides = choice.from_location_disambiguation, choice.to_location_disambiguation
    chosen = _chosen(sides[0], ends[0]), _chosen(sides[1], ends[1])
    if chosen == ends:
        raise BadAnswer(PROVIDER.name, "it asks to choose, but leaves no choice", HTTPStatus.MULTIPLE_CHOICES)
    return chosen


def read_places(data: Any) -> tuple[StopPlace, ...]:
    """Read the matches of a search; raises `BadAnswer` when there are some and none can be used."""
    listed = _read(_Search, data, HTTPStatus.OK).matches
    places = tuple(
        StopPlace(id=match.id, name=match.name, location=at, modes=tuple(match.modes or ()), zone=match.zone)
        for match in _usable(_Match, listed)
        if (at := match.location)
    )
    if listed and not places:
        raise BadAnswer(PROVIDER.name, "no match is as documented", HTTPStatus.OK)
    return places


def _in_holidays(day: dt.date) -> bool:
    return (day.month, day.day) >= (12, 20) or (day.month, day.day) <= (1, 3)


def _ours(mode: Any) -> Any:
    return _OURS.get(mode, mode) if isinstance(mode, str) else mode


def _named(text: str | None) -> str | None:
    return plain(text or "", _NAME) or None


def _shown(text: str) -> str:
    name = _named(text)
    if name is None:
        raise ValueError("not a name")
    return name


Minutes = Annotated[int, Field(ge=0, le=_LONGEST)]
Name = Annotated[str, AfterValidator(_shown)]
OrNoName = Annotated[str | None, AfterValidator(_named)]


class _Wire(Value, extra="ignore", strict=True):
    """What is read of an answer: nothing is converted, and what else it holds is not looked at."""


class _Results(_Wire):
    journeys: list[Any]


class _Mode(_Wire):
    id: Annotated[Mode, BeforeValidator(_ours)]


class _End(_Wire):
    common_name: Name


class _Route(_Wire):
    name: OrNoName = None


class _Leg(_Wire):
    duration: Minutes
    mode: _Mode
    departure_point: _End
    arrival_point: _End
    route_options: list[_Route] | None = None
    is_disrupted: bool | None = None

    def public(self) -> Leg:
        mode, routes = self.mode.id, self.route_options
        return Leg(
            mode=mode,
            line=routes[0].name if routes and mode != "walk" else None,
            start=self.departure_point.common_name,
            end=self.arrival_point.common_name,
            minutes=self.duration,
        )


class _Fare(_Wire):
    total_cost: int | None = Field(default=None, ge=0, le=_DEAREST)


class _Journey(_Wire):
    duration: Minutes
    legs: list[_Leg] = Field(min_length=1)
    fare: _Fare | None = None

    def public(self, on: dt.date) -> TflJourney:
        legs = tuple(leg.public() for leg in self.legs)
        said = [leg.is_disrupted for leg in self.legs]
        return TflJourney(
            minutes=self.duration,
            legs=legs,
            modes=tuple(dict.fromkeys(leg.mode for leg in legs)),
            fare_pence=self.fare.total_cost if self.fare else None,
            date=on,
            disrupted=True if True in said else None if None in said else False,
        )


class _Point(_Wire):
    lat: float | None = None
    lon: float | None = None

    @property
    def location(self) -> Location | None:
        """The point, if it lies near the United Kingdom: a swapped pair or 0, 0 is none."""
        if self.lat is None or self.lon is None:
            return None
        near = _SOUTH <= self.lat <= _NORTH and _WEST <= self.lon <= _EAST
        return Location(lat=self.lat, lng=self.lon) if near else None


class _Option(_Wire):
    parameter_value: str = Field(min_length=1)
    match_quality: int
    place: _Point | None = None

    def end(self) -> str:
        location = self.place and self.place.location
        return _at(location) if location else _part(self.parameter_value)


class _Side(_Wire):
    match_status: Literal["list", "identified", "notidentified", "empty"]
    disambiguation_options: list[_Option] | None = None


class _Choice(_Wire):
    from_location_disambiguation: _Side | None = None
    to_location_disambiguation: _Side | None = None


class _Match(_Point):
    id: str = Field(pattern=r"^[!-~]{1,64}$")
    name: Name
    modes: list[Name] | None = None
    zone: OrNoName = None


class _Search(_Wire):
    matches: list[Any]


W = TypeVar("W", bound=_Wire)


def _read(model: type[W], data: Any, status: int) -> W:
    """Open an answer; raises `BadAnswer`, which repeats nothing of it."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the answer"
        raise BadAnswer(PROVIDER.name, f"{field} is not as documented: {first['type']}", status) from None


def _usable(model: type[W], listed: list[Any]) -> list[W]:
    """Give those that are as documented."""
    usable = []
    for item in listed:
        with suppress(ValidationError):
            usable.append(model.model_validate(item))
    return usable


def _chosen(side: _Side | None, asked: str) -> str:
    """Give one end of the next try; of the best matches, the first."""
    if side is None or side.match_status == "identified":
        return asked
    if side.match_status != "list":
        raise NotFoundThere(PROVIDER.name, "a place is not known to it", HTTPStatus.MULTIPLE_CHOICES)
    if not side.disambiguation_options:
        raise BadAnswer(PROVIDER.name, "it asks to choose from nothing", HTTPStatus.MULTIPLE_CHOICES)
    return max(side.disambiguation_options, key=attrgetter("match_quality")).end()


def _at(location: Location) -> str:
    """Give a point as TfL reads it, to about a metre."""
    lat, lng = (round(degrees, 5) + 0.0 for degrees in (location.lat, location.lng))  # no minus before a zero
    return f"{lat:.5f},{lng:.5f}"


def _part(text: str) -> str:
    """Give a text as one part of a path: it can neither leave its place nor name another."""
    quoted = quote(text, safe=",", errors="replace")
    return quoted if text.strip(".") else quoted.replace(".", "%2E")
