"""Small made-up districts and questions for the tests of scoring."""

from collections.abc import Mapping
from typing import Any, Literal

from veo.models import District, Figure, FrozenMap, Location
from veo.scoring import Budget, Criteria, Ranked, Reference, effective_weights, rank

ORDINARY: dict[str, float] = {
    "rent_1bed": 1500,
    "rent_2bed": 1800,
    "rent_3bed": 2400,
    "rent_all": 1700,
    "rent_growth_1y_pct": 3.0,
    "median_price": 500_000,
    "sales_12m": 300,
    "price_growth_5y_pct": 10.0,
    "imd_crime_decile": 5.0,
    "burglaries_per_1000": 5.0,
    "schools_count": 10,
    "schools_rated": 10,
    "outstanding_share": 0.3,
    "open_space_pct": 30.0,
    "food_venues": 400,
    "food_venues_per_km2": 30.0,
    "pubs_bars": 20,
    "pubs_bars_per_km2": 3.0,
    "stations_within_1km": 2,
}
OF_BOROUGHS = ("rent_1bed", "rent_2bed", "rent_3bed", "rent_all", "rent_growth_1y_pct", "price_growth_5y_pct")
OF_VENUES = ("food_venues_per_km2", "pubs_bars", "pubs_bars_per_km2")


def figure(column: str, value: float, censored: Literal["below"] | None = None) -> Figure:
    level: Literal["borough", "district"] = "borough" if column in OF_BOROUGHS else "district"
    return Figure(
        value=value, unit="unit", level=level, source="a register", vintage="2025", censored=censored
    )


def district(code: str = "E1", borough: str = "Newham", /, **given: Any) -> District:
    """Make an ordinary district with some figures replaced, or left out by None."""
    population, name = given.pop("population", 20_000), given.pop("name", "Somewhere")
    values = {**ORDINARY, **given}
    figures = {column: figure(column, value) for column, value in values.items() if value is not None}
    return District(
        code=code,
        name=name,
        borough=borough,
        boroughs=FrozenMap({borough: 1.0}),
        location=Location(lat=51.5, lng=0),
        population=population,
        area_km2=5,
        figures=FrozenMap(figures),
    )


def censored(code: str = "E1", /, **given: Any) -> District:
    """Make a district with fewer than 150 food venues, whose exact count is not known."""
    base = district(code, **given)
    figures = {column: figure for column, figure in base.figures.items() if column not in OF_VENUES}
    figures["food_venues"] = figure("food_venues", 150, "below")
    return base.model_copy(update={"figures": FrozenMap(figures)})


def spread(count: int = 20) -> list[District]:
    """Make districts of four boroughs; the higher the number, the more of everything but burglaries."""
    return [
        district(
            f"E{number}",
            ("Newham", "Hackney", "Camden", "Brent")[number % 4],
            **{column: value * (0.5 + number / count) for column, value in ORDINARY.items()}
            | {"burglaries_per_1000": 10 - 5 * number / count},
        )
        for number in range(1, count + 1)
    ]


def criteria(minutes: Mapping[str, float] | None = None, limit: float = 1000, **given: Any) -> Criteria:
    """Make the question of a student who rents a room half an hour from everywhere, with parts replaced."""
    persona = given.get("persona", "student")
    parts: dict[str, Any] = {
        "persona": persona,
        "weights": effective_weights(persona),
        "budget": Budget(tenure="rent", limit=limit),
        "home": "room",
        "minutes": FrozenMap({f"E{number}": 30.0 for number in range(100)} if minutes is None else minutes),
    }
    return Criteria(**{**parts, **given})


def only(district: District, question: Criteria | None = None, reference: Reference | None = None) -> Ranked:
    """Rank one district by itself."""
    ranking = rank(reference or Reference(spread()), question or criteria(), [district])
    (item,) = ranking.items
    return item
