"""What lies around an area's centre: counted places, the nearest stations, and its point on Google Maps."""

from math import dist

from pydantic import Field

from veo.errors import NotFound, NotFoundThere
from veo.facts.sources import SNAPSHOT, no_answer, pick
from veo.models import Answer, District, Figures, FrozenMap, Location, Station, Value, absent
from veo.sources.clients import Live
from veo.sources.embedded.snapshot import Snapshot
from veo.sources.embedded.walking import point
from veo.sources.http.provider import Blob
from veo.sources.providers import google, overpass
from veo.sources.providers.google import GeoPoint, Google
from veo.spend_caps import SpendCaps

NAMES = ("food_venues", "pubs_bars", "schools_count", "stations_within_1km")
COUNTED = {
    "restaurant": ("restaurant_1km", "restaurants_1mile"),
    "school": ("school_1km",),
    "park": ("park_1km",),
    "supermarket": ("supermarket_1km", "supermarkets_1mile"),
    "hospital": ("hospital_1km",),
}
"""The live figures that each count may come from; the fallback source counts fewer kinds, within a mile."""

STATIONS = 5
NO_COUNTS = "There are no counts of places around the centre without a live source."
NO_GOOGLE = "Geocoding and the map image need a Google Maps key."


class Geocoding(Value):
    """A place found by a geocoder."""

    lat: float
    lng: float
    formatted_address: str
    place_id: str | None = Field(default=None, exclude_if=absent)


class NearbyStation(Value):
    """A station near an area's centre; `km` in a straight line."""

    name: str
    km: float
    lines: tuple[str, ...]


class NearbyPlaces(Value):
    """Counts of places by kind."""

    restaurant: int | None = Field(default=None, exclude_if=absent)
    school: int | None = Field(default=None, exclude_if=absent)
    park: int | None = Field(default=None, exclude_if=absent)
    supermarket: int | None = Field(default=None, exclude_if=absent)
    hospital: int | None = Field(default=None, exclude_if=absent)


class Distance(Value):
    """The distance to a destination in a straight line, and the `duration` of the journey, door to door."""

    distance: str
    distance_meters: int
    duration: str
    duration_seconds: int


class MapsData(Value):
    """What lies around an area's centre."""

    area_code: str
    location: Location
    geocoding: Geocoding | None = None
    static_map_url: str | None = None
    nearby_places: NearbyPlaces
    nearest_stations: tuple[NearbyStation, ...]
    distance_to_destination: Distance | None = Field(default=None, exclude_if=absent)
    figures: Figures


async def live_maps(live: Live, snapshot: Snapshot, district: District) -> Answer[MapsData]:
    """Count the places around the centre. Raises provider errors."""
    counts = await live.amenities.counts(district.location)
    embedded = embedded_maps(snapshot, district)
    numbers = {
        name: next((int(counts.figures[key].value) for key in keys if key in counts.figures), None)
        for name, keys in COUNTED.items()
    }
    fewer = counts.source != overpass.SOURCE
    source_notice = f"{no_answer('overpass')}: {counts.source} counts fewer kinds of places."
    radius = "a mile" if "restaurants_1mile" in counts.figures else "1 km"
    return embedded.model_copy(
        update={
            "data": embedded.data.model_copy(
                update={
                    "nearby_places": NearbyPlaces(**numbers),
                    "figures": FrozenMap({**embedded.data.figures, **counts.figures}),
                }
            ),
            "sources": (counts.source, SNAPSHOT),
            "notices": (
                *((source_notice,) if fewer else ()),
                f"nearbyPlaces counts places within {radius} of the centre of {district.code}.",
            ),
            "partial": fewer,
            "attribution": (counts.attribution,),
        }
    )


def embedded_maps(snapshot: Snapshot, district: District) -> Answer[MapsData]:
    """Return the nearest stations, and the embedded counts of the whole district."""
    return Answer(
        data=MapsData(
            area_code=district.code,
            location=district.location,
            nearby_places=NearbyPlaces(),
            nearest_stations=_stations_near(snapshot, district),
            figures=pick(district, NAMES),
        ),
        sources=(SNAPSHOT,),
        notices=(NO_COUNTS,),
    )


async def google_point(client: Google, spend_caps: SpendCaps, district: District) -> GeoPoint:
    """Pay Google for the point of an area, and return only what its terms allow to be cached.

    Raises NotFound if Google knows no such place, and source errors.
    """
    try:
        async with spend_caps.paying("google", google.GEOCODE_USD):
            return (await client.geocode(_address(district))).point
    except NotFoundThere:
        raise NotFound(f"Google Maps: {_address(district)} not found") from None


async def google_map(client: Google, spend_caps: SpendCaps, district: District) -> Blob:
    """Pay Google for a map image of an area, which must not be stored. Raises source errors."""
    async with spend_caps.paying("google", google.STATIC_MAP_USD):
        return await client.static_map(district.location)


def with_google(
    answer: Answer[MapsData], district: District, geocoded: GeoPoint | str | None
) -> Answer[MapsData]:
    """Add Google's point and the address of its map image.

    `geocoded` is a notice if the point is missing, and None without a key. The address is composed here,
    because Google's own may not be stored.
    """
    if geocoded is None:
        return answer.model_copy(update={"notices": (*answer.notices, NO_GOOGLE)})
    data = answer.data.model_copy(update={"static_map_url": f"/api/maps/area/{district.code}/image"})
    if isinstance(geocoded, str):
        notices = (*answer.notices, geocoded)
        return answer.model_copy(update={"data": data, "notices": notices, "partial": True})
    geocoding = Geocoding(
        lat=geocoded.lat, lng=geocoded.lng, formatted_address=_address(district), place_id=geocoded.place_id
    )
    return answer.model_copy(
        update={
            "data": data.model_copy(update={"geocoding": geocoding}),
            "sources": (*answer.sources, "Google Maps"),
            "attribution": (*answer.attribution, "Google Maps"),
        }
    )


def _address(district: District) -> str:
    return f"{district.name}, {district.code}, London"


def _stations_near(snapshot: Snapshot, district: District) -> tuple[NearbyStation, ...]:
    centre = point(district.location)

    def distance(station: Station) -> float:
        return dist(centre, point(station.location))

    nearest = sorted(snapshot.stations.values(), key=distance)[:STATIONS]
    return tuple(NearbyStation(name=s.name, km=round(distance(s), 2), lines=s.lines) for s in nearest)
