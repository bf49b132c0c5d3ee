"""The sources of one runtime, and the notices that several subjects share."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from veo.models import District, FrozenMap, Place
from veo.models import Figures as Named
from veo.sources.bulk.schools import SchoolTable
from veo.sources.clients import Live
from veo.sources.embedded.place_resolver import Places
from veo.sources.embedded.rail import Rail
from veo.spend_caps import SpendCaps
from veo.tables.current import CurrentFigures
from veo.tables.storage import Table

SNAPSHOT, RAIL = "embedded figures", "modelled rail graph"
NAMES = {
    "tfl": "TfL",
    "police.uk": "data.police.uk",
    "overpass": "OpenStreetMap",
    "fsa": "the Food Standards Agency",
    "ons-geography": "ONS Open Geography",
    "google": "Google Maps",
    "google-geocoding": "Google Maps",
    "google-staticmap": "Google Maps",
    "perplexity": "Perplexity",
}
"""The public names of providers that have another name in the code."""

AT_CENTRE = {"postcode": "the centre of its district", "district": "its centre", "group": "its centre"}


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources of one runtime. `live` is None if live sources are off; `deadline` is in seconds."""

    figures: CurrentFigures
    rail: Rail
    places: Places
    live: Live | None
    schools: Table[SchoolTable]
    spend_caps: SpendCaps
    deadline: float

    async def district(self, code: str) -> District:
        """Return the current figures of a district or a group by its canonical code."""
        return (await self.figures.current()).district(code)


class Located(NamedTuple):
    """A place with its exact location or, as `notices` explain, that of its area.

    `partial` is True if the exact location may be available soon.
    """

    place: Place
    notices: tuple[str, ...] = ()
    partial: bool = False


def centre_notices(*places: Place) -> tuple[str, ...]:
    """Return a notice for each place that is located at the centre of an area."""
    centred = [(place.code, AT_CENTRE[place.kind]) for place in places if place.kind in AT_CENTRE]
    return tuple(f"{code} is taken to be at {centre}." for code, centre in centred)


def no_answer(service: str) -> str:
    """Return the notice for a provider that failed, or that was not called because it failed before."""
    return f"{NAMES.get(service, service)} gave no usable answer"


def pick(district: District, names: Iterable[str]) -> Named:
    """Return those of the named figures that a district has."""
    return FrozenMap({name: district.figures[name] for name in names if name in district.figures})


def sources_of(figures: Iterable[Any]) -> tuple[str, ...]:
    """Return the sources of figures, each once."""
    return tuple(dict.fromkeys(figure.source for figure in figures))


def group_notice(district: District) -> tuple[str, ...]:
    """Return the notice that the figures of a group are modelled from its members."""
    if not district.members:
        return ()
    members = ", ".join(district.members)
    return (f"{district.code} is a group of districts: its figures are weighted over {members}.",)
