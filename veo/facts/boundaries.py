"""Where a postcode lies: the ONS Postcode Directory and the outlines of its areas, else its district."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from pydantic import Field

from veo.errors import NotFound, NotFoundThere, ProviderError
from veo.facts.sources import SNAPSHOT, no_answer
from veo.models import Answer, District, FrozenMap, SnakeValue, absent
from veo.sources.clients import Live
from veo.sources.http.deadline import within
from veo.sources.providers import boundaries, postcodes
from veo.sources.providers.boundaries import AreaLevel, Geometry, Outline, Outlines
from veo.sources.providers.postcodes import PostcodeFacts

Detail = Literal["simple", "full"]

LEVELS: Mapping[Detail, tuple[AreaLevel, ...]] = {
    "simple": ("ward",),
    "full": ("lsoa", "msoa", "ward", "district"),
}
OUTLINES_WITHIN = 3.0  # seconds
NO_CODES = "The postcode directory has no codes for its areas, so there are no outlines."
COVERS = "Veo covers London's postcode districts"
LICENCE = "Contains OS, Royal Mail and National Statistics data © Crown copyright and database right"


class LatLong(SnakeValue):
    """A point in WGS84 degrees."""

    latitude: float
    longitude: float


class AdministrativeAreas(SnakeValue):
    """The areas that a postcode lies in; null if no source is available."""

    country: str | None = None
    region: str | None = None
    district: str | None = None
    ward: str | None = None


class Codes(SnakeValue):
    """GSS codes of those areas; null if no source is available."""

    msoa: str | None = None
    lsoa: str | None = None
    admin_district: str | None = None
    admin_ward: str | None = None


class AreaProperties(SnakeValue):
    """The area of an outline: its level, GSS code and name, and the month of the boundaries."""

    level: str
    code: str
    name: str
    vintage: str


class Feature(SnakeValue):
    """An outline as GeoJSON, in WGS84."""

    type: Literal["Feature"] = "Feature"
    properties: AreaProperties
    geometry: Geometry


class BoundariesData(SnakeValue):
    """The location of a postcode, and the areas that it lies in.

    `boundary` is the outline of its ward; at the full level, `boundaries` holds the outlines of its LSOA,
    MSOA, ward and district instead.
    """

    postcode: str
    location: LatLong
    administrative_areas: AdministrativeAreas
    codes: Codes
    boundary: Feature | None = Field(default=None, exclude_if=absent)
    boundaries: FrozenMap[str, Feature] | None = Field(default=None, exclude_if=absent)
    timestamp: str


async def live_boundaries(live: Live, postcode: str, detail: Detail) -> Answer[BoundariesData]:
    """Look up a canonical postcode and its outlines; without these the answer is partial.

    Raises NotFound for a postcode that does not exist, and provider errors.
    """
    try:
        facts = await live.postcodes.postcode(postcode)
    except NotFoundThere as error:
        _, message = str(error).split(": ", 1)
        raise NotFound(f"{message[:1].upper()}{message[1:]}: {COVERS}") from None
    if facts.location is None:
        raise NotFound(f"Postcode {postcode} has no location: {COVERS}")
    outlines, notices = await _outlines(live, facts, LEVELS[detail])
    features: dict[str, Feature] = {level: _feature(outline) for level, outline in outlines.items()}
    outside = () if facts.in_london else (f"{postcode} lies outside Greater London.",)
    return Answer(
        data=BoundariesData(
            postcode=postcode,
            location=LatLong(latitude=facts.location.lat, longitude=facts.location.lng),
            administrative_areas=_areas(facts),
            codes=Codes(**dict(facts.codes)),
            boundary=features.get("ward") if detail == "simple" else None,
            boundaries=FrozenMap(features) if detail == "full" else None,
            timestamp=timestamp(),
        ),
        sources=(postcodes.SOURCE, *((boundaries.SOURCE,) if features else ())),
        notices=(*outside, *notices),
        attribution=(LICENCE,),
        partial=bool(notices) and notices != (NO_CODES,),
    )


def embedded_boundaries(district: District, postcode: str, detail: Detail) -> Answer[BoundariesData]:
    """Locate a postcode at the centre of its district."""
    missing = "The ward and GSS codes" if detail == "simple" else "The ward, GSS codes and outlines"
    return Answer(
        data=BoundariesData(
            postcode=postcode,
            location=LatLong(latitude=district.location.lat, longitude=district.location.lng),
            administrative_areas=AdministrativeAreas(country="England", district=district.borough),
            codes=Codes(),
            timestamp=timestamp(),
        ),
        sources=(SNAPSHOT,),
        notices=(
            f"The location is the centre of {district.code}; the borough is that of most of its residents.",
            f"{missing} are not available without a live source.",
        ),
    )


def timestamp() -> str:
    """Return the current time in UTC to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _outlines(
    live: Live, facts: PostcodeFacts, levels: tuple[AreaLevel, ...]
) -> tuple[Mapping[AreaLevel, Outline], tuple[str, ...]]:
    """Return the available outlines, and a notice for each missing one."""
    gss = {
        "lsoa": facts.codes.lsoa,
        "msoa": facts.codes.msoa,
        "ward": facts.codes.admin_ward,
        "district": facts.codes.admin_district,
    }
    coded = {level: code for level in levels if (code := gss[level]) is not None}
    if not coded:
        return {}, (NO_CODES,)
    try:
        async with within(OUTLINES_WITHIN):  # the location is ready and should not wait longer
            outlines: Outlines = await live.boundaries.outlines(coded)
    except ProviderError as error:
        return {}, (f"{no_answer(error.service)}: no outlines.",)
    return outlines.by_level, tuple(
        f"No outline of the {level}: {no_answer(boundaries.PROVIDER.name)}." for level, _ in outlines.missing
    )


def _areas(facts: PostcodeFacts) -> AdministrativeAreas:
    return AdministrativeAreas(
        country=facts.country, region=facts.region, district=facts.admin_district, ward=facts.admin_ward
    )


def _feature(outline: Outline) -> Feature:
    return Feature(
        properties=AreaProperties(
            level=outline.level, code=outline.code, name=outline.name, vintage=outline.vintage
        ),
        geometry=outline.geometry,
    )
