"""Percentiles of single figures among London's districts, for the page of one district."""

from collections import defaultdict
from collections.abc import Iterable

from veo.models import District, Figure, Figures, FrozenMap
from veo.scoring.factors import CENSORED, is_business
from veo.scoring.percentiles import Percentiles


class FigurePercentiles:
    """The figures of all residential districts, by column.

    Unlike a score, a percentile does not say better or worse: 80 means that 80 % of the districts with the
    figure have a lower one. Equal figures do not count as lower.
    """

    def __init__(self, districts: Iterable[District]) -> None:
        values: defaultdict[str, list[float]] = defaultdict(list)
        for district in districts:
            if not is_business(district):
                for name, figure in district.figures.items():
                    values[name].append(_comparable(figure))
        self._columns = {name: Percentiles(column) for name, column in values.items()}

    def of(self, figures: Figures) -> FrozenMap[str, float]:
        """Return the percentile, 0 to 100, of each figure that can be compared.

        Figures that no district has (live ones) and upper bounds have no percentile.
        """
        placed = {
            name: self._columns[name].shares(figure.value)[0]
            for name, figure in figures.items()
            if name in self._columns and figure.censored is None
        }
        return FrozenMap({name: round(lower, 1) for name, lower in placed.items()})


def _comparable(figure: Figure) -> float:
    """Return the value to sort by: a censored figure comes below every exact one."""
    return CENSORED if figure.censored == "below" else figure.value
