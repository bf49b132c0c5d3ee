"""Everything that answers are put together from, and the words that all of them share."""

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
"""How readers know the providers that have another name."""

AT_CENTRE = {"postcode": "the centre of its district", "district": "its centre", "group": "its centre"}


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources of one runtime. `live` is None where live sources are off; `deadline` is in seconds."""

    figures: CurrentFigures
    rail: Rail
    places: Places
    live: Live | None
    schools: Table[SchoolTable]
    spend_caps: SpendCaps
    deadline: float


class Located(NamedTuple):
    """A place where it really lies; `notices` say so where it is only known by its area.

    `partial` tells that its own point may be known soon.
    """

    place: Place
    notices: tuple[str, ...] = ()
    partial: bool = False


def centre_notices(*places: Place) -> tuple[str, ...]:
    """Say of places that are areas, or known only by their area, where a journey is taken to begin or end."""
    known = [(place.code, AT_CENTRE[place.kind]) for place in places if place.kind in AT_CENTRE]
    return tuple(f"{code} is taken to be at {centre}." for code, centre in known)


def no_answer(service: str) -> str:
    """Return the notice that a provider failed: no reply, a refusal, nonsense, or not asked as it rests."""
    return f"{NAMES.get(service, service)} gave no usable answer"


def pick(district: District, names: Iterable[str]) -> Named:
    """Give the figures of a district that exist, by name."""
    return FrozenMap({name: district.figures[name] for name in names if name in district.figures})


def sources_of(figures: Iterable[Any]) -> tuple[str, ...]:
    """Give the sources of figures, each once."""
    return tuple(dict.fromkeys(figure.source for figure in figures))


def group_notice(district: District) -> tuple[str, ...]:
    """Say of a group that its figures are modelled from its members."""
    if not district.members:
        return ()
    return (f"{district.code} is a group: figures are weighted over {', '.join(district.members)}.",)
