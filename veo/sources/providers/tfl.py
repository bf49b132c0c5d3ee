"""TfL's Unified API: journeys on a working morning.

Services differ at night, at weekends and around Christmas. So every request is for 08:30 on the next Tuesday,
Wednesday or Thursday, and that date is part of the answer.

Under the terms of TfL's Transport Data Service, which require `ATTRIBUTION`; answers may be cached.
"""

import datetime as dt
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from itertools import count
from operator import attrgetter
from typing import Annotated, Any, Literal, get_args
from urllib.parse import quote

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from veo.errors import BadAnswer, NotFoundThere
from veo.models import Leg, Location, Mode, Value, absent
from veo.sources.http.client import Http
from veo.sources.http.provider import JsonAnswer, Provider
from veo.sources.http.sanitize import plain
from veo.sources.http.wire import WireModel, validated

SOURCE = "TfL Unified API"

ATTRIBUTION = (
    "Powered by TfL Open Data. Contains OS data © Crown copyright and database rights {year} "
    "and Geomni UK Map data © and database rights {year}"
)
"""A format string: `year` is the year of the answer."""

PROVIDER = Provider(
    "tfl",
    "https://api.tfl.gov.uk",
    purpose="journeys at 08:30 on a working day",
    key="`TFL_APP_KEY` (optional; 500 a minute)",
    timeout=5.0,
    rate=(50, 60.0),
)
"""The rate limit without a key; `WITH_KEY` has that of a free key."""

WITH_KEY = PROVIDER._replace(rate=(500, 60.0))

MODES = "tube,dlr,overground,elizabeth-line,national-rail,tram,bus,walking,river-bus,cable-car"
"""The modes of a commute, by TfL's names: coaches and bicycles are excluded."""

MAX_JOURNEYS = 3

_MIDWEEK = (2, 3, 4)  # ISO weekdays: Mondays and Fridays are quieter, and many are holidays
_LONGEST = 600  # minutes: ten hours are enough to cross the country
_HIGHEST_FARE = 100_000  # pence
_SOUTH, _NORTH, _WEST, _EAST = 49, 61, -9, 3  # degrees
_LONGEST_NAME = 120  # characters
_MODE_BY_TFL_NAME: dict[str, Mode] = {mode: mode for mode in get_args(Mode)} | {
    "walking": "walk",
    "replacement-bus": "bus",
}


class TflJourney(Value):
    """A journey from door to door on `date`, which takes `minutes` in total, including changes.

    `fare_pence` is the single adult pay-as-you-go fare, None where TfL states none. `disrupted` is whether
    TfL marks any leg as disrupted, None where it marks none and does not state it for every leg.
    """

    minutes: int
    legs: tuple[Leg, ...]
    modes: tuple[Mode, ...]
    fare_pence: int | None = Field(default=None, exclude_if=absent)
    date: dt.date
    disrupted: bool | None = Field(default=None, exclude_if=absent)
    source: str = SOURCE


class Tfl:
    """The client of TfL, with or without a key, which raises only `ProviderError`s."""

    def __init__(self, http: Http, key: str | None, today: Callable[[], dt.date]) -> None:
        self._upstream = http.upstream(WITH_KEY if key else PROVIDER)
        self._key = key or None
        self._today = today

    @property
    def provider(self) -> Provider:
        """The provider, whose rate limit depends on the key."""
        return self._upstream.provider

    async def journeys(self, start: Location, end: Location) -> tuple[TflJourney, ...]:
        """Return at most `MAX_JOURNEYS` journeys that differ in their modes or lines, the quickest first.

        Where TfL finds several places for an end, its best match is chosen, once. Raise `NotFoundThere` when
        TfL finds no such place or no journey.
        """
        day = commuting_day(self._today())
        ends = _coordinates(start), _coordinates(end)
        answer = await self._plan(ends, day)
        if answer.status == HTTPStatus.MULTIPLE_CHOICES:
            answer = await self._plan(choose_places(answer.data, ends), day)
        if answer.status == HTTPStatus.MULTIPLE_CHOICES:
            raise BadAnswer(PROVIDER.name, "the chosen place is ambiguous again", answer.status)
        return read_journeys(answer.data, day)

    async def _plan(self, ends: tuple[str, str], day: dt.date) -> JsonAnswer:
        params = {
            "date": f"{day:%Y%m%d}",
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
    """Return the next Tuesday, Wednesday or Thursday after today and not from 20 December to 3 January."""
    following = (today + dt.timedelta(days=days) for days in count(1))
    return next(day for day in following if day.isoweekday() in _MIDWEEK and not _in_holidays(day))


def read_journeys(data: Any, day: dt.date) -> tuple[TflJourney, ...]:
    """Read the journeys on a day; raise `BadAnswer` when none of them can be used.

    A journey that is not as documented, or uses a mode that Veo does not have, is skipped.
    """
    items = validated(_Results, data, PROVIDER.name, HTTPStatus.OK).journeys
    if not items:
        raise NotFoundThere(PROVIDER.name, "no journey", HTTPStatus.OK)
    journeys = [journey.public(day) for journey in _valid_journeys(items)]
    if not journeys:
        raise BadAnswer(PROVIDER.name, "no journey is as documented", HTTPStatus.OK)
    distinct: dict[tuple[tuple[Mode, str | None], ...], TflJourney] = {}
    for journey in sorted(journeys, key=attrgetter("minutes")):
        distinct.setdefault(tuple((leg.mode, leg.line) for leg in journey.legs), journey)
    return tuple(distinct.values())[:MAX_JOURNEYS]


def choose_places(data: Any, ends: tuple[str, str]) -> tuple[str, str]:
    """Return both ends for the next request, as path segments, where TfL asks to choose between places.

    An end that TfL has identified stays the same. Raise `NotFoundThere` for an end that TfL does not know,
    and `BadAnswer` when there is nothing to choose.
    """
    choice = validated(_Choice, data, PROVIDER.name, HTTPStatus.MULTIPLE_CHOICES)
    sides = choice.from_location_disambiguation, choice.to_location_disambiguation
    chosen = _chosen(sides[0], ends[0]), _chosen(sides[1], ends[1])
    if chosen == ends:
        raise BadAnswer(PROVIDER.name, "a choice without alternatives", HTTPStatus.MULTIPLE_CHOICES)
    return chosen


def _in_holidays(day: dt.date) -> bool:
    return (day.month, day.day) >= (12, 20) or (day.month, day.day) <= (1, 3)


def _mode(mode: Any) -> Any:
    return _MODE_BY_TFL_NAME.get(mode, mode) if isinstance(mode, str) else mode


def _optional_name(text: str | None) -> str | None:
    return plain(text or "", _LONGEST_NAME) or None


def _name(text: str) -> str:
    name = _optional_name(text)
    if name is None:
        raise ValueError("not a name")
    return name


Minutes = Annotated[int, Field(ge=0, le=_LONGEST)]
Name = Annotated[str, AfterValidator(_name)]
OptionalName = Annotated[str | None, AfterValidator(_optional_name)]


class _Results(WireModel):
    journeys: list[Any]


class _Mode(WireModel):
    id: Annotated[Mode, BeforeValidator(_mode)]


class _End(WireModel):
    common_name: Name


class _Route(WireModel):
    name: OptionalName = None


class _Leg(WireModel):
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


class _Fare(WireModel):
    total_cost: int | None = Field(default=None, ge=0, le=_HIGHEST_FARE)


class _Journey(WireModel):
    duration: Minutes
    legs: list[_Leg] = Field(min_length=1)
    fare: _Fare | None = None

    def public(self, day: dt.date) -> TflJourney:
        legs = tuple(leg.public() for leg in self.legs)
        disrupted = [leg.is_disrupted for leg in self.legs]
        return TflJourney(
            minutes=self.duration,
            legs=legs,
            modes=tuple(dict.fromkeys(leg.mode for leg in legs)),
            fare_pence=self.fare.total_cost if self.fare else None,
            date=day,
            disrupted=True if True in disrupted else None if None in disrupted else False,
        )


class _Point(WireModel):
    lat: float | None = None
    lon: float | None = None

    @property
    def location(self) -> Location | None:
        """The point, or None where it is not near the United Kingdom (swapped coordinates or 0, 0)."""
        if self.lat is None or self.lon is None:
            return None
        near = _SOUTH <= self.lat <= _NORTH and _WEST <= self.lon <= _EAST
        return Location(lat=self.lat, lng=self.lon) if near else None


class _Option(WireModel):
    parameter_value: str = Field(min_length=1)
    match_quality: int
    place: _Point | None = None

    def end(self) -> str:
        location = self.place and self.place.location
        return _coordinates(location) if location else _path_segment(self.parameter_value)


class _Side(WireModel):
    match_status: Literal["list", "identified", "notidentified", "empty"]
    disambiguation_options: list[_Option] | None = None


class _Choice(WireModel):
    from_location_disambiguation: _Side | None = None
    to_location_disambiguation: _Side | None = None


def _valid_journeys(items: list[Any]) -> list[_Journey]:
    """Return the journeys that are as documented; skip the others."""
    journeys = []
    for item in items:
        with suppress(ValidationError):
            journeys.append(_Journey.model_validate(item))
    return journeys


def _chosen(side: _Side | None, requested: str) -> str:
    """Return one end of the next request: the first of the best matches."""
    if side is None or side.match_status == "identified":
        return requested
    if side.match_status != "list":
        raise NotFoundThere(PROVIDER.name, "an unknown place", HTTPStatus.MULTIPLE_CHOICES)
    if not side.disambiguation_options:
        raise BadAnswer(PROVIDER.name, "a choice without alternatives", HTTPStatus.MULTIPLE_CHOICES)
    return max(side.disambiguation_options, key=attrgetter("match_quality")).end()


def _coordinates(location: Location) -> str:
    """Return a point in TfL's format, to about a metre."""
    # + 0.0: no minus sign before a zero
    lat, lng = (round(degrees, 5) + 0.0 for degrees in (location.lat, location.lng))
    return f"{lat:.5f},{lng:.5f}"


def _path_segment(text: str) -> str:
    """Quote a text as one path segment, so that neither `/` nor `..` changes the path."""
    quoted = quote(text, safe=",", errors="replace")
    return quoted if text.strip(".") else quoted.replace(".", "%2E")
