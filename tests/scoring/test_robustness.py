"""Robustness: how far the order depends on the exact weights."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.support.scoring import criteria, district, spread
from veo.models import FactorName, FrozenMap
from veo.scoring import Ranked, Reference, effective_weights, rank, robustness

WEIGHTS = effective_weights("student")
MANY = rank(Reference(spread(60)), criteria(limit=5000))


TWO: FrozenMap[FactorName, float] = FrozenMap({"green_spaces": 0.5, "nightlife": 0.5})


def scoring(green: float, lively: float) -> Ranked:
    """Make an area with these scores on two factors of equal weight."""
    scores: FrozenMap[FactorName, float] = FrozenMap({"green_spaces": green, "nightlife": lively})
    return replace(MANY.field[0], scores=scores, total=(green + lively) / 2)


def opposites(count: int) -> list[Ranked]:
    """Make areas of falling total that are green and lively alternately."""
    return [
        scoring(99 - 0.1 * number, 1) if number % 2 else scoring(1, 99 - 0.1 * number)
        for number in range(count)
    ]


def test_every_area_of_the_answer_has_a_robustness() -> None:
    assert len(robustness(MANY.field, WEIGHTS)) == 20


def test_the_band_is_the_smallest_that_holds_the_rank() -> None:
    assert [area.band for area in robustness(MANY.field, WEIGHTS)] == [5] * 5 + [10] * 5 + [20] * 10


def test_the_same_field_has_the_same_robustness() -> None:
    assert robustness(MANY.field, WEIGHTS) == robustness(MANY.field, WEIGHTS)


def test_a_field_no_larger_than_the_band_cannot_leave_it() -> None:
    assert {area.share for area in robustness(MANY.field[:5], WEIGHTS)} == {1.0}


def test_an_area_better_in_everything_is_robust() -> None:
    best = [
        district("E0", imd_crime_decile=10, open_space_pct=99, pubs_bars_per_km2=99, stations_within_1km=99)
    ]
    field = rank(Reference([*spread(), *best]), criteria(limit=5000), [*spread(), *best]).field
    assert (field[0].district.code, robustness(field, WEIGHTS)[0].verdict) == ("E0", "robust")


def test_an_area_that_rests_on_one_of_two_equal_weights_stays_in_half_of_the_draws() -> None:
    assert 0.4 < robustness(opposites(40), TWO)[0].share < 0.6


def test_an_area_that_rests_on_one_of_two_equal_weights_is_sensitive() -> None:
    assert robustness(opposites(40), TWO)[0].verdict == "sensitive"


def test_no_weight_changes_by_more_than_30_percent() -> None:
    field = [scoring(100, 50)] * 5 + [scoring(50, 76)] * 20
    assert {area.share for area in robustness(field, TWO)[:5]} == {1.0}


def test_a_weight_changes_by_almost_30_percent() -> None:
    field = [scoring(100, 50)] * 5 + [scoring(50, 81)] * 20
    assert robustness(field, TWO)[0].share < 1


@given(st.integers(1, 40))
def test_robust_means_at_least_four_draws_in_five(count: int) -> None:
    areas = robustness(opposites(count), TWO)
    assert all((area.share >= 0.8) == (area.verdict == "robust") for area in areas)


@given(st.integers(1, 40))
def test_a_share_is_from_0_to_1(count: int) -> None:
    assert all(0 <= one.share <= 1 for one in robustness(opposites(count), TWO))


def test_the_deduction_for_being_over_budget_does_not_depend_on_the_weights() -> None:
    cheap = [district(f"E{number}", "Barnet", rent_3bed=2400, imd_crime_decile=1) for number in range(1, 6)]
    dear = [district(f"E{number}", "Ealing", rent_3bed=4500, imd_crime_decile=9) for number in range(6, 12)]
    field = rank(Reference([*cheap, *dear]), criteria(limit=1000)).field
    assert [area.share for area in robustness(field, WEIGHTS)[:5]] == [1.0] * 5


def test_areas_that_all_score_nothing_keep_their_order() -> None:
    areas = [
        district(f"E{number}", rent_3bed=9000 + number, imd_crime_decile=number, open_space_pct=60 - number)
        for number in range(1, 30)
    ]
    field = rank(Reference(areas), criteria(limit=1000)).field
    assert {area.share for area in robustness(field, WEIGHTS)} == {1.0}


def test_an_area_without_a_journey_is_compared_by_its_other_factors() -> None:
    areas = [district(f"E{number}", imd_crime_decile=number, open_space_pct=number) for number in range(1, 8)]
    minutes = {f"E{number}": 74.0 for number in range(1, 7)}
    field = rank(Reference(areas), criteria(minutes, limit=5000)).field
    assert (field[0].district.code, robustness(field, WEIGHTS)[0].share) == ("E7", 1.0)


def test_no_areas_have_no_robustness() -> None:
    assert robustness((), WEIGHTS) == ()
