"""Walking: straight lines, a detour factor and a steady pace; and which stations are a walk away.

Distances are taken on a plane that touches London: within its area they are right to 1 %.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from math import cos, hypot, radians
from typing import NamedTuple

from veo.models import Location

DETOUR = 1.3
"""Streets ÷ straight line."""

SPEED_KM_H = 4.8

SAME_PLACE_KM = 0.05
"""Within this distance one is there already."""

_KM_PER_DEGREE = 111.2
_LONDON_LATITUDE = 51.5


class Point(NamedTuple):
    """Kilometres east and north on the plane."""

    x: float
    y: float


def point(location: Location) -> Point:
    """Project a location to the plane."""
    east = _KM_PER_DEGREE * cos(radians(_LONDON_LATITUDE))
    return Point(location.lng * east, location.lat * _KM_PER_DEGREE)


def walk_minutes(start: Point, end: Point) -> float:
    """Give the minutes on foot between two points, 0 within `SAME_PLACE_KM`."""
    km = hypot(end.x - start.x, end.y - start.y)
    return 0.0 if km < SAME_PLACE_KM else km * DETOUR / SPEED_KM_H * 60


class Nearby:
    """Finds the named points nearest to a point, without looking at all of them."""

    def __init__(self, points: Mapping[str, Point]) -> None:
        self._northward = sorted((place.y, place.x, name) for name, place in points.items())

    def nearest(self, centre: Point, count: int) -> list[tuple[str, float]]:
        """Give up to `count` names and the minutes to walk there, nearest first."""
        radius = 1.0
        found = self._within(centre, radius)
        while len(found) < min(count, len(self._northward)):
            radius *= 2
            found = self._within(centre, radius)
        return [(name, minutes) for minutes, name in sorted(found)[:count]]

    def _within(self, centre: Point, km: float) -> list[tuple[float, str]]:
        first = bisect_left(self._northward, (centre.y - km,))
        last = bisect_right(self._northward, (centre.y + km,))
        band = self._northward[first:last]
        return [
            (walk_minutes(centre, Point(x, y)), name)
            for y, x, name in band
            if hypot(x - centre.x, y - centre.y) <= km
        ]
