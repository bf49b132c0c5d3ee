"""The journeys from recommended areas to the destination: by the rail graph, and by TfL where it answered."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from veo.facts.commute import CommuteData
from veo.models import Answer, Journey, Location, Place
from veo.sources.embedded.rail import Rail, Routes

TFL = "TfL, leaving at 08:30"
SCORED_BY_MODEL = ": commutes are scored by a model of the rail network."


class ModelledCommutes:
    """Journeys on the rail graph to the nearest of one or several destinations."""

    def __init__(self, rail: Rail, destinations: Iterable[Place]) -> None:
        self._routes: list[tuple[Place, Routes]] = [
            (place, rail.routes_to(place.location)) for place in destinations
        ]

    def minutes(self, start: Location) -> float:
        """Return the minutes to the nearest destination."""
        return min(routes.minutes(start) for _, routes in self._routes)

    def nearest(self, start: Location) -> Place:
        """Return the nearest destination."""
        return self._nearest(start)[0]

    def journey(self, start: Location) -> Journey:
        """Return the journey to the nearest destination."""
        return self._nearest(start)[1].journey(start)

    def _nearest(self, start: Location) -> tuple[Place, Routes]:
        return min(self._routes, key=lambda pair: pair[1].minutes(start))


@dataclass(frozen=True, slots=True)
class LiveCommutes:
    """TfL's answers for the shortlisted areas by outcode; `areas` is how many areas there are.

    `enabled` is False if live sources are off. `stale` counts the answers past their lifetime, which TfL has
    not replaced; `unknown` counts the areas from which TfL knows no journey.
    """

    enabled: bool
    areas: int = 0
    answers: Mapping[str, Answer[CommuteData]] = field(default_factory=dict)
    stale: int = 0
    unknown: int = 0

    @property
    def missing(self) -> int:
        """Count the areas for which TfL gave no answer."""
        return self.areas - len(self.answers) - self.unknown

    @property
    def complete(self) -> bool:
        """Check whether TfL answered for every area, so that all can be scored by the same method."""
        return self.enabled and 0 < self.areas == len(self.answers)

    @property
    def partial(self) -> bool:
        """Check whether newer answers may still arrive."""
        return self.enabled and (self.missing > 0 or self.stale > 0)

    def journey(self, code: str) -> Journey | None:
        """Return TfL's journey from an area, or None if there is none."""
        if code not in self.answers:
            return None
        data = self.answers[code].data
        return Journey(minutes=data.duration, legs=data.legs or (), source=TFL)

    def notices(self) -> tuple[str, ...]:
        """Return notices about the areas that lack a current answer from TfL."""
        notices = []
        if self.missing:
            notices.append(f"TfL gave no time for {self.missing} of {self.areas} areas{SCORED_BY_MODEL}")
        if self.unknown:
            notices.append(f"TfL knows no journey from {self.unknown} of {self.areas} areas{SCORED_BY_MODEL}")
        if self.stale:
            notices.append(f"TfL's times for {self.stale} areas are out of date: no newer ones came in time.")
        return tuple(notices)

    def attribution(self) -> tuple[str, ...]:
        """Return the texts that TfL's licence requires to be shown."""
        return tuple(dict.fromkeys(text for answer in self.answers.values() for text in answer.attribution))
