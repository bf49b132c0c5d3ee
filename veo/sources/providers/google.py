"""Google Maps Platform: where an address is, and a picture of the map around a point.

Google's terms (3.2.3, 3.2.4 and the service-specific terms) let none of its content be stored but a
latitude and longitude, for at most 30 days, and a place id. `GeoPoint` is that much and may be cached;
everything else is for the answer at hand only.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from veo.errors import BadAnswer, InvalidQuestion, NotFoundThere, ProviderError, RateLimited, Unavailable
from veo.models import Location, Value
from veo.sources.http.client import Http
from veo.sources.http.provider import Blob, Provider
from veo.sources.http.sanitize import plain

GEOCODE_USD = 0.005
"""The price of one request: Google's list of November 2026, 5.00 per 1,000 after 10,000 a month."""

STATIC_MAP_USD = 0.002
"""The price of one picture: the same list, Static Maps, 2.00 per 1,000; to be confirmed by the first bill."""

GEOCODING = Provider("google-geocoding", "https://maps.googleapis.com")
STATIC_MAP = Provider("google-staticmap", "https://maps.googleapis.com", largest=2 * 2**20)

ZOOMS = range(1, 21)
SIDES = range(1, 641)
"""Pixels of one side, before they are doubled for sharp displays."""

_PNG = b"\x89PNG\r\n\x1a\n"
_STATUS = {"REQUEST_DENIED": 403, "OVER_DAILY_LIMIT": 403, "INVALID_REQUEST": 400}
"""What Google refuses a request with, and the HTTP status that other services send with the same."""


class GeoPoint(Value):
    """What may be kept of Google's answer: the place id, and WGS84 degrees for at most 30 days."""

    place_id: str
    lat: float
    lng: float


class Geocoded(Value):
    """Google's answer for one address.

    `formatted_address` is shown with the answer it came with and never stored: Google's terms let nothing
    but `point` be kept.
    """

    point: GeoPoint
    formatted_address: str


class Google:
    """The two questions Veo puts to Google; `key` is sent with each and shown nowhere."""

    def __init__(self, http: Http, key: str) -> None:
        self._geocoding = http.upstream(GEOCODING)
        self._static_map = http.upstream(STATIC_MAP)
        self._key = key

    async def geocode(self, address: str) -> Geocoded:
        """Give the place that Google takes an address in Great Britain for.

        Raise `NotFoundThere` when it knows none, and the other provider errors.
        """
        params = {"address": address, "components": "country:GB", "key": self._key}
        reply = await self._geocoding.json("/maps/api/geocode/json", params=params)
        try:
            return _geocoded(reply.data)
        except NotFoundThere:
            raise
        except ProviderError as error:  # which came as HTTP 200
            raise self._geocoding.failed(error) from None

    async def static_map(
        self,
        centre: Location,
        zoom: int = 13,
        size: tuple[int, int] = (640, 400),
        marker: bool = True,
    ) -> Blob:
        """Give a PNG of the map around a point, with a pin on it: to be passed on, never stored.

        `size` is width and height in pixels, of which the picture has twice as many. Raise
        `InvalidQuestion` for a zoom or size that Google does not draw, and provider errors.
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


class _Part(BaseModel):
    """A part of the answer: unknown fields are ignored, and a text is no number."""

    model_config = ConfigDict(strict=True, defer_build=True)


class _Point(_Part):
    lat: float = Field(ge=-90, le=90)
    lng: float = Field(ge=-180, le=180)


class _Geometry(_Part):
    location: _Point


class _Result(_Part):
    place_id: str = Field(pattern=r"^[!-~]{1,512}$")
    formatted_address: str
    geometry: _Geometry
    types: list[str] = []


def _geocoded(data: Any) -> Geocoded:
    """Read the answer, whose status stands in its body: errors come as HTTP 200.

    Its `error_message` is left alone, because it may repeat the key.
    """
    status = data.get("status") if isinstance(data, dict) else None
    if status == "OK":
        return _first(data.get("results"))
    if status == "ZERO_RESULTS":
        raise NotFoundThere(GEOCODING.name, "no such address")
    if status == "OVER_QUERY_LIMIT":
        raise RateLimited(GEOCODING.name, "over the query limit")
    if status == "UNKNOWN_ERROR":
        raise Unavailable(GEOCODING.name, "an error on its side")
    if isinstance(status, str) and status in _STATUS:
        raise BadAnswer(GEOCODING.name, f"refused: {status}", _STATUS[status])
    raise BadAnswer(GEOCODING.name, "no status that it documents")


def _first(results: Any) -> Geocoded:
    if not isinstance(results, list) or not results:
        raise BadAnswer(GEOCODING.name, "no results where it says OK")
    try:
        result = _Result.model_validate(results[0])
    except ValidationError:
        # `from None`: pydantic's message quotes the answer, which is not ours to log.
        raise BadAnswer(GEOCODING.name, "a result of another shape") from None
    if "country" in result.types:  # all that is left of an address when only the filter matched
        raise NotFoundThere(GEOCODING.name, "no such address")
    found = result.geometry.location
    point = GeoPoint(place_id=result.place_id, lat=found.lat, lng=found.lng)
    return Geocoded(point=point, formatted_address=plain(result.formatted_address, 200))
