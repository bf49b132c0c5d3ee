"""Google's geocoder and static maps on the loopback interface, as Google documents them."""

import struct
import zlib
from typing import Any

from tests.support.provider import Answered, LoopbackProvider, Received

KEY = "AIza-key-of-the-tests"
STRATFORD = "Stratford, London E15, UK"
HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"


def chunk(kind: bytes, data: bytes) -> bytes:
    """Return one chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG = (
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    + chunk(b"IDAT", zlib.compress(b"\x00\x00"))
    + chunk(b"IEND", b"")
)
"""An image of one pixel."""


def geocoded(**changes: Any) -> dict[str, Any]:
    """Return the documented answer for Stratford; `changes` replace fields of its result."""
    result = {
        "address_components": [{"long_name": "E15", "short_name": "E15", "types": ["postal_code"]}],
        "formatted_address": STRATFORD,
        "geometry": {
            "location": {"lat": 51.5416, "lng": 0.0033},
            "location_type": "APPROXIMATE",
            "viewport": {
                "northeast": {"lat": 51.56, "lng": 0.03},
                "southwest": {"lat": 51.52, "lng": -0.02},
            },
        },
        "place_id": "ChIJ-stratford_E15",
        "types": ["postal_code", "postal_code_prefix"],
    }
    return {"status": "OK", "results": [result | changes]}


def country() -> dict[str, Any]:
    """Return Google's answer when nothing but the country filter matched."""
    return geocoded(formatted_address="United Kingdom", types=["country", "political"], partial_match=True)


def refused(status: str) -> dict[str, Any]:
    """Return an error, which has HTTP status 200 and repeats the key in its message."""
    return {"status": status, "error_message": f"The provided API key {KEY} is bad.", "results": []}


class GoogleServer(LoopbackProvider):
    """Geocodes one address and returns one image."""

    provider_names = ("google-geocoding", "google-staticmap")

    def answer(self, request: Received) -> Answered:
        """Answer as Google does: errors of the geocoder are HTTP 200, those of the maps plain text."""
        if request.path == "/maps/api/geocode/json":
            return Answered(body=self.geocode(request.query))
        if request.path == "/maps/api/staticmap":
            return self.static_map(request.query)
        return Answered(404, HTML, "text/html")

    def geocode(self, query: dict[str, str]) -> dict[str, Any]:
        """Return the geocoder's body."""
        if query.get("key") != KEY:
            return refused("REQUEST_DENIED")
        if not query.get("address"):
            return refused("INVALID_REQUEST")
        if query.get("components") == "country:GB" and query["address"] == "Stratford, E15, London":
            return geocoded()
        return {"status": "ZERO_RESULTS", "results": []}

    def static_map(self, query: dict[str, str]) -> Answered:
        """Return the image, or an error."""
        if query.get("key") != KEY:
            return Answered(403, f"The provided API key {KEY} is bad.", "text/plain")
        if not {"center", "zoom", "size"} <= set(query):
            return Answered(400, "Missing parameters.", "text/plain")
        return Answered(body=PNG, content_type="image/png")
