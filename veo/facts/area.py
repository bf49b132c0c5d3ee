"""Everything known of an area, composed of what the other subjects say of it."""

from collections.abc import Iterable
from typing import Any

from veo.cache import Hit
from veo.facts.crime import RATE_OF_BOROUGH
from veo.facts.sources import group_notice, pick, sources_of
from veo.models import Answer, District
from veo.schemas.responses import Amenities, AreaData, CrimeData, MapsData, Property, SchoolsData
from veo.scoring.words import plural

VENUES = ("food_venues", "pubs_bars", "stations_within_1km")
COUNTED = {
    "restaurants": "restaurant_1km",
    "cafes": "cafe_1km",
    "gyms": "gym_1km",
    "parks": "park_1km",
    "supermarkets": "supermarket_1km",
}


def area(
    district: District,
    crime: Hit[Answer[CrimeData]],
    schools: Hit[Answer[SchoolsData]],
    maps: Hit[Answer[MapsData]],
) -> Answer[AreaData]:
    """Compose an area; it is partial where one of its parts is, or is older than it should be."""
    block = property_of(district)
    parts: tuple[Hit[Answer[Any]], ...] = (crime, schools, maps)
    answers = [part.value for part in parts]
    said = (notice for answer in answers for notice in answer.notices if notice != RATE_OF_BOROUGH)
    return Answer(
        data=AreaData(
            area_code=district.code,
            name=district.name,
            borough=district.borough,
            location=district.location,
            scansan=block,
            property=block,
            crime=crime.value.data,
            schools=schools.value.data,
            amenities=_amenities(district, maps.value.data),
            figures=district.figures,
        ),
        sources=_united(sources_of(district.figures.values()), *(answer.sources for answer in answers)),
        notices=_united(_borough_notice(district), said, group_notice(district)),
        attribution=_united(*(answer.attribution for answer in answers)),
        partial=any(part.stale or part.value.partial for part in parts),
    )


def property_of(district: District) -> Property:
    """Give prices and rents of an area."""
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
    """Give the live counts of single places where there are any, beside those of the whole district."""
    found = {name: maps.figures[key] for name, key in COUNTED.items() if key in maps.figures}
    counts = {name: int(figure.value) for name, figure in found.items()}
    total = {"total": sum(counts.values())} if len(counts) == len(COUNTED) else {}
    live = {key: figure for key, figure in maps.figures.items() if figure.live}
    return Amenities(**counts, **total, figures={**pick(district, VENUES), **live})


def _united(*texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for some in texts for text in some))


def _borough_notice(district: District) -> tuple[str, ...]:
    """Say which of the numbers that carry no level of their own describe the borough."""
    columns = {"crimeRate": "crimes_per_1000", "priceChange": "price_growth_1y_pct"}
    known = {name: district.figures.get(column) for name, column in columns.items()}
    names = [name for name, figure in known.items() if figure is not None and figure.level == "borough"]
    verb = "is" if len(names) == 1 else "are"
    return (f"{' and '.join(names)} {verb} the borough's, not the district's.",) if names else ()
