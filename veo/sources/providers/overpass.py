"""Overpass: counts of the places of each kind that OpenStreetMap has around a point.

Free, without a key, but slow and limited to two concurrent queries, so one query asks for all counts. A count
is of map objects: a place drawn twice counts twice, and a small garden as much as a large park. Data
© OpenStreetMap contributors under the Open Database Licence: a database derived from it must be shared
under the same licence.
"""

import re
from collections.abc import Callable
from datetime import date
from http import HTTPStatus
from typing import Any

from veo.errors import BadAnswer, Unavailable
from veo.models import Figure, Figures, FrozenMap, Location
from veo.sources.http.client import Http
from veo.sources.http.provider import Provider
from veo.sources.http.sanitize import plain

SOURCE = "OpenStreetMap"
ATTRIBUTION = "© OpenStreetMap contributors, ODbL"

PROVIDER = Provider(
    "overpass",
    "https://overpass-api.de",
    purpose="counts of places within 500 m and 1 km",
    timeout=30.0,
    max_concurrent=2,
)

KINDS: FrozenMap[str, str] = FrozenMap(
    {
        "restaurant": '["amenity"="restaurant"]',
        "cafe": '["amenity"="cafe"]',
        "fast_food": '["amenity"="fast_food"]',
        "pub": '["amenity"="pub"]',
        "bar": '["amenity"~"^(bar|nightclub|music_venue)$"]',
        "gym": '["leisure"~"^(fitness_centre|sports_centre)$"]',
        "supermarket": '["shop"="supermarket"]',
        "park": '["leisure"~"^(park|garden|nature_reserve|common|playground)$"]["access"!~"^(private|no)$"]',
        "school": '["amenity"="school"]',
        "hospital": '["amenity"="hospital"]',
    }
)
"""The tag filters of each kind that is counted."""

RADII: FrozenMap[str, int] = FrozenMap({"500m": 500, "1km": 1000})
"""Metres around the point."""

_COUNT = re.compile(r"[0-9]{1,6}")
_LONGEST_REMARK = 80  # characters


class Overpass:
    """The client of Overpass; `today` dates an answer that does not state the date of its map."""

    def __init__(self, http: Http, today: Callable[[], date]) -> None:
        self._upstream = http.upstream(PROVIDER)
        self._today = today

    async def figures(self, centre: Location) -> Figures:
        """Return the count of each kind within each radius, as `restaurant_500m`; raise `ProviderError`s."""
        form = {"data": query(centre)}
        answer = await self._upstream.json("/api/interpreter", method="POST", form=form)
        data = answer.data if isinstance(answer.data, dict) else {}
        if data.get("remark") is not None:  # the query was aborted, so its counts are incomplete
            raise Unavailable(PROVIDER.name, _remark(data["remark"]), HTTPStatus.OK)
        vintage = _vintage(data.get("osm3s"), self._today())
        counts = _counts(data.get("elements"))
        keys = [(kind, name) for name in RADII for kind in KINDS]
        return FrozenMap(
            {
                f"{kind}_{name}": Figure(
                    value=count,
                    unit=f"places within {RADII[name]} m",
                    level="district",
                    source=SOURCE,
                    vintage=vintage,
                    live=True,
                )
                for (kind, name), count in zip(keys, counts, strict=True)
            }
        )


def query(centre: Location) -> str:
    """Return the query for the counts around a point: by radius, the kinds in the order of `KINDS`."""
    at = f"{centre.lat:.5f},{centre.lng:.5f}"
    statements = [
        f"nwr(around:{metres},{at}){tags};out count;" for metres in RADII.values() for tags in KINDS.values()
    ]
    return "".join(["[out:json][timeout:25];", *statements])


def _counts(elements: Any) -> list[int]:
    """Return the counts in the order of the query: they have no names, so their number must be right."""
    expected = len(KINDS) * len(RADII)
    if not isinstance(elements, list) or len(elements) != expected:
        raise BadAnswer(PROVIDER.name, f"the answer does not hold {expected} counts", HTTPStatus.OK)
    counts = [_count(element) for element in elements]
    near, far = counts[: len(KINDS)], counts[len(KINDS) :]
    if any(within > beyond for within, beyond in zip(near, far, strict=True)):
        raise BadAnswer(PROVIDER.name, "a count is higher than that of the larger circle", HTTPStatus.OK)
    return counts


def _count(element: Any) -> int:
    """Read a count, which is sent as a string."""
    is_count = isinstance(element, dict) and element.get("type") == "count"
    tags = element.get("tags") if is_count else None
    total = tags.get("total") if isinstance(tags, dict) else None
    if not isinstance(total, str) or _COUNT.fullmatch(total) is None:
        raise BadAnswer(PROVIDER.name, "an element is not a count with its total", HTTPStatus.OK)
    return int(total)


def _vintage(metadata: Any, today: date) -> str:
    """Return the date of the map, or `today` where the answer does not state it (some servers do not)."""
    timestamp = metadata.get("timestamp_osm_base") if isinstance(metadata, dict) else None
    if not isinstance(timestamp, str):
        return today.isoformat()
    try:
        return min(date.fromisoformat(timestamp[:10]), today).isoformat()
    except ValueError:
        return today.isoformat()


def _remark(text: Any) -> str:
    return f"failed: {plain(text, _LONGEST_REMARK)}" if isinstance(text, str) else "failed"
