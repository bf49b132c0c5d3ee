"""The embedded figures: what is packaged, and how a bad table is refused."""

from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest

from tests.support.tables import AREA, LINK, OTHER_STATION, SMALL, STATION, write_tables
from veo.models import District, Figure, Location
from veo.sources.embedded.checked_csv import DataFault
from veo.sources.embedded.columns import AREA_COLUMNS, COLUMNS
from veo.sources.embedded.snapshot import Snapshot, load


@pytest.fixture(scope="module")
def packaged() -> Snapshot:
    return load()


def small(folder: Path, **cells: str) -> District:
    """Load the small tables with some cells of the district replaced."""
    return load(write_tables(folder, {"areas.csv": [AREA | cells]})).districts["E15"]


# What is packaged


@pytest.mark.parametrize(
    ("table", "count"),
    [("districts", 267), ("groups", 8), ("stations", 654), ("links", 1010), ("destinations", 44)],
)
def test_every_row_is_packaged(packaged: Snapshot, table: str, count: int) -> None:
    assert len(getattr(packaged, table)) == count


def test_a_figure_says_its_unit_level_source_and_vintage(packaged: Snapshot) -> None:
    assert packaged.districts["BR1"].figures["rent_2bed"] == Figure(
        value=1692,
        unit="GBP a month",
        level="borough",
        source="ONS Price Index of Private Rents",
        vintage="Aug 2026",
        live=False,
    )


def test_only_what_is_measured_by_borough_is_tagged_so() -> None:
    assert {name for name, column in COLUMNS.items() if column.level == "borough"} == {
        *("rent_1bed", "rent_2bed", "rent_3bed", "rent_all", "rent_growth_1y_pct"),
        *("price_growth_5y_pct", "price_growth_1y_pct", "crimes_per_1000", "violent_crimes_per_1000"),
        "borough_food_venues_per_1000",
    }


def test_no_embedded_figure_is_live(packaged: Snapshot) -> None:
    areas = [*packaged.districts.values(), *packaged.groups.values()]
    assert not any(figure.live for area in areas for figure in area.figures.values())


def test_e15_lies_in_newham(packaged: Snapshot) -> None:
    assert packaged.districts["E15"].borough == "Newham"


def test_w8_is_dearer_to_buy_in_than_ig11(packaged: Snapshot) -> None:
    kensington, barking = (packaged.districts[code].number("median_price") or 0 for code in ("W8", "IG11"))
    assert kensington > barking > 0


def test_richmond_is_greener_than_croydon(packaged: Snapshot) -> None:
    richmond, croydon = (packaged.districts[code].number("open_space_pct") or 0 for code in ("TW9", "CR0"))
    assert richmond > croydon > 0


def test_the_cheapest_two_bedrooms_are_1526_pounds(packaged: Snapshot) -> None:
    rents = (district.number("rent_2bed") for district in packaged.districts.values())
    assert min(rent for rent in rents if rent is not None) == 1526


def test_a_longitude_next_to_greenwich_is_read_from_its_exponent(packaged: Snapshot) -> None:
    assert packaged.districts["SE10"].location.lng == 0.00003


def test_a_station_has_its_place_zone_lines_and_modes(packaged: Snapshot) -> None:
    station = packaged.stations["Abbey Wood"]
    assert station.location == Location(lat=51.491241, lng=0.121374)
    assert station.zone == "4"
    assert station.lines == ("Elizabeth line", "Southeastern", "Thameslink")
    assert station.modes == ("elizabeth-line", "national-rail")


def test_a_link_has_its_ends_line_minutes_and_basis(packaged: Snapshot) -> None:
    assert packaged.links[0].model_dump(by_alias=False) == {
        "start": "Abbey Road",
        "end": "Stratford High Street",
        "line": "DLR",
        "mode": "dlr",
        "minutes": 1.2,
        "basis": "timetable",
    }


def test_a_destination_has_its_name_kind_and_place(packaged: Snapshot) -> None:
    assert packaged.destinations["ucl"].model_dump(by_alias=False) == {
        "id": "ucl",
        "name": "University College London",
        "kind": "university",
        "location": {"lat": 51.52426, "lng": -0.13182},
    }


def test_a_snapshot_cannot_be_changed(packaged: Snapshot) -> None:
    field = "links"
    with pytest.raises(FrozenInstanceError):
        setattr(packaged, field, ())


# Reading a district


def test_a_district_has_its_names_shares_place_and_station(tmp_path: Path) -> None:
    district = small(tmp_path, population="70000", area_km2="3.25")
    assert district.model_dump(by_alias=False, exclude={"figures"}) == {
        "code": "E15",
        "name": "Stratford",
        "neighbourhoods": ("Maryland", "Stratford City"),
        "borough": "Newham",
        "boroughs": {"Newham": 0.9, "Hackney": 0.1},
        "members": (),
        "location": {"lat": 51.54, "lng": 0.001},
        "population": 70000,
        "area_km2": 3.25,
        "nearest_station": "Maryland",
    }


@pytest.mark.parametrize("column", [name for name in COLUMNS if name not in {"population", "area_km2"}])
def test_a_blank_cell_is_no_figure(tmp_path: Path, column: str) -> None:
    cells = {"schools_rated": {"outstanding_share": "", "good_or_outstanding_share": ""}}
    assert column not in small(tmp_path, **{column: ""}, **cells.get(column, {})).figures


@pytest.mark.parametrize("column", COLUMNS)
def test_every_numeric_column_is_a_figure(tmp_path: Path, column: str) -> None:
    assert small(tmp_path).number(column) == float(AREA[column])


def test_a_whole_number_stays_whole(tmp_path: Path) -> None:
    assert isinstance(small(tmp_path).number("rent_1bed"), int)


def test_a_censored_count_is_known_to_be_below_150(tmp_path: Path) -> None:
    venues = small(tmp_path, food_venues="", food_venues_note="<150").figures["food_venues"]
    assert (venues.value, venues.censored) == (150, "below")


def test_an_exact_count_is_not_censored(tmp_path: Path) -> None:
    assert small(tmp_path).figures["food_venues"].censored is None


def test_a_censored_district_has_no_density_of_venues(packaged: Snapshot) -> None:
    densities = {"food_venues_per_km2", "pubs_bars", "pubs_bars_per_km2"}
    censored = [d for d in packaged.districts.values() if d.figures["food_venues"].censored]
    assert len(censored) == 141
    assert not any(densities & set(district.figures) for district in censored)


@pytest.mark.parametrize(("zones", "lowest"), [("2/3", 2), ("3+4", 3), ("3,4,5,6", 3), ("6", 6)])
def test_a_boundary_counts_as_its_cheapest_zone(tmp_path: Path, zones: str, lowest: int) -> None:
    assert small(tmp_path, min_zone=zones).number("min_zone") == lowest


# Refusing a bad table


@pytest.mark.parametrize(
    ("table", "column", "text", "accepted"),
    [
        ("areas.csv", "rent_2bed", "-5", "a whole number from 300 to 20000, or blank"),
        ("areas.csv", "rent_2bed", "1500.5", "a whole number"),
        ("areas.csv", "rent_2bed", "1_500", "a whole number"),
        ("areas.csv", "rent_2bed", "\u0661\u0665\u0660\u0660", "a whole number"),
        ("areas.csv", "median_price", "0", "a whole number from 10000"),
        ("areas.csv", "sales_12m", "-1", "a whole number from 0"),
        ("areas.csv", "outstanding_share", "1.01", "a number of at most 3 decimals from 0 to 1"),
        ("areas.csv", "outstanding_share", "nan", "a number of at most 3 decimals"),
        ("areas.csv", "outstanding_share", "0.1234", "a number of at most 3 decimals"),
        ("areas.csv", "schools_rated", "0", "the number of schools behind outstanding_share"),
        ("areas.csv", "schools_rated", "", "the number of schools behind outstanding_share"),
        ("areas.csv", "imd_crime_decile", "10.1", "from 1 to 10"),
        ("areas.csv", "imd_crime_decile", "0.9", "from 1 to 10"),
        ("areas.csv", "population", "", "a whole number from 1 to 500000"),
        ("areas.csv", "area_km2", "0", "a number of at most 3 decimals from 0.01 to 200"),
        ("areas.csv", "lat", "52.0", "from 51.28 to 51.7"),
        ("areas.csv", "lng", "-0.6", "from -0.52 to 0.34"),
        ("areas.csv", "outcode", "e15", "an outcode such as E15 or SW1A"),
        ("areas.csv", "name", "", "a text without blanks around it"),
        ("areas.csv", "name", " Bow", "a text without blanks around it"),
        ("areas.csv", "neighbourhoods", "Bow||Mile End", "texts separated by |"),
        ("areas.csv", "boroughs", "Newham", "as Name:0.66 separated by |"),
        ("areas.csv", "boroughs", "Hackney:1.00", "the borough and others"),
        ("areas.csv", "boroughs", "Newham:0.50|Newham:0.50", "each once"),
        ("areas.csv", "boroughs", "Newham:1.01", "shares of which"),
        ("areas.csv", "boroughs", "Newham:0.90|Hackney:0.13", "shares of which the sum is at most 1.02"),
        ("areas.csv", "food_venues_note", "few", "one of , <150"),
        ("areas.csv", "min_zone", "2/", "fare zones such as"),
        ("areas.csv", "nearest_station", "Nowhere", "a station of stations.csv, or blank"),
        ("stations.csv", "zone", "A", "fare zones such as"),
        ("stations.csv", "modes", "boat", "some of walk, tube"),
        ("stations.csv", "lat", "", "a number of at most 9 decimals from 51.2 to 51.8"),
        ("stations.csv", "lng", "0.5", "from -1 to 0.4"),
        ("links.csv", "from", "Nowhere", "a station of stations.csv"),
        ("links.csv", "to", "Nowhere", "a station of stations.csv"),
        ("links.csv", "to", "Maryland", "another station"),
        ("links.csv", "line", "Central", "a line of Maryland"),
        ("links.csv", "mode", "walk", "walk on the line Walk"),
        ("links.csv", "mode", "boat", "one of walk, tube"),
        ("links.csv", "minutes", "0", "a number of at most 9 decimals from 0.1 to 60"),
        ("links.csv", "basis", "guess", "one of timetable, tfl-walk, estimated"),
        ("destinations.csv", "kind", "pub", "one of university, work"),
        ("destinations.csv", "lat", "north", "a number"),
        ("destinations.csv", "name", "", "a text"),
    ],
)
def test_a_bad_cell_is_refused(tmp_path: Path, table: str, column: str, text: str, accepted: str) -> None:
    first, *others = SMALL[table]
    with pytest.raises(DataFault) as refused:
        load(write_tables(tmp_path, {table: [first | {column: text}, *others]}))
    message = str(refused.value)
    assert message.startswith(f"{table}, line 2 (")
    assert accepted in message.partition(f"), {column}: {text!r} is not ")[2]


def test_a_refusal_names_the_row_by_its_key(tmp_path: Path) -> None:
    with pytest.raises(DataFault, match=r"^links.csv, line 2 \(Maryland, Forest Gate, Elizabeth line\), min"):
        load(write_tables(tmp_path, {"links.csv": [LINK | {"minutes": "?"}]}))


def test_a_ride_on_the_line_walk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataFault, match="mode: 'elizabeth-line' is not walk on the line Walk"):
        load(write_tables(tmp_path, {"links.csv": [LINK | {"line": "Walk"}]}))


def test_a_count_that_is_exact_and_censored_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataFault, match="food_venues: '150' is not blank, as food_venues_note says <150"):
        small(tmp_path, food_venues_note="<150")


@pytest.mark.parametrize("table", SMALL)
def test_a_key_may_not_come_twice(tmp_path: Path, table: str) -> None:
    with pytest.raises(DataFault, match=r"line \d .* is not unique"):
        load(write_tables(tmp_path, {table: [*SMALL[table], SMALL[table][0]]}))


def test_a_link_may_not_come_in_both_directions(tmp_path: Path) -> None:
    back = LINK | {"from": LINK["to"], "to": LINK["from"]}
    with pytest.raises(DataFault, match="another station that this line links only once"):
        load(write_tables(tmp_path, {"links.csv": [LINK, back]}))


def test_a_station_that_no_line_reaches_is_refused(tmp_path: Path) -> None:
    island = STATION | {"name": "Island"}
    with pytest.raises(DataFault, match="'Island' is not linked to the rest of the rail graph"):
        load(write_tables(tmp_path, {"stations.csv": [STATION, OTHER_STATION, island]}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,name\nucl,UCL\n", "destinations.csv, line 1, header: 'id,name' is not just id, name, lat"),
        ("id,name,lat,lng,kind,source\nucl,UCL\n", "destinations.csv, line 2, row: .* is not 6 cells"),
        ("id,name,lat,lng,kind,source\n1,2,3,4,5,6,7\n", "destinations.csv, line 2, row: .* is not 6 cells"),
    ],
)
def test_a_table_of_another_shape_is_refused(tmp_path: Path, text: str, message: str) -> None:
    folder = write_tables(tmp_path, {})
    (folder / "destinations.csv").write_text(text)
    with pytest.raises(DataFault, match=message):
        load(folder)


def test_a_bad_table_is_a_value_error() -> None:
    assert issubclass(DataFault, ValueError)


def test_the_small_tables_have_every_column() -> None:
    assert sorted(AREA) == sorted(AREA_COLUMNS)
