"""The table of cached questions, and the questions themselves.

Each question is one coroutine behind the cache: it composes an answer from the sources and says which
ones it used and what is missing. `Questions` is built at the edge, with its cache and its sources.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from math import dist
from typing import Any, Literal

from veo.answers import (
    AdministrativeAreas,
    Amenities,
    AreaData,
    BoundariesData,
    Codes,
    CommuteData,
    CrimeData,
    LatLong,
    MapsData,
    NearbyPlaces,
    NearbyStation,
    Property,
    ResearchData,
    Route,
    SchoolsData,
)
from veo.cache import Aside, Cache, Hit, Policy
from veo.errors import NotFound, SourceError, SourceUnavailable
from veo.models import Answer, District, Figures, FrozenMap, Persona, Place, Station
from veo.sources.embedded import Snapshot
from veo.sources.places import FULL_POSTCODE, Places
from veo.sources.rail import Rail
from veo.sources.walk import point

SNAPSHOT, RAIL = "embedded figures", "modelled rail graph"
FAILURES = (SourceError, OSError)
POSTCODE_OR_DISTRICT = f"{FULL_POSTCODE} or a London district such as E15"
AT_CENTRE = {"postcode": "the centre of its district", "district": "its centre", "group": "its centre"}


def _area_tags(*codes: str) -> tuple[str, ...]:
    """Give the tags by which an area's flush reaches an answer; a postcode belongs to its district."""
    return tuple(f"area:{code.split(' ', 1)[0]}" for code in codes)


def _policy(
    family: str, key: str | Callable[..., Any], fresh: timedelta, stale: timedelta, **more: Any
) -> Policy:
    return Policy(family=family, key=key, fresh_for=fresh, stale_if_error=stale, stale_on=FAILURES, **more)


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
PERSONAL = _policy("personal", lambda query: query.key_parts(), _hours(1), _hours(1), shared=False)
AREA = _policy("area", "area:{code}", _hours(24), _hours(24), tags=("area:{code}",))
COMMUTE = _policy(
    "commute",
    "commute:{origin}:{destination}",
    _days(7),
    _days(30),
    tags=_area_tags,
)
CRIME = _policy("crime", "crime:{area_code}", _days(30), _days(30), tags=("area:{area_code}",))
SCHOOLS = _policy("schools", "schools:{postcode}", _days(90), _days(30), tags=("area:{postcode}",))
BOUNDARIES = _policy(
    "boundaries",
    lambda postcode, level="simple": (postcode,) if level == "simple" else (postcode, level),
    _days(90),
    _days(30),
    tags=lambda postcode, _level="simple": _area_tags(postcode),
)
MAPS = _policy("maps", "maps:{area_code}", _days(7), _days(7), tags=("area:{area_code}",))
RESEARCH = _policy(
    "research",
    lambda area_code, persona=None: (area_code, persona or "any"),
    _hours(6),
    _hours(24),
    tags=lambda area_code, _persona=None: _area_tags(area_code),
    paid=True,
)
POLICIES = (RECOMMENDATIONS, PERSONAL, AREA, COMMUTE, CRIME, SCHOOLS, BOUNDARIES, MAPS, RESEARCH)


class Questions:
    """What can be asked of areas and places. Texts are made canonical before they make a key.

    Every question gives a Hit around an Answer. They raise InvalidQuestion or NotFound for what makes no
    sense, SourceError when nothing could answer.
    """

    def __init__(self, cache: Cache, snapshot: Snapshot, rail: Rail, places: Places) -> None:
        self._snapshot, self._rail, self.places = snapshot, rail, places
        self.cached_area: Aside[[str], Answer[AreaData]] = cache.aside(AREA)(self._area)
        self.cached_commute: Aside[[str, str], Answer[CommuteData]] = cache.aside(COMMUTE)(self._commute)
        self.cached_crime: Aside[[str], Answer[CrimeData]] = cache.aside(CRIME)(self._crime)
        self.cached_schools: Aside[[str], Answer[SchoolsData]] = cache.aside(SCHOOLS)(self._schools)
        self.cached_boundaries = cache.aside(BOUNDARIES)(self._boundaries)
        self.cached_maps: Aside[[str], Answer[MapsData]] = cache.aside(MAPS)(self._maps)

    # ---- asked from outside: canonical, then cached ------------------------------------------------

    async def area(self, code: str) -> Hit[Answer[AreaData]]:
        """Tell everything known of a district or a group of districts."""
        return await self.cached_area.lookup(self.places.canonical_area(code))

    async def commute(self, origin: str, destination: str) -> Hit[Answer[CommuteData]]:
        """Tell how long a journey takes, door to door."""
        start, end = self.places.destination(origin, "origin"), self.places.destination(destination)
        return await self.cached_commute.lookup(start.code, end.code)

    async def crime(self, area_code: str) -> Hit[Answer[CrimeData]]:
        """Tell the recorded crime of an area."""
        return await self.cached_crime.lookup(self.places.canonical_area(area_code))

    async def schools(self, postcode: str) -> Hit[Answer[SchoolsData]]:
        """Tell the schools near a full postcode, or of a district."""
        try:
            place = self.places.canonical_area(postcode)
        except NotFound:
            place = self.places.canonical_postcode(postcode, accepted=POSTCODE_OR_DISTRICT)
        return await self.cached_schools.lookup(place)

    async def boundaries(
        self, postcode: str, level: Literal["simple", "full"] = "simple"
    ) -> Hit[Answer[BoundariesData]]:
        """Tell in which areas a postcode lies."""
        return await self.cached_boundaries.lookup(self.places.canonical_postcode(postcode), level)

    async def maps(self, area_code: str) -> Hit[Answer[MapsData]]:
        """Tell what lies around an area's centre."""
        return await self.cached_maps.lookup(self.places.canonical_area(area_code))

    async def research(self, area_code: str, persona: Persona | None = None) -> Hit[Answer[ResearchData]]:
        """Tell what the web says of an area."""
        del persona
        self.places.canonical_area(area_code)
        # raised before the cache: what is not configured is not a failure to remember
        raise SourceUnavailable("perplexity", "PERPLEXITY_API_KEY")

    # ---- computed on a miss ------------------------------------------------------------------------

    async def _area(self, code: str) -> Answer[AreaData]:
        district = self.places.district(code)
        block = _property(district)
        return Answer(
            data=AreaData(
                area_code=district.code,
                name=district.name,
                borough=district.borough,
                location=district.location,
                scansan=block,
                property=block,
                crime=_crime(district),
                schools=_schools(district),
                amenities=Amenities(
                    figures=_pick(district, ("food_venues", "pubs_bars", "stations_within_1km"))
                ),
                figures=district.figures,
            ),
            sources=_sources(district.figures.values()),
            notices=(*_borough_notice(district), *_group_notice(district)),
        )

    async def _commute(self, origin: str, destination: str) -> Answer[CommuteData]:
        start, end = self.places.destination(origin, "origin"), self.places.destination(destination)
        journey = self._rail.journey(start.location, end.location)
        modes = tuple(dict.fromkeys(leg.mode for leg in journey.legs)) or ("walk",)
        steps = tuple(
            f"{leg.line or 'Walk'}: {leg.start} to {leg.end}, {leg.minutes:.0f} min" for leg in journey.legs
        )
        minutes = round(journey.minutes)
        return Answer(
            data=CommuteData(
                origin=start.label,
                destination=end.label,
                duration=minutes,
                modes=modes,
                routes=(Route(mode="+".join(modes), duration=minutes, steps=steps),),
                legs=journey.rounded(),
            ),
            sources=(RAIL,),
            notices=centre_notices(start, end),
            assumptions=("Modelled on the rail network without buses, timetables or delays.",),
        )

    async def _crime(self, area_code: str) -> Answer[CrimeData]:
        district = self.places.district(area_code)
        data = _crime(district)
        return Answer(
            data=data,
            sources=_sources(data.figures.values()),
            notices=(
                "No live counts, mix or trend of offences: only dated rates.",
                "crimeRate is the borough's, not the district's.",
                *_group_notice(district),
            ),
        )

    async def _schools(self, postcode: str) -> Answer[SchoolsData]:
        district = self.places.district(postcode.split(" ", 1)[0])
        data = _schools(district)
        return Answer(
            data=data,
            sources=_sources(data.figures.values()),
            notices=(
                f"Counts are of {district.code} as a whole; no single schools are at hand.",
                "Grades are legacy overall grades, which ended in September 2024.",
            ),
        )

    async def _boundaries(self, postcode: str, level: str = "simple") -> Answer[BoundariesData]:
        district = self.places.district(postcode.split(" ", 1)[0])
        missing = "No ward and no GSS codes" if level == "simple" else "No ward, no GSS codes and no outlines"
        return Answer(
            data=BoundariesData(
                postcode=postcode,
                location=LatLong(latitude=district.location.lat, longitude=district.location.lng),
                administrative_areas=AdministrativeAreas(country="England", district=district.borough),
                codes=Codes(),
                timestamp=_timestamp(),
            ),
            sources=(SNAPSHOT,),
            notices=(
                f"The location is the centre of {district.code}, the borough that of most residents there.",
                f"{missing} are at hand without a live source.",
            ),
        )

    async def _maps(self, area_code: str) -> Answer[MapsData]:
        district = self.places.district(area_code)
        return Answer(
            data=MapsData(
                area_code=district.code,
                location=district.location,
                nearby_places=NearbyPlaces(),
                nearest_stations=self._stations_near(district),
                figures=_pick(district, ("food_venues", "pubs_bars", "schools_count", "stations_within_1km")),
            ),
            sources=(SNAPSHOT,),
            notices=("No geocoding, map image or counts of single places without a live source.",),
        )

    def _stations_near(self, district: District, count: int = 5) -> tuple[NearbyStation, ...]:
        centre = point(district.location)

        def distance(station: Station) -> float:
            return dist(centre, point(station.location))

        nearest = sorted(self._snapshot.stations.values(), key=distance)[:count]
        return tuple(NearbyStation(name=s.name, km=round(distance(s), 2), lines=s.lines) for s in nearest)


def _property(district: District) -> Property:
    rent, sales = district.figures.get("rent_all"), district.figures.get("sales_12m")
    insights = []
    if rent is not None:
        insights.append(f"Rents average £{rent.value:,.0f} a month ({rent.level}, {rent.vintage})")
    if sales is not None:
        insights.append(f"{sales.value:,.0f} sales in 12 months ({sales.vintage})")
    return Property(
        average_price=district.number("median_price"),
        price_change=district.number("price_growth_1y_pct"),
        insights=tuple(insights) or None,
    )


def _crime(district: District) -> CrimeData:
    names = ("crimes_per_1000", "violent_crimes_per_1000", "imd_crime_decile", "burglaries_per_1000")
    return CrimeData(crime_rate=district.number("crimes_per_1000"), figures=_pick(district, names))


def _schools(district: District) -> SchoolsData:
    """Count graded schools back from their shares, which are published to three decimals."""
    names = ("schools_count", "primary_count", "secondary_count", "schools_rated", "outstanding_share")
    count, rated = district.number("schools_count"), district.number("schools_rated")
    best, at_least_good = district.number("outstanding_share"), district.number("good_or_outstanding_share")
    outstanding = round(rated * best) if rated and best is not None else None
    good = round(rated * at_least_good) if rated and at_least_good is not None else None
    return SchoolsData(
        count=None if count is None else int(count),
        outstanding=outstanding,
        good=None if good is None or outstanding is None else good - outstanding,
        figures=_pick(district, names),
    )


def _pick(district: District, names: Iterable[str]) -> Figures:
    return FrozenMap({name: district.figures[name] for name in names if name in district.figures})


def _sources(figures: Iterable[Any]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(figure.source for figure in figures))


def _group_notice(district: District) -> tuple[str, ...]:
    if not district.members:
        return ()
    return (f"{district.code} is a group: figures are weighted over {', '.join(district.members)}.",)


def _borough_notice(district: District) -> tuple[str, ...]:
    """Say which of the numbers that carry no level of their own describe the borough."""
    columns = {"crimeRate": "crimes_per_1000", "priceChange": "price_growth_1y_pct"}
    known = {name: district.figures.get(column) for name, column in columns.items()}
    names = [name for name, figure in known.items() if figure is not None and figure.level == "borough"]
    verb = "is" if len(names) == 1 else "are"
    return (f"{' and '.join(names)} {verb} the borough's, not the district's.",) if names else ()


def centre_notices(*places: Place) -> tuple[str, ...]:
    """Say of places that are areas, or known only by their area, where a journey is taken to begin or end."""
    known = [(place.code, AT_CENTRE[place.kind]) for place in places if place.kind in AT_CENTRE]
    return tuple(f"{code} is taken to be at {centre}." for code, centre in known)


def _timestamp() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
