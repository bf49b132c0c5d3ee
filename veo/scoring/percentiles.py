"""Percentile ranks, which are robust to the extreme skew of London's figures."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence


class Percentiles:
    """Mid-rank percentiles, 0 to 100: tied values share the middle of their ranks."""

    def __init__(self, values: Iterable[float]) -> None:
        self._values = sorted(values)

    def of(self, value: float) -> float | None:
        """Return the percentile of any value, None if there are no values to compare with."""
        if not self._values:
            return None
        below, up_to = bisect_left(self._values, value), bisect_right(self._values, value)
        return 50 * (below + up_to) / len(self._values)

    def shares(self, value: float) -> tuple[float, float]:
        """Return the percentages of the values that are strictly lower and strictly higher."""
        if not self._values:
            return 0.0, 0.0
        count = len(self._values)
        lower, higher = bisect_left(self._values, value), count - bisect_right(self._values, value)
        return 100 * lower / count, 100 * higher / count


class Scale:
    """A score from several measures: the percentile of the mean of their percentiles.

    Each row holds the measures of one area, the greater the better, None without a figure. Ranking the
    means keeps the meaning of a score: 80 is better than about 80 % of the rows.
    """

    def __init__(self, rows: Sequence[Sequence[float | None]]) -> None:
        self._measures = [
            Percentiles(value for value in column if value is not None) for column in zip(*rows, strict=True)
        ]
        means = (self._mean(row) for row in rows)
        self._means = Percentiles(mean for mean in means if mean is not None)

    def score(self, row: Sequence[float | None]) -> float | None:
        """Score an area from 0 to 100, None if it has no figure that can be compared."""
        mean = self._mean(row)
        return None if mean is None else self._means.of(mean)

    def shares(self, row: Sequence[float | None]) -> tuple[float, float]:
        """Return the percentages of the areas that score strictly lower and strictly higher."""
        mean = self._mean(row)
        return (0.0, 0.0) if mean is None else self._means.shares(mean)

    def _mean(self, row: Sequence[float | None]) -> float | None:
        """Average the percentiles of the measures that exist."""
        ranks = [
            measure.of(value)
            for measure, value in zip(self._measures, row, strict=False)  # no reference rows: no measures
            if value is not None
        ]
        percentiles = [rank for rank in ranks if rank is not None]
        return sum(percentiles) / len(percentiles) if percentiles else None
