"""The recommended areas: what a caller is shown, and how a list of them is kept.

Twenty areas hold several hundred figures of a few dozen provenances; kept, each provenance is written
once, which halves an entry.
"""

from collections.abc import Iterable
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, PlainSerializer

from veo.models import (
    FactorName,
    Figure,
    Figures,
    FrozenMap,
    Home,
    Leg,
    Level,
    Location,
    Persona,
    Tenure,
    Value,
    absent,
)
from veo.scoring import Robustness


class Cost(Value):
    """What the chosen home costs there, against the limit in GBP; `over_budget_pct` is 0 when it fits."""

    figure: Figure
    limit: float
    home: Home | None = Field(default=None, exclude_if=absent)
    over_budget_pct: float


class CommuteSummary(Value):
    """Door-to-door minutes to a place, and how."""

    destination: str
    minutes: int
    legs: tuple[Leg, ...]
    source: str


class Judged(Value):
    """One recommended area but for its figures. Scores and factors run from 0 to 100."""

    rank: int
    name: str
    area_code: str
    score: float
    factors: FrozenMap[FactorName, float]
    strengths: tuple[str, ...]
    weaknesses: tuple[str, ...]
    explanation: str
    contributions: FrozenMap[FactorName, float]
    coverage: float
    robustness: Robustness
    location: Location
    borough: str
    cost: Cost
    commute: CommuteSummary | None = Field(default=None, exclude_if=absent)


class Recommendation(Judged):
    """One recommended area, with the figures behind its score."""

    figures: Figures


class Provenance(Value):
    """A figure without its value."""

    unit: str
    level: Level
    source: str
    vintage: str
    live: bool
    censored: Literal["below"] | None = Field(default=None, exclude_if=absent)


class Reading(NamedTuple):
    """The value of a figure, and the place of the rest of it in a list."""

    value: int | float
    provenance: int


class Kept(Judged):
    """One recommended area as it is kept."""

    figures: FrozenMap[str, Reading]


class Packed(Value):
    """Recommended areas as they are kept: what their figures have in common is written once."""

    provenance: tuple[Provenance, ...]
    areas: tuple[Kept, ...]


def pack(areas: Iterable[Recommendation]) -> Packed:
    """Write the provenance that figures share once: it is more than half of a list."""
    places: dict[Provenance, int] = {}

    def reading(figure: Figure) -> Reading:
        known = Provenance(**{name: getattr(figure, name) for name in Provenance.model_fields})
        return Reading(figure.value, places.setdefault(known, len(places)))

    kept = tuple(
        Kept(**{**dict(area), "figures": {name: reading(f) for name, f in area.figures.items()}})
        for area in areas
    )
    return Packed(provenance=tuple(places), areas=kept)


def unpack(kept: Any) -> Any:
    """Give each area of packed JSON data its figures again; what was not packed stays as it is."""
    if not isinstance(kept, dict):
        return kept
    try:
        return tuple(_unpacked(area, kept["provenance"]) for area in kept["areas"])
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError("these are no packed recommendations") from error


def _unpacked(area: Any, provenance: Any) -> Recommendation:
    readings = area["figures"].items()
    figures = {name: {"value": value, **provenance[place]} for name, (value, place) in readings}
    return Recommendation.model_validate({**area, "figures": figures})


class Recommendations(Value):
    """The best areas for one question: up to 20, of which a caller shows the first few.

    `said_for` holds the notices that go with the first 1, 2, … areas: what a list owes to a relaxed
    budget depends on how much of it is shown. The areas are packed in JSON.
    """

    persona: Persona
    budget: int
    location_type: Tenure
    home: Home
    destination: str | None
    weights: FrozenMap[FactorName, float]
    recommendations: Annotated[
        tuple[Recommendation, ...], PlainSerializer(pack, return_type=Packed), BeforeValidator(unpack)
    ]
    said_for: tuple[tuple[str, ...], ...]
