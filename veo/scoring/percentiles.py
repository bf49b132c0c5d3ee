"""Where a value stands among others, robust to the extreme skew of London's figures."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence


class Percentiles:
    """The mid-rank percentile, 0 to 100: tied values share the middle of the ranks they hold."""

    def __init__(self, values: Iterable[float]) -> None:
        self._values = sorted(values)

    def of(self, value: float) -> float | None:
        """Place a value, whether or not it is one of these; None when there are none."""
        if not self._values:
            return None
        below, upto = bisect_left(self._values, value), bisect_right(self._values, value)
        return 50 * (below + upto) / len(self._values)

    def shares(self, value: float) -> tuple[float, float]:
        """Return which per cent of the values are really lower than one, and which are higher."""
        if not self._values:
            return 0.0, 0.0
        count = len(self._values)
        lower, higher = bisect_left(self._values, value), count - bisect_right(self._values, value)
        return 100 * lower / count, 100 * higher / count


class Scale:
    """A score made of several measures: the percentile of the mean of their percentiles.

    Each row holds one area's measures, the greater the better, None where there is no figure. Ranking
    the mean once more keeps the meaning of a score: 80 is better than about 80 % of the rows.
    """

    def __init__(self, rows: Sequence[Sequence[float | None]]) -> None:
        self._measures = [
            Percentiles(value for value in column if value is not None) for column in zip(*rows, strict=True)
        ]
        means = (self._mean(row) for row in rows)
        self._means = Percentiles(mean for mean in means if mean is not None)

    def score(self, row: Sequence[float | None]) -> float | None:
        """Score an area 0 to 100; None when it has no figure that can be compared."""
        mean = self._mean(row)
        return None if mean is None else self._means.of(mean)

    def shares(self, row: Sequence[float | None]) -> tuple[float, float]:
        """Return which per cent of the areas really score lower than one, and which higher."""
        mean = self._mean(row)
        return (0.0, 0.0) if mean is None else self._means.shares(mean)

    def _mean(self, row: Sequence[float | None]) -> float | None:
        """Average the percentiles of the measures that exist."""
        placed = [
            measure.of(value)
            for measure, value in zip(self._measures, row, strict=False)  # no reference rows: no measures
            if value is not None
        ]
        known = [percentile for percentile in placed if percentile is not None]
        return sum(known) / len(known) if known else None
