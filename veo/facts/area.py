"""An area as a whole, composed from the answers of the other subjects."""

from collections.abc import Iterable
from typing import Any

from pydantic import Field

from veo.cache import Hit
from veo.facts.commute import CommuteData
from veo.facts.crime import RATE_OF_BOROUGH, CrimeData
from veo.facts.maps import MapsData
from veo.facts.schools import SchoolsData
from veo.facts.sources import group_notice, pick, sources_of
from veo.models import Answer, District, Figures, FrozenMap, Location, Value, absent
from veo.scoring.words import plural

VENUES = ("food_venues", "pubs_bars", "stations_within_1km")
COUNTED = {
    "restaurants": "restaurant_1km",
    "cafes": "cafe_1km",
    "gyms": "gym_1km",
    "parks": "park_1km",
    "supermarkets": "supermarket_1km",
}


class Property(Value):
    """Prices and rents of an area, in GBP; growth in percent."""

    average_price: float | None = Field(default=None, exclude_if=absent)
    price_change: float | None = Field(default=None, exclude_if=absent)
    demand: str | None = Field(default=None, exclude_if=absent)
    supply: str | None = Field(default=None, exclude_if=absent)
    insights: tuple[str, ...] | None = Field(default=None, exclude_if=absent)


class Amenities(Value):
    """Numbers of places nearby."""

    restaurants: int | None = Field(default=None, exclude_if=absent)
    cafes: int | None = Field(default=None, exclude_if=absent)
    gyms: int | None = Field(default=None, exclude_if=absent)
    parks: int | None = Field(default=None, exclude_if=absent)
    supermarkets: int | None = Field(default=None, exclude_if=absent)
    total: int | None = Field(default=None, exclude_if=absent)
    figures: Figures = FrozenMap()


class AreaData(Value):
    """Everything Veo knows about an area. `scansan` repeats `property` under its older name.

    `percentiles` holds, for each figure, the percentage of London's residential districts with a lower one.
    """

    area_code: str
    name: str
    borough: str
    location: Location
    scansan: Property | None = Field(default=None, exclude_if=absent)
    property: Property | None = Field(default=None, exclude_if=absent)
    commute: CommuteData | None = Field(default=None, exclude_if=absent)
    crime: CrimeData | None = Field(default=None, exclude_if=absent)
    schools: SchoolsData | None = Field(default=None, exclude_if=absent)
    amenities: Amenities | None = Field(default=None, exclude_if=absent)
    figures: Figures
    percentiles: FrozenMap[str, float] | None = Field(default=None, exclude_if=absent)


def area(
    district: District,
    crime: Hit[Answer[CrimeData]],
    schools: Hit[Answer[SchoolsData]],
    maps: Hit[Answer[MapsData]],
) -> Answer[AreaData]:
    """Compose an area; the answer is partial if one of its parts is partial or stale."""
    prices = property_of(district)
    parts: tuple[Hit[Answer[Any]], ...] = (crime, schools, maps)
    answers = [part.value for part in parts]
    notices = (notice for answer in answers for notice in answer.notices if notice != RATE_OF_BOROUGH)
    return Answer(
        data=AreaData(
            area_code=district.code,
            name=district.name,
            borough=district.borough,
            location=district.location,
            scansan=prices,
            property=prices,
            crime=crime.value.data,
            schools=schools.value.data,
            amenities=_amenities(district, maps.value.data),
            figures=district.figures,
        ),
        sources=_unique(sources_of(district.figures.values()), *(answer.sources for answer in answers)),
        notices=_unique(_borough_notice(district), notices, group_notice(district)),
        attribution=_unique(*(answer.attribution for answer in answers)),
        partial=any(part.stale or part.value.partial for part in parts),
    )


def property_of(district: District) -> Property:
    """Return the prices and rents of an area."""
    rent, sales = district.figures.get("rent_all"), district.figures.get("sales_12m")
    insights = []
    if rent is not None:
        insights.append(f"Rents average £{rent.value:,.0f} a month ({rent.level}, {rent.vintage})")
    if sales is not None:
        insights.append(f"{plural(round(sales.value), 'sale')} in 12 months ({sales.vintage})")
    return Property(
        average_price=district.number("median_price"),
        price_change=district.number("price_growth_1y_pct"),
        insights=tuple(insights) or None,
    )


def _amenities(district: District, maps: MapsData) -> Amenities:
    """Return the live counts around the centre, if there are any, and the counts of the whole district."""
    counts = {name: int(maps.figures[key].value) for name, key in COUNTED.items() if key in maps.figures}
    total = {"total": sum(counts.values())} if len(counts) == len(COUNTED) else {}
    live = {key: figure for key, figure in maps.figures.items() if figure.live}
    return Amenities(**counts, **total, figures={**pick(district, VENUES), **live})


def _unique(*groups: Iterable[str]) -> tuple[str, ...]:
    """Return the texts of all groups in order, each once."""
    return tuple(dict.fromkeys(text for group in groups for text in group))


def _borough_notice(district: District) -> tuple[str, ...]:
    """Return a notice that names the plain numbers that describe the borough."""
    columns = {"crimeRate": "crimes_per_1000", "priceChange": "price_growth_1y_pct"}
    figures = {name: district.figures.get(column) for name, column in columns.items()}
    names = [name for name, figure in figures.items() if figure is not None and figure.level == "borough"]
    verb = "is" if len(names) == 1 else "are"
    return (f"{' and '.join(names)} {verb} the borough's, not the district's.",) if names else ()
