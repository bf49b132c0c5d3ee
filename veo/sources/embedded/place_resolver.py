"""Resolve typed text to a place: a destination, a station, an outcode, a group or a postcode.

Case, accents, punctuation and extra spaces do not matter. A full postcode is placed at the centroid of its
district, because Veo embeds no table of postcodes.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from unicodedata import combining, normalize

from veo.errors import InvalidQuestion, NotFound, UnknownPlace
from veo.models import Destination, District, Place, Station
from veo.sources.embedded.snapshot import Snapshot
from veo.sources.postcode_patterns import OUTWARD, compact_code

ALIASES = {
    "kcl": ("kings", "kings college"),
    "lse": ("london school of economics",),
    "imperial": ("imperial college", "imperial college london"),
    "qmul": ("qm", "queen mary", "queen mary university"),
    "city": ("city uni", "city university london", "city st georges"),
    "westminster-uni": ("westminster university",),
    "greenwich-uni": ("greenwich university",),
    "lsbu": ("south bank university",),
    "ual": ("university of arts london",),
    "goldsmiths": ("goldsmiths college", "goldsmiths university"),
    "brunel": ("brunel university london",),
    "roehampton": ("university of roehampton",),
    "londonmet": ("london met",),
    "royal-holloway": ("rhul",),
    "sgul": ("st georges", "st georges university"),
    "kings-cross": ("kings cross st pancras", "kings cross station", "st pancras", "st pancras station"),
    "tottenham-court-road": ("tcr",),
    "heathrow": ("heathrow airport", "lhr"),
    "london-city-airport": ("city airport", "lcy"),
}
"""Other names of destinations, by id, as `_plain` writes them."""

# Royal Mail uses only these inward letters. Whether the outward part exists is decided by the districts.
_POSTCODE = re.compile(rf"({OUTWARD})([0-9][ABD-HJLNP-UW-Z]{{2}})")
FULL_POSTCODE = "a full UK postcode such as E1 6AN"
_LONGEST_QUOTE = 60  # characters of a rejected text
_SUGGESTIONS = 3


class Places:
    """The places of a snapshot, found by any of their names."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._outcodes = snapshot.districts
        areas = {**snapshot.districts, **snapshot.groups}
        self._areas = {code: _area_place(district) for code, district in areas.items()}
        self._by_name: dict[str, Place] = {}
        destinations = {_plain(place.name): place for place in snapshot.destinations.values()}
        for station in snapshot.stations.values():
            name = _plain(station.name)
            twin = destinations.get(name)
            place = _destination_place(twin) if twin else _station_place(station)
            self._by_name[name] = self._by_name[f"{name} station"] = place
        # Destinations come last: a name that a station shares (Birkbeck) means the destination.
        for destination in snapshot.destinations.values():
            for name in _names(destination):
                self._by_name[name] = _destination_place(destination)

    def destination(self, text: str, field: str = "destination") -> Place:
        """Resolve one end of a journey.

        Raises `UnknownPlace`, which names `field` and up to three similar names.
        """
        compact = compact_code(text)
        place = self._by_name.get(_plain(text)) or self._areas.get(compact) or self._at_postcode(compact)
        if place is None:
            raise UnknownPlace(field, text, self._nearest(text))
        return place

    def canonical_area(self, text: str) -> str:
        """Return the canonical code of a district or group (`e15 ` → `E15`), or raise `NotFound`."""
        code = compact_code(text)
        if code not in self._areas:
            raise NotFound(f"Invalid area code: {_shown(text)} not found")
        return code

    def canonical_postcode(self, text: str, field: str = "postcode", accepted: str = FULL_POSTCODE) -> str:
        """Return the canonical form of a full London postcode (`e16an` → `E1 6AN`).

        Raises `InvalidQuestion`, which names `field` and the `accepted` form, for a malformed postcode, and
        `NotFound` for one outside London's districts.
        """
        match = _POSTCODE.fullmatch(compact_code(text))
        if match is None:
            raise InvalidQuestion(f"{field}: {text[:_LONGEST_QUOTE]!r} is not {accepted}")
        if match[1] not in self._outcodes:
            raise NotFound(
                f"Postcode {match[1]} {match[2]} not found: Veo covers London's postcode districts, "
                f"and {match[1]} is not one of them"
            )
        return f"{match[1]} {match[2]}"

    def _at_postcode(self, compact: str) -> Place | None:
        match = _POSTCODE.fullmatch(compact)
        if match is None or match[1] not in self._outcodes:
            return None
        code = f"{match[1]} {match[2]}"
        return Place(code=code, label=code, location=self._outcodes[match[1]].location, kind="postcode")

    def _nearest(self, text: str) -> tuple[str, ...]:
        """Return the names most similar to the start of a text; comparing all of it could be slow."""
        labels = {name: place.label for name, place in self._by_name.items()}
        labels |= {code.lower(): code for code in self._areas}
        matches = get_close_matches(_plain(text[:_LONGEST_QUOTE]), labels, n=2 * _SUGGESTIONS)
        return tuple(dict.fromkeys(labels[name] for name in matches))[:_SUGGESTIONS]


def _plain(text: str) -> str:
    """Reduce a name to its words: `King's Cross` and `kings-cross` are the same."""
    letters = "".join(letter for letter in normalize("NFKD", text) if not combining(letter))
    joined = re.sub("['\u2019]", "", letters.casefold()).replace("&", " and ")
    return " ".join(re.findall(r"[^\W_]+", joined))


def _shown(text: str) -> str:
    """Return a text for a message, without characters that UTF-8 cannot encode."""
    return text.strip().upper()[:_LONGEST_QUOTE].encode(errors="replace").decode()


def _names(destination: Destination) -> Iterator[str]:
    yield _plain(destination.id)
    yield _plain(destination.name)
    yield from ALIASES.get(destination.id, ())


def _destination_place(destination: Destination) -> Place:
    return Place(
        code=destination.id, label=destination.name, location=destination.location, kind="destination"
    )


def _station_place(station: Station) -> Place:
    code = f"{_plain(station.name)} station".replace(" ", "-")  # no destination id ends with -station
    return Place(code=code, label=station.name, location=station.location, kind="destination")


def _area_place(district: District) -> Place:
    return Place(
        code=district.code,
        label=f"{district.name}, {district.code}",
        location=district.location,
        kind="group" if district.members else "district",
    )
