"""Google's geocoder and static maps on the loopback interface, as Google documents them."""

import struct
import zlib
from typing import Any

from tests.support.provider import Answered, LoopbackProvider, Received

KEY = "AIza-key-of-the-tests"
STRATFORD = "Stratford, London E15, UK"
HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"


def chunk(kind: bytes, data: bytes) -> bytes:
    """Give one chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG = (
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    + chunk(b"IDAT", zlib.compress(b"\x00\x00"))
    + chunk(b"IEND", b"")
)
"""A picture of one pixel."""


def found(**changes: Any) -> dict[str, Any]:
    """Give the documented answer for Stratford; `changes` replace fields of its result."""
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
    """Give what Google answers when nothing but the filter of the country matched."""
    return found(formatted_address="United Kingdom", types=["country", "political"], partial_match=True)


def refused(status: str) -> dict[str, Any]:
    """Give an error, which comes as HTTP 200; its message repeats the key."""
    return {"status": status, "error_message": f"The provided API key {KEY} is bad.", "results": []}


class GoogleServer(LoopbackProvider):
    """Knows one address and draws one picture."""

    def answer(self, request: Received) -> Answered:
        """Answer as Google does: the geocoder's errors are HTTP 200, those of the maps are plain text."""
        if request.path == "/maps/api/geocode/json":
            return Answered(body=self.geocoded(request.query))
        if request.path == "/maps/api/staticmap":
            return self.drawn(request.query)
        return Answered(404, HTML, "text/html")

    def geocoded(self, query: dict[str, str]) -> dict[str, Any]:
        """Give the geocoder's body."""
        if query.get("key") != KEY:
            return refused("REQUEST_DENIED")
        if not query.get("address"):
            return refused("INVALID_REQUEST")
        if query.get("components") == "country:GB" and query["address"] == "Stratford, E15, London":
            return found()
        return {"status": "ZERO_RESULTS", "results": []}

    def drawn(self, query: dict[str, str]) -> Answered:
        """Give the picture, or say why not."""
        if query.get("key") != KEY:
            return Answered(403, f"The provided API key {KEY} is bad.", "text/plain")
        if not {"center", "zoom", "size"} <= set(query):
            return Answered(400, "Missing parameters.", "text/plain")
        return Answered(body=PNG, content_type="image/png")
