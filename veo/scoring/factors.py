"""The nine factors: seven compare a district with London's others, two are scored on absolute scales."""

from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise

from veo.models import FACTORS, District, FactorName, FrozenMap
from veo.scoring.boroughs import Boroughs
from veo.scoring.percentiles import Scale

RESIDENTIAL = 1_500
"""With fewer residents a district is a business area, where figures per resident mean little."""

CENSORED = -1.0
"""The density of a censored district, below every real one: such districts tie as the lowest group."""

Measure = Callable[[District, Boroughs], float | None]
"""One figure behind a factor, with the sign that makes more better; None without a figure."""

MINUTES = ((20, 100), (45, 50), (75, 0))
COST_OVER_BUDGET = ((0.7, 100), (1.0, 50), (1.25, 0))


def minutes_score(minutes: float) -> float:
    """Score a journey: 100 up to 20 minutes, 50 at 45, 0 from 75."""
    return _interpolated(minutes, MINUTES)


def cost_score(cost: float, budget: float) -> float:
    """Score a cost: 100 up to 70 % of the budget, 50 at the budget, 0 from 125 %."""
    return _interpolated(cost / budget, COST_OVER_BUDGET)


def is_business(district: District) -> bool:
    """Check whether too few people live in a district for figures per resident to mean anything."""
    return district.population < RESIDENTIAL


def lacks_homes(district: District) -> bool:
    """Check whether no home was sold in a district within 12 months; a missing count is not 0."""
    return district.number("sales_12m") == 0


def venues_censored(district: District) -> bool:
    """Check whether only an upper bound of the count of food venues is known."""
    venues = district.figures.get("food_venues")
    return venues is not None and venues.censored == "below"


def gross_yield(district: District, boroughs: Boroughs) -> float | None:
    """Return a year's rent as a share of the price, from the values to score.

    A yield needs the district's own price, as a borough's says nothing about the district.
    """
    rent, price = (
        boroughs.value_to_score(district, "rent_all"),
        boroughs.value_to_score(district, "median_price"),
    )
    if rent is None or price is None or boroughs.uses_borough_mean(district, "property_prices"):
        return None
    return 12 * rent / price


def schools_per_resident(district: District, _: Boroughs) -> float | None:
    """Return state schools per resident, because there is no count of children."""
    schools = district.number("schools_count")
    return None if schools is None or not district.population else schools / district.population


def more(column: str) -> Measure:
    """Measure a column of which more is better."""
    return lambda district, boroughs: boroughs.value_to_score(district, column)


def less(column: str) -> Measure:
    """Measure a column of which less is better."""

    def measure(district: District, boroughs: Boroughs) -> float | None:
        value = boroughs.value_to_score(district, column)
        return None if value is None else -value

    return measure


def venues(column: str) -> Measure:
    """Measure a density of venues, or `CENSORED` for a district without one."""
    return lambda district, _: CENSORED if venues_censored(district) else district.number(column)


MEASURES: dict[FactorName, tuple[Measure, ...]] = {
    "safety": (more("imd_crime_decile"), less("burglaries_per_1000")),
    "schools": (more("outstanding_share"), schools_per_resident),
    "amenities": (venues("food_venues_per_km2"), more("stations_within_1km")),
    "nightlife": (venues("pubs_bars_per_km2"),),
    "green_spaces": (more("open_space_pct"),),
    "property_prices": (less("median_price"),),
    "development": (more("price_growth_5y_pct"), more("rent_growth_1y_pct"), gross_yield, more("sales_12m")),
}

COLUMNS: dict[FactorName, tuple[str, ...]] = {
    "safety": ("imd_crime_decile", "burglaries_per_1000"),
    "schools": ("outstanding_share", "schools_rated", "schools_count"),
    "amenities": ("food_venues", "food_venues_per_km2", "stations_within_1km"),
    "nightlife": ("pubs_bars", "pubs_bars_per_km2"),
    "green_spaces": ("open_space_pct",),
    "property_prices": ("median_price",),
    "development": ("price_growth_5y_pct", "rent_growth_1y_pct", "sales_12m"),
}
"""The columns to show for a factor."""


class Reference:
    """The fixed set that scores compare with: every residential district of one table.

    A score does not depend on the question or its filters. Build one per table: it scores all its districts
    at once. Other districts (groups, other tables) can be scored against it.
    """

    def __init__(self, districts: Iterable[District]) -> None:
        self.districts = tuple(sorted(districts, key=lambda district: district.code))
        self.boroughs = Boroughs(self.districts)
        self._scales = {factor: Scale(self._peers(factor)) for factor in MEASURES}
        self._scored = {district.code: (district, self._score(district)) for district in self.districts}

    def scores(self, district: District) -> Mapping[FactorName, float]:
        """Score a district from 0 to 100 on the seven compared factors; one without figures is absent."""
        member, scores = self._scored.get(district.code, (None, None))
        return scores if scores is not None and member is district else self._score(district)

    def shares(self, district: District, factor: FactorName) -> tuple[float, float]:
        """Return the percentages of the residential districts that score lower and higher on a factor."""
        return self._scales[factor].shares(self._measure(factor, district))

    def _peers(self, factor: FactorName) -> list[list[float | None]]:
        """Return the measures of the residential districts with a figure of their own."""
        return [
            self._measure(factor, district)
            for district in self.districts
            if not is_business(district) and not self.boroughs.uses_borough_mean(district, factor)
        ]

    def _measure(self, factor: FactorName, district: District) -> list[float | None]:
        return [measure(district, self.boroughs) for measure in MEASURES[factor]]

    def _score(self, district: District) -> FrozenMap[FactorName, float]:
        scores = {
            factor: self._scales[factor].score(self._measure(factor, district))
            for factor in FACTORS
            if factor in MEASURES
        }
        return FrozenMap({factor: score for factor, score in scores.items() if score is not None})


def _interpolated(value: float, points: tuple[tuple[float, float], ...]) -> float:
    """Interpolate linearly between points of rising value; the score is flat beyond both ends."""
    if value <= points[0][0]:
        return points[0][1]
    for (left, high), (right, low) in pairwise(points):
        if value <= right:
            return high + (value - left) * (low - high) / (right - left)
    return points[-1][1]
