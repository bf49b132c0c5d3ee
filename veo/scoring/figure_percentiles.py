"""Where single figures stand among London's, for a reader who looks at one district."""

from collections import defaultdict
from collections.abc import Iterable

from veo.models import District, Figure, Figures, FrozenMap
from veo.scoring.factors import CENSORED, is_business
from veo.scoring.percentiles import Percentiles


class FigurePercentiles:
    """The figures of all residential districts, column by column.

    Unlike a score, a percentile here says nothing of better or worse: 80 means that 80 % of the districts
    that have the figure have a lower one. Equal figures do not count as lower.
    """

    def __init__(self, districts: Iterable[District]) -> None:
        values: defaultdict[str, list[float]] = defaultdict(list)
        for district in districts:
            if not is_business(district):
                for name, figure in district.figures.items():
                    values[name].append(_comparable(figure))
        self._columns = {name: Percentiles(column) for name, column in values.items()}

    def of(self, figures: Figures) -> FrozenMap[str, float]:
        """Give the percentile, 0 to 100, of each figure that can be compared.

        A figure that no district has (a live one) and one that is only known as an upper bound have none.
        """
        placed = {
            name: self._columns[name].shares(figure.value)[0]
            for name, figure in figures.items()
            if name in self._columns and figure.censored is None
        }
        return FrozenMap({name: round(lower, 1) for name, lower in placed.items()})


def _comparable(figure: Figure) -> float:
    """Give a value to compare with: one that is below a bound is below all that reach it."""
    return CENSORED if figure.censored == "below" else figure.value
