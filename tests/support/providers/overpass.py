"""Overpass and the Food Standards Agency's ratings on the loopback interface."""

import re
from typing import Any
from urllib.parse import parse_qs

from tests.support.provider import Answered, LoopbackProvider, Received
from veo.models import Location

HTML = "<html><body><p>The server is probably too busy to handle your request.</p></body></html>"
CENTRE = Location(lat=51.5416, lng=0.0033)

ORDER = (
    "restaurant",
    "cafe",
    "fast_food",
    "pub",
    "bar",
    "gym",
    "supermarket",
    "park",
    "school",
    "hospital",
)
"""The kinds in their documented order."""

OBJECTS: dict[str, dict[str, str]] = {
    "restaurant": {"amenity": "restaurant"},
    "cafe": {"amenity": "cafe"},
    "fast_food": {"amenity": "fast_food"},
    "pub": {"amenity": "pub"},
    "bar": {"amenity": "bar"},
    "gym": {"leisure": "fitness_centre"},
    "supermarket": {"shop": "supermarket"},
    "park": {"leisure": "park"},
    "school": {"amenity": "school"},
    "hospital": {"amenity": "hospital"},
}
"""The tags of the server's objects of each kind."""

NEAR = {kind: 10 * number for number, kind in enumerate(ORDER)}
FAR = {kind: 10 * number + 7 for number, kind in enumerate(ORDER)}
"""The counts within 500 m and within 1000 m."""

_STATEMENT = re.compile(
    r"nwr\(around:(?P<metres>\d+),(?P<at>[-\d.,]+)\)(?P<filters>(?:\[[^;]+\])+);out count;"
)
_FILTER = re.compile(r'\["(?P<key>\w+)"(?P<operator>=|~|!~)"(?P<value>[^"]+)"\]')
_QUERY = re.compile(r"\[out:json\]\[timeout:25\];(?P<statements>(?:nwr[^;]+;out count;)+)")


def counted(*totals: Any, **changes: Any) -> dict[str, Any]:
    """Return an answer with these totals; `changes` replace its fields."""
    elements = [
        {"type": "count", "id": 0, "tags": {"nodes": total, "ways": "0", "relations": "0", "total": total}}
        for total in totals
    ]
    metadata = {
        "timestamp_osm_base": "2026-11-22T23:58:01Z",
        "copyright": "The data included in this document is from www.openstreetmap.org.",
    }
    answer = {"version": 0.6, "generator": "Overpass API 0.7.62", "osm3s": metadata, "elements": elements}
    return answer | changes


def totals() -> list[str]:
    """Return the totals of the server's answer to the documented query."""
    return [str(number) for number in (*NEAR.values(), *FAR.values())]


class OverpassServer(LoopbackProvider):
    """Runs the statements of a query on one object of each kind; a test may change `objects`."""

    provider_names = ("overpass",)

    def __init__(self) -> None:
        super().__init__()
        self.objects = dict(OBJECTS)

    def answer(self, request: Received) -> Answered:
        """Answer as documented: an invalid query gets a page of HTML with status 400."""
        form = parse_qs(request.body.decode())
        parsed = _QUERY.fullmatch(form.get("data", [""])[0])
        if request.path != "/api/interpreter" or request.method != "POST" or parsed is None:
            return Answered(400, HTML, "text/html")
        return Answered(body=counted(*map(self._total, _STATEMENT.finditer(parsed["statements"]))))

    def _total(self, statement: re.Match[str]) -> str:
        counts = {"500": NEAR, "1000": FAR}[statement["metres"]]
        filters = list(_FILTER.finditer(statement["filters"]))
        kinds = [
            kind
            for kind, tags in self.objects.items()
            if all(_matches(tag_filter, tags) for tag_filter in filters)
        ]
        return str(sum(counts[kind] for kind in kinds))


def _matches(tag_filter: re.Match[str], tags: dict[str, str]) -> bool:
    """Check whether an object passes a filter; one without the key passes a negated filter."""
    value = tags.get(tag_filter["key"])
    if tag_filter["operator"] == "=":
        return value == tag_filter["value"]
    matches = value is not None and re.search(tag_filter["value"], value) is not None
    return matches == (tag_filter["operator"] == "~")


FOOD = {"1": 412, "7843": 38, "7840": 9}
"""Businesses within a mile by type: restaurants and cafés, pubs and bars, supermarkets."""


def rated(total: Any) -> dict[str, Any]:
    """Return a page with one establishment and a total count."""
    establishment = {"FHRSID": 611225, "BusinessName": "A café", "BusinessTypeID": 1, "RatingValue": "5"}
    meta = {
        "dataSource": "Lucene",
        "extractDate": "0001-01-01T00:00:00",
        "itemCount": 1,
        "returncode": "OK",
        "totalCount": total,
        "totalPages": total,
        "pageSize": 1,
        "pageNumber": 1,
    }
    return {"establishments": [establishment], "meta": meta, "links": []}


class FoodServer(LoopbackProvider):
    """Counts businesses by type; answers 404 without the version header."""

    provider_names = ("fsa",)

    def answer(self, request: Received) -> Answered:
        """Answer as documented."""
        if request.path != "/Establishments" or request.headers.get("x-api-version") != "2":
            return Answered(404, {"Message": "No HTTP resource was found that matches the request."})
        return Answered(body=rated(FOOD[request.query["businessTypeId"]]))
