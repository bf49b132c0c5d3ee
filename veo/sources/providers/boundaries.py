"""ONS Open Geography: the outlines of the areas a postcode lies in, from its ArcGIS feature services.

Free, without a key. Outlines are the generalised, clipped ones (to 20 m), simplified further for a map on
a page. Source: Office for National Statistics, under the Open Government Licence v3.0. Contains OS data
© Crown copyright and database right.
"""

import asyncio
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, Field, StrictBool, ValidationError

from veo.errors import BadAnswer, NotFoundThere, ProviderError, RateLimited, Unavailable
from veo.models import FrozenMap, Value
from veo.sources.http.client import Http
from veo.sources.http.provider import Provider, Reply
from veo.sources.http.sanitize import plain

AreaLevel = Literal["lsoa", "msoa", "ward", "district"]

SOURCE = "ONS Open Geography"

PROVIDER = Provider(
    "ons-geography",
    "https://services1.arcgis.com/ESMARspQHYMw9BZ9/arcgis/rest/services",
    timeout=10.0,
    largest=8 * 2**20,
)


class Layer(NamedTuple):
    """Where the outlines of one level are: a feature service, its fields and the date of its areas."""

    service: str
    code_field: str
    name_field: str
    vintage: str


Layers = Mapping[AreaLevel, Layer]

# A service's name carries its vintage and version, and is retired when a newer one replaces it; the two of
# the census are the least certain. A retired one answers with an error, which costs one outline and no more.
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
"""How far a simplified outline may stray, in degrees: 0.0001 is about 10 m."""

PAGE = 2000
"""Features per request, the most that the services give."""

PAGES = 20

_GSS = re.compile(r"[EW][0-9]{8}")
_LONGEST_REASON = 80


def _closed(ring: tuple[tuple[float, float], ...]) -> tuple[tuple[float, float], ...]:
    if ring[0] != ring[-1]:
        raise ValueError("the ring is open")
    return ring


Longitude = Annotated[float, Field(strict=True, ge=-9, le=3)]
Latitude = Annotated[float, Field(strict=True, ge=49, le=61)]
Ring = Annotated[tuple[tuple[Longitude, Latitude], ...], Field(min_length=4), AfterValidator(_closed)]
Rings = Annotated[tuple[Ring, ...], Field(min_length=1)]


class Polygon(Value, extra="ignore"):
    """A GeoJSON polygon: its outer ring, then its holes, each closed, of (longitude, latitude) in WGS84."""

    type: Literal["Polygon"] = "Polygon"
    coordinates: Rings

    @property
    def parts(self) -> tuple[Rings, ...]:
        """The rings of every polygon in it."""
        return (self.coordinates,)


class MultiPolygon(Value, extra="ignore"):
    """A GeoJSON multipolygon: one or more polygons that make up one area."""

    type: Literal["MultiPolygon"] = "MultiPolygon"
    coordinates: Annotated[tuple[Rings, ...], Field(min_length=1)]

    @property
    def parts(self) -> tuple[Rings, ...]:
        """The rings of every polygon in it."""
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


class Missing(NamedTuple):
    """A level without an outline, and why, for a notice."""

    level: AreaLevel
    reason: str


class Outlines(NamedTuple):
    """The outlines that were found, and the levels that were not."""

    found: FrozenMap[AreaLevel, Outline]
    missing: tuple[Missing, ...]


class Boundaries:
    """Asks the feature services, one request per area; `services` stand in for those of `LAYERS`."""

    def __init__(self, http: Http, services: Layers = LAYERS) -> None:
        self._upstream = http.upstream(PROVIDER)
        self._services = {**LAYERS, **services}

    async def outline(self, level: AreaLevel, gss: str) -> Outline:
        """Give the outline of an area of England or Wales by its GSS code (`E09000030`).

        Raises `NotFoundThere` when the layer has no such area, the other `ProviderError`s, and `ValueError`
        when it is not a code of England or Wales.
        """
        if _GSS.fullmatch(gss) is None:
            raise ValueError(f"{gss!r} is not a GSS code of England or Wales")
        layer = self._services[level]
        features = await self._features(level, layer, gss)
        if not features:
            raise NotFoundThere(PROVIDER.name, f"no {level} {gss} in {layer.service}", HTTPStatus.OK)
        if any(feature.properties.get(layer.code_field) != gss for feature in features):
            raise BadAnswer(PROVIDER.name, f"asked for {gss}, it answers for another area", HTTPStatus.OK)
        return Outline(
            level=level,
            code=gss,
            name=_name(features[0], layer),
            geometry=_united(features),
            vintage=layer.vintage,
        )

    async def outlines(self, codes: Mapping[AreaLevel, str]) -> Outlines:
        """Give the outlines of several levels, asked for concurrently, in the order given.

        A level whose provider fails is missing, with the reason; when all fail, the first failure is raised.
        """
        asked = (self.outline(level, gss) for level, gss in codes.items())
        answers = await asyncio.gather(*asked, return_exceptions=True)
        found: dict[AreaLevel, Outline] = {}
        failed: dict[AreaLevel, ProviderError] = {}
        for level, answer in zip(codes, answers, strict=True):
            if isinstance(answer, Outline):
                found[level] = answer
            elif isinstance(answer, ProviderError):
                failed[level] = answer
            else:
                raise answer
        if failed and not found:
            raise next(iter(failed.values()))
        return Outlines(FrozenMap(found), tuple(Missing(level, str(why)) for level, why in failed.items()))

    async def _features(self, level: AreaLevel, layer: Layer, gss: str) -> list["_Feature"]:
        """Give every feature of an area, page by page."""
        features: list[_Feature] = []
        for _ in range(PAGES):
            reply = await self._upstream.json(
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
                page = _page(reply)
            except RateLimited as error:  # which came as HTTP 200
                raise self._upstream.failed(error) from None
            features += page.features
            if not page.more:
                return features
            if not page.features:
                break  # it would say so for ever
        raise BadAnswer(PROVIDER.name, f"no end of pages for {gss}", HTTPStatus.OK)


class _Feature(Value, extra="ignore"):
    properties: dict[str, Any]
    geometry: Geometry


class _Limit(Value, extra="ignore"):
    exceeded_transfer_limit: StrictBool = False


class _Page(_Limit):
    """A page of features. Whether there are more is said at the top or in the properties, by version."""

    type: Literal["FeatureCollection"]
    features: tuple[_Feature, ...]
    properties: _Limit | None = None

    @property
    def more(self) -> bool:
        return self.exceeded_transfer_limit or (self.properties or _Limit()).exceeded_transfer_limit


def _page(reply: Reply) -> _Page:
    """Read a page; raises what the error in it stands for, and `BadAnswer` for another shape."""
    if isinstance(reply.data, dict) and reply.data.get("error") is not None:
        raise _refusal(reply.data["error"])
    try:
        return _Page.model_validate(reply.data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = first["loc"][0] if first["loc"] else "the answer"
        reason = f"{field} is not as documented: {first['type']}"
        raise BadAnswer(PROVIDER.name, reason, reply.status) from None


def _refusal(error: object) -> ProviderError:
    """Give the failure that an error stands for: it comes with HTTP status 200 and a code of its own."""
    told = error if isinstance(error, dict) else {}
    code, message = told.get("code"), told.get("message")
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


def _united(features: list[_Feature]) -> Geometry:
    """Give one geometry: an area that comes in several features is all of them."""
    if len(features) == 1:
        return features[0].geometry
    return MultiPolygon(coordinates=tuple(part for feature in features for part in feature.geometry.parts))
