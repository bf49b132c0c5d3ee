"""Recommended areas, as callers see them and in the compact form in which a list of them is cached.

Twenty areas hold several hundred figures but only a few dozen provenances. The compact form stores each
provenance once, which halves a cache entry.
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
    """The cost of the chosen home, and the limit in GBP; `over_budget_pct` is 0 within the budget."""

    figure: Figure
    limit: float
    home: Home | None = Field(default=None, exclude_if=absent)
    over_budget_pct: float


class CommuteSummary(Value):
    """The journey to a destination, with its minutes from door to door."""

    destination: str
    minutes: int
    legs: tuple[Leg, ...]
    source: str


class AreaBase(Value):
    """A recommended area without its figures. Scores and factors run from 0 to 100."""

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


class Recommendation(AreaBase):
    """A recommended area, with the figures behind its score. Scores and factors run from 0 to 100."""

    figures: Figures


class Provenance(Value):
    """A figure without its value."""

    unit: str
    level: Level
    source: str
    vintage: str
    live: bool
    censored: Literal["below"] | None = Field(default=None, exclude_if=absent)


class CompactFigure(NamedTuple):
    """The value of a figure, and the index of its provenance."""

    value: int | float
    provenance: int


class CompactArea(AreaBase):
    """A recommended area in its compact form."""

    figures: FrozenMap[str, CompactFigure]


class CompactList(Value):
    """Recommended areas whose figures refer to one shared list of provenances."""

    provenance: tuple[Provenance, ...]
    areas: tuple[CompactArea, ...]


def compact(areas: Iterable[Recommendation]) -> CompactList:
    """Return areas in their compact form."""
    indices: dict[Provenance, int] = {}

    def compact_figure(figure: Figure) -> CompactFigure:
        provenance = Provenance(**{name: getattr(figure, name) for name in Provenance.model_fields})
        return CompactFigure(figure.value, indices.setdefault(provenance, len(indices)))

    compact_areas = tuple(
        CompactArea(
            **{**dict(area), "figures": {name: compact_figure(f) for name, f in area.figures.items()}}
        )
        for area in areas
    )
    return CompactList(provenance=tuple(indices), areas=compact_areas)


def expand(content: Any) -> Any:
    """Restore the areas of a compact list read from JSON; anything but an object is returned unchanged.

    Raises ValueError if the object is not a compact list.
    """
    if not isinstance(content, dict):
        return content
    try:
        return tuple(_expand_area(area, content["provenance"]) for area in content["areas"])
    except (LookupError, TypeError, AttributeError) as error:
        raise ValueError("this is not a compact list of recommendations") from error


def _expand_area(area: Any, provenance: Any) -> Recommendation:
    figures = {
        name: {"value": value, **provenance[index]} for name, (value, index) in area["figures"].items()
    }
    return Recommendation.model_validate({**area, "figures": figures})


class Recommendations(Value):
    """The best areas for a question: up to 20, of which a response shows the first few.

    `notices_by_count` holds the notices for a list of the first 1, 2, … areas, because a notice may concern
    only some of them. In JSON, the areas have their compact form.
    """

    persona: Persona
    budget: int
    location_type: Tenure
    home: Home
    destination: str | None
    weights: FrozenMap[FactorName, float]
    recommendations: Annotated[
        tuple[Recommendation, ...], PlainSerializer(compact, return_type=CompactList), BeforeValidator(expand)
    ]
    notices_by_count: tuple[tuple[str, ...], ...]
