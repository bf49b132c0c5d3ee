"""Where single figures stand among London's."""

from collections.abc import Mapping

import pytest

from tests.support.scoring import district
from veo.models import Figure, FrozenMap
from veo.runtime import tables
from veo.scoring import FigurePercentiles

LONDON = FigurePercentiles(tables().snapshot.districts.values())


def placed(code: str) -> Mapping[str, float]:
    return LONDON.of(tables().snapshot.districts[code].figures)


def figure(value: float, censored: bool = False) -> Figure:
    bound = "below" if censored else None
    return Figure(value=value, unit="venues", level="district", source="s", vintage="v", censored=bound)


def test_a_dear_district_stands_above_a_cheap_one() -> None:
    assert placed("W8")["median_price"] > 80 + placed("IG11")["median_price"]


def test_half_of_the_residential_districts_stand_below_the_middle() -> None:
    residential = [d for d in tables().snapshot.districts.values() if d.population >= 1_500]
    places = [placed(district.code)["population"] for district in residential]
    assert sum(places) / len(places) == pytest.approx(50, abs=0.3)


def test_districts_with_an_equal_figure_do_not_count_as_lower() -> None:
    districts = [
        district(f"E{number}", open_space_pct=share) for number, share in enumerate((10, 50, 50, 50))
    ]
    places = FigurePercentiles(districts).of(FrozenMap({"open_space_pct": figure(50)}))
    assert places == {"open_space_pct": 25}


def test_a_figure_that_is_only_bounded_has_no_place() -> None:
    assert "food_venues" not in LONDON.of(FrozenMap({"food_venues": figure(150, censored=True)}))


def test_a_bounded_figure_of_another_district_counts_as_lower() -> None:
    """115 of 235 districts are only known to have fewer than 150 venues, so 150 are more than those have."""
    assert LONDON.of(FrozenMap({"food_venues": figure(150)}))["food_venues"] > 48


def test_a_figure_that_no_district_has_has_no_place() -> None:
    assert LONDON.of(FrozenMap({"cafe_1km": figure(3)})) == {}


def test_without_districts_nothing_has_a_place() -> None:
    assert FigurePercentiles([]).of(FrozenMap({"food_venues": figure(3)})) == {}
