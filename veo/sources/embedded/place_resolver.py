"""What somebody typed, resolved to a place: a destination, a station, an outcode, a group or a postcode.

Case, accents, punctuation and extra spaces do not matter. A full postcode stands at its district's
centroid: Veo embeds no table of postcodes.
"""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from unicodedata import combining, normalize

from veo.errors import InvalidQuestion, NotFound, UnknownPlace
from veo.models import Destination, District, Place, Station
from veo.sources.embedded.snapshot import Snapshot

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
"""Other names of destinations, by id, in the form that `_plain` gives."""

# The inward letters are those that Royal Mail uses; the district decides whether the outward part exists.
_POSTCODE = re.compile(r"([A-Z]{1,2}[0-9][A-Z0-9]?)([0-9][ABD-HJLNP-UW-Z]{2})")
FULL_POSTCODE = "a full UK postcode such as E1 6AN"
_SHOWN = 60
_SUGGESTIONS = 3


class Places:
    """Every place of a snapshot by every name it has."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._outcodes = snapshot.districts
        self._districts = {**snapshot.districts, **snapshot.groups}
        self._areas = {code: _area_place(district) for code, district in self._districts.items()}
        self._named: dict[str, Place] = {}
        destinations = {_plain(place.name): place for place in snapshot.destinations.values()}
        for station in snapshot.stations.values():
            name = _plain(station.name)
            twin = destinations.get(name)
            place = _destination_place(twin) if twin else _station_place(station)
            self._named[name] = self._named[f"{name} station"] = place
        # Destinations come last: where both have a name (Birkbeck), it means the destination.
        for destination in snapshot.destinations.values():
            for name in _names(destination):
                self._named[name] = _destination_place(destination)

    def destination(self, text: str, field: str = "destination") -> Place:
        """Resolve one end of a journey.

        Raises `UnknownPlace` for `field` with up to three nearest names.
        """
        compact = _compact(text)
        place = self._named.get(_plain(text)) or self._areas.get(compact) or self._at_postcode(compact)
        if place is None:
            raise UnknownPlace(field, text, self._nearest(text))
        return place

    def district(self, code: str) -> District:
        """Give a district or a group by its code; raises `NotFound`."""
        return self._districts[self.canonical_area(code)]

    def canonical_area(self, text: str) -> str:
        """Give the code of a known district or group as it is written (`e15 ` → `E15`); raises `NotFound`."""
        code = _compact(text)
        if code not in self._districts:
            raise NotFound(f"Invalid area code: {_shown(text)} not found")
        return code

    def canonical_postcode(self, text: str, field: str = "postcode", accepted: str = FULL_POSTCODE) -> str:
        """Give a full postcode of a London district as it is written (`e16an` → `E1 6AN`).

        Raises `InvalidQuestion` for `field` when it is malformed, saying what is `accepted`, and `NotFound`
        when it lies elsewhere.
        """
        match = _POSTCODE.fullmatch(_compact(text))
        if match is None:
            raise InvalidQuestion(f"{field}: {text[:_SHOWN]!r} is not {accepted}")
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
        """Give the names nearest to a text; comparing is slow, so only its beginning is compared."""
        known = {name: place.label for name, place in self._named.items()}
        known |= {code.lower(): code for code in self._areas}
        near = get_close_matches(_plain(text[:_SHOWN]), known, n=2 * _SUGGESTIONS)
        return tuple(dict.fromkeys(known[name] for name in near))[:_SUGGESTIONS]


def _plain(text: str) -> str:
    """Reduce a name to its words: `King's Cross` and `kings-cross` are the same."""
    letters = "".join(letter for letter in normalize("NFKD", text) if not combining(letter))
    joined = re.sub("['\u2019]", "", letters.casefold()).replace("&", " and ")
    return " ".join(re.findall(r"[^\W_]+", joined))


def _compact(text: str) -> str:
    """Write a code or postcode in capitals, without spaces."""
    return "".join(text.split()).upper()


def _shown(text: str) -> str:
    """Quote a text in a message that any encoding of the answer can carry."""
    return text.strip().upper()[:_SHOWN].encode(errors="replace").decode()


def _names(destination: Destination) -> Iterator[str]:
    yield _plain(destination.id)
    yield _plain(destination.name)
    yield from ALIASES.get(destination.id, ())


def _destination_place(destination: Destination) -> Place:
    return Place(
        code=destination.id, label=destination.name, location=destination.location, kind="destination"
    )


def _station_place(station: Station) -> Place:
    code = f"{_plain(station.name)} station".replace(" ", "-")  # no destination's id ends so
    return Place(code=code, label=station.name, location=station.location, kind="destination")


def _area_place(district: District) -> Place:
    return Place(
        code=district.code,
        label=f"{district.name}, {district.code}",
        location=district.location,
        kind="group" if district.members else "district",
    )
