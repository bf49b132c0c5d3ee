"""Where a postcode lies: the ONS Postcode Directory and the outlines of its areas, else its district."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from veo.errors import NotFound, NotFoundThere, ProviderError
from veo.facts.sources import SNAPSHOT, no_answer
from veo.models import Answer, District, FrozenMap
from veo.schemas.responses import AdministrativeAreas, AreaProperties, BoundariesData, Codes, Feature, LatLong
from veo.sources.clients import Live
from veo.sources.http.deadline import within
from veo.sources.providers import boundaries, postcodes
from veo.sources.providers.boundaries import AreaLevel, Outline, Outlines
from veo.sources.providers.postcodes import PostcodeFacts

Detail = Literal["simple", "full"]

LEVELS: Mapping[Detail, tuple[AreaLevel, ...]] = {
    "simple": ("ward",),
    "full": ("lsoa", "msoa", "ward", "district"),
}
OUTLINES = 3.0  # seconds
NO_CODES = "The directory has no code for its areas, so there is no outline."
COVERS = "Veo covers London's postcode districts"
LICENCE = "Contains OS, Royal Mail and National Statistics data © Crown copyright and database right"


async def live_boundaries(live: Live, postcode: str, detail: Detail) -> Answer[BoundariesData]:
    """Look a canonical postcode up, and its outlines, without which the answer is partial.

    Raises `NotFound` for a postcode that does not exist, and provider errors.
    """
    try:
        facts = await live.postcodes.postcode(postcode)
    except NotFoundThere as error:
        _, told = str(error).split(": ", 1)
        raise NotFound(f"{told[:1].upper()}{told[1:]}: {COVERS}") from None
    if facts.location is None:
        raise NotFound(f"Postcode {postcode} not found on the map: {COVERS}")
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
    """Place a postcode at the centre of its district."""
    missing = "No ward and no GSS codes" if detail == "simple" else "No ward, no GSS codes and no outlines"
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
            f"The location is the centre of {district.code}, the borough that of most residents there.",
            f"{missing} are at hand without a live source.",
        ),
    )


def timestamp() -> str:
    """Give the present time in UTC to the millisecond."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def _outlines(
    live: Live, facts: PostcodeFacts, levels: tuple[AreaLevel, ...]
) -> tuple[Mapping[AreaLevel, Outline], tuple[str, ...]]:
    """Give what outlines there are, and a notice for each that is not."""
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
        async with within(OUTLINES):  # who wants to know where a postcode lies waits no longer
            found: Outlines = await live.boundaries.outlines(coded)
    except ProviderError as error:
        return {}, (f"{no_answer(error.service)}: no outlines.",)
    return found.found, tuple(
        f"No outline of the {level}: {no_answer(boundaries.PROVIDER.name)}." for level, _ in found.missing
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
