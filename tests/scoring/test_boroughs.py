"""Boroughs: averages that replace missing figures, stabilise small samples and tie borough-level figures."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.scoring import district
from veo.scoring.boroughs import Boroughs


def test_a_mean_is_weighted_by_population() -> None:
    boroughs = Boroughs(
        [district("E1", population=10_000, rent_2bed=1000), district("E2", population=30_000, rent_2bed=2000)]
    )
    mean = boroughs.mean("Newham", "rent_2bed")
    assert mean is not None
    assert mean.value == 1750


def test_a_mean_leaves_out_districts_without_the_figure() -> None:
    boroughs = Boroughs([district("E1", open_space_pct=20), district("E2", open_space_pct=None)])
    mean = boroughs.mean("Newham", "open_space_pct")
    assert mean is not None
    assert mean.value == 20


def test_a_mean_leaves_out_other_boroughs() -> None:
    boroughs = Boroughs([district("E1", rent_all=1000), district("E8", "Hackney", rent_all=3000)])
    mean = boroughs.mean("Newham", "rent_all")
    assert mean is not None
    assert mean.value == 1000


def test_a_borough_without_a_figure_has_no_mean() -> None:
    assert Boroughs([district(median_price=None)]).mean("Newham", "median_price") is None


def test_a_mean_of_district_figures_is_tagged_as_the_boroughs() -> None:
    mean = Boroughs([district()]).mean("Newham", "median_price")
    assert mean is not None
    assert (mean.level, mean.source, mean.vintage) == ("borough", "borough mean: a register", "2025")


@pytest.mark.parametrize("column", ["median_price", "outstanding_share", "open_space_pct"])
def test_a_boroughs_mean_replaces_a_missing_figure(column: str) -> None:
    bare = district("E2", **{column: None})
    boroughs = Boroughs([district("E1"), bare])
    assert boroughs.figure(bare, column) == boroughs.mean("Newham", column)


@pytest.mark.parametrize("column", ["rent_2bed", "pubs_bars_per_km2", "imd_crime_decile"])
def test_nothing_replaces_other_missing_figures(column: str) -> None:
    bare = district("E2", **{column: None})
    assert Boroughs([district("E1"), bare]).value_to_score(bare, column) is None


def test_the_figure_shown_is_the_districts_own() -> None:
    own = district("E1", rent_2bed=1000)
    shown = Boroughs([own, district("E2", rent_2bed=2000)]).figure(own, "rent_2bed")
    assert shown is own.figures["rent_2bed"]


def test_a_factor_with_a_figure_of_its_own_uses_no_borough_mean() -> None:
    assert not Boroughs([district()]).uses_borough_mean(district(), "schools")


def test_a_factor_without_its_figure_uses_the_borough_mean() -> None:
    bare = district(outstanding_share=None)
    assert Boroughs([bare]).uses_borough_mean(bare, "schools")


def test_a_factor_without_a_fallback_column_uses_no_borough_mean() -> None:
    assert not Boroughs([district()]).uses_borough_mean(district(), "commute")


def test_a_borough_level_figure_is_scored_as_the_boroughs_mean() -> None:
    dear, cheap = district("E1", rent_2bed=1000), district("E2", rent_2bed=2000)
    boroughs = Boroughs([dear, cheap])
    assert boroughs.value_to_score(dear, "rent_2bed") == boroughs.value_to_score(cheap, "rent_2bed") == 1500


def test_a_small_sample_is_shrunk_toward_the_borough() -> None:
    small = district("E1", population=1, median_price=800_000, sales_12m=10)
    boroughs = Boroughs([small, district("E2", population=10**12, median_price=400_000)])
    shrunk = boroughs.value_to_score(small, "median_price")
    assert shrunk is not None
    assert math.isclose(shrunk, 600_000, rel_tol=1e-6)


@pytest.mark.parametrize(
    ("column", "sample", "enough"),
    [("median_price", "sales_12m", 30), ("outstanding_share", "schools_rated", 5)],
)
def test_a_sample_that_is_large_enough_stands_on_its_own(column: str, sample: str, enough: int) -> None:
    own = district("E1", **{column: 0.9, sample: enough})
    assert Boroughs([own, district("E2", **{column: 0.1})]).value_to_score(own, column) == 0.9


@pytest.mark.parametrize(
    ("column", "sample", "enough"),
    [("median_price", "sales_12m", 30), ("outstanding_share", "schools_rated", 5)],
)
def test_a_sample_one_short_is_shrunk(column: str, sample: str, enough: int) -> None:
    own = district("E1", **{column: 0.9, sample: enough - 1})
    scored = Boroughs([own, district("E2", **{column: 0.1})]).value_to_score(own, column)
    assert scored is not None
    assert scored < 0.9


def test_a_figure_of_unknown_sample_counts_as_the_borough() -> None:
    own = district("E1", median_price=900_000, sales_12m=None)
    assert (
        Boroughs([own, district("E2", median_price=100_000)]).value_to_score(own, "median_price") == 500_000
    )


def test_a_figure_in_a_borough_that_is_not_known_is_taken_as_it_is() -> None:
    assert Boroughs([]).value_to_score(district(sales_12m=1), "median_price") == 500_000


@given(st.floats(0, 1), st.integers(0, 40))
def test_a_shrunk_value_lies_between_its_own_and_the_boroughs(share: float, rated: int) -> None:
    own = district("E1", outstanding_share=share, schools_rated=rated)
    boroughs = Boroughs([own, district("E2", outstanding_share=0.5)])
    mean, scored = (
        boroughs.mean("Newham", "outstanding_share"),
        boroughs.value_to_score(own, "outstanding_share"),
    )
    assert mean is not None
    assert scored is not None
    assert min(share, mean.value) - 1e-9 <= scored <= max(share, mean.value) + 1e-9
