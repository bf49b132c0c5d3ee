"""Percentiles: where a value stands."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from veo.scoring.percentiles import Percentiles, Scale

numbers = st.floats(-1e6, 1e6)
samples = st.lists(numbers, min_size=1, max_size=30)


def test_the_middle_of_three_is_at_fifty() -> None:
    assert Percentiles([3, 1, 2]).of(2) == 50


def test_tied_values_share_the_middle_of_their_ranks() -> None:
    assert Percentiles([1, 1, 1, 2]).of(1) == 37.5


def test_a_value_between_others_is_better_than_those_below() -> None:
    assert Percentiles([1, 2, 3, 4]).of(3.5) == 75


def test_nothing_can_be_compared_with_nothing() -> None:
    assert Percentiles([]).of(1) is None


def test_an_outlier_does_not_move_other_values() -> None:
    assert Percentiles([1, 2, 3, 4]).of(2) == Percentiles([1, 2, 3, 4e9]).of(2)


@given(samples, numbers)
def test_a_percentile_is_from_0_to_100(sample: list[float], value: float) -> None:
    percentile = Percentiles(sample).of(value)
    assert percentile is not None
    assert 0 <= percentile <= 100


@given(samples, numbers, numbers)
def test_more_is_never_lower(sample: list[float], one: float, other: float) -> None:
    scale = Percentiles(sample)
    assert (scale.of(min(one, other)) or 0) <= (scale.of(max(one, other)) or 0)


def test_a_scale_of_one_measure_is_its_percentile() -> None:
    rows = [[1.0], [2.0], [3.0], [4.0]]
    assert [Scale(rows).score(row) for row in rows] == [12.5, 37.5, 62.5, 87.5]


def test_a_scale_of_two_measures_is_ranked_once_more() -> None:
    rows = [[1.0, 2.0], [2.0, 1.0], [3.0, 4.0], [4.0, 3.0]]
    assert [Scale(rows).score(row) for row in rows] == [25, 25, 75, 75]


def test_a_missing_measure_leaves_the_others_to_decide() -> None:
    rows = [[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]]
    assert Scale(rows).score([3.0, None]) == Scale(rows).score([3.0, 3.0])


def test_a_row_without_measures_has_no_score() -> None:
    assert Scale([[1.0], [2.0]]).score([None]) is None


def test_a_measure_that_no_row_has_does_not_count() -> None:
    assert Scale([[1.0, None], [2.0, None]]).score([2.0, 9.0]) == 75


def test_a_scale_of_no_rows_gives_no_score() -> None:
    assert Scale([]).score([1.0]) is None


@given(st.lists(st.tuples(numbers, numbers), min_size=2, max_size=20, unique_by=lambda row: row[0]))
def test_a_row_that_is_at_least_as_good_in_all_measures_scores_at_least_as_much(
    rows: list[tuple[float, float]],
) -> None:
    better = sorted(rows)
    scale = Scale(rows)
    rising = [(one, max(row[1] for row in better[: index + 1])) for index, (one, _) in enumerate(better)]
    scores = [scale.score(row) or 0 for row in rising]
    assert all(low <= high for low, high in pairwise(scores))
