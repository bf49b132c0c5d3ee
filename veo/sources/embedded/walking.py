"""Walking times from straight-line distances, a detour factor and a steady pace, and the nearest stations.

Distances are measured on a plane at London's latitude; within London they are accurate to 1 %.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Mapping
from math import cos, hypot, radians
from typing import NamedTuple

from veo.models import Location

DETOUR = 1.3
"""The distance along streets, divided by the straight line."""

SPEED_KM_H = 4.8

SAME_PLACE_KM = 0.05
"""Two points closer than this count as the same place."""

_KM_PER_DEGREE = 111.2
_LONDON_LATITUDE = 51.5


class Point(NamedTuple):
    """Kilometres east and north on the plane."""

    x: float
    y: float


def point(location: Location) -> Point:
    """Project a location onto the plane."""
    east = _KM_PER_DEGREE * cos(radians(_LONDON_LATITUDE))
    return Point(location.lng * east, location.lat * _KM_PER_DEGREE)


def walk_minutes(start: Point, end: Point) -> float:
    """Return the minutes on foot between two points, 0 within `SAME_PLACE_KM`."""
    km = hypot(end.x - start.x, end.y - start.y)
    return 0.0 if km < SAME_PLACE_KM else km * DETOUR / SPEED_KM_H * 60


class Nearby:
    """An index of named points that finds the nearest without searching them all."""

    def __init__(self, points: Mapping[str, Point]) -> None:
        self._by_latitude = sorted((place.y, place.x, name) for name, place in points.items())

    def nearest(self, centre: Point, count: int) -> list[tuple[str, float]]:
        """Return up to `count` names and the minutes to walk there, nearest first."""
        radius = 1.0
        walks = self._within(centre, radius)
        while len(walks) < min(count, len(self._by_latitude)):
            radius *= 2
            walks = self._within(centre, radius)
        return [(name, minutes) for minutes, name in sorted(walks)[:count]]

    def _within(self, centre: Point, km: float) -> list[tuple[float, str]]:
        first = bisect_left(self._by_latitude, (centre.y - km,))
        last = bisect_right(self._by_latitude, (centre.y + km,))
        band = self._by_latitude[first:last]
        return [
            (walk_minutes(centre, Point(x, y)), name)
            for y, x, name in band
            if hypot(x - centre.x, y - centre.y) <= km
        ]
