"""Counts of places around a point: OpenStreetMap, else fewer kinds from the Food Standards Agency."""

from collections.abc import Callable
from datetime import date

from veo.errors import ProviderError
from veo.models import Figures, Location, Value
from veo.sources.http.client import Http
from veo.sources.providers import fsa, overpass
from veo.sources.providers.fsa import FoodStandards
from veo.sources.providers.overpass import Overpass


class AmenityCounts(Value):
    """Counts of places in a circle around a point, with their source.

    `figures` is keyed by kind and circle: `cafe_500m` and `cafe_1km` from OpenStreetMap, or `pubs_1mile`
    from the Food Standards Agency. The unit names the circle too, as it is not the district's outline.
    `attribution` must be shown with the counts.
    """

    figures: Figures
    source: str
    attribution: str


class Amenities:
    """The client of OpenStreetMap, and of the Food Standards Agency as the fallback."""

    def __init__(self, http: Http, today: Callable[[], date]) -> None:
        self._overpass = Overpass(http, today)
        self._food_standards = FoodStandards(http, today)

    async def counts(self, centre: Location) -> AmenityCounts:
        """Return the counts around a point; when both providers fail, raise the error of the first."""
        try:
            figures = await self._overpass.figures(centre)
        except ProviderError as error:
            return await self._fallback(centre, error)
        return AmenityCounts(figures=figures, source=overpass.SOURCE, attribution=overpass.ATTRIBUTION)

    async def _fallback(self, centre: Location, error: ProviderError) -> AmenityCounts:
        try:
            figures = await self._food_standards.figures(centre)
        except ProviderError as second:
            raise error from second
        return AmenityCounts(figures=figures, source=fsa.SOURCE, attribution=fsa.ATTRIBUTION)
