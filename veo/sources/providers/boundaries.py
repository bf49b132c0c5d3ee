"""ONS Open Geography: the outlines of the areas that contain a postcode, from its ArcGIS feature services.

Free, without a key. The outlines are generalised to 20 m and clipped to the coast, then simplified for a map
on a page. Source: Office for National Statistics, under the Open Government Licence v3.0. Contains OS data
© Crown copyright and database right.
"""

import asyncio
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field, StrictBool

from veo.errors import BadAnswer, NotFoundThere, ProviderError, RateLimited, Unavailable
from veo.models import FrozenMap, Value
from veo.sources.http.client import Http
from veo.sources.http.provider import JsonAnswer, Provider
from veo.sources.http.sanitize import plain
from veo.sources.http.wire import validated

AreaLevel = Literal["lsoa", "msoa", "ward", "district"]

SOURCE = "ONS Open Geography"

PROVIDER = Provider(
    "ons-geography",
    "https://services1.arcgis.com/ESMARspQHYMw9BZ9/arcgis/rest/services",
    purpose="outlines of its areas",
    timeout=10.0,
    max_bytes=8 * 2**20,
)


class Layer(NamedTuple):
    """The feature service with the outlines of one level, its fields and the date of its areas."""

    service: str
    code_field: str
    name_field: str
    vintage: str


Layers = Mapping[AreaLevel, Layer]

# A service's name contains its vintage and version, and is retired when a newer service replaces it; the two
# census services are the least certain. A retired service answers with an error: that one outline is missing.
LAYERS: Layers = FrozenMap[AreaLevel, Layer](
    {
        "lsoa": Layer(
            "Lower_layer_Super_Output_Areas_December_2021_Boundaries_EW_BGC_V5",
            "LSOA21CD",
            "LSOA21NM",
            "2021-12",
        ),
        "msoa": Layer(
            "Middle_layer_Super_Output_Areas_December_2021_Boundaries_EW_BGC_V3",
            "MSOA21CD",
            "MSOA21NM",
            "2021-12",
        ),
        "ward": Layer("Wards_December_2022_Boundaries_UK_BGC", "WD22CD", "WD22NM", "2022-12"),
        "district": Layer(
            "Local_Authority_Districts_December_2022_UK_BGC_V2", "LAD22CD", "LAD22NM", "2022-12"
        ),
    }
)

TOLERANCE: FrozenMap[AreaLevel, float] = FrozenMap(
    {"lsoa": 0.0001, "msoa": 0.0001, "ward": 0.0002, "district": 0.0005}
)
"""The tolerance of the simplification in degrees: 0.0001 is about 10 m."""

PAGE = 2000
"""Features per request, the maximum of the services."""

MAX_PAGES = 20

_GSS = re.compile(r"[EW][0-9]{8}")
_LONGEST_REASON = 80  # characters


def _closed(ring: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    if ring[0] != ring[-1]:
        raise ValueError("the ring is open")
    return ring


Longitude = Annotated[float, Field(strict=True, ge=-9, le=3)]
Latitude = Annotated[float, Field(strict=True, ge=49, le=61)]
Ring = Annotated[tuple[tuple[Longitude, Latitude], ...], Field(min_length=4), AfterValidator(_closed)]
Rings = Annotated[tuple[Ring, ...], Field(min_length=1)]


class Polygon(Value, extra="ignore"):
    """A GeoJSON polygon: its outer ring, then its holes, each closed, as (longitude, latitude) in WGS84."""

    type: Literal["Polygon"] = "Polygon"
    coordinates: Rings

    @property
    def parts(self) -> tuple[Rings, ...]:
        """The rings of each polygon."""
        return (self.coordinates,)


class MultiPolygon(Value, extra="ignore"):
    """A GeoJSON multipolygon: one or more polygons that form one area."""

    type: Literal["MultiPolygon"] = "MultiPolygon"
    coordinates: Annotated[tuple[Rings, ...], Field(min_length=1)]

    @property
    def parts(self) -> tuple[Rings, ...]:
        """The rings of each polygon."""
        return self.coordinates


Geometry = Annotated[Polygon | MultiPolygon, Field(discriminator="type")]


class Outline(Value):
    """The simplified outline of one area; `code` is its GSS code, `vintage` the month of the boundaries."""

    level: AreaLevel
    code: str
    name: str
    geometry: Geometry
    vintage: str
    source: str = SOURCE


class MissingOutline(NamedTuple):
    """A level without an outline, with the reason for a notice."""

    level: AreaLevel
    reason: str


class Outlines(NamedTuple):
    """Outlines by level, and the levels without one."""

    by_level: FrozenMap[AreaLevel, Outline]
    missing: tuple[MissingOutline, ...]


class Boundaries:
    """The client of the feature services, one request per area; `services` replaces entries of `LAYERS`."""

    def __init__(self, http: Http, services: Layers = LAYERS) -> None:
        self._upstream = http.upstream(PROVIDER)
        self._services = {**LAYERS, **services}

    async def outline(self, level: AreaLevel, gss: str) -> Outline:
        """Return the outline of an area of England or Wales by its GSS code (`E09000030`).

        Raise `NotFoundThere` when the layer has no such area, the other `ProviderError`s, and `ValueError`
        for a text that is not a code of England or Wales.
        """
        if _GSS.fullmatch(gss) is None:
            raise ValueError(f"{gss!r} is not a GSS code of England or Wales")
        layer = self._services[level]
        features = await self._features(level, layer, gss)
        if not features:
            raise NotFoundThere(PROVIDER.name, f"no {level} {gss} in {layer.service}", HTTPStatus.OK)
        if any(feature.properties.get(layer.code_field) != gss for feature in features):
            raise BadAnswer(PROVIDER.name, f"the answer is not about {gss}", HTTPStatus.OK)
        return Outline(
            level=level,
            code=gss,
            name=_name(features[0], layer),
            geometry=_merged_geometry(features),
            vintage=layer.vintage,
        )

    async def outlines(self, codes: Mapping[AreaLevel, str]) -> Outlines:
        """Fetch the outlines of several levels concurrently; return them in the given order.

        A level whose request fails is missing, with the reason; when all fail, raise the first error.
        """
        requests = (self.outline(level, gss) for level, gss in codes.items())
        results = await asyncio.gather(*requests, return_exceptions=True)
        outlines: dict[AreaLevel, Outline] = {}
        errors: dict[AreaLevel, ProviderError] = {}
        for level, result in zip(codes, results, strict=True):
            if isinstance(result, Outline):
                outlines[level] = result
            elif isinstance(result, ProviderError):
                errors[level] = result
            else:
                raise result
        if errors and not outlines:
            raise next(iter(errors.values()))
        missing = tuple(MissingOutline(level, str(error)) for level, error in errors.items())
        return Outlines(FrozenMap(outlines), missing)

    async def _features(self, level: AreaLevel, layer: Layer, gss: str) -> list["_Feature"]:
        """Return all features of an area, fetched page by page."""
        features: list[_Feature] = []
        for _ in range(MAX_PAGES):
            answer = await self._upstream.json(
                f"/{layer.service}/FeatureServer/0/query",
                params={
                    "where": f"{layer.code_field}='{gss}'",
                    "outFields": f"{layer.code_field},{layer.name_field}",
                    "outSR": 4326,
                    "geometryPrecision": 5,
                    "maxAllowableOffset": TOLERANCE[level],
                    "f": "geojson",
                    "resultOffset": len(features),
                    "resultRecordCount": PAGE,
                },
            )
            try:
                page = _page(answer)
            except RateLimited as error:  # sent with HTTP 200, so the client has not recorded it
                raise self._upstream.record_failure(error) from None
            features += page.features
            if not page.more:
                return features
            if not page.features:
                break  # an empty page that announces more would repeat for ever
        raise BadAnswer(PROVIDER.name, f"more pages for {gss} than possible", HTTPStatus.OK)


class _Feature(Value, extra="ignore"):
    properties: dict[str, Any]
    geometry: Geometry


class _Limit(Value, extra="ignore"):
    exceeded_transfer_limit: StrictBool = False


class _Page(_Limit):
    """A page of features; by version, the top level or the properties state whether more follow."""

    type: Literal["FeatureCollection"]
    features: tuple[_Feature, ...]
    properties: _Limit | None = None

    @property
    def more(self) -> bool:
        return self.exceeded_transfer_limit or (self.properties or _Limit()).exceeded_transfer_limit


def _page(answer: JsonAnswer) -> _Page:
    """Read a page; raise the error that it reports, and `BadAnswer` for an unexpected form."""
    if isinstance(answer.data, dict) and answer.data.get("error") is not None:
        raise _reported_error(answer.data["error"])
    return validated(_Page, answer.data, PROVIDER.name, answer.status)


def _reported_error(error: object) -> ProviderError:
    """Convert an error in the body, which has HTTP status 200 and its own code."""
    fields = error if isinstance(error, dict) else {}
    code, message = fields.get("code"), fields.get("message")
    if not isinstance(code, int):
        return BadAnswer(PROVIDER.name, "an error without a code", HTTPStatus.OK)
    reason = f"error {code}"
    if isinstance(message, str):
        reason += f": {plain(message, _LONGEST_REASON)}"
    if code == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(PROVIDER.name, reason, HTTPStatus.OK)
    kind = Unavailable if code >= HTTPStatus.INTERNAL_SERVER_ERROR else BadAnswer
    return kind(PROVIDER.name, reason, HTTPStatus.OK)


def _name(feature: _Feature, layer: Layer) -> str:
    name = feature.properties.get(layer.name_field)
    if not isinstance(name, str) or not name or not name.isprintable():
        raise BadAnswer(PROVIDER.name, f"{layer.name_field} is not a name", HTTPStatus.OK)
    return name


def _merged_geometry(features: list[_Feature]) -> Geometry:
    """Return one geometry for all features of an area."""
    if len(features) == 1:
        return features[0].geometry
    return MultiPolygon(coordinates=tuple(part for feature in features for part in feature.geometry.parts))
