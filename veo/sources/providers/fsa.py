"""Food Standards Agency: counts of rated food businesses within a mile of a point.

Free, without a key, under the Open Government Licence v3.0. Every food business must register, so these
counts are more reliable than those of a map, but of fewer kinds.
"""

import asyncio
from collections.abc import Callable
from datetime import date
from http import HTTPStatus
from typing import NamedTuple

from veo.errors import BadAnswer
from veo.models import Figure, Figures, FrozenMap, Location
from veo.sources.http.client import Http
from veo.sources.http.provider import Provider

SOURCE = "FSA ratings"
ATTRIBUTION = "Contains Food Standards Agency data, Open Government Licence v3.0"

PROVIDER = Provider(
    "fsa",
    "https://api.ratings.food.gov.uk",
    purpose="counts of fewer kinds, when Overpass fails",
    timeout=10.0,
    headers=(("x-api-version", "2"), ("accept", "application/json")),
)

MILES = 1
"""The smallest radius that the service accepts: whole miles."""

_HIGHEST_COUNT = 1_000_000


class Kind(NamedTuple):
    """A type of business: the agency's number for it, and a description."""

    type_id: int
    description: str


KINDS: FrozenMap[str, Kind] = FrozenMap(
    {
        "restaurants": Kind(1, "restaurants, cafés and canteens"),
        "pubs": Kind(7843, "pubs, bars and nightclubs"),
        "supermarkets": Kind(7840, "supermarkets"),
    }
)


class FoodStandards:
    """The client of the Food Standards Agency; `today` dates the counts, which change daily."""

    def __init__(self, http: Http, today: Callable[[], date]) -> None:
        self._upstream = http.upstream(PROVIDER)
        self._today = today

    async def figures(self, centre: Location) -> Figures:
        """Return the count of each kind within a mile, as `pubs_1mile`; raise `ProviderError`s."""
        # return_exceptions: no request is still running when the first error is raised
        counts = await asyncio.gather(
            *(self._count(centre, kind.type_id) for kind in KINDS.values()), return_exceptions=True
        )
        figures: dict[str, Figure] = {}
        for (name, kind), count in zip(KINDS.items(), counts, strict=True):
            if isinstance(count, BaseException):
                raise count
            figures[f"{name}_1mile"] = Figure(
                value=count,
                unit=f"{kind.description} within {MILES} mile",
                level="district",
                source=SOURCE,
                vintage=self._today().isoformat(),
                live=True,
            )
        return FrozenMap(figures)

    async def _count(self, centre: Location, type_id: int) -> int:
        params: dict[str, str | int | float | None] = {
            "latitude": f"{centre.lat:.5f}",
            "longitude": f"{centre.lng:.5f}",
            "maxDistanceLimit": MILES,
            "businessTypeId": type_id,
            "pageSize": 1,  # only the total is read
        }
        answer = await self._upstream.json("/Establishments", params=params)
        meta = answer.data.get("meta") if isinstance(answer.data, dict) else None
        total = meta.get("totalCount") if isinstance(meta, dict) else None
        if type(total) is not int or not 0 <= total <= _HIGHEST_COUNT:
            raise BadAnswer(PROVIDER.name, "no total count", HTTPStatus.OK)
        return total
