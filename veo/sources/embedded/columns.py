"""The embedded figures: what each numeric column of `areas.csv` measures, and its source.

`veo/data/SOURCES.md` has the details. Rents, price growth and recorded crime describe the borough of a
district, not the district itself.
"""

from dataclasses import dataclass
from typing import Literal

from veo.models import Level

Combine = Literal["residents", "rated schools", "area", "sum", "least"]
"""How a group of districts combines the figures of its members.

`residents` and `rated schools`: the mean weighted by that count, over the members that have the figure.
`area`: the mean weighted by area. `sum`: the total. Both need every member, or they would understate.
`least`: the smallest.
"""


@dataclass(frozen=True, slots=True)
class Column:
    """One figure: its unit and source, the range that a cell may have, and how a group combines it.

    `digits` is the number of decimals in the source (0: a whole number).
    """

    unit: str
    level: Level
    source: str
    vintage: str
    low: float
    high: float
    digits: int
    combine: Combine = "residents"


@dataclass(frozen=True, slots=True)
class _Source:
    level: Level
    name: str
    vintage: str

    def column(
        self, unit: str, low: float, high: float, digits: int = 0, combine: Combine = "residents"
    ) -> Column:
        return Column(unit, self.level, self.name, self.vintage, low, high, digits, combine)


_POPULATION = _Source("district", "MHCLG Indices of Deprivation", "mid-2022")
_OUTLINE = _Source("district", "ONS LSOA boundaries", "2021")
_RENT = _Source("borough", "ONS Price Index of Private Rents", "Aug 2026")
_SALES = _Source("district", "HM Land Registry Price Paid", "Sep 2025 to Aug 2026")
_GROWTH = _Source("borough", "HM Land Registry UK HPI", "Nov 2025 to Jan 2026")
_CRIME = _Source("borough", "Metropolitan Police, London Datastore", "Dec 2024 to Nov 2025")
_DECILE = _Source("district", "MHCLG Indices of Deprivation", "2025")
_BURGLARY = _Source("district", "data.police.uk", "Mar 2024 to Feb 2025")
_SCHOOLS = _Source("district", "DfE Get Information about Schools", "30 Jan 2026")
_OFSTED = _Source("district", "Ofsted management information", "28 Feb 2026")
_OPEN_SPACE = _Source("district", "GLA ward profiles", "2014")
_PTAL = _Source("district", "TfL / GLA public transport accessibility", "2014")
_FOOD = _Source("district", "FSA Food Hygiene Ratings", "9 Oct 2026")
_BOROUGH_FOOD = _Source("borough", "FSA Food Hygiene Ratings", "7 Oct 2026")
_STATIONS = _Source("district", "TfL Open Data", "2025")

_RATE = "per 1,000 residents"

COLUMNS: dict[str, Column] = {
    "area_km2": _OUTLINE.column("km²", 0.01, 200, 3, "sum"),
    "population": _POPULATION.column("residents", 1, 500_000, combine="sum"),
    "density_per_km2": _POPULATION.column("residents per km²", 1, 50_000, combine="area"),
    "london_pop_share": _POPULATION.column("share of residents in Greater London", 0.5, 1, 2),
    "rent_1bed": _RENT.column("GBP a month", 300, 20_000),
    "rent_2bed": _RENT.column("GBP a month", 300, 20_000),
    "rent_3bed": _RENT.column("GBP a month", 300, 20_000),
    "rent_all": _RENT.column("GBP a month", 300, 20_000),
    "rent_growth_1y_pct": _RENT.column("% in one year", -50, 100, 1),
    "median_price": _SALES.column("GBP", 10_000, 20_000_000),
    "sales_12m": _SALES.column("sales in 12 months", 0, 20_000, combine="sum"),
    "price_growth_5y_pct": _GROWTH.column("% in five years", -80, 300, 1),
    "price_growth_1y_pct": _GROWTH.column("% in one year", -50, 100, 1),
    "crimes_per_1000": _CRIME.column(f"recorded offences {_RATE}", 0, 5_000, 1),
    "violent_crimes_per_1000": _CRIME.column(f"violent offences {_RATE}", 0, 5_000, 1),
    "imd_crime_decile": _DECILE.column("decile (10 = least crime)", 1, 10, 2),
    "burglaries_per_1000": _BURGLARY.column(f"burglaries {_RATE}", 0, 1_000, 1),
    "schools_count": _SCHOOLS.column("state-funded schools", 0, 500, combine="sum"),
    "primary_count": _SCHOOLS.column("primary schools", 0, 500, combine="sum"),
    "secondary_count": _SCHOOLS.column("secondary schools", 0, 500, combine="sum"),
    "schools_rated": _OFSTED.column("schools with a legacy overall grade", 0, 500, combine="sum"),
    "good_or_outstanding_share": _OFSTED.column("share of graded schools", 0, 1, 3, "rated schools"),
    "outstanding_share": _OFSTED.column("share of graded schools", 0, 1, 3, "rated schools"),
    "open_space_pct": _OPEN_SPACE.column("% of the area", 0, 100, 1, "area"),
    "ptal_score": _PTAL.column("score 1 to 8 (8 = best)", 1, 8, 2),
    "food_venues": _FOOD.column("venues", 150, 20_000, combine="sum"),
    "food_venues_per_km2": _FOOD.column("venues per km²", 0, 20_000, 1, "area"),
    "pubs_bars": _FOOD.column("pubs, bars and nightclubs", 0, 5_000, combine="sum"),
    "pubs_bars_per_km2": _FOOD.column("pubs, bars and nightclubs per km²", 0, 5_000, 2, "area"),
    "borough_food_venues_per_1000": _BOROUGH_FOOD.column(f"venues {_RATE}", 0, 5_000, 2),
    "nearest_station_km": _STATIONS.column("km in a straight line from the centre", 0, 20, 2),
    "stations_within_1km": _STATIONS.column("stations within 1 km of the centre", 0, 50),
    "min_zone": _STATIONS.column("fare zone", 1, 9, combine="least"),
}

AREA_COLUMNS = (
    *("outcode", "name", "neighbourhoods", "borough", "boroughs", "lat", "lng"),
    *("food_venues_note", "nearest_station", *COLUMNS),
)
"""Every column of `areas.csv`."""
