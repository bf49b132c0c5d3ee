"""All providers at once on the loopback interface, and the settings that point a runtime at them."""

from collections.abc import Mapping
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, TypeVar

from pydantic import SecretStr

from tests.support import providers
from tests.support.provider import Answered, LoopbackProvider
from tests.support.providers import google, perplexity, tfl
from tests.support.providers.arcgis import LoopbackArcGis
from tests.support.providers.google import GoogleServer
from tests.support.providers.land_registry import GrowthServer, OnsServer, PricesServer
from tests.support.providers.overpass import FoodServer, OverpassServer
from tests.support.providers.perplexity import PerplexityServer
from tests.support.providers.police import PoliceServer
from tests.support.providers.postcodes import LoopbackPostcodes
from tests.support.providers.schools import SchoolServer
from tests.support.providers.tfl import PlanningTfl
from veo.settings import Settings

Kind = TypeVar("Kind", bound=LoopbackProvider)


def server_kinds() -> list[type[LoopbackProvider]]:
    """Return every class in `tests/support/providers` that lists the providers it stands for."""
    modules = [
        import_module(f"{providers.__name__}.{found.name}") for found in iter_modules(providers.__path__)
    ]
    return [
        kind
        for module in modules
        for kind in vars(module).values()
        if isinstance(kind, type)
        and issubclass(kind, LoopbackProvider)
        and kind.__module__ == module.__name__
        and "provider_names" in vars(kind)
    ]


class Upstreams:
    """One server per provider; `down` makes some of them fail with 503."""

    def __init__(self) -> None:
        started = [kind() for kind in server_kinds()]
        self.servers: Mapping[str, LoopbackProvider] = {
            name: server for server in started for name in server.provider_names
        }
        self.tfl = self._server("tfl", PlanningTfl)
        self.police = self._server("police.uk", PoliceServer)
        self.postcodes = self._server("postcodes.io", LoopbackPostcodes)
        self.arcgis = self._server("ons-geography", LoopbackArcGis)
        self.overpass = self._server("overpass", OverpassServer)
        self.food = self._server("fsa", FoodServer)
        self.google = self._server("google-geocoding", GoogleServer)
        self.perplexity = self._server("perplexity", PerplexityServer)
        self.schools = self._server("gias", SchoolServer)
        self.prices = self._server("price-paid", PricesServer)
        self.growth = self._server("uk-hpi", GrowthServer)
        self.rents = self._server("ons", OnsServer)

    def _server(self, name: str, kind: type[Kind]) -> Kind:
        server = self.servers[name]
        assert isinstance(server, kind)
        return server

    @property
    def addresses(self) -> dict[str, str]:
        """Return the address of every provider by its name."""
        return {name: server.url for name, server in self.servers.items()}

    def start(self) -> None:
        """Start all servers."""
        for server in set(self.servers.values()):
            server.start()

    def stop(self) -> None:
        """Stop all servers."""
        for server in set(self.servers.values()):
            server.stop()

    def reset(self) -> None:
        """Forget all requests and prepared answers, and record a year of crimes around one centre."""
        for server in set(self.servers.values()):
            server.reset()
        self.police.forget()
        for number, month in enumerate(self.police.published):
            self.police.record(month, "burglary", *[(51.5416, 0.0033)] * (number + 1))

    def down(self, *names: str) -> None:
        """Make providers fail until the next reset."""
        for name in names:
            self.servers[name].always(Answered(503, {"message": "down"}))

    def slow(self, seconds: float) -> None:
        """Delay every answer by some seconds."""
        for server in self.servers.values():
            server.delay = seconds

    def request_count(self, name: str) -> int:
        """Return how many requests a provider has received."""
        return len(self.servers[name].requests)

    def settings(self, **more: Any) -> Settings:
        """Return settings with every key; `more` replaces single ones. There is no shared tier by default."""
        keys = {
            "tfl_key": SecretStr(tfl.KEY),
            "google_key": SecretStr(google.KEY),
            "perplexity_key": SecretStr(perplexity.KEY),
        }
        return Settings(**{"cache": "memory", "live": "auto", "upstreams": self.addresses, **keys, **more})
