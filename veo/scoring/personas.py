"""The three personas: their weights, priorities and default homes."""

from collections.abc import Mapping

from veo.errors import InvalidQuestion
from veo.models import FACTORS, FactorName, FrozenMap, Home, Persona, Value

STRONGEST_WEIGHT = 0.30
"""The largest weight that any persona gives a factor; an importance of 10 equals it."""


class PersonaConfig(Value):
    """A kind of user. `weights` sum to 1, hold the factors that count, and order the factors shown."""

    name: Persona
    display_name: str
    description: str
    weights: FrozenMap[FactorName, float]
    priorities: tuple[str, str, str, str, str]


STUDENT = PersonaConfig(
    name="student",
    display_name="Student",
    description="Wants a low rent, a short commute to university and nightlife.",
    weights=FrozenMap(
        {
            "affordability": 0.27,
            "commute": 0.22,
            "safety": 0.15,
            "amenities": 0.13,
            "nightlife": 0.13,
            "green_spaces": 0.05,
            "property_prices": 0.05,
        }
    ),
    priorities=(
        "Affordable rent",
        "Short commute to university",
        "Active nightlife",
        "Good public transport",
        "Student-friendly areas",
    ),
)
PARENT = PersonaConfig(
    name="parent",
    display_name="Parent",
    description="Wants good schools, little crime and green space near home.",
    weights=FrozenMap(
        {
            "affordability": 0.05,
            "commute": 0.10,
            "safety": 0.25,
            "schools": 0.30,
            "amenities": 0.10,
            "green_spaces": 0.15,
            "property_prices": 0.05,
        }
    ),
    priorities=(
        "Outstanding schools nearby",
        "Low crime rates",
        "Parks and green spaces",
        "Family-friendly amenities",
        "Safe neighborhoods",
    ),
)
DEVELOPER = PersonaConfig(
    name="developer",
    display_name="Property Developer",
    description="Wants growth in prices and rents, a low entry price and good transport.",
    weights=FrozenMap(
        {
            "commute": 0.15,
            "safety": 0.10,
            "schools": 0.05,
            "amenities": 0.15,
            "nightlife": 0.05,
            "green_spaces": 0.05,
            "property_prices": 0.20,
            "development": 0.25,
        }
    ),
    priorities=(
        "High development potential",
        "Property value growth",
        "Transport improvements",
        "Regeneration areas",
        "Investment opportunities",
    ),
)

PERSONAS_BY_NAME: FrozenMap[Persona, PersonaConfig] = FrozenMap(
    {persona.name: persona for persona in (STUDENT, PARENT, DEVELOPER)}
)
DEFAULT_HOME: FrozenMap[Persona, Home] = FrozenMap({"student": "room", "parent": "2bed", "developer": "2bed"})
NEVER_SHOWN: FrozenMap[Persona, FactorName] = FrozenMap({"parent": "nightlife"})
"""The factor that a persona never sees, whatever its importance."""


def effective_weights(
    persona: Persona, importances: Mapping[FactorName, float] | None = None
) -> FrozenMap[FactorName, float]:
    """Return the positive weights, in the order of `FACTORS` and summing to 1.

    `importances` run from 0 to 10; other factors keep the persona's weight. Raises `InvalidQuestion`, which
    names `weights`, for an importance out of range or when no factor has a weight.
    """
    weights = PERSONAS_BY_NAME[persona].weights
    if not importances:
        return weights
    _check(importances)
    chosen = {name: importance / 10 * STRONGEST_WEIGHT for name, importance in importances.items()}
    merged = {**weights, **chosen}
    hidden = NEVER_SHOWN.get(persona)
    counted = {name: merged[name] for name in FACTORS if merged.get(name, 0) > 0 and name != hidden}
    total = sum(counted.values())
    if not counted:
        raise InvalidQuestion("weights: at least one factor must have an importance above 0")
    return FrozenMap({name: weight / total for name, weight in counted.items()})


def _check(importances: Mapping[FactorName, float]) -> None:
    """Raise `InvalidQuestion` with every importance outside 0 to 10; NaN is outside."""
    wrong = [name for name, importance in importances.items() if not 0 <= importance <= 10]  # noqa: PLR2004  # the scale that the message states
    if wrong:
        raise InvalidQuestion(*(f"weights: {name} must be from 0 to 10" for name in wrong))
