"""The live sources of one process: each key that is there switches one more on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Self

from veo.sources.http.client import Http
from veo.sources.providers.amenities import Amenities
from veo.sources.providers.boundaries import Boundaries
from veo.sources.providers.google import Google
from veo.sources.providers.perplexity import Perplexity
from veo.sources.providers.police import Police
from veo.sources.providers.postcodes import Postcodes
from veo.sources.providers.tfl import Tfl


def now() -> datetime:
    """Give the time, in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """Give the date, in UTC."""
    return now().date()


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of providers; one that is None is not there."""

    tfl: str | None = None
    google: str | None = None
    perplexity: str | None = None


@dataclass(frozen=True, slots=True)
class Live:
    """Who can be asked. `google` and `perplexity` are None without their key; `keyed` names who has one."""

    http: Http
    tfl: Tfl
    police: Police
    postcodes: Postcodes
    boundaries: Boundaries
    amenities: Amenities
    google: Google | None
    perplexity: Perplexity | None
    keyed: frozenset[str]

    @classmethod
    def of(cls, keys: Keys, addresses: Mapping[str, str]) -> Self:
        """Make the clients of all providers; `addresses` replace their bases by name."""
        http = Http(addresses)
        return cls(
            http=http,
            tfl=Tfl(http, keys.tfl, today),
            police=Police(http, now),
            postcodes=Postcodes(http),
            boundaries=Boundaries(http),
            amenities=Amenities(http, today),
            google=Google(http, keys.google) if keys.google else None,
            perplexity=Perplexity(http, keys.perplexity, today) if keys.perplexity else None,
            keyed=frozenset(name for name in ("tfl", "google", "perplexity") if getattr(keys, name)),
        )
