"""Commutes over the embedded rail graph: a model, door to door, without timetable or crowding.

A journey walks to one of the nearest stations, boards (4 min), rides, changes line (4 min: alighting is
free, boarding is not), walks between stations where they are linked, and walks from the last station to
the door; or it walks all the way when that is shorter. It takes the same time in both directions. A
line's branches count as one line. Buses and bicycles are not modelled: where the nearest station is far,
the true journey may be shorter.
"""

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import groupby
from typing import NamedTuple

from veo.models import FrozenMap, Journey, Leg, Location, Mode
from veo.sources.embedded.snapshot import Snapshot
from veo.sources.embedded.walking import Nearby, Point, point, walk_minutes

BOARDING_MINUTES = 4.0
"""Wait and way to the platform, at the first station and at every change of line."""

NEAREST = 8
"""How many stations around each end a journey may use."""

ORIGIN, DESTINATION = "origin", "destination"
"""What the legs call the two doors, which have no name of their own."""

_ON_FOOT: tuple[Mode, None] = ("walk", None)
_UNREACHED = float("inf")


class Node(NamedTuple):
    """Standing in a station (mode `walk`, no line), or in a vehicle of a line at that station."""

    station: str
    mode: Mode
    line: str | None


class _Hop(NamedTuple):
    start: str
    end: str
    way: tuple[Mode, str | None]
    minutes: float


class Access(NamedTuple):
    """A door and the nodes of the stations around it, each with the minutes to walk there."""

    door: Point
    stations: list[tuple[int, float]]


class Rail:
    """The rail graph of a snapshot: build once, then ask for routes."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.nodes: list[Node] = []
        self.edges: list[list[tuple[int, float]]] = []
        self._homes = {code: district.location for code, district in snapshot.districts.items()}
        self._nearby = Nearby({name: point(place.location) for name, place in snapshot.stations.items()})
        self._numbers: dict[Node, int] = {}
        for name in snapshot.stations:
            self._number(name, *_ON_FOOT)
        for link in snapshot.links:
            way = _ON_FOOT if link.mode == "walk" else (link.mode, link.line)
            self._join(self._number(link.start, *way), self._number(link.end, *way), link.minutes)
        # A centroid is asked for with every destination, so the stations around it are found once.
        self._access = {location: self._find_access(location) for location in self._homes.values()}

    def routes_to(self, destination: Location) -> "Routes":
        """Search the graph once, from the destination to everywhere."""
        return Routes(self, destination)

    def minutes_to(self, destination: Location) -> FrozenMap[str, float]:
        """Give the minutes from every district's centroid to a place, by outcode."""
        routes = self.routes_to(destination)
        return FrozenMap({code: routes.minutes(location) for code, location in self._homes.items()})

    def journey(self, start: Location, end: Location) -> Journey:
        """Give the shortest journey between two places."""
        return self.routes_to(end).journey(start)

    def access(self, location: Location) -> Access:
        """Give the stations around a place."""
        return self._access.get(location) or self._find_access(location)

    def _find_access(self, location: Location) -> Access:
        door = point(location)
        near = self._nearby.nearest(door, NEAREST)
        return Access(door, [(self._numbers[Node(name, *_ON_FOOT)], minutes) for name, minutes in near])

    def _number(self, station: str, mode: Mode, line: str | None) -> int:
        """Give the number of a node; a new node of a line is joined to its station."""
        node = Node(station, mode, line)
        if node not in self._numbers:
            number = self._numbers[node] = len(self.nodes)
            self.nodes.append(node)
            self.edges.append([])
            if line is not None:
                platform = self._number(station, *_ON_FOOT)
                self.edges[platform].append((number, BOARDING_MINUTES))
                self.edges[number].append((platform, 0.0))
        return self._numbers[node]

    def _join(self, one: int, other: int, minutes: float) -> None:
        self.edges[one].append((other, minutes))
        self.edges[other].append((one, minutes))


class Routes:
    """The shortest ways from everywhere to one destination."""

    def __init__(self, rail: Rail, destination: Location) -> None:
        self._rail = rail
        self._end = rail.access(destination)
        self._left, self._onward = _search(rail.edges, self._end.stations)

    def minutes(self, start: Location) -> float:
        """Give the minutes from a place to the destination."""
        return self._best(self._rail.access(start))[0]

    def journey(self, start: Location) -> Journey:
        """Give the legs from a place to the destination; their minutes sum to the journey's."""
        access = self._rail.access(start)
        _, first, walk = self._best(access)
        hops = [_Hop(ORIGIN, DESTINATION, _ON_FOOT, walk)] if first is None else self._hops(first, walk)
        legs = tuple(leg for _, part in groupby(hops, _way) if (leg := _leg(list(part))).minutes > 0)
        return Journey(minutes=sum(leg.minutes for leg in legs), legs=legs)

    def _best(self, access: Access) -> tuple[float, int | None, float]:
        """Choose between walking all the way (no station) and each station around a door."""
        direct = walk_minutes(access.door, self._end.door)
        best: tuple[float, int | None, float] = (direct, None, direct)
        for station, walk in access.stations:
            if walk + self._left[station] < best[0]:
                best = (walk + self._left[station], station, walk)
        return best

    def _hops(self, first: int, walk: float) -> Iterator[_Hop]:
        """Follow the search's steps from the first station to the destination's door.

        Boarding is charged where a ride ends: the search ran the other way. Stepping from a station into a
        vehicle is a walk of no minutes.
        """
        nodes, here = self._rail.nodes, first
        yield _Hop(ORIGIN, nodes[first].station, _ON_FOOT, walk)
        while (onward := self._onward[here]) is not None:
            start, end = nodes[here], nodes[onward]
            minutes = self._left[here] - self._left[onward]
            yield _Hop(start.station, end.station, (start.mode, start.line), minutes)
            here = onward
        yield _Hop(nodes[here].station, DESTINATION, _ON_FOOT, self._left[here])


def _search(
    edges: list[list[tuple[int, float]]], starts: list[tuple[int, float]]
) -> tuple[list[float], list[int | None]]:
    """Give for every node the minutes left and the next node, by Dijkstra's algorithm.

    It runs from the destination and against the direction of travel, where boarding costs the same: every
    ride is boarded once and left once.
    """
    left = [_UNREACHED] * len(edges)
    onward: list[int | None] = [None] * len(edges)
    queue: list[tuple[float, int]] = []
    for node, minutes in starts:
        left[node] = minutes
        heappush(queue, (minutes, node))
    while queue:
        minutes, node = heappop(queue)
        if minutes > left[node]:
            continue
        for neighbour, step in edges[node]:
            if minutes + step < left[neighbour]:
                left[neighbour] = minutes + step
                onward[neighbour] = node
                heappush(queue, (minutes + step, neighbour))
    return left, onward


def _way(hop: _Hop) -> tuple[Mode, str | None]:
    return hop.way


def _leg(hops: list[_Hop]) -> Leg:
    """Make one leg of consecutive hops by the same way."""
    mode, line = hops[0].way
    minutes = sum(hop.minutes for hop in hops)
    return Leg(mode=mode, line=line, start=hops[0].start, end=hops[-1].end, minutes=minutes)
