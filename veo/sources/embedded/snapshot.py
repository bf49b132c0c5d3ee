"""The figures that ship with Veo: districts, stations, links and destinations, checked cell by cell.

Veo answers from them when no live source is configured. `veo/data/SOURCES.md` states their sources.
"""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from veo.models import Destination, District, Figure, FrozenMap, Location, Mode, Station, Value
from veo.sources.embedded.checked_csv import DataFault, Row, read
from veo.sources.embedded.columns import AREA_COLUMNS, COLUMNS
from veo.sources.embedded.district_groups import groups
from veo.sources.postcode_patterns import OUTCODE

Basis = Literal["timetable", "tfl-walk", "estimated"]
Kind = Literal["university", "work", "airport", "leisure"]

_MODES: tuple[Mode, ...] = get_args(Mode)
_BASES: tuple[Basis, ...] = get_args(Basis)
_KINDS: tuple[Kind, ...] = get_args(Kind)

_SHARE = re.compile(r"([^:]+):([01]\.\d\d)", re.ASCII)
_LARGEST_SUM = 1.02  # above 1, as each share is rounded to two decimals

_LONDON = ((51.28, 51.70), (-0.52, 0.34))
_COMMUTING = ((51.2, 51.8), (-1.0, 0.4))  # lines and campuses reach beyond London


class Link(Value):
    """Two neighbouring stations on one line, in both directions, or a walk between them (line `Walk`).

    `minutes` are spent in the vehicle, without boarding; `basis` says whether they come from a timetable,
    from TfL's interchange walks, or from an estimate by distance.
    """

    start: str
    end: str
    line: str
    mode: Mode
    minutes: float
    basis: Basis


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All embedded tables; `groups` are modelled from `districts` (see `district_groups`)."""

    districts: FrozenMap[str, District]
    groups: FrozenMap[str, District]
    stations: FrozenMap[str, Station]
    links: tuple[Link, ...]
    destinations: FrozenMap[str, Destination]


def load(folder: Path | None = None) -> Snapshot:
    """Read and check the embedded tables, by default the packaged ones.

    Raises `DataFault` (a `ValueError`), which names file, row, column and the accepted form.
    """
    folder = folder or Path(__file__).parents[2] / "data"
    stations = _stations(folder / "stations.csv")
    links = _links(folder / "links.csv", stations)
    _check_connected(stations, links)
    districts = _districts(folder / "areas.csv", stations)
    destinations = _destinations(folder / "destinations.csv")
    return Snapshot(districts, groups(districts), stations, links, destinations)


def _location(row: Row, box: tuple[tuple[float, float], tuple[float, float]]) -> Location:
    return Location(lat=row.required("lat", *box[0]), lng=row.required("lng", *box[1]))


def _stations(path: Path) -> FrozenMap[str, Station]:
    columns = ("name", "naptan", "lat", "lng", "zone", "lines", "modes", "source")
    return FrozenMap({row.key: _station(row) for row in read(path, columns, ("name",))})


def _station(row: Row) -> Station:
    row.zones("zone")
    if not set(row.texts("modes")) <= set(_MODES):
        raise row.fault("modes", f"some of {', '.join(_MODES)}, separated by |")
    return Station(
        name=row.key,
        location=_location(row, _COMMUTING),
        zone=row.cells["zone"],
        lines=row.texts("lines"),
        modes=tuple(mode for mode in _MODES if mode in row.texts("modes")),
    )


def _links(path: Path, stations: FrozenMap[str, Station]) -> tuple[Link, ...]:
    columns = ("from", "to", "line", "mode", "minutes", "basis")
    seen: set[tuple[frozenset[str], str]] = set()
    links = []
    for row in read(path, columns, ("from", "to", "line")):
        link = _link(row, stations)
        ends = frozenset((link.start, link.end))
        if len(ends) == 1 or (ends, link.line) in seen:
            raise row.fault("to", "another station that this line links only once")
        seen.add((ends, link.line))
        links.append(link)
    return tuple(links)


def _link(row: Row, stations: FrozenMap[str, Station]) -> Link:
    for end in ("from", "to"):
        if row.cells[end] not in stations:
            raise row.fault(end, "a station of stations.csv")
        if (row.cells["line"] == "Walk") != (row.cells["mode"] == "walk"):
            raise row.fault("mode", "walk on the line Walk and only there")
        if row.cells["mode"] != "walk" and row.cells["line"] not in stations[row.cells[end]].lines:
            raise row.fault("line", f"a line of {row.cells[end]} in stations.csv")
    return Link(
        start=row.cells["from"],
        end=row.cells["to"],
        line=row.text("line"),
        mode=row.choice("mode", _MODES),
        minutes=row.required("minutes", 0.1, 60),
        basis=row.choice("basis", _BASES),
    )


def _check_connected(stations: FrozenMap[str, Station], links: tuple[Link, ...]) -> None:
    neighbours = defaultdict(list)
    for link in links:
        neighbours[link.start].append(link.end)
        neighbours[link.end].append(link.start)
    reached: set[str] = set()
    waiting = list(stations)[:1]
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting += neighbours[name]
    for name in stations:
        if name not in reached:
            raise DataFault("links.csv", "all lines", "from", name, "linked to the rest of the rail graph")


def _destinations(path: Path) -> FrozenMap[str, Destination]:
    columns = ("id", "name", "lat", "lng", "kind", "source")
    return FrozenMap({row.key: _destination(row) for row in read(path, columns, ("id",))})


def _destination(row: Row) -> Destination:
    return Destination(
        id=row.key,
        name=row.text("name"),
        kind=row.choice("kind", _KINDS),
        location=_location(row, _COMMUTING),
    )


def _districts(path: Path, stations: FrozenMap[str, Station]) -> FrozenMap[str, District]:
    return FrozenMap({row.key: _district(row, stations) for row in read(path, AREA_COLUMNS, ("outcode",))})


def _district(row: Row, stations: FrozenMap[str, Station]) -> District:
    if not OUTCODE.fullmatch(row.key):
        raise row.fault("outcode", "an outcode such as E15 or SW1A")
    station = row.cells["nearest_station"] or None
    if station is not None and station not in stations:
        raise row.fault("nearest_station", "a station of stations.csv, or blank")
    return District(
        code=row.key,
        name=row.text("name"),
        neighbourhoods=row.texts("neighbourhoods"),
        borough=row.text("borough"),
        boroughs=_boroughs(row),
        location=_location(row, _LONDON),
        population=int(_required(row, "population")),
        area_km2=_required(row, "area_km2"),
        nearest_station=station,
        figures=_figures(row),
    )


def _required(row: Row, name: str) -> float:
    column = COLUMNS[name]
    return row.required(name, column.low, column.high, column.digits)


def _boroughs(row: Row) -> FrozenMap[str, float]:
    matches = [_SHARE.fullmatch(part) for part in row.texts("boroughs")]
    shares = {match[1]: float(match[2]) for match in matches if match}
    if len(shares) < len(matches) or row.cells["borough"] not in shares:
        raise row.fault("boroughs", "the borough and others, each once, as Name:0.66 separated by |")
    if max(shares.values()) > 1 or sum(shares.values()) > _LARGEST_SUM:
        raise row.fault("boroughs", f"shares of which the sum is at most {_LARGEST_SUM}")
    return FrozenMap(shares)


def _figures(row: Row) -> FrozenMap[str, Figure]:
    figures = {}
    for name, column in COLUMNS.items():
        if name == "min_zone":  # a station at a boundary has several zones: the cheapest counts
            value: float | None = min(row.zones(name), default=None)
        else:
            value = row.number(name, column.low, column.high, column.digits)
        if value is not None:
            figures[name] = _figure(name, value)
    if row.choice("food_venues_note", ("", "<150")):
        if "food_venues" in figures:
            raise row.fault("food_venues", "blank, as food_venues_note says <150")
        figures["food_venues"] = _figure("food_venues", 150, "below")
    if "outstanding_share" in figures and row.cells["schools_rated"] in {"", "0"}:
        raise row.fault("schools_rated", "the number of schools behind outstanding_share")
    return FrozenMap(figures)


def _figure(name: str, value: float, censored: Literal["below"] | None = None) -> Figure:
    column = COLUMNS[name]
    return Figure(
        value=value,
        unit=column.unit,
        level=column.level,
        source=column.source,
        vintage=column.vintage,
        censored=censored,
    )
