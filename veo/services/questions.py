"""The questions about areas and places: cached answers, and the methods that callers use around them.

`CachedQuestions` computes the answers, which are cached. `Questions` puts the input into canonical form,
limits the time, and falls back to the embedded figures, with a notice, if a live source fails or is late. A
fallback is never cached, but a late live answer still reaches the cache. `veo.services.registry` holds the
policies.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any, ParamSpec, TypeVar

from veo.cache import Cache, CachedFunction, Hit, Policy, UpstreamThrottled, bind_cached_methods, cached
from veo.errors import CapReached, NotFound, SourceError, SourceUnavailable
from veo.facts import boundaries, commute, crime, maps, research, schools
from veo.facts.area import AreaData, area
from veo.facts.boundaries import BoundariesData, Detail
from veo.facts.commute import CommuteData
from veo.facts.crime import CrimeData
from veo.facts.maps import MapsData
from veo.facts.research import ResearchData
from veo.facts.schools import SchoolsData
from veo.facts.sources import NAMES, Located, Sources, centre_notices, no_answer
from veo.models import Answer, Location, Persona, Place
from veo.services.registry import (
    AREA,
    BOUNDARIES,
    COMMUTE,
    CRIME,
    FAILURES,
    GOOGLE,
    MAPS,
    RESEARCH,
    SCHOOLS,
    embedded_lifetime,
)
from veo.sources.embedded.place_resolver import FULL_POSTCODE
from veo.sources.http.provider import Blob
from veo.sources.providers import postcodes
from veo.sources.providers.google import GEOCODE_USD, GeoPoint, Google
from veo.sources.providers.perplexity import PERPLEXITY_ESTIMATE_USD, Perplexity

P = ParamSpec("P")
T = TypeVar("T")

POSTCODE_OR_DISTRICT = f"{FULL_POSTCODE} or a London district such as E15"


class EmbeddedOnly:
    """A cache for embedded answers: without fleet-wide single flight, and with a short lifetime."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def cached(self, policy: Policy) -> Callable[[Callable[P, Awaitable[T]]], CachedFunction[P, T]]:
        """Decorate an async function with the adapted policy."""
        return self._cache.cached(replace(policy, fleet_once=False, lifetime=embedded_lifetime))


class CachedQuestions:
    """The computed answers. Arguments are in canonical form; live sources are asked if they are on.

    `questions` supplies the parts of composed answers. The methods raise the errors of the sources.
    """

    def __init__(self, cache: Cache, sources: Sources, questions: "Questions") -> None:
        self.cache = EmbeddedOnly(cache) if sources.live is None else cache
        self._sources, self._questions = sources, questions
        bind_cached_methods(self)

    @cached(AREA)
    async def area(self, code: str) -> Answer[AreaData]:
        """Compose an area from its crime, schools and nearby places."""
        questions = self._questions
        parts = await asyncio.gather(questions.crime(code), questions.schools(code), questions.nearby(code))
        return area(await self._sources.district(code), *parts)

    @cached(COMMUTE)
    async def commute(self, origin: str, destination: str) -> Answer[CommuteData]:
        """Ask TfL for a journey, or model it on the rail graph."""
        places = self._sources.places
        start, end = places.destination(origin, "origin"), places.destination(destination)
        ends = await asyncio.gather(self._questions.located(start), self._questions.located(end))
        if self._sources.live is None:
            return commute.modelled_commute(self._sources, *ends)
        return await commute.live_commute(self._sources, self._sources.live, *ends)

    @cached(CRIME)
    async def crime(self, area_code: str) -> Answer[CrimeData]:
        """Count a year of recorded crimes, or return the dated rates."""
        district, live = await self._sources.district(area_code), self._sources.live
        return crime.embedded_crime(district) if live is None else await crime.live_crime(live, district)

    @cached(SCHOOLS)
    async def schools(self, postcode: str) -> Answer[SchoolsData]:
        """List the schools near a postcode from the refreshed register, or return the district's counts."""
        district = await self._sources.district(postcode.split(" ", 1)[0])
        table = None if self._sources.live is None else await self._sources.schools.newest()
        if table is None:
            return schools.embedded_schools(district)
        place = await self._questions.located(self._sources.places.destination(postcode))
        return schools.nearby_schools(table, place, district)

    @cached(BOUNDARIES)
    async def boundaries(self, postcode: str, level: Detail = "simple") -> Answer[BoundariesData]:
        """Find the areas of a postcode and their outlines, or return its district."""
        if self._sources.live is not None:
            return await boundaries.live_boundaries(self._sources.live, postcode, level)
        district = await self._sources.district(postcode.split(" ", 1)[0])
        return boundaries.embedded_boundaries(district, postcode, level)

    @cached(MAPS)
    async def maps(self, area_code: str) -> Answer[MapsData]:
        """Count the places around an area's centre, or return its stations alone."""
        figures, live = await self._sources.figures.current(), self._sources.live
        district = figures.district(area_code)
        if live is None:
            return maps.embedded_maps(figures.snapshot, district)
        return await maps.live_maps(live, figures.snapshot, district)

    @cached(GOOGLE)
    async def google(self, area_code: str) -> GeoPoint:
        """Ask Google for the point of an area."""
        client, district = google_client(self._sources), await self._sources.district(area_code)
        return await maps.google_point(client, self._sources.spend_caps, district)

    @cached(RESEARCH)
    async def research(self, area_code: str, persona: Persona | None = None) -> Answer[ResearchData]:
        """Ask Perplexity for research on an area."""
        client, district = perplexity_client(self._sources), await self._sources.district(area_code)
        return await research.live_research(client, self._sources.spend_caps, district, persona)


class Questions:
    """The questions as callers ask them, with places as people write them.

    Each method returns a Hit with an Answer. It raises InvalidQuestion or NotFound for invalid input, and
    SourceError if no embedded figure can replace a failed source. `refresh` asks the source whatever the
    cache holds; `deadline` is a time on the clock of the running event loop.
    """

    def __init__(self, cache: Cache, sources: Sources) -> None:
        self._sources, self.places = sources, sources.places
        self.cached = CachedQuestions(cache, sources, self)

    async def area(self, code: str) -> Hit[Answer[AreaData]]:
        """Return every figure of a district or a group of districts."""
        return await self.cached.area.lookup(self.places.canonical_area(code))

    async def commute(self, origin: str, destination: str) -> Hit[Answer[CommuteData]]:
        """Return the time of a journey, door to door."""
        start, end = self.places.destination(origin, "origin"), self.places.destination(destination)
        deadline = self.deadline()

        async def modelled(reason: str) -> Answer[CommuteData]:
            ends = await self.located(start, deadline), await self.located(end, deadline)
            notice = f"{reason}: this is a model of the rail network."
            return commute.modelled_commute(self._sources, *ends, notice)

        arguments = (start.code, end.code)
        return await self._with_fallback("tfl", self.cached.commute, arguments, modelled, deadline)

    async def crime(self, area_code: str) -> Hit[Answer[CrimeData]]:
        """Return the recorded crime of an area."""
        code = self.places.canonical_area(area_code)

        async def dated(reason: str) -> Answer[CrimeData]:
            return _with_notice(crime.embedded_crime(await self._sources.district(code)), f"{reason}.")

        return await self._with_fallback("police.uk", self.cached.crime, (code,), dated)

    async def schools(self, postcode: str) -> Hit[Answer[SchoolsData]]:
        """Return the schools near a full postcode, or of a district."""
        try:
            place = self.places.canonical_area(postcode)
        except NotFound:
            place = self.places.canonical_postcode(postcode, accepted=POSTCODE_OR_DISTRICT)
        return await self.cached.schools.lookup(place)

    async def boundaries(
        self, postcode: str, level: Detail = "simple", deadline: float | None = None, *, refresh: bool = False
    ) -> Hit[Answer[BoundariesData]]:
        """Return the areas that a postcode lies in."""
        code = self.places.canonical_postcode(postcode)

        async def central(reason: str) -> Answer[BoundariesData]:
            district = await self._sources.district(code.split(" ", 1)[0])
            return _with_notice(boundaries.embedded_boundaries(district, code, level), f"{reason}.")

        question, arguments = self.cached.boundaries, (code, level)
        return await self._with_fallback(
            "postcodes.io", question, arguments, central, deadline, refresh=refresh
        )

    async def maps(self, area_code: str) -> Hit[Answer[MapsData]]:
        """Return what lies around an area's centre."""
        code = self.places.canonical_area(area_code)

        hit, geocoded = await asyncio.gather(self.nearby(code), self._geocoded(code))
        if isinstance(geocoded, Hit):
            hit = hit._replace(cached=hit.cached and geocoded.cached)
            geocoded = geocoded.value
        return hit._replace(value=maps.with_google(hit.value, await self._sources.district(code), geocoded))

    async def map_image(self, area_code: str) -> Blob:
        """Return a map image of an area, which must not be stored. Raises SourceError."""
        code, client = self.places.canonical_area(area_code), google_client(self._sources)
        return await maps.google_map(client, self._sources.spend_caps, await self._sources.district(code))

    async def research(
        self, area_code: str, persona: Persona | None = None, *, refresh: bool = False
    ) -> Hit[Answer[ResearchData]]:
        """Return web research on an area. Raises SourceError."""
        code = self.places.canonical_area(area_code)
        perplexity_client(self._sources)  # a missing key must not be cached as a failure
        lookup = _lookup(self.cached.research, (code, persona), refresh=refresh)
        return await self._within_cap("perplexity", PERPLEXITY_ESTIMATE_USD, lookup)

    async def nearby(self, code: str) -> Hit[Answer[MapsData]]:
        """Return the places around an area's centre, without Google's part."""

        async def stations(reason: str) -> Answer[MapsData]:
            figures = await self._sources.figures.current()
            return _with_notice(maps.embedded_maps(figures.snapshot, figures.district(code)), f"{reason}.")

        return await self._with_fallback("overpass", self.cached.maps, (code,), stations)

    def deadline(self) -> float:
        """Return the time on the event loop's clock by which a question that arrives now must be answered."""
        return asyncio.get_running_loop().time() + self._sources.deadline

    async def located(self, place: Place, deadline: float | None = None) -> Located:
        """Return a place with its location; for a full postcode, the exact one if it arrives in time."""
        if place.kind != "postcode" or self._sources.live is None:
            return Located(place, centre_notices(place))
        answer = (await self.boundaries(place.code, deadline=deadline)).value
        if postcodes.SOURCE not in answer.sources:
            return Located(place, centre_notices(place), partial=True)
        at = Location(lat=answer.data.location.latitude, lng=answer.data.location.longitude)
        return Located(place.model_copy(update={"location": at}))

    async def _with_fallback(
        self,
        service: str,
        question: CachedFunction[Any, Answer[T]],
        arguments: tuple[Any, ...],
        fallback: Callable[[str], Awaitable[Answer[T]]],
        deadline: float | None = None,
        *,
        refresh: bool = False,
    ) -> Hit[Answer[T]]:
        """Answer from the cache or the sources by the deadline, else with `fallback(reason)`.

        `service` is the provider that the reason names.
        """
        if self._sources.live is None:
            return await _lookup(question, arguments, refresh=refresh)
        try:
            async with asyncio.timeout_at(self.deadline() if deadline is None else deadline):
                return await _lookup(question, arguments, refresh=refresh)
        except (*FAILURES, UpstreamThrottled) as error:
            answer = await fallback(_reason(error, service))
        partial = answer.model_copy(update={"partial": True})
        return Hit(partial, "source", age=0.0, cached=False, stale=False)

    async def _geocoded(self, code: str) -> Hit[GeoPoint] | str | None:
        """Return Google's point of an area, a notice if there is none, or None without a key."""
        try:
            google_client(self._sources)
            async with asyncio.timeout(self._sources.deadline):
                return await self._within_cap("google", GEOCODE_USD, self.cached.google.lookup(code))
        except SourceUnavailable:
            return None
        except NotFound:
            return "Google Maps knows no such place: no geocoding."
        except (*FAILURES, UpstreamThrottled) as error:
            return f"{_reason(error, 'google')}: no geocoding."

    async def _within_cap(self, provider: str, usd: float, answer: Awaitable[T]) -> T:
        """Await a paid answer; report a reached spend cap as such, not as a recent failure."""
        try:
            return await answer
        except UpstreamThrottled:
            self._sources.spend_caps.check(provider, usd)
            raise


def google_client(sources: Sources) -> Google:
    """Return the client of Google Maps. Raises SourceUnavailable without a key."""
    if sources.live is None or sources.live.google is None:
        raise SourceUnavailable("google", "GOOGLE_MAPS_API_KEY")
    return sources.live.google


def perplexity_client(sources: Sources) -> Perplexity:
    """Return the client of Perplexity. Raises SourceUnavailable without a key."""
    if sources.live is None or sources.live.perplexity is None:
        raise SourceUnavailable("perplexity", "PERPLEXITY_API_KEY")
    return sources.live.perplexity


async def _lookup(question: CachedFunction[Any, T], arguments: tuple[Any, ...], *, refresh: bool) -> Hit[T]:
    return await (question.renew if refresh else question.lookup)(*arguments)


def _reason(error: Exception, service: str) -> str:
    """Return why a live answer is missing, for readers; `service` is the provider that was asked."""
    name = NAMES.get(service, service)
    if isinstance(error, UpstreamThrottled):
        return f"{name} failed a moment ago"
    if not isinstance(error, SourceError):
        return f"{name} did not answer in time"
    if isinstance(error, CapReached):
        return f"The daily spending limit for {NAMES.get(error.service, error.service)} is reached"
    return no_answer(error.service)


def _with_notice(answer: Answer[T], notice: str) -> Answer[T]:
    return answer.model_copy(update={"notices": (notice, *answer.notices)})
