"""The commute model over the rail graph: exact minutes on a small graph, known facts on the real one."""

from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from veo.models import District, FrozenMap, Journey, Location, Mode, Station
from veo.sources.embedded.rail import Rail
from veo.sources.embedded.snapshot import Link, Snapshot, load
from veo.sources.embedded.walking import Nearby, Point, point, walk_minutes

KM_NORTH = 1 / 111.2
"""A kilometre in degrees of latitude."""

SMALL_STATIONS = {"West": 0, "Middle": 10, "East": 20, "Beyond": 30, "Annexe": 31}
"""Stations on a line to the north, by the kilometre."""

PLACES = st.builds(Location, lat=st.floats(51.3, 51.7), lng=st.floats(-0.5, 0.3))


def at(km: float) -> Location:
    return Location(lat=51.4 + km * KM_NORTH, lng=0)


def link(start: str, end: str, line: str, minutes: float, mode: Mode = "tube") -> Link:
    return Link(start=start, end=end, line=line, mode=mode, minutes=minutes, basis="timetable")


def graph(*links: Link, homes: tuple[District, ...] = ()) -> Rail:
    stations = {
        name: Station(name=name, location=at(km), zone="", lines=(), modes=())
        for name, km in SMALL_STATIONS.items()
    }
    districts = FrozenMap({home.code: home for home in homes})
    return Rail(Snapshot(districts, FrozenMap(), FrozenMap(stations), links, FrozenMap()))


CHANGE = (
    link("West", "Middle", "Red", 5),
    link("Middle", "East", "Red", 6),
    link("East", "Beyond", "Blue", 7),
    link("Beyond", "Annexe", "Walk", 3, "walk"),
)


def legs_of(journey: Journey) -> list[tuple[str | None, str, str, float]]:
    return [(leg.line, leg.start, leg.end, round(leg.minutes, 6)) for leg in journey.legs]


@pytest.fixture(scope="module")
def small() -> Rail:
    return graph(*CHANGE)


@pytest.fixture(scope="module")
def snapshot() -> Snapshot:
    return load()


@pytest.fixture(scope="module")
def rail(snapshot: Snapshot) -> Rail:
    return Rail(snapshot)


@pytest.fixture(scope="module")
def to_ucl(rail: Rail, snapshot: Snapshot) -> FrozenMap[str, float]:
    return rail.minutes_to(snapshot.destinations["ucl"].location)


# The model, on a small graph


def test_consecutive_links_of_one_line_are_one_leg_that_boards_once(small: Rail) -> None:
    assert legs_of(small.journey(at(0), at(20))) == [("Red", "West", "East", 15)]


def test_a_change_of_line_boards_again(small: Rail) -> None:
    assert legs_of(small.journey(at(0), at(30))) == [
        ("Red", "West", "East", 15),
        ("Blue", "East", "Beyond", 11),
    ]


def test_a_linked_walk_is_not_boarded(small: Rail) -> None:
    assert legs_of(small.journey(at(20), at(31))) == [
        ("Blue", "East", "Beyond", 11),
        (None, "Beyond", "destination", 3),
    ]


def test_a_walk_to_the_station_is_a_leg_of_its_own(small: Rail) -> None:
    assert legs_of(small.journey(at(-0.4), at(10))) == [
        (None, "origin", "West", 6.5),
        ("Red", "West", "Middle", 9),
    ]


def test_a_walk_from_the_station_is_a_leg_of_its_own(small: Rail) -> None:
    assert legs_of(small.journey(at(10), at(-0.4))) == [
        ("Red", "Middle", "West", 9),
        (None, "West", "destination", 6.5),
    ]


def test_walking_all_the_way_is_one_leg_when_it_is_shorter(small: Rail) -> None:
    assert legs_of(small.journey(at(4), at(4.8))) == [(None, "origin", "destination", 13)]


def test_being_there_already_takes_no_leg(small: Rail) -> None:
    assert small.journey(at(4), at(4)) == Journey(minutes=0, legs=())


def test_a_leg_keeps_its_mode() -> None:
    tram = graph(link("West", "East", "Tramlink", 9, "tram"))
    assert [leg.mode for leg in tram.journey(at(0), at(20)).legs] == ["tram"]


def test_a_walking_leg_says_so(small: Rail) -> None:
    assert [leg.mode for leg in small.journey(at(4), at(4.8)).legs] == ["walk"]


def test_the_faster_of_two_lines_is_taken() -> None:
    two = graph(link("West", "East", "Slow", 9), link("West", "East", "Fast", 8))
    assert legs_of(two.journey(at(0), at(20))) == [("Fast", "West", "East", 12)]


def test_staying_on_a_line_beats_a_change_that_saves_less_than_boarding() -> None:
    two = graph(
        link("West", "Middle", "Red", 5), link("Middle", "East", "Red", 6), link("Middle", "East", "Blue", 3)
    )
    assert legs_of(two.journey(at(0), at(20))) == [("Red", "West", "East", 15)]


def test_a_place_that_no_line_leads_to_is_walked_to() -> None:
    lone = graph(link("West", "Middle", "Red", 5))
    assert lone.routes_to(at(31)).minutes(at(10)) == pytest.approx(21 * 1.3 / 4.8 * 60)


def test_a_journey_is_modelled(small: Rail) -> None:
    assert small.journey(at(0), at(20)).source == "modelled"


def test_routes_give_the_same_minutes_as_their_journey(small: Rail) -> None:
    assert small.routes_to(at(30)).minutes(at(0)) == pytest.approx(26)


def test_minutes_are_given_for_every_district() -> None:
    home = District(
        code="E15",
        name="Stratford",
        borough="Newham",
        boroughs=FrozenMap(),
        location=at(0),
        population=1,
        area_km2=1,
        figures=FrozenMap(),
    )
    assert graph(*CHANGE, homes=(home,)).minutes_to(at(20)) == FrozenMap({"E15": 15.0})


# Walking


def test_a_walk_is_a_straight_line_with_a_detour_at_a_steady_pace() -> None:
    assert walk_minutes(Point(0, 0), Point(3, 4)) == pytest.approx(5 * 1.3 / 4.8 * 60)


def test_within_fifty_metres_one_is_there() -> None:
    assert walk_minutes(Point(0, 0), Point(0, 0.0499)) == 0


def test_from_fifty_metres_one_walks() -> None:
    assert walk_minutes(Point(0, 0), Point(0, 0.0501)) > 0


def test_a_degree_of_longitude_is_69_kilometres_in_london() -> None:
    east = point(Location(lat=51.5, lng=1)).x - point(Location(lat=51.5, lng=0)).x
    assert east == pytest.approx(69.2, abs=0.1)


@given(
    points=st.lists(st.builds(Point, st.floats(-50, 50), st.floats(-50, 50)), max_size=30),
    centre=st.builds(Point, st.floats(-60, 60), st.floats(-60, 60)),
    count=st.integers(1, 10),
)
def test_the_nearest_are_those_that_a_search_of_all_would_find(
    points: list[Point], centre: Point, count: int
) -> None:
    every = sorted(walk_minutes(centre, each) for each in points)
    near = Nearby({str(number): each for number, each in enumerate(points)}).nearest(centre, count)
    assert [minutes for _, minutes in near] == every[:count]


# The real graph


def test_stratford_to_bank_takes_nine_to_fourteen_minutes(rail: Rail, snapshot: Snapshot) -> None:
    stratford, bank = (snapshot.destinations[code].location for code in ("stratford", "bank"))
    assert 9 <= rail.journey(stratford, bank).minutes <= 14


def test_stratford_to_bank_is_one_leg_by_the_central_line(rail: Rail, snapshot: Snapshot) -> None:
    stratford, bank = (snapshot.destinations[code].location for code in ("stratford", "bank"))
    assert [leg.line for leg in rail.journey(stratford, bank).legs] == ["Central"]


def test_wc_commutes_to_ucl_shorter_than_cr0(to_ucl: FrozenMap[str, float]) -> None:
    assert max(minutes for code, minutes in to_ucl.items() if code.startswith("WC")) < to_ucl["CR0"]


@pytest.mark.parametrize("code", ["N1", "N1C"])
def test_n1_commutes_to_ucl_shorter_than_cr0(to_ucl: FrozenMap[str, float], code: str) -> None:
    assert to_ucl[code] < to_ucl["CR0"]


def test_every_district_has_minutes(to_ucl: FrozenMap[str, float], snapshot: Snapshot) -> None:
    assert list(to_ucl) == list(snapshot.districts)


def test_the_eight_nearest_stations_are_tried(rail: Rail) -> None:
    assert len(rail.access(Location(lat=51.515, lng=-0.09)).stations) == 8


@given(start=PLACES, end=PLACES)
def test_a_journey_takes_the_same_time_back(rail: Rail, start: Location, end: Location) -> None:
    there, back = rail.routes_to(end).minutes(start), rail.routes_to(start).minutes(end)
    assert there == pytest.approx(back, abs=1e-6)


@given(start=PLACES, end=PLACES)
def test_a_journey_is_never_longer_than_walking(rail: Rail, start: Location, end: Location) -> None:
    assert 0 <= rail.journey(start, end).minutes <= walk_minutes(point(start), point(end)) + 1e-6


@given(start=PLACES, end=PLACES)
def test_a_journey_takes_the_minutes_of_its_legs(rail: Rail, start: Location, end: Location) -> None:
    journey = rail.journey(start, end)
    assert journey.minutes == sum(leg.minutes for leg in journey.legs)


@given(start=PLACES, end=PLACES)
def test_a_journey_takes_the_minutes_that_its_routes_give(rail: Rail, start: Location, end: Location) -> None:
    routes = rail.routes_to(end)
    assert routes.journey(start).minutes == pytest.approx(routes.minutes(start), abs=1e-6)


@given(start=PLACES, end=PLACES)
def test_each_leg_starts_where_the_last_one_ended(rail: Rail, start: Location, end: Location) -> None:
    legs = rail.journey(start, end).legs
    assert all(one.end == other.start for one, other in pairwise(legs))


@given(start=PLACES, end=PLACES)
def test_consecutive_legs_differ_in_mode_or_line(rail: Rail, start: Location, end: Location) -> None:
    legs = rail.journey(start, end).legs
    assert all((one.mode, one.line) != (other.mode, other.line) for one, other in pairwise(legs))


@given(data=st.data())
def test_a_ride_of_one_stop_takes_no_more_than_its_link_and_boarding(
    rail: Rail, snapshot: Snapshot, data: st.DataObject
) -> None:
    ride = data.draw(st.sampled_from([link for link in snapshot.links if link.mode != "walk"]))
    start, end = (snapshot.stations[name].location for name in (ride.start, ride.end))
    assert rail.routes_to(end).minutes(start) <= ride.minutes + 4 + 1e-6


@given(data=st.data())
def test_a_stop_on_the_way_saves_no_time(rail: Rail, snapshot: Snapshot, data: st.DataObject) -> None:
    stations = st.sampled_from(list(snapshot.stations.values()))
    start, stop, end = (data.draw(stations).location for _ in range(3))
    there, onward = rail.journey(start, stop), rail.journey(stop, end)
    # Where both walk at the stop, they walk between two stations that the graph does not link.
    assume(there.legs and onward.legs and "walk" not in (there.legs[-1].mode, onward.legs[0].mode))
    assert rail.routes_to(end).minutes(start) <= there.minutes + onward.minutes + 1e-6
