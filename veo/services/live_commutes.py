"""How recommended areas reach where a reader commutes to: by the rail graph, by TfL where it answered."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from veo.models import Answer, Journey, Location, Place
from veo.schemas.responses import CommuteData
from veo.sources.embedded.rail import Rail, Routes

TFL = "TfL, leaving at 08:30"
SCORED_BY_MODEL = ": commutes are scored by a model of the rail network."


class Commutes:
    """The ways to one or several ends; each district is served by the nearest of them."""

    def __init__(self, rail: Rail, ends: Iterable[Place]) -> None:
        self._routes: list[tuple[Place, Routes]] = [(end, rail.routes_to(end.location)) for end in ends]

    def minutes(self, start: Location) -> float:
        """Give the minutes to the nearest end."""
        return min(routes.minutes(start) for _, routes in self._routes)

    def nearest(self, start: Location) -> Place:
        """Give the nearest end."""
        return self._nearest(start)[0]

    def journey(self, start: Location) -> Journey:
        """Give the way to the nearest end."""
        return self._nearest(start)[1].journey(start)

    def _nearest(self, start: Location) -> tuple[Place, Routes]:
        return min(self._routes, key=lambda way: way[1].minutes(start))


@dataclass(frozen=True, slots=True)
class Shortlist:
    """What is known live of the shortlisted areas: TfL's answers by outcode, of so many `areas`.

    `stale` of them are older than they should be, as TfL gave no newer ones in time; from `unknown` areas
    TfL knows no way.
    """

    asked: bool
    areas: int = 0
    known: Mapping[str, Answer[CommuteData]] = field(default_factory=dict)
    stale: int = 0
    unknown: int = 0

    @property
    def missing(self) -> int:
        """Count the areas of which TfL said nothing."""
        return self.areas - len(self.known) - self.unknown

    @property
    def complete(self) -> bool:
        """Tell whether every area has one by the same method, so that they can be scored by it."""
        return self.asked and 0 < self.areas == len(self.known)

    @property
    def partial(self) -> bool:
        """Tell whether some may still come."""
        return self.asked and (self.missing > 0 or self.stale > 0)

    def journey(self, code: str) -> Journey | None:
        """Give TfL's way from an area."""
        if code not in self.known:
            return None
        data = self.known[code].data
        return Journey(minutes=data.duration, legs=data.legs or (), source=TFL)

    def notices(self) -> tuple[str, ...]:
        """Say what stayed on the rail graph, and what is old."""
        said = []
        if self.missing:
            said.append(f"TfL gave no time for {self.missing} of {self.areas} areas{SCORED_BY_MODEL}")
        if self.unknown:
            said.append(f"TfL knows no way from {self.unknown} of {self.areas} areas{SCORED_BY_MODEL}")
        if self.stale:
            said.append(
                f"TfL gave no newer times in time: those of {self.stale} areas are older than they should be."
            )
        return tuple(said)

    def attribution(self) -> tuple[str, ...]:
        """Give what TfL's licence wants shown."""
        return tuple(dict.fromkeys(text for answer in self.known.values() for text in answer.attribution))
