"""All providers at once on the loopback interface, and the settings that point a runtime at them."""

from typing import Any

from pydantic import SecretStr

from tests.support import google, perplexity, tfl
from tests.support.arcgis import LoopbackArcGis
from tests.support.google import GoogleServer
from tests.support.land_registry import FileServer, OnsServer
from tests.support.overpass import FoodServer, OverpassServer
from tests.support.perplexity import PerplexityServer
from tests.support.police import PoliceServer
from tests.support.postcodes import LoopbackPostcodes
from tests.support.provider import Answered, LoopbackProvider, Received
from tests.support.schools import SchoolServer
from tests.support.tfl import LoopbackTfl, journey, leg, results
from veo.settings import Settings


class PlanningTfl(LoopbackTfl):
    """Plans a journey between any two points; its minutes depend on the text of the path."""

    def answer(self, request: Received) -> Answered:
        """Return a journey whose minutes depend on the two points alone."""
        if not request.path.startswith("/Journey/JourneyResults/"):
            return super().answer(request)
        minutes = 20 + sum(map(ord, request.path)) % 40
        return Answered(body=results(journey(minutes, leg("tube", minutes, "Here", "There", "Central"))))


class Upstreams:
    """One server per provider; `down` makes some of them fail with 503."""

    def __init__(self) -> None:
        self.tfl, self.police, self.postcodes = PlanningTfl(), PoliceServer(), LoopbackPostcodes()
        self.arcgis, self.overpass, self.food = LoopbackArcGis(), OverpassServer(), FoodServer()
        self.google, self.perplexity = GoogleServer(), PerplexityServer()
        self.schools, self.prices, self.growth, self.rents = (
            SchoolServer(),
            FileServer(),
            FileServer(),
            OnsServer(),
        )

    @property
    def servers(self) -> dict[str, LoopbackProvider]:
        """Return the server of every provider by its name in `VEO_UPSTREAMS`."""
        return {
            "tfl": self.tfl,
            "police.uk": self.police,
            "postcodes.io": self.postcodes,
            "ons-geography": self.arcgis,
            "overpass": self.overpass,
            "fsa": self.food,
            "google-geocoding": self.google,
            "google-staticmap": self.google,
            "perplexity": self.perplexity,
            "gias": self.schools,
            "gov-uk": self.schools,
            "ofsted": self.schools,
            "price-paid": self.prices,
            "uk-hpi": self.growth,
            "ons": self.rents,
        }

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
