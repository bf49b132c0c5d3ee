"""data.police.uk: the crimes recorded within a mile of a point, over the last twelve published months.

Free, without a key, under the Open Government Licence v3.0. Places are moved to anonymous points near by,
and a month appears some six to nine weeks after its end. Anti-social behaviour is an incident, not a crime:
it is counted apart. These are counts of a circle, not rates: a footfall area looks worse than its homes are.
"""

import asyncio
import re
from calendar import monthrange
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Mapping
from datetime import date, datetime
from http import HTTPStatus
from math import cos, pi, radians, sin
from statistics import fmean
from typing import Any, Literal, NamedTuple, TypeVar

from veo.errors import BadAnswer, NotFoundThere, Unavailable
from veo.models import FrozenMap, Location, Value
from veo.sources.http.client import Http
from veo.sources.http.provider import Provider

SOURCE = "data.police.uk"

PROVIDER = Provider(
    "police.uk",
    "https://data.police.uk/api",
    timeout=10.0,
    rate=(15, 1.0),
    largest=16 * 2**20,  # a month of central London holds thousands of crimes
)

RADIUS_MILES = 1
"""The service's own, which a question by point cannot change."""

ANTISOCIAL = "anti-social-behaviour"

HALF_YEAR = 6
"""Months on each side of a trend."""

TOO_MANY = frozenset({HTTPStatus.SERVICE_UNAVAILABLE})
"""What it says of a place with more crimes than it gives at once."""

_CORNERS = 32  # of the polygon that stands in for the circle, of which it covers 99.4 %
_METRES = 1609.344 * RADIUS_MILES
_METRES_PER_DEGREE = 111_195
_LEAST_OF_HALF_YEAR = 4
_STEADY_PCT = 5.0
_SPLITS = 2  # of a quarter of the circle, which makes sixteenths
_MONTH = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")
_CATEGORY = re.compile(r"[a-z-]{1,40}")

Crimes = dict[int, str]
"""Category by the service's number of a crime, so that one seen twice counts once."""


class Trend(Value):
    """How the monthly mean of the last six months compares with that of the six before, in per cent.

    Within 5 % it is steady.
    """

    change_pct: float
    direction: Literal["rising", "falling", "steady"]


class CrimeYear(Value):
    """Crimes within one mile of a point in the months from `first` to `last` (YYYY-MM).

    `months` of them are there; `missing` ones were not published, and count nowhere. `total` and `breakdown`
    (most frequent first) are crimes, without the `antisocial` incidents. `trend` is None when there are too
    few months. `lag_weeks` have passed since the end of the last month.
    """

    first: str
    last: str
    months: int
    missing: tuple[str, ...] = ()
    total: int
    antisocial: int
    breakdown: FrozenMap[str, int]
    trend: Trend | None = None
    lag_weeks: int
    radius_miles: int = RADIUS_MILES
    source: str = SOURCE
    vintage: str


class Sector(NamedTuple):
    """A slice of the circle, from one corner of its polygon to another, clockwise from the north."""

    first: int
    last: int

    def halves(self) -> tuple["Sector", "Sector"]:
        """Give the two slices it is made of."""
        middle = (self.first + self.last) // 2
        return Sector(self.first, middle), Sector(middle, self.last)

    def outline(self, centre: Location) -> str:
        """Give its corners, the centre first, as `lat,lng:lat,lng`."""
        north = _METRES / _METRES_PER_DEGREE
        east = north / cos(radians(centre.lat))
        turns = [2 * pi * corner / _CORNERS for corner in range(self.first, self.last + 1)]
        rim = [(centre.lat + north * cos(turn), centre.lng + east * sin(turn)) for turn in turns]
        return ":".join(f"{lat:.5f},{lng:.5f}" for lat, lng in [(centre.lat, centre.lng), *rim])


_QUARTERS = tuple(Sector(first, first + _CORNERS // 4) for first in range(0, _CORNERS, _CORNERS // 4))


class Police:
    """Asks data.police.uk; `now` gives the time with its zone. Raises provider errors only."""

    def __init__(self, http: Http, now: Callable[[], datetime]) -> None:
        self._upstream = http.upstream(PROVIDER)
        self._now = now

    async def latest(self) -> str:
        """Give the newest published month (YYYY-MM)."""
        return max(await self._published())

    async def crime(self, centre: Location, months: int = 12) -> CrimeYear:
        """Give what was recorded within a mile of a point in the `months` up to the latest published.

        Raises `NotFoundThere` when there is nothing in all of them: none published and none recorded look
        alike, and a year without a crime would be a claim.
        """
        published = await self._published()
        window = _window(max(published), months)
        asked = [month for month in window if month in published]
        answers = await _together(self._month(centre, month) for month in asked)
        found = {month: crimes for month, crimes in zip(asked, answers, strict=True) if crimes}
        if not found:
            raise NotFoundThere(PROVIDER.name, "no crimes are published here", HTTPStatus.OK)
        return _year(window, found, self._now().date())

    async def _published(self) -> frozenset[str]:
        reply = await self._upstream.json("/crimes-street-dates")
        rows = reply.data if isinstance(reply.data, list) else []
        months = frozenset(_month_of(row.get("date") if isinstance(row, dict) else None) for row in rows)
        if not months or max(months) >= f"{self._now():%Y-%m}":
            raise BadAnswer(PROVIDER.name, "no months, or one that has not ended", reply.status)
        return months

    async def _month(self, centre: Location, month: str) -> Crimes:
        """Give a month of the circle, by its quarters where it holds more than the service gives at once."""
        where = {"lat": f"{centre.lat:.5f}", "lng": f"{centre.lng:.5f}"}
        try:
            return await self._crimes(month, where)
        except Unavailable as error:
            if not _too_many(error):
                raise
        return await self._parts(centre, month, _QUARTERS, _SPLITS)

    async def _parts(self, centre: Location, month: str, sectors: Iterable[Sector], splits: int) -> Crimes:
        parts = await _together(self._sector(centre, month, sector, splits) for sector in sectors)
        return {number: category for part in parts for number, category in part.items()}

    async def _sector(self, centre: Location, month: str, sector: Sector, splits: int) -> Crimes:
        try:
            # A dozen corners at most: far below the 4,094 characters above which it would have to be a POST.
            return await self._crimes(month, {"poly": sector.outline(centre)})
        except Unavailable as error:
            if not _too_many(error) or not splits:
                raise
        return await self._parts(centre, month, sector.halves(), splits - 1)

    async def _crimes(self, month: str, where: Mapping[str, str]) -> Crimes:
        params = {"date": month, **where}
        reply = await self._upstream.json("/crimes-street/all-crime", params=params, unsure=TOO_MANY)
        if not isinstance(reply.data, list):
            raise BadAnswer(PROVIDER.name, "crimes are not a list", reply.status)
        return dict(_crime(item, month) for item in reply.data)


T = TypeVar("T")


async def _together(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Give what concurrent calls give, in order; the first failure stops the others and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


def _too_many(error: Unavailable) -> bool:
    """Tell whether a place may hold more crimes than the service gives at once: it says so by 503.

    The status is read off the failure, not accepted as an answer: nothing is documented of a body, and only
    JSON is read. An outage looks the same, but it has failed at the list of months before.
    """
    return error.status in TOO_MANY


def _month_of(text: object) -> str:
    if not isinstance(text, str) or _MONTH.fullmatch(text) is None:
        raise BadAnswer(PROVIDER.name, "a month is not YYYY-MM", HTTPStatus.OK)
    return text


def _crime(item: object, month: str) -> tuple[int, str]:
    """Read a crime: no more than its number, category and month."""
    given = item if isinstance(item, dict) else {}
    number, category = given.get("id"), given.get("category")
    if type(number) is not int or not isinstance(category, str) or _CATEGORY.fullmatch(category) is None:
        raise BadAnswer(PROVIDER.name, "a crime without number or category", HTTPStatus.OK)
    if given.get("month") != month:
        raise BadAnswer(PROVIDER.name, f"a crime of another month than {month}", HTTPStatus.OK)
    return number, category


def _window(last: str, months: int) -> list[str]:
    """Give the months that end with `last`, oldest first."""
    count = int(last[:4]) * 12 + int(last[5:]) - 1
    return [f"{month // 12:04}-{month % 12 + 1:02}" for month in range(count - months + 1, count + 1)]


def _year(window: list[str], found: Mapping[str, Crimes], today: date) -> CrimeYear:
    counts = Counter(category for crimes in found.values() for category in crimes.values())
    antisocial = counts.pop(ANTISOCIAL, 0)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return CrimeYear(
        first=window[0],
        last=window[-1],
        months=len(found),
        missing=tuple(month for month in window if month not in found),
        total=counts.total(),
        antisocial=antisocial,
        breakdown=FrozenMap(dict(ordered)),
        trend=_trend(window, found),
        lag_weeks=_weeks_since(window[-1], today),
        vintage=f"{window[0]} to {window[-1]}",
    )


def _trend(window: list[str], found: Mapping[str, Crimes]) -> Trend | None:
    recent = _recorded(window[-HALF_YEAR:], found)
    before = _recorded(window[-2 * HALF_YEAR : -HALF_YEAR], found)
    if min(len(recent), len(before)) < _LEAST_OF_HALF_YEAR or not any(before):
        return None
    change = round(100 * (fmean(recent) / fmean(before) - 1), 1)
    if abs(change) <= _STEADY_PCT:
        return Trend(change_pct=change, direction="steady")
    return Trend(change_pct=change, direction="rising" if change > 0 else "falling")


def _recorded(months: list[str], found: Mapping[str, Crimes]) -> list[int]:
    """Give the number of crimes in each month that is there."""
    return [
        sum(category != ANTISOCIAL for category in found[month].values())
        for month in months
        if month in found
    ]


def _weeks_since(month: str, today: date) -> int:
    """Give the full weeks that have passed since the end of a month."""
    year, number = int(month[:4]), int(month[5:])
    return (today - date(year, number, monthrange(year, number)[1])).days // 7
