"""Google Maps Platform: geocode an address, and fetch an image of the map around a point.

Google's terms (3.2.3, 3.2.4 and the service-specific terms) allow only a place id, and a latitude and
longitude for at most 30 days, to be stored. `GeoPoint` holds these and may be cached; everything else may
only be passed on.
"""

from typing import Any

from pydantic import Field, ValidationError

from veo.errors import BadAnswer, InvalidQuestion, NotFoundThere, ProviderError, RateLimited, Unavailable
from veo.models import Location, Value
from veo.sources.http.client import Http
from veo.sources.http.provider import Blob, Provider
from veo.sources.http.sanitize import plain
from veo.sources.http.wire import WireModel

GEOCODE_USD = 0.005
"""The price of one request: Google's list of November 2026, 5.00 per 1,000 after 10,000 a month."""

STATIC_MAP_USD = 0.002
"""The price of one image: the same list, Static Maps, 2.00 per 1,000; to be confirmed by the first bill."""

GEOCODING = Provider(
    "google-geocoding",
    "https://maps.googleapis.com",
    purpose="Google's place id and point of an area",
    key="`GOOGLE_MAPS_API_KEY`",
)
STATIC_MAP = Provider(
    "google-staticmap",
    "https://maps.googleapis.com",
    purpose="an image of the map",
    key="`GOOGLE_MAPS_API_KEY`",
    max_bytes=2 * 2**20,
)

ZOOMS = range(1, 21)
SIDES = range(1, 641)
"""Pixels of one side, before they are doubled for high-resolution displays."""

_PNG = b"\x89PNG\r\n\x1a\n"
_REFUSALS = {"REQUEST_DENIED": 403, "OVER_DAILY_LIMIT": 403, "INVALID_REQUEST": 400}
"""Google's statuses for a refused request, with the equivalent HTTP status."""


class GeoPoint(Value):
    """The part of Google's answer that may be stored: the place id, and WGS84 degrees for 30 days."""

    place_id: str
    lat: float
    lng: float


class Geocoded(Value):
    """Google's answer for one address.

    `formatted_address` may be shown but never stored: Google's terms allow only `point` to be kept.
    """

    point: GeoPoint
    formatted_address: str


class Google:
    """The client of Google's geocoder and static maps; `key` is sent with each request and shown nowhere."""

    def __init__(self, http: Http, key: str) -> None:
        self._geocoding = http.upstream(GEOCODING)
        self._static_map = http.upstream(STATIC_MAP)
        self._key = key

    async def geocode(self, address: str) -> Geocoded:
        """Return Google's place for an address in Great Britain.

        Raise `NotFoundThere` when it has none, and the other `ProviderError`s.
        """
        params = {"address": address, "components": "country:GB", "key": self._key}
        answer = await self._geocoding.json("/maps/api/geocode/json", params=params)
        try:
            return _geocoded(answer.data)
        except NotFoundThere:
            raise
        except ProviderError as error:  # sent with HTTP 200, so the client has not recorded it
            raise self._geocoding.record_failure(error) from None

    async def static_map(
        self,
        centre: Location,
        zoom: int = 13,
        size: tuple[int, int] = (640, 400),
        marker: bool = True,
    ) -> Blob:
        """Return a PNG of the map around a point, by default with a pin; it must never be stored.

        `size` is width and height in pixels; the image has twice as many. Raise `InvalidQuestion` for a
        zoom or size that Google does not offer, and `ProviderError`s.
        """
        if zoom not in ZOOMS or any(side not in SIDES for side in size):
            raise InvalidQuestion("zoom: must be from 1 to 20, with sides from 1 to 640 pixels")
        at = f"{centre.lat:.6f},{centre.lng:.6f}"
        params: dict[str, str | int | None] = {
            "center": at,
            "zoom": zoom,
            "size": f"{size[0]}x{size[1]}",
            "scale": 2,
            "maptype": "roadmap",
            "format": "png",
            "markers": f"color:red|{at}" if marker else None,
            "key": self._key,
        }
        blob = await self._static_map.blob("/maps/api/staticmap", params=params, types=("image/png",))
        if not blob.content.startswith(_PNG):
            raise BadAnswer(STATIC_MAP.name, "the answer is not a PNG")
        return blob


class _Part(WireModel, alias_generator=None):
    """A part of the answer, whose field names are not in camelCase."""


class _Point(_Part):
    lat: float = Field(ge=-90, le=90)
    lng: float = Field(ge=-180, le=180)


class _Geometry(_Part):
    location: _Point


class _Result(_Part):
    place_id: str = Field(pattern=r"^[!-~]{1,512}$")
    formatted_address: str
    geometry: _Geometry
    types: list[str] = Field(default_factory=list)


def _geocoded(data: Any) -> Geocoded:
    """Read the answer, whose body holds its status: errors have HTTP status 200.

    Its `error_message` is never read, because it may repeat the key.
    """
    status = data.get("status") if isinstance(data, dict) else None
    if status == "OK":
        return _first(data.get("results"))
    if status == "ZERO_RESULTS":
        raise NotFoundThere(GEOCODING.name, "no such address")
    if status == "OVER_QUERY_LIMIT":
        raise RateLimited(GEOCODING.name, "over the query limit")
    if status == "UNKNOWN_ERROR":
        raise Unavailable(GEOCODING.name, "an unknown error of the provider")
    if isinstance(status, str) and status in _REFUSALS:
        raise BadAnswer(GEOCODING.name, f"refused: {status}", _REFUSALS[status])
    raise BadAnswer(GEOCODING.name, "an undocumented status")


def _first(results: Any) -> Geocoded:
    if not isinstance(results, list) or not results:
        raise BadAnswer(GEOCODING.name, "no results despite the status OK")
    try:
        result = _Result.model_validate(results[0])
    except ValidationError:
        # `from None`: pydantic's message quotes the answer, which must not be logged
        raise BadAnswer(GEOCODING.name, "the result is not as documented") from None
    if "country" in result.types:  # nothing of the address matched but the country filter
        raise NotFoundThere(GEOCODING.name, "no such address")
    location = result.geometry.location
    point = GeoPoint(place_id=result.place_id, lat=location.lat, lng=location.lng)
    return Geocoded(point=point, formatted_address=plain(result.formatted_address, 200))
