"""Overpass: how many places of each kind OpenStreetMap has around a point.

Free, without a key, and slow: two questions at a time, so all is asked in one. A count is of map objects: a
place drawn twice counts twice, and a small garden as much as a large park. Data © OpenStreetMap contributors
under the Open Database Licence: a database made of them and shared is to be shared alike.
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

PROVIDER = Provider("overpass", "https://overpass-api.de", timeout=30.0, at_once=2)

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
"""What is counted, by the tags that make it one."""

RADII: FrozenMap[str, int] = FrozenMap({"500m": 500, "1km": 1000})
"""Metres around the point."""

_COUNT = re.compile(r"[0-9]{1,6}")
_LONGEST_REMARK = 80


class Overpass:
    """Asks Overpass; `today` gives the date for an answer that does not say how old its map is."""

    def __init__(self, http: Http, today: Callable[[], date]) -> None:
        self._upstream = http.upstream(PROVIDER)
        self._today = today

    async def figures(self, centre: Location) -> Figures:
        """Give the count of every kind within every radius, as `restaurant_500m`; raises provider errors."""
        form = {"data": query(centre)}
        reply = await self._upstream.json("/api/interpreter", method="POST", form=form)
        data = reply.data if isinstance(reply.data, dict) else {}
        if data.get("remark") is not None:  # a query that broke off, whose counts are of what it had seen
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
    """Give the question for the counts around a point: every kind in the order of `KINDS`, by radius."""
    at = f"{centre.lat:.5f},{centre.lng:.5f}"
    counted = [
        f"nwr(around:{metres},{at}){tags};out count;" for metres in RADII.values() for tags in KINDS.values()
    ]
    return "".join(["[out:json][timeout:25];", *counted])


def _counts(elements: Any) -> list[int]:
    """Give the counts in the order asked: they carry no name, so their number must be right."""
    asked = len(KINDS) * len(RADII)
    if not isinstance(elements, list) or len(elements) != asked:
        raise BadAnswer(PROVIDER.name, f"not the {asked} counts asked for", HTTPStatus.OK)
    counts = [_count(element) for element in elements]
    near, far = counts[: len(KINDS)], counts[len(KINDS) :]
    if any(within > beyond for within, beyond in zip(near, far, strict=True)):
        raise BadAnswer(PROVIDER.name, "a circle holds more than the larger one around it", HTTPStatus.OK)
    return counts


def _count(element: Any) -> int:
    """Read a count, which is written as a text."""
    counted = isinstance(element, dict) and element.get("type") == "count"
    tags = element.get("tags") if counted else None
    total = tags.get("total") if isinstance(tags, dict) else None
    if not isinstance(total, str) or _COUNT.fullmatch(total) is None:
        raise BadAnswer(PROVIDER.name, "an element is not a count with its total", HTTPStatus.OK)
    return int(total)


def _vintage(about: Any, today: date) -> str:
    """Give the day of the map, or of the answer where it does not say (some servers leave it empty)."""
    stamp = about.get("timestamp_osm_base") if isinstance(about, dict) else None
    if not isinstance(stamp, str):
        return today.isoformat()
    try:
        return min(date.fromisoformat(stamp[:10]), today).isoformat()
    except ValueError:
        return today.isoformat()


def _remark(text: Any) -> str:
    return f"failed: {plain(text, _LONGEST_REMARK)}" if isinstance(text, str) else "failed"
