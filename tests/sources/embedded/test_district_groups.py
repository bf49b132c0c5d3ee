"""Groups of districts: who belongs, and how their members' figures make theirs."""

from pathlib import Path

import pytest

from tests.support.tables import AREA, Cells, write_tables
from veo.models import District, Figure, Location
from veo.sources.embedded.district_groups import NAMES
from veo.sources.embedded.snapshot import Snapshot, load


@pytest.fixture(scope="module")
def packaged() -> Snapshot:
    return load()


def group(folder: Path, *members: Cells) -> District:
    """Load W1 of members W1A, W1B and so on."""
    rows = [AREA | {"outcode": f"W1{letter}"} | cells for letter, cells in zip("ABC", members, strict=False)]
    return load(write_tables(folder, {"areas.csv": rows})).groups["W1"]


def test_the_groups_are_those_that_are_not_districts(packaged: Snapshot) -> None:
    assert tuple(packaged.groups) == tuple(NAMES) == ("EC1", "EC2", "EC3", "EC4", "SW1", "W1", "WC1", "WC2")
    assert not set(packaged.groups) & set(packaged.districts)


def test_a_group_has_the_districts_with_one_more_letter(packaged: Snapshot) -> None:
    assert packaged.groups["EC1"].members == ("EC1A", "EC1M", "EC1N", "EC1R", "EC1V", "EC1Y")


def test_a_district_that_others_begin_with_has_no_members(packaged: Snapshot) -> None:
    assert packaged.districts["E1"].members == ()


def test_a_group_does_not_take_districts_with_one_more_digit(tmp_path: Path) -> None:
    rows = [AREA | {"outcode": outcode} for outcode in ("W1A", "W10")]
    assert load(write_tables(tmp_path, {"areas.csv": rows})).groups["W1"].members == ("W1A",)


@pytest.mark.parametrize(
    ("column", "one", "other", "both"),
    [
        ("median_price", "400000", "800000", 700_000),
        ("rent_growth_1y_pct", "1", "3", 2.5),
        ("density_per_km2", "100", "200", 125),
        ("open_space_pct", "10", "20", 12.5),
        ("outstanding_share", "0.1", "0.6", 0.2),
        ("good_or_outstanding_share", "0.1", "0.6", 0.2),
        ("schools_count", "3", "4", 7),
        ("sales_12m", "30", "40", 70),
        ("food_venues", "150", "250", 400),
        ("food_venues_per_km2", "10", "20", 12.5),
        ("pubs_bars", "3", "4", 7),
        ("min_zone", "2/3", "4", 2),
    ],
)
def test_a_group_combines_each_column_in_its_own_way(
    tmp_path: Path, column: str, one: str, other: str, both: float
) -> None:
    first = {"population": "1000", "area_km2": "3", "schools_rated": "8", column: one}
    second = {"population": "3000", "area_km2": "1", "schools_rated": "2", column: other}
    assert group(tmp_path, first, second).number(column) == both


def test_a_mean_is_rounded_as_its_source_is(tmp_path: Path) -> None:
    thirds = [{"rent_growth_1y_pct": value} for value in ("1", "1", "2")]
    assert group(tmp_path, *thirds).number("rent_growth_1y_pct") == 1.3


def test_a_mean_of_whole_numbers_is_a_whole_number(tmp_path: Path) -> None:
    mean = group(tmp_path, {"rent_all": "1000"}, {"rent_all": "1003"}).number("rent_all")
    assert (mean, type(mean)) == (1002, int)


def test_a_mean_that_rounds_to_nothing_has_no_sign(tmp_path: Path) -> None:
    falls = {"price_growth_5y_pct": "-0.1"}
    mean = group(tmp_path, falls, {"price_growth_5y_pct": "0.0"}, {"price_growth_5y_pct": "0.0"})
    assert str(mean.number("price_growth_5y_pct")) == "0.0"


def test_a_mean_is_over_the_members_that_have_the_figure(tmp_path: Path) -> None:
    assert group(tmp_path, {"median_price": ""}, {"median_price": "500000"}).number("median_price") == 500_000


@pytest.mark.parametrize("column", ["sales_12m", "pubs_bars", "open_space_pct", "food_venues_per_km2"])
def test_a_total_needs_every_member(tmp_path: Path, column: str) -> None:
    assert column not in group(tmp_path, {column: ""}, {}).figures


def test_what_no_member_has_the_group_lacks(tmp_path: Path) -> None:
    assert "median_price" not in group(tmp_path, {"median_price": ""}, {"median_price": ""}).figures


def test_counts_that_are_all_censored_bound_their_sum(tmp_path: Path) -> None:
    few = {"food_venues": "", "food_venues_note": "<150"}
    venues = group(tmp_path, few, few).figures["food_venues"]
    assert (venues.value, venues.censored) == (300, "below")


def test_a_sum_of_bounds_and_counts_is_not_given(tmp_path: Path) -> None:
    few = {"food_venues": "", "food_venues_note": "<150"}
    assert "food_venues" not in group(tmp_path, few, {"food_venues": "900"}).figures


def test_a_group_s_figure_is_modelled_and_keeps_its_source(tmp_path: Path) -> None:
    assert group(tmp_path, {"rent_all": "1500"}, {"rent_all": "1500"}).figures["rent_all"] == Figure(
        value=1500,
        unit="GBP a month",
        level="modelled",
        source="ONS Price Index of Private Rents",
        vintage="Aug 2026",
    )


def test_a_group_stands_where_its_residents_live(tmp_path: Path) -> None:
    first = {"population": "1000", "lat": "51.50", "lng": "0.10"}
    second = {"population": "3000", "lat": "51.54", "lng": "0.20"}
    assert group(tmp_path, first, second).location == Location(lat=51.53, lng=0.175)


def test_a_group_has_its_members_residents_and_area(tmp_path: Path) -> None:
    merged = group(tmp_path, {"population": "1000", "area_km2": "1.5"}, {"population": "3000"})
    assert (merged.population, merged.area_km2) == (4000, 2.5)


def test_a_group_shares_its_residents_out_by_borough(tmp_path: Path) -> None:
    first = {"population": "1000", "borough": "Camden", "boroughs": "Camden:1.00"}
    second = {"population": "3000", "borough": "Brent", "boroughs": "Brent:0.98|Camden:0.02"}
    shares = group(tmp_path, first, second).boroughs
    assert list(shares.items()) == [("Brent", 0.73), ("Camden", 0.27)]


def test_a_group_s_borough_is_the_largest(tmp_path: Path) -> None:
    first = {"population": "1000", "borough": "Camden", "boroughs": "Camden:1.00"}
    second = {"population": "3000", "borough": "Brent", "boroughs": "Brent:1.00"}
    assert group(tmp_path, first, second).borough == "Brent"


def test_a_group_leaves_out_a_borough_of_under_two_percent(tmp_path: Path) -> None:
    first = {"population": "1000", "borough": "Brent", "boroughs": "Brent:0.97|Camden:0.03"}
    second = {"population": "3000", "borough": "Brent", "boroughs": "Brent:1.00"}
    assert "Camden" not in group(tmp_path, first, second).boroughs


def test_a_group_lists_each_neighbourhood_once(tmp_path: Path) -> None:
    merged = group(tmp_path, {"neighbourhoods": "Soho|Mayfair"}, {"neighbourhoods": "Mayfair|Fitzrovia"})
    assert merged.neighbourhoods == ("Soho", "Mayfair", "Fitzrovia")


def test_a_group_has_no_station_of_its_own(tmp_path: Path) -> None:
    assert group(tmp_path, {}, {}).nearest_station is None


def test_a_group_has_a_name_for_readers(packaged: Snapshot) -> None:
    assert packaged.groups["W1"].name == "West End"
