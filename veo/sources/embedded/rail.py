"""Door-to-door commutes over the embedded rail graph: a model without timetables or crowding.

A journey walks to one of the nearest stations, boards (4 min), rides, changes lines (4 min for each
boarding; alighting is free), walks between linked stations and from the last station to the door. It
walks all the way when that is shorter. It takes the same time in both directions, and the branches of a
line count as one line. Buses and bicycles are not modelled, so the true journey may be shorter where the
nearest station is far away.
"""

from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import groupby
from typing import NamedTuple

from veo.models import FrozenMap, Journey, Leg, Location, Mode
from veo.sources.embedded.snapshot import Snapshot
from veo.sources.embedded.walking import Nearby, Point, point, walk_minutes

BOARDING_MINUTES = 4.0
"""Waiting and the way to the platform, at the first station and at every change of line."""

NEAREST = 8
"""How many stations near each end a journey may use."""

ORIGIN, DESTINATION = "origin", "destination"
"""The names of the two doors in the legs of a journey."""

_ON_FOOT: tuple[Mode, None] = ("walk", None)
_UNREACHED = float("inf")


class Node(NamedTuple):
    """A station on foot (mode `walk`, no line), or a vehicle of a line at that station."""

    station: str
    mode: Mode
    line: str | None


class _Hop(NamedTuple):
    start: str
    end: str
    way: tuple[Mode, str | None]
    minutes: float


class Access(NamedTuple):
    """A door and the nodes of the nearest stations, each with the minutes to walk there."""

    door: Point
    stations: list[tuple[int, float]]


class Rail:
    """The rail graph of a snapshot; build it once and search it for every destination."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.nodes: list[Node] = []
        self.edges: list[list[tuple[int, float]]] = []
        self._centroids = {code: district.location for code, district in snapshot.districts.items()}
        self._stations = Nearby({name: point(place.location) for name, place in snapshot.stations.items()})
        self._numbers: dict[Node, int] = {}
        for name in snapshot.stations:
            self._number(name, *_ON_FOOT)
        for link in snapshot.links:
            way = _ON_FOOT if link.mode == "walk" else (link.mode, link.line)
            self._join(self._number(link.start, *way), self._number(link.end, *way), link.minutes)
        # Every search starts from all centroids, so find the stations near them once.
        self._access = {location: self._find_access(location) for location in self._centroids.values()}

    def routes_to(self, destination: Location) -> "Routes":
        """Search the graph once, for the routes from everywhere to a destination."""
        return Routes(self, destination)

    def minutes_to(self, destination: Location) -> FrozenMap[str, float]:
        """Return the minutes from every district's centroid to a place, by outcode."""
        routes = self.routes_to(destination)
        return FrozenMap({code: routes.minutes(location) for code, location in self._centroids.items()})

    def journey(self, start: Location, end: Location) -> Journey:
        """Return the shortest journey between two places."""
        return self.routes_to(end).journey(start)

    def access(self, location: Location) -> Access:
        """Return the stations near a place."""
        return self._access.get(location) or self._find_access(location)

    def _find_access(self, location: Location) -> Access:
        door = point(location)
        walks = self._stations.nearest(door, NEAREST)
        return Access(door, [(self._numbers[Node(name, *_ON_FOOT)], minutes) for name, minutes in walks])

    def _number(self, station: str, mode: Mode, line: str | None) -> int:
        """Return the number of a node, and join a new node of a line to its station."""
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
    """The shortest routes from everywhere to one destination."""

    def __init__(self, rail: Rail, destination: Location) -> None:
        self._rail = rail
        self._end = rail.access(destination)
        self._minutes_left, self._next_node = _search(rail.edges, self._end.stations)

    def minutes(self, start: Location) -> float:
        """Return the minutes from a place to the destination."""
        return self._best(self._rail.access(start))[0]

    def journey(self, start: Location) -> Journey:
        """Return the journey from a place to the destination; the minutes of its legs add up to its own."""
        access = self._rail.access(start)
        _, first, walk = self._best(access)
        hops = [_Hop(ORIGIN, DESTINATION, _ON_FOOT, walk)] if first is None else self._hops(first, walk)
        legs = tuple(leg for _, part in groupby(hops, _way) if (leg := _leg(list(part))).minutes > 0)
        return Journey(minutes=sum(leg.minutes for leg in legs), legs=legs)

    def _best(self, access: Access) -> tuple[float, int | None, float]:
        """Return the total minutes, the first station (None: walk all the way) and the walk to it."""
        direct = walk_minutes(access.door, self._end.door)
        best: tuple[float, int | None, float] = (direct, None, direct)
        for station, walk in access.stations:
            if walk + self._minutes_left[station] < best[0]:
                best = (walk + self._minutes_left[station], station, walk)
        return best

    def _hops(self, first: int, walk: float) -> Iterator[_Hop]:
        """Follow the search tree from the first station to the destination's door.

        The search ran from the destination, so boarding is charged where a ride ends, and stepping from a
        station into a vehicle is a walk of 0 minutes.
        """
        nodes, here = self._rail.nodes, first
        yield _Hop(ORIGIN, nodes[first].station, _ON_FOOT, walk)
        while (following := self._next_node[here]) is not None:
            start, end = nodes[here], nodes[following]
            minutes = self._minutes_left[here] - self._minutes_left[following]
            yield _Hop(start.station, end.station, (start.mode, start.line), minutes)
            here = following
        yield _Hop(nodes[here].station, DESTINATION, _ON_FOOT, self._minutes_left[here])


def _search(
    edges: list[list[tuple[int, float]]], starts: list[tuple[int, float]]
) -> tuple[list[float], list[int | None]]:
    """Return the minutes left and the next node of every node, by Dijkstra's algorithm.

    The search runs from the destination, against the direction of travel. Boarding costs the same in both
    directions, as every ride is boarded once and left once.
    """
    minutes_left = [_UNREACHED] * len(edges)
    next_node: list[int | None] = [None] * len(edges)
    queue: list[tuple[float, int]] = []
    for node, minutes in starts:
        minutes_left[node] = minutes
        heappush(queue, (minutes, node))
    while queue:
        minutes, node = heappop(queue)
        if minutes > minutes_left[node]:
            continue
        for neighbour, step in edges[node]:
            if minutes + step < minutes_left[neighbour]:
                minutes_left[neighbour] = minutes + step
                next_node[neighbour] = node
                heappush(queue, (minutes + step, neighbour))
    return minutes_left, next_node


def _way(hop: _Hop) -> tuple[Mode, str | None]:
    return hop.way


def _leg(hops: list[_Hop]) -> Leg:
    """Merge consecutive hops of the same mode and line into one leg."""
    mode, line = hops[0].way
    minutes = sum(hop.minutes for hop in hops)
    return Leg(mode=mode, line=line, start=hops[0].start, end=hops[-1].end, minutes=minutes)
