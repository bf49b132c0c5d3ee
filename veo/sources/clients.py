"""The clients of the live sources of one process; each key that is set enables one more."""

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
    """Return the current time in UTC."""
    return datetime.now(UTC)


def today() -> date:
    """Return the current date in UTC."""
    return now().date()


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of providers, None where a key is not set."""

    tfl: str | None = None
    google: str | None = None
    perplexity: str | None = None


@dataclass(frozen=True, slots=True)
class Live:
    """One client per provider, `google` and `perplexity` None without a key; `keyed` names those with one."""

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
        """Create the clients of all providers; `addresses` replaces base addresses by provider name."""
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
