"""The table of cached questions, and the questions themselves.

Each question is one coroutine behind the cache. Where live sources are on, it is their answer that is
cached; while they fail or are late the embedded figures answer, outside of the cache, with a notice, and what
comes later still lands in the cache. `Questions` is built at the edge, with its cache and its sources.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, ParamSpec, TypeVar

from veo.cache import Cache, CachedFunction, Hit, Policy, UpstreamThrottled
from veo.errors import CapReached, NotFound, SourceError, SourceUnavailable
from veo.facts import boundaries, commute, crime, maps, research, schools
from veo.facts.area import area
from veo.facts.boundaries import Detail
from veo.facts.sources import NAMES, Located, Sources, centre_notices, no_answer
from veo.models import Answer, District, Location, Persona, Place
from veo.schemas.responses import (
    AreaData,
    BoundariesData,
    CommuteData,
    CrimeData,
    MapsData,
    ResearchData,
    SchoolsData,
)
from veo.sources.embedded.place_resolver import FULL_POSTCODE
from veo.sources.http.provider import Blob
from veo.sources.providers import postcodes
from veo.sources.providers.google import GEOCODE_USD, GeoPoint, Google
from veo.sources.providers.perplexity import PERPLEXITY_ESTIMATE_USD, Perplexity

P = ParamSpec("P")
T = TypeVar("T")

FAILURES = (SourceError, OSError)  # a timeout is an OSError
LOST = (*FAILURES, UpstreamThrottled)
POSTCODE_OR_DISTRICT = f"{FULL_POSTCODE} or a London district such as E15"
MOMENT = timedelta(seconds=30)  # an answer that had to leave a part out
UNTIL_LIVE = timedelta(hours=1)  # an embedded answer: live sources may be switched on by the next deployment


def _area_tags(*codes: str) -> tuple[str, ...]:
    """Give the tags by which an area's flush reaches an answer; a postcode belongs to its district."""
    return tuple(f"area:{code.split(' ', 1)[0]}" for code in codes)


def _brief(answer: Answer[Any]) -> timedelta | None:
    return MOMENT if answer.partial else None


def _briefly(answer: Answer[Any]) -> timedelta | None:
    return _brief(answer) or UNTIL_LIVE


def _untimed(answer: Answer[Any]) -> Answer[Any]:
    """Leave out when an answer was made: it differs every time."""
    return answer.model_copy(update={"data": answer.data.model_copy(update={"timestamp": ""})})


def _policy(
    family: str, key: str | Callable[..., Any], fresh: timedelta, stale: timedelta, **more: Any
) -> Policy:
    terms = {"lifetime": _brief, "negative_on": (NotFound,), **more}
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
    hard_timeout=timedelta(seconds=25),  # a rewrite in front cuts at 30
)
# `paid` is also what TfL, police.uk and Overpass are: rationed, so asked once by the whole fleet
POLICIES = (RECOMMENDATIONS, PERSONAL, AREA, COMMUTE, CRIME, SCHOOLS, BOUNDARIES, MAPS, GOOGLE, RESEARCH)


class Questions:
    """What can be asked of areas and places. Texts are made canonical before they make a key.

    Every question gives a Hit around an Answer. They raise InvalidQuestion or NotFound for what makes no
    sense, and SourceError where nothing embedded could answer instead.
    """

    def __init__(self, cache: Cache, sources: Sources) -> None:
        self._sources, self.places = sources, sources.places

        def cached(policy: Policy) -> Callable[[Callable[P, Awaitable[T]]], CachedFunction[P, T]]:
            """Where no live source is asked, ration nothing, and keep no answer as long as a live one."""
            live = sources.live is not None
            return cache.cached(policy if live else replace(policy, fleet_once=False, lifetime=_briefly))

        self.cached_area: CachedFunction[[str], Answer[AreaData]] = cached(AREA)(self._area)
        self.cached_commute: CachedFunction[[str, str], Answer[CommuteData]] = cached(COMMUTE)(self._commute)
        self.cached_crime: CachedFunction[[str], Answer[CrimeData]] = cached(CRIME)(self._crime)
        self.cached_schools: CachedFunction[[str], Answer[SchoolsData]] = cached(SCHOOLS)(self._schools)
        self.cached_boundaries = cached(BOUNDARIES)(self._boundaries)
        self.cached_maps: CachedFunction[[str], Answer[MapsData]] = cached(MAPS)(self._maps)
        self.cached_google: CachedFunction[[str], GeoPoint] = cached(GOOGLE)(self._google)
        self.cached_research = cached(RESEARCH)(self._research)

    # ---- asked from outside: canonical, then cached, else embedded -----------------------------------

    async def area(self, code: str) -> Hit[Answer[AreaData]]:
        """Tell everything known of a district or a group of districts."""
        return await self.cached_area.lookup(self.places.canonical_area(code))

    async def commute(self, origin: str, destination: str) -> Hit[Answer[CommuteData]]:
        """Tell how long a journey takes, door to door."""
        start, end = self.places.destination(origin, "origin"), self.places.destination(destination)
        until = self.until()

        async def modelled(why: str) -> Answer[CommuteData]:
            ends = await self.located(start, until), await self.located(end, until)
            return commute.modelled_commute(
                self._sources, *ends, f"{why}: this is a model of the rail network."
            )

        return await self._answered("tfl", self.cached_commute, (start.code, end.code), modelled, until)

    async def crime(self, area_code: str) -> Hit[Answer[CrimeData]]:
        """Tell the recorded crime of an area."""
        code = self.places.canonical_area(area_code)

        async def dated(why: str) -> Answer[CrimeData]:
            return _noted(crime.embedded_crime(await self._district(code)), f"{why}.")

        return await self._answered("police.uk", self.cached_crime, (code,), dated)

    async def schools(self, postcode: str) -> Hit[Answer[SchoolsData]]:
        """Tell the schools near a full postcode, or of a district."""
        try:
            place = self.places.canonical_area(postcode)
        except NotFound:
            place = self.places.canonical_postcode(postcode, accepted=POSTCODE_OR_DISTRICT)
        return await self.cached_schools.lookup(place)

    async def boundaries(
        self, postcode: str, level: Detail = "simple", until: float | None = None, *, anew: bool = False
    ) -> Hit[Answer[BoundariesData]]:
        """Tell in which areas a postcode lies.

        `until` is as for `located`; `anew` asks the source whatever the cache has.
        """
        code = self.places.canonical_postcode(postcode)

        async def central(why: str) -> Answer[BoundariesData]:
            home = await self._district(code.split(" ", 1)[0])
            return _noted(boundaries.embedded_boundaries(home, code, level), f"{why}.")

        asked = (code, level)
        return await self._answered("postcodes.io", self.cached_boundaries, asked, central, until, anew=anew)

    async def maps(self, area_code: str) -> Hit[Answer[MapsData]]:
        """Tell what lies around an area's centre."""
        code = self.places.canonical_area(area_code)

        found, geocoded = await asyncio.gather(self._around(code), self._geocoded(code))
        if isinstance(geocoded, Hit):
            found = found._replace(cached=found.cached and geocoded.cached)
            geocoded = geocoded.value
        return found._replace(value=maps.with_google(found.value, await self._district(code), geocoded))

    async def map_image(self, area_code: str) -> Blob:
        """Give a picture of the map around an area, which may not be kept anywhere. Raises SourceError."""
        code, client = self.places.canonical_area(area_code), self._google_client()
        return await maps.google_map(client, self._sources.spend_caps, await self._district(code))

    async def research(
        self, area_code: str, persona: Persona | None = None, *, anew: bool = False
    ) -> Hit[Answer[ResearchData]]:
        """Tell what the web says of an area; `anew` as with boundaries. Raises SourceError."""
        code = self.places.canonical_area(area_code)
        self._perplexity_client()  # before the cache: what is not configured is not a failure to remember
        looking = _looked_up(self.cached_research, (code, persona), anew=anew)
        return await self._affordable("perplexity", PERPLEXITY_ESTIMATE_USD, looking)

    def until(self) -> float:
        """Give the moment on the running loop's clock by which what is asked now is to be answered."""
        return asyncio.get_running_loop().time() + self._sources.deadline

    async def located(self, place: Place, until: float | None = None) -> Located:
        """Give a place where it really lies: a full postcode at its own point, if that is known in time.

        `until` bounds the time where it is part of a question whose own time is running.
        """
        if place.kind != "postcode" or self._sources.live is None:
            return Located(place, centre_notices(place))
        found = (await self.boundaries(place.code, until=until)).value
        if postcodes.SOURCE not in found.sources:
            return Located(place, centre_notices(place), partial=True)
        at = Location(lat=found.data.location.latitude, lng=found.data.location.longitude)
        return Located(place.model_copy(update={"location": at}))

    async def _around(self, code: str) -> Hit[Answer[MapsData]]:
        """Tell what may be kept of what lies around an area's centre."""

        async def stations(why: str) -> Answer[MapsData]:
            current = await self._sources.figures.current()
            return _noted(maps.embedded_maps(current.snapshot, current.district(code)), f"{why}.")

        return await self._answered("overpass", self.cached_maps, (code,), stations)

    async def _answered(
        self,
        service: str,
        question: CachedFunction[Any, Answer[T]],
        asked: tuple[Any, ...],
        instead: Callable[[str], Any],
        until: float | None = None,
        *,
        anew: bool = False,
    ) -> Hit[Answer[T]]:
        """Answer within the deadline: from the cache or its sources, else by `instead`, which is told why.

        `service` is the provider whose silence it then tells of.
        """
        if self._sources.live is None:
            return await _looked_up(question, asked, anew=anew)
        try:
            async with asyncio.timeout_at(self.until() if until is None else until):
                return await _looked_up(question, asked, anew=anew)
        except LOST as error:
            answer = await instead(_why(error, service))
        partial = answer.model_copy(update={"partial": True})
        return Hit(partial, "source", age=0.0, cached=False, stale=False)

    async def _geocoded(self, code: str) -> Hit[GeoPoint] | str | None:
        """Give Google's point of an area, a notice where it fails, None where it is not configured."""
        try:
            self._google_client()
            async with asyncio.timeout(self._sources.deadline):
                return await self._affordable("google", GEOCODE_USD, self.cached_google.lookup(code))
        except SourceUnavailable:
            return None
        except NotFound:
            return "Google Maps knows no such place: no geocoding."
        except LOST as error:
            return f"{_why(error, 'google')}: no geocoding."

    async def _affordable(self, provider: str, usd: float, answer: Awaitable[T]) -> T:
        """Wait for an answer that costs money: that the day's is spent is not a failure of a moment ago."""
        try:
            return await answer
        except UpstreamThrottled:
            self._sources.spend_caps.check(provider, usd)
            raise

    async def _district(self, code: str) -> District:
        return (await self._sources.figures.current()).district(code)

    # ---- computed on a miss: live where sources are on -----------------------------------------------

    async def _area(self, code: str) -> Answer[AreaData]:
        parts = await asyncio.gather(self.crime(code), self.schools(code), self._around(code))
        return area(await self._district(code), *parts)

    async def _commute(self, origin: str, destination: str) -> Answer[CommuteData]:
        start, end = self.places.destination(origin, "origin"), self.places.destination(destination)
        ends = await asyncio.gather(self.located(start), self.located(end))
        if self._sources.live is None:
            return commute.modelled_commute(self._sources, *ends)
        return await commute.live_commute(self._sources, self._sources.live, *ends)

    async def _crime(self, area_code: str) -> Answer[CrimeData]:
        home = await self._district(area_code)
        live = self._sources.live
        return crime.embedded_crime(home) if live is None else await crime.live_crime(live, home)

    async def _schools(self, postcode: str) -> Answer[SchoolsData]:
        home = await self._district(postcode.split(" ", 1)[0])
        table = None if self._sources.live is None else await self._sources.schools.take()
        if table is None:
            return schools.embedded_schools(home)
        return schools.nearby_schools(table, await self.located(self.places.destination(postcode)), home)

    async def _boundaries(self, postcode: str, level: Detail = "simple") -> Answer[BoundariesData]:
        if self._sources.live is None:
            home = await self._district(postcode.split(" ", 1)[0])
            return boundaries.embedded_boundaries(home, postcode, level)
        return await boundaries.live_boundaries(self._sources.live, postcode, level)

    async def _maps(self, area_code: str) -> Answer[MapsData]:
        current, live = await self._sources.figures.current(), self._sources.live
        home = current.district(area_code)
        if live is None:
            return maps.embedded_maps(current.snapshot, home)
        return await maps.live_maps(live, current.snapshot, home)

    async def _google(self, area_code: str) -> GeoPoint:
        client, home = self._google_client(), await self._district(area_code)
        return await maps.google_point(client, self._sources.spend_caps, home)

    async def _research(self, area_code: str, persona: Persona | None = None) -> Answer[ResearchData]:
        client, home = self._perplexity_client(), await self._district(area_code)
        return await research.live_research(client, self._sources.spend_caps, home, persona)

    def _google_client(self) -> Google:
        live = self._sources.live
        if live is None or live.google is None:
            raise SourceUnavailable("google", "GOOGLE_MAPS_API_KEY")
        return live.google

    def _perplexity_client(self) -> Perplexity:
        live = self._sources.live
        if live is None or live.perplexity is None:
            raise SourceUnavailable("perplexity", "PERPLEXITY_API_KEY")
        return live.perplexity


async def _looked_up(question: CachedFunction[Any, T], asked: tuple[Any, ...], *, anew: bool) -> Hit[T]:
    return await (question.renew if anew else question.lookup)(*asked)


def _why(error: Exception, asked: str) -> str:
    """Say in a reader's words why a live source is missing; `asked` is who should have answered."""
    name = NAMES.get(asked, asked)
    if isinstance(error, UpstreamThrottled):
        return f"{name} failed a moment ago"
    if not isinstance(error, SourceError):
        return f"{name} did not answer in time"
    if isinstance(error, CapReached):
        return f"{NAMES.get(error.service, error.service)} has spent the day's budget"
    return no_answer(error.service)


def _noted(answer: Answer[T], notice: str) -> Answer[T]:
    return answer.model_copy(update={"notices": (notice, *answer.notices)})
