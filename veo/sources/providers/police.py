"""data.police.uk: the crimes recorded within a mile of a point, over the last twelve published months.

Free, without a key, under the Open Government Licence v3.0. Crimes are moved to anonymous points nearby, and
a month is published some six to nine weeks after its end. Anti-social behaviour is an incident, not a crime,
so it is counted separately. These are counts in a circle, not rates: an area with many visitors looks more
dangerous than it is for its residents.
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
    purpose="a year of recorded crimes within a mile",
    timeout=10.0,
    rate=(15, 1.0),
    max_bytes=16 * 2**20,  # a month of central London holds thousands of crimes
)

RADIUS_MILES = 1
"""The fixed radius of the service for a query by point."""

ANTISOCIAL = "anti-social-behaviour"

HALF_YEAR = 6
"""Months on each side of a trend."""

TOO_MANY = frozenset({HTTPStatus.SERVICE_UNAVAILABLE})
"""The status for an area with more crimes than one answer can hold."""

_CORNERS = 32  # of the polygon that approximates the circle and covers 99.4 % of it
_METRES = 1609.344 * RADIUS_MILES
_METRES_PER_DEGREE = 111_195
_FEWEST_MONTHS = 4  # in each half of a trend
_STEADY_PCT = 5.0
_SPLITS = 2  # times that a quarter of the circle is halved, down to sixteenths
_MONTH = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])")
_CATEGORY = re.compile(r"[a-z-]{1,40}")

Crimes = dict[int, str]
"""The category by the service's number of a crime, so that duplicates count once."""


class Trend(Value):
    """The change of the monthly mean from the previous six months to the last six, in per cent.

    A change within 5 % is steady.
    """

    change_pct: float
    direction: Literal["rising", "falling", "steady"]


class CrimeYear(Value):
    """Crimes within one mile of a point in the months from `first` to `last` (YYYY-MM).

    `months` is the number of published months; the `missing` ones are not counted. `total` and `breakdown`
    (most frequent first) exclude the `antisocial` incidents. `trend` is None when too few months are
    published. `lag_weeks` is the number of weeks since the end of the last month.
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
    """A sector of the circle between two corners of its polygon, counted clockwise from north."""

    first: int
    last: int

    def halves(self) -> tuple["Sector", "Sector"]:
        """Return the two halves of the sector."""
        middle = (self.first + self.last) // 2
        return Sector(self.first, middle), Sector(middle, self.last)

    def outline(self, centre: Location) -> str:
        """Return the corners, the centre first, as `lat,lng:lat,lng`."""
        north = _METRES / _METRES_PER_DEGREE
        east = north / cos(radians(centre.lat))
        angles = [2 * pi * corner / _CORNERS for corner in range(self.first, self.last + 1)]
        rim = [(centre.lat + north * cos(angle), centre.lng + east * sin(angle)) for angle in angles]
        return ":".join(f"{lat:.5f},{lng:.5f}" for lat, lng in [(centre.lat, centre.lng), *rim])


_QUARTERS = tuple(Sector(first, first + _CORNERS // 4) for first in range(0, _CORNERS, _CORNERS // 4))


class Police:
    """The client of data.police.uk, which raises only `ProviderError`s; `now` returns an aware datetime."""

    def __init__(self, http: Http, now: Callable[[], datetime]) -> None:
        self._upstream = http.upstream(PROVIDER)
        self._now = now

    async def crime(self, centre: Location, months: int = 12) -> CrimeYear:
        """Return the crimes recorded within a mile of a point in the `months` up to the latest published.

        Raise `NotFoundThere` when no month has any: an area without published data looks the same as one
        without crime, so the year cannot be reported as free of crime.
        """
        published = await self._published()
        window = _window(max(published), months)
        months_to_fetch = [month for month in window if month in published]
        results = await _gathered(self._month(centre, month) for month in months_to_fetch)
        by_month = {month: crimes for month, crimes in zip(months_to_fetch, results, strict=True) if crimes}
        if not by_month:
            raise NotFoundThere(PROVIDER.name, "no crimes are published here", HTTPStatus.OK)
        return _year(window, by_month, self._now().date())

    async def _published(self) -> frozenset[str]:
        answer = await self._upstream.json("/crimes-street-dates")
        rows = answer.data if isinstance(answer.data, list) else []
        months = frozenset(_month_of(row.get("date") if isinstance(row, dict) else None) for row in rows)
        if not months or max(months) >= f"{self._now():%Y-%m}":
            raise BadAnswer(PROVIDER.name, "no months, or a month that has not ended", answer.status)
        return months

    async def _month(self, centre: Location, month: str) -> Crimes:
        """Return a month of the circle; fetch it by quarters where one answer cannot hold it."""
        where = {"lat": f"{centre.lat:.5f}", "lng": f"{centre.lng:.5f}"}
        try:
            return await self._crimes(month, where)
        except Unavailable as error:
            if not _too_many(error):
                raise
        return await self._parts(centre, month, _QUARTERS, _SPLITS)

    async def _parts(self, centre: Location, month: str, sectors: Iterable[Sector], splits: int) -> Crimes:
        parts = await _gathered(self._sector(centre, month, sector, splits) for sector in sectors)
        return {number: category for part in parts for number, category in part.items()}

    async def _sector(self, centre: Location, month: str, sector: Sector, splits: int) -> Crimes:
        try:
            # ten corners at most: far below the 4,094 characters above which the service needs a POST
            return await self._crimes(month, {"poly": sector.outline(centre)})
        except Unavailable as error:
            if not _too_many(error) or not splits:
                raise
        return await self._parts(centre, month, sector.halves(), splits - 1)

    async def _crimes(self, month: str, where: Mapping[str, str]) -> Crimes:
        params = {"date": month, **where}
        answer = await self._upstream.json("/crimes-street/all-crime", params=params, possibly_valid=TOO_MANY)
        if not isinstance(answer.data, list):
            raise BadAnswer(PROVIDER.name, "crimes are not a list", answer.status)
        return dict(_crime(item, month) for item in answer.data)


T = TypeVar("T")


async def _gathered(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return the results of concurrent calls in order; the first error cancels the others and is raised."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except ExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


def _too_many(error: Unavailable) -> bool:
    """Check whether the service answered 503, which means more crimes than one answer can hold.

    The status is taken from the error rather than accepted as an answer, because its body is undocumented and
    need not be JSON. An outage has the same status, but has already failed at the list of months.
    """
    return error.status in TOO_MANY


def _month_of(text: object) -> str:
    if not isinstance(text, str) or _MONTH.fullmatch(text) is None:
        raise BadAnswer(PROVIDER.name, "a month is not YYYY-MM", HTTPStatus.OK)
    return text


def _crime(item: object, month: str) -> tuple[int, str]:
    """Return the number and category of a crime, after a check of its month."""
    fields = item if isinstance(item, dict) else {}
    number, category = fields.get("id"), fields.get("category")
    if type(number) is not int or not isinstance(category, str) or _CATEGORY.fullmatch(category) is None:
        raise BadAnswer(PROVIDER.name, "a crime without a number or category", HTTPStatus.OK)
    if fields.get("month") != month:
        raise BadAnswer(PROVIDER.name, f"a crime that is not of {month}", HTTPStatus.OK)
    return number, category


def _window(last: str, months: int) -> list[str]:
    """Return the `months` months up to `last`, oldest first."""
    count = int(last[:4]) * 12 + int(last[5:]) - 1
    return [f"{month // 12:04}-{month % 12 + 1:02}" for month in range(count - months + 1, count + 1)]


def _year(window: list[str], by_month: Mapping[str, Crimes], today: date) -> CrimeYear:
    counts = Counter(category for crimes in by_month.values() for category in crimes.values())
    antisocial = counts.pop(ANTISOCIAL, 0)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return CrimeYear(
        first=window[0],
        last=window[-1],
        months=len(by_month),
        missing=tuple(month for month in window if month not in by_month),
        total=counts.total(),
        antisocial=antisocial,
        breakdown=FrozenMap(dict(ordered)),
        trend=_trend(window, by_month),
        lag_weeks=_weeks_since(window[-1], today),
        vintage=f"{window[0]} to {window[-1]}",
    )


def _trend(window: list[str], by_month: Mapping[str, Crimes]) -> Trend | None:
    recent = _recorded(window[-HALF_YEAR:], by_month)
    before = _recorded(window[-2 * HALF_YEAR : -HALF_YEAR], by_month)
    if min(len(recent), len(before)) < _FEWEST_MONTHS or not any(before):
        return None
    change = round(100 * (fmean(recent) / fmean(before) - 1), 1)
    if abs(change) <= _STEADY_PCT:
        return Trend(change_pct=change, direction="steady")
    return Trend(change_pct=change, direction="rising" if change > 0 else "falling")


def _recorded(months: list[str], by_month: Mapping[str, Crimes]) -> list[int]:
    """Return the number of crimes in each published month."""
    return [
        sum(category != ANTISOCIAL for category in by_month[month].values())
        for month in months
        if month in by_month
    ]


def _weeks_since(month: str, today: date) -> int:
    """Return the full weeks since the end of a month."""
    year, number = int(month[:4]), int(month[5:])
    return (today - date(year, number, monthrange(year, number)[1])).days // 7
