"""The clients of the live sources of one process; each key that is set enables one more."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Self

from veo.models import FrozenMap
from veo.sources.bulk.gias import GIAS
from veo.sources.bulk.house_price_index import UK_HPI
from veo.sources.bulk.ofsted import GOV_UK, OFSTED
from veo.sources.bulk.price_paid import PRICE_PAID
from veo.sources.bulk.rents import ONS
from veo.sources.http.client import Http
from veo.sources.http.provider import Provider
from veo.sources.providers import boundaries, fsa, google, overpass, perplexity, police, postcodes, tfl
from veo.sources.providers.amenities import Amenities
from veo.sources.providers.boundaries import Boundaries
from veo.sources.providers.google import Google
from veo.sources.providers.perplexity import Perplexity
from veo.sources.providers.police import Police
from veo.sources.providers.postcodes import Postcodes
from veo.sources.providers.tfl import Tfl

PROVIDERS: FrozenMap[str, Provider] = FrozenMap(
    {
        provider.name: provider
        for provider in (
            tfl.PROVIDER,
            police.PROVIDER,
            postcodes.PROVIDER,
            boundaries.PROVIDER,
            overpass.PROVIDER,
            fsa.PROVIDER,
            google.GEOCODING,
            google.STATIC_MAP,
            perplexity.PERPLEXITY,
            GIAS,
            GOV_UK,
            OFSTED,
            PRICE_PAID,
            UK_HPI,
            ONS,
        )
    }
)
"""All live sources by name."""


def check_names(addresses: Iterable[str]) -> None:
    """Raise a ValueError if an address is set for a provider that does not exist."""
    for name in addresses:
        if name not in PROVIDERS:
            raise ValueError(f"VEO_UPSTREAMS: {name}: no such source; use one of {', '.join(PROVIDERS)}")


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
