"""What lies around an area's centre: counted places, the nearest stations, and Google's point of it."""

from math import dist

from veo.errors import NotFound, NotFoundThere
from veo.facts.sources import SNAPSHOT, no_answer, pick
from veo.models import Answer, District, FrozenMap, Station
from veo.schemas.responses import Geocoding, MapsData, NearbyPlaces, NearbyStation
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
"""The live figures that each count may come from; the second source counts fewer kinds, within a mile."""

STATIONS = 5
NO_COUNTS = "No counts of single places without a live source."
NO_GOOGLE = "No geocoding and no map image without a key of Google Maps."


async def live_maps(live: Live, snapshot: Snapshot, district: District) -> Answer[MapsData]:
    """Count what is around the centre. Raises provider errors."""
    counts = await live.amenities.counts(district.location)
    embedded = embedded_maps(snapshot, district)
    numbers = {
        name: next((int(counts.figures[key].value) for key in keys if key in counts.figures), None)
        for name, keys in COUNTED.items()
    }
    fewer = counts.source != overpass.SOURCE
    instead = (f"{no_answer('overpass')}: these are the fewer kinds of {counts.source}.",) if fewer else ()
    circle = "a mile" if "restaurants_1mile" in counts.figures else "1 km"
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
                *instead,
                f"nearbyPlaces are counts within {circle} of the centre of {district.code}.",
            ),
            "partial": fewer,
            "attribution": (counts.attribution,),
        }
    )


def embedded_maps(snapshot: Snapshot, district: District) -> Answer[MapsData]:
    """Give the stations around, and the embedded counts of the whole district."""
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
    """Pay for Google's point of an area, and keep no more than its terms allow.

    Raises `NotFound` when Google knows none, and source errors.
    """
    try:
        async with spend_caps.paying("google", google.GEOCODE_USD):
            return (await client.geocode(_address(district))).point
    except NotFoundThere:
        raise NotFound(f"Google Maps: {_address(district)} not found") from None


async def google_map(client: Google, spend_caps: SpendCaps, district: District) -> Blob:
    """Pay for a picture of the map around an area: to be passed on, never kept. Raises source errors."""
    async with spend_caps.paying("google", google.STATIC_MAP_USD):
        return await client.static_map(district.location)


def with_google(
    answer: Answer[MapsData], district: District, found: GeoPoint | str | None
) -> Answer[MapsData]:
    """Add Google's point and the address of its map; `found` may be a notice, or None without a key.

    The point goes by our own name of the area: Google's may not be kept.
    """
    if found is None:
        return answer.model_copy(update={"notices": (*answer.notices, NO_GOOGLE)})
    known: dict[str, object] = {"static_map_url": f"/api/maps/area/{district.code}/image"}
    if isinstance(found, str):
        data = answer.data.model_copy(update=known)
        return answer.model_copy(update={"data": data, "notices": (*answer.notices, found), "partial": True})
    known["geocoding"] = Geocoding(
        lat=found.lat, lng=found.lng, formatted_address=_address(district), place_id=found.place_id
    )
    return answer.model_copy(
        update={
            "data": answer.data.model_copy(update=known),
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
