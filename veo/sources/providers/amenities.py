"""What there is around a point: counts of OpenStreetMap, or of fewer kinds by the Food Standards Agency."""

from collections.abc import Callable
from datetime import date

from veo.errors import ProviderError
from veo.models import Figures, Location, Value
from veo.sources.http.client import Http
from veo.sources.providers import fsa, overpass
from veo.sources.providers.fsa import FoodStandards
from veo.sources.providers.overpass import Overpass


class AmenityCounts(Value):
    """Counts of places in a circle around a point, and whose they are.

    `figures` is keyed by kind and circle: `cafe_500m` and `cafe_1km` of OpenStreetMap, or `pubs_1mile` of
    the Food Standards Agency. The circle stands in the unit too: it is not the district's outline.
    `attribution` is to be shown with them.
    """

    figures: Figures
    source: str
    attribution: str


class Amenities:
    """Asks OpenStreetMap, and the Food Standards Agency when that fails; `today` gives the date."""

    def __init__(self, http: Http, today: Callable[[], date]) -> None:
        self._overpass = Overpass(http, today)
        self._food = FoodStandards(http, today)

    async def counts(self, centre: Location) -> AmenityCounts:
        """Give the counts around a point; when both fail, the failure of the first is raised."""
        try:
            figures = await self._overpass.figures(centre)
        except ProviderError as first:
            return await self._instead(centre, first)
        return AmenityCounts(figures=figures, source=overpass.SOURCE, attribution=overpass.ATTRIBUTION)

    async def _instead(self, centre: Location, first: ProviderError) -> AmenityCounts:
        try:
            figures = await self._food.figures(centre)
        except ProviderError as second:
            raise first from second
        return AmenityCounts(figures=figures, source=fsa.SOURCE, attribution=fsa.ATTRIBUTION)
