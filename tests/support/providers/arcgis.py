"""The feature services of ONS Open Geography on the loopback interface."""

import re
from typing import Any

from tests.support.provider import Answered, LoopbackProvider, Received
from veo.sources.providers.boundaries import LAYERS, AreaLevel

SQUARE = [[-0.08, 51.51], [-0.08, 51.52], [-0.07, 51.52], [-0.07, 51.51], [-0.08, 51.51]]
ISLAND = [[-0.06, 51.5], [-0.06, 51.505], [-0.05, 51.505], [-0.06, 51.5]]

POLYGON: dict[str, Any] = {"type": "Polygon", "coordinates": [SQUARE]}
MULTI_POLYGON: dict[str, Any] = {"type": "MultiPolygon", "coordinates": [[SQUARE], [ISLAND]]}

AREAS: dict[AreaLevel, tuple[str, str, dict[str, Any]]] = {
    "lsoa": ("E01033491", "Tower Hamlets 015F", POLYGON),
    "msoa": ("E02006853", "Tower Hamlets 035", POLYGON),
    "ward": ("E05009334", "Spitalfields & Banglatown", POLYGON),
    "district": ("E09000030", "Tower Hamlets", MULTI_POLYGON),
}
"""One area of every level: code, name and an invented outline."""

_QUERY = re.compile(r"/(?P<service>\w+)/FeatureServer/0/query")
_WHERE = re.compile(r"(?P<field>\w+)='(?P<code>\w+)'")
_SERVICES = {layer.service: (level, layer) for level, layer in LAYERS.items()}


def collection(*features: dict[str, Any], more: bool = False) -> Answered:
    """Return a page of GeoJSON, whose properties state whether there is more."""
    page: dict[str, Any] = {"type": "FeatureCollection", "features": list(features)}
    if more:
        page["properties"] = {"exceededTransferLimit": True}
    return Answered(body=page, content_type="application/geo+json; charset=utf-8")


def error(code: object, message: object = "Invalid query parameters.") -> Answered:
    """Return an error as the services do: with HTTP status 200."""
    return Answered(body={"error": {"code": code, "message": message, "details": []}})


def feature(level: AreaLevel, geometry: object = None, **properties: object) -> dict[str, Any]:
    """Return the feature of a level's area, with another geometry or other properties."""
    code, name, outline = AREAS[level]
    layer = LAYERS[level]
    return {
        "type": "Feature",
        "id": 1,
        "geometry": outline if geometry is None else geometry,
        "properties": {layer.code_field: code, layer.name_field: name} | properties,
    }


class LoopbackArcGis(LoopbackProvider):
    """The services as documented: an empty collection for an unknown code, errors with status 200."""

    provider_names = ("ons-geography",)

    def answer(self, request: Received) -> Answered:
        """Answer the query of a request."""
        route = _QUERY.fullmatch(request.path)
        if route is None or route["service"] not in _SERVICES:
            return error(400, "Invalid URL")
        level, layer = _SERVICES[route["service"]]
        where = _WHERE.fullmatch(request.query["where"])
        fields = set(request.query["outFields"].split(","))
        if where is None or {where["field"], *fields} != {layer.code_field, layer.name_field}:
            return error(400, "Cannot perform query. Invalid query parameters.")
        matches = where["field"] == layer.code_field and where["code"] == AREAS[level][0]
        return collection(*([feature(level)] if matches else []))
