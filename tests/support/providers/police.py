"""data.police.uk on the loopback interface: crimes at points, queried by circle or polygon."""

from itertools import count
from math import cos, hypot, pi, radians, sin
from typing import Any, NamedTuple

from tests.support.provider import Answered, LoopbackProvider, Received
from veo.models import Location

HTML = "<html><body><h1>503 Service Unavailable</h1></body></html>"
MILE = 1609.344
METRES_PER_DEGREE = 111_195
LONGEST_GET = 4094
MOST = 10_000

CENTRE = Location(lat=51.5416, lng=0.0033)
YEAR = tuple(f"2025-{month:02}" for month in range(9, 13)) + tuple(
    f"2026-{month:02}" for month in range(1, 9)
)
"""The twelve months up to the latest published."""

Point = tuple[float, float]


class Crime(NamedTuple):
    """One crime at a point, with the fields that queries use."""

    number: int
    month: str
    category: str
    lat: float
    lng: float

    def item(self) -> dict[str, Any]:
        """Return the crime as documented: latitude and longitude are strings."""
        return {
            "category": self.category,
            "location_type": "Force",
            "location": {
                "latitude": f"{self.lat:.6f}",
                "street": {"id": 1738423, "name": "On or near The Broadway"},
                "longitude": f"{self.lng:.6f}",
            },
            "context": "",
            "outcome_status": {"category": "Under investigation", "date": self.month},
            "persistent_id": "",
            "id": self.number,
            "location_subtype": "",
            "month": self.month,
        }


def away(metres: float, share: float) -> Point:
    """Return a point at a distance from the centre, a `share` of the full circle clockwise from north."""
    degrees = metres / METRES_PER_DEGREE
    east = degrees * sin(2 * pi * share) / cos(radians(CENTRE.lat))
    return CENTRE.lat + degrees * cos(2 * pi * share), CENTRE.lng + east


class PoliceServer(LoopbackProvider):
    """Holds twelve months and the recorded crimes; above `most` crimes in a place it answers 503."""

    provider_names = ("police.uk",)

    def __init__(self) -> None:
        super().__init__()
        self.forget()

    def forget(self) -> None:
        """Remove all crimes, and publish every month of the year."""
        self.crimes: list[Crime] = []
        self.published = list(YEAR)
        self.most = MOST
        self._numbers = count(116_000_000)

    def record(self, month: str, category: str, *points: Point) -> None:
        """Record crimes at points, or one at the centre."""
        for lat, lng in points or [(CENTRE.lat, CENTRE.lng)]:
            self.crimes.append(Crime(next(self._numbers), month, category, lat, lng))

    def answer(self, request: Received) -> Answered:
        """Answer by the path of a request."""
        if (
            len(request.path) + sum(len(f"{name}={value}&") for name, value in request.query.items())
            > LONGEST_GET
        ):
            return Answered(400, HTML, "text/html")
        if request.path == "/crimes-street-dates":
            rows = [{"date": month, "stop-and-search": ["metropolitan"]} for month in self.published]
            return Answered(body=rows)
        if request.path == "/crimes-street/all-crime":
            return self.crimes_in(request.query)
        return Answered(404, {"error": "not found"})

    def crimes_in(self, query: dict[str, str]) -> Answered:
        """Return the crimes of a month and place, or a 503 without data when there are too many."""
        month = query.get("date") or max(self.published)
        here = [crime for crime in self.crimes if crime.month == month and _inside(crime, query)]
        if len(here) > self.most:
            return Answered(503, HTML, "text/html")
        return Answered(body=[crime.item() for crime in here])


def _inside(crime: Crime, query: dict[str, str]) -> bool:
    if "poly" in query:
        corners = [_flat(*map(float, pair.split(","))) for pair in query["poly"].split(":")]
        return _within(_flat(crime.lat, crime.lng), corners)
    centre = _flat(float(query["lat"]), float(query["lng"]))
    east, north = _flat(crime.lat, crime.lng)
    return hypot(east - centre[0], north - centre[1]) <= MILE


def _flat(lat: float, lng: float) -> Point:
    """Return metres east and north of the centre."""
    east = (lng - CENTRE.lng) * METRES_PER_DEGREE * cos(radians(CENTRE.lat))
    return east, (lat - CENTRE.lat) * METRES_PER_DEGREE


def _within(point: Point, corners: list[Point]) -> bool:
    """Check whether a convex polygon, its corners clockwise, contains a point; its edges are 2 m wide."""
    pairs = zip(corners, corners[1:] + corners[:1], strict=True)
    return all(_right_of(point, start, end) >= -2 for start, end in pairs)


def _right_of(point: Point, start: Point, end: Point) -> float:
    east, north = end[0] - start[0], end[1] - start[1]
    across = (point[0] - start[0]) * north - (point[1] - start[1]) * east
    return across / (hypot(east, north) or 1)
