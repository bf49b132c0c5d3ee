"""Borough averages, used for missing figures and to stabilise small samples."""

from collections import defaultdict
from collections.abc import Iterable
from math import fsum

from veo.models import District, FactorName, Figure

AVERAGED = (
    "rent_1bed",
    "rent_2bed",
    "rent_3bed",
    "rent_all",
    "rent_growth_1y_pct",
    "price_growth_5y_pct",
    "median_price",
    "outstanding_share",
    "open_space_pct",
)
SAMPLES = {"median_price": ("sales_12m", 30), "outstanding_share": ("schools_rated", 5)}
"""The column with the sample size of a figure, and the size that needs no shrinkage."""

PRIOR = 10
"""The weight of the borough's mean, in observations, for a small sample."""

FALLBACK_COLUMNS: dict[FactorName, str] = {
    "schools": "outstanding_share",
    "green_spaces": "open_space_pct",
    "property_prices": "median_price",
}
"""The columns by factor for which the borough's mean replaces a district's missing figure."""


class Boroughs:
    """Population-weighted means by main borough, computed once over all districts."""

    def __init__(self, districts: Iterable[District]) -> None:
        groups: defaultdict[tuple[str, str], list[District]] = defaultdict(list)
        for district in districts:
            for column in AVERAGED:
                if column in district.figures:
                    groups[district.borough, column].append(district)
        self._means = {key: _mean(members, key[1]) for key, members in groups.items()}

    def mean(self, borough: str, column: str) -> Figure | None:
        """Return a borough's mean of a column, tagged as the borough's; None if no district has it."""
        return self._means.get((borough, column))

    def figure(self, district: District, column: str) -> Figure | None:
        """Return the figure to show: the district's own, else the borough's mean for a fallback column."""
        own = district.figures.get(column)
        if own is None and column in FALLBACK_COLUMNS.values():
            return self.mean(district.borough, column)
        return own

    def uses_borough_mean(self, district: District, factor: FactorName) -> bool:
        """Check whether a factor rests on the borough's mean because the district has no figure."""
        return factor in FALLBACK_COLUMNS and FALLBACK_COLUMNS[factor] not in district.figures

    def value_to_score(self, district: District, column: str) -> float | None:
        """Return the value to score, None if there is none.

        A borough-level column has the borough's mean in all districts of a borough, so it cannot order them;
        a small sample is shrunk toward the mean.
        """
        figure = self.figure(district, column)
        mean = self.mean(district.borough, column)
        if figure is None or mean is None:
            return None if figure is None else figure.value
        if figure.level == "borough":
            return mean.value
        return _shrunk(district, column, figure.value, mean.value)


def _shrunk(district: District, column: str, value: float, mean: float) -> float:
    """Shrink the mean of a small sample toward the borough's: (n·x + k·m) / (n + k)."""
    if column not in SAMPLES:
        return value
    sample, enough = SAMPLES[column]
    size = district.number(sample) or 0
    return value if size >= enough else (size * value + PRIOR * mean) / (size + PRIOR)


def _mean(members: list[District], column: str) -> Figure:
    """Average a column over districts by population; `fsum` makes it independent of their order."""
    population = fsum(district.population for district in members)
    total = fsum(district.population * district.figures[column].value for district in members)
    first = min(members, key=lambda district: district.code).figures[column]
    return Figure(
        value=total / population,
        unit=first.unit,
        level="borough",
        source=f"borough mean: {first.source}",
        vintage=first.vintage,
    )
