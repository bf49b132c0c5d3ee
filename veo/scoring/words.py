"""Words and small text functions shared by phrases, explanations and notices."""

from collections.abc import Sequence

from veo.models import District, FactorName, Journey, Leg, Persona

FACTOR_WORDS: dict[FactorName, str] = {
    "affordability": "affordability",
    "commute": "commute",
    "safety": "safety",
    "schools": "schools",
    "amenities": "amenities",
    "nightlife": "nightlife",
    "green_spaces": "green space",
    "property_prices": "property prices",
    "development": "development",
}
PERSONA_WORDS: dict[Persona, str] = {
    "student": "a student",
    "parent": "a parent",
    "developer": "a property developer",
}


def area_name(district: District) -> str:
    """Return the everyday name without commas, which would break a CSV export."""
    return district.name.replace(", ", " / ").replace(",", " / ")


def plural(count: int, noun: str) -> str:
    """Return a count with a regular noun: no areas, 1 area, 2 areas."""
    return f"1 {noun}" if count == 1 else f"{count or 'no'} {noun}s"


def listed(words: Sequence[str]) -> str:
    """Join words as in a sentence: a, b and c."""
    return " and ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))


def lines_of(journey: Journey) -> str:
    """Return the lines of a journey in order, once each: Central and Northern lines, DLR."""
    ridden = list(dict.fromkeys(_ridden(leg) for leg in journey.legs if leg.mode != "walk"))
    tube = {leg.line for leg in journey.legs if leg.mode == "tube"}
    if len(ridden) > 1 and tube.issuperset(ridden):
        return f"{listed(ridden)} lines"
    return listed([f"{line} line" if line in tube else line for line in ridden])


def _ridden(leg: Leg) -> str:
    """Return the line, bus or mode of one leg."""
    if leg.mode == "bus":
        return f"bus {leg.line}" if leg.line else "bus"
    return leg.line or leg.mode
