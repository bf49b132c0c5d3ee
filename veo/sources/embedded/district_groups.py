"""Groups of districts that people treat as one place (SW1 is SW1A, SW1E …), modelled from their members."""

from collections.abc import Iterable, Mapping, Sequence

from veo.models import District, Figure, FrozenMap, Location
from veo.sources.embedded.columns import COLUMNS, Column

# Everyday labels in common use. `E1` and `N1` are missing because they are districts themselves.
NAMES = {
    "EC1": "Clerkenwell & Finsbury",
    "EC2": "Bishopsgate & Shoreditch",
    "EC3": "Aldgate & Tower Hill",
    "EC4": "St Paul's & Blackfriars",
    "SW1": "Westminster & Pimlico",
    "W1": "West End",
    "WC1": "Bloomsbury",
    "WC2": "Covent Garden & Strand",
}
"""The display name of each group."""

_SMALLEST_SHARE = 0.02


def groups(districts: Mapping[str, District]) -> FrozenMap[str, District]:
    """Return every group with members: the districts whose outcode is the group's code and one letter.

    Every figure is tagged as modelled and keeps its source. A group has no nearest station, because its
    members have different ones.
    """
    grouped = {group: [d for code, d in districts.items() if _belongs(code, group)] for group in NAMES}
    return FrozenMap({group: _merge(group, members) for group, members in grouped.items() if members})


def _belongs(code: str, group: str) -> bool:
    return code[:-1] == group and code[-1].isalpha()


def _merge(group: str, members: Sequence[District]) -> District:
    boroughs = _boroughs(members)
    figures = {name: _figure(name, column, members) for name, column in COLUMNS.items()}
    return District(
        code=group,
        name=NAMES[group],
        neighbourhoods=tuple(dict.fromkeys(name for member in members for name in member.neighbourhoods)),
        borough=max(boroughs, key=boroughs.__getitem__),
        boroughs=FrozenMap(boroughs),
        location=_centre(members),
        population=sum(member.population for member in members),
        area_km2=round(sum(member.area_km2 for member in members), 3),
        members=tuple(member.code for member in members),
        figures=FrozenMap({name: figure for name, figure in figures.items() if figure is not None}),
    )


def _mean(weighted: Iterable[tuple[float, float]]) -> float:
    """Return the mean of (value, weight) pairs."""
    pairs = list(weighted)
    return sum(value * weight for value, weight in pairs) / sum(weight for _, weight in pairs)


def _centre(members: Sequence[District]) -> Location:
    lat = _mean((member.location.lat, member.population) for member in members)
    lng = _mean((member.location.lng, member.population) for member in members)
    return Location(lat=round(lat, 5), lng=round(lng, 5))


def _boroughs(members: Sequence[District]) -> dict[str, float]:
    names = dict.fromkeys(name for member in members for name in member.boroughs)
    shares = {name: _mean((m.boroughs.get(name, 0), m.population) for m in members) for name in names}
    largest = sorted(shares.items(), key=lambda share: -share[1])
    return {name: round(share, 2) for name, share in largest if share >= _SMALLEST_SHARE}


def _figure(name: str, column: Column, members: Sequence[District]) -> Figure | None:
    """Combine one column; return None when too few members have it."""
    figures = [figure for member in members if (figure := member.figures.get(name)) is not None]
    censored = [figure for figure in figures if figure.censored]
    # A sum of upper bounds and counts is neither, and would rank a busy group among the quietest.
    if censored and len(censored) < len(figures):
        return None
    value = _combine(name, column, members)
    if value is None:
        return None
    return Figure(
        value=_rounded(value, column.digits),
        unit=column.unit,
        level="modelled",
        source=column.source,
        vintage=column.vintage,
        censored="below" if censored else None,
    )


def _rounded(value: float, digits: int) -> int | float:
    return round(value, digits) + 0.0 if digits else round(value)  # + 0.0 turns -0.0 into 0.0


def _combine(name: str, column: Column, members: Sequence[District]) -> float | None:
    values = [(value, member) for member in members if (value := member.number(name)) is not None]
    if not values or (column.combine in {"sum", "area"} and len(values) < len(members)):
        return None
    if column.combine == "sum":
        return sum(value for value, _ in values)
    if column.combine == "least":
        return min(value for value, _ in values)
    return _mean((value, _weight(column, member)) for value, member in values)


def _weight(column: Column, member: District) -> float:
    if column.combine == "area":
        return member.area_km2
    if column.combine == "rated schools":
        return member.number("schools_rated") or 0
    return member.population
