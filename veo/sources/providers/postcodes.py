"""postcodes.io: the point of a postcode, and its areas in the ONS Postcode Directory (ONSPD).

Free, without a key and without a stated limit. The facts contain OS, Royal Mail and National Statistics data
© Crown copyright, under the Open Government Licence v3.0.
"""

import re
from datetime import date
from http import HTTPStatus
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import AfterValidator, Field

from veo.errors import BadAnswer, NotFoundThere, ProviderError
from veo.models import Location, Value
from veo.sources.http.client import Http
from veo.sources.http.provider import JsonAnswer, Provider
from veo.sources.http.wire import WireModel, validated
from veo.sources.postcode_patterns import POSTCODE, compact_code

SOURCE = "postcodes.io (ONSPD)"
"""The service does not say which edition of the directory it holds."""

PROVIDER = Provider(
    "postcodes.io",
    "https://api.postcodes.io",
    purpose="the point and areas of a full postcode",
    timeout=4.0,
    max_concurrent=4,
)

_GSS = re.compile(r"[A-Z](?!99999999)[0-9]{8}")  # all nines mean that there is no such area


class AreaCodes(Value):
    """The GSS codes of a postcode's areas, None where the directory has none."""

    lsoa: str | None = None
    msoa: str | None = None
    admin_district: str | None = None
    admin_ward: str | None = None


class PostcodeFacts(Value):
    """A postcode in use: its point, and the names and codes of its areas.

    Census areas are those of 2021, or of 2011 where the service does not have these yet. Fields that the
    directory lacks are None; the Channel Islands and the Isle of Man have no point.
    """

    postcode: str
    outcode: str
    location: Location | None = None
    country: str | None = None
    region: str | None = None
    admin_district: str | None = None
    admin_ward: str | None = None
    lsoa: str | None = None
    msoa: str | None = None
    codes: AreaCodes = AreaCodes()
    source: str = SOURCE

    @property
    def in_london(self) -> bool:
        """Whether the postcode is in the London region, which some London outcodes cross."""
        return self.region == "London"


class Postcodes:
    """The client of postcodes.io."""

    def __init__(self, http: Http) -> None:
        self._upstream = http.upstream(PROVIDER)

    async def postcode(self, text: str) -> PostcodeFacts:
        """Return the facts of a canonical postcode (`E1 6AN`).

        Raise `NotFoundThere` for an unknown postcode, with the date if it was terminated, the other
        `ProviderError`s, and `ValueError` for a text that is not a canonical postcode.
        """
        if POSTCODE.fullmatch(text) is None:
            raise ValueError(f"{text!r} is not a canonical postcode")
        try:
            answer = await self._upstream.json(f"/postcodes/{compact_code(text)}")
        except NotFoundThere as error:
            raise NotFoundThere(PROVIDER.name, await self._reason_not_found(text), error.status) from None
        return _result(_Envelope[_Postcode], answer).facts(text)

    async def _reason_not_found(self, text: str) -> str:
        """Return why a postcode was not found; a failure of this second request loses only the date."""
        try:
            answer = await self._upstream.json(f"/terminated_postcodes/{compact_code(text)}")
            terminated = _result(_Envelope[_Terminated], answer)
            _check_same(terminated.postcode, text)
        except ProviderError:
            return f"postcode {text} not found"
        month = date(terminated.year_terminated, terminated.month_terminated, 1)
        return f"postcode {text} was terminated in {month:%B %Y}"


def _area_name(text: str | None) -> str | None:
    """Return None for a placeholder such as `(pseudo) Wales`."""
    if text and not text.isprintable():
        raise ValueError("not a name")  # a lone surrogate could not be encoded in the answer
    return None if not text or text.startswith("(pseudo)") else text


def _gss_code(text: str | None) -> str | None:
    """Return None for a placeholder, and for what is not a GSS code (Northern Ireland's older areas)."""
    return text if text and _GSS.fullmatch(text) else None


T = TypeVar("T")
Name = Annotated[str | None, AfterValidator(_area_name)]
Gss = Annotated[str | None, AfterValidator(_gss_code)]


class _Wire(WireModel, alias_generator=None):
    """A part of the answer, whose field names are not in camelCase."""


class _Point(_Wire):
    """A point near the United Kingdom, so that swapped coordinates are rejected."""

    latitude: float | None = Field(default=None, ge=49, le=61)
    longitude: float | None = Field(default=None, ge=-9, le=3)

    @property
    def location(self) -> Location | None:
        if self.latitude is None or self.longitude is None:
            return None
        return Location(lat=self.latitude, lng=self.longitude)


class _Codes(_Wire):
    admin_district: Gss = None
    admin_ward: Gss = None
    lsoa: Gss = None  # of 2011, like `_Postcode.lsoa`
    msoa: Gss = None
    lsoa21: Gss = None
    msoa21: Gss = None


class _Postcode(_Point):
    postcode: str
    country: Name = None
    region: Name = None
    admin_district: Name = None
    admin_ward: Name = None
    lsoa: Name = None
    msoa: Name = None
    lsoa21: Name = None
    msoa21: Name = None
    codes: _Codes | None = None

    def facts(self, postcode: str) -> PostcodeFacts:
        """Return the facts; name and code are of the same census, or they might be of different areas."""
        _check_same(self.postcode, postcode)
        codes = self.codes or _Codes()
        lsoa, lsoa_code = (self.lsoa21, codes.lsoa21) if codes.lsoa21 else (self.lsoa, codes.lsoa)
        msoa, msoa_code = (self.msoa21, codes.msoa21) if codes.msoa21 else (self.msoa, codes.msoa)
        return PostcodeFacts(
            postcode=postcode,
            outcode=postcode.partition(" ")[0],
            location=self.location,
            country=self.country,
            region=self.region,
            admin_district=self.admin_district,
            admin_ward=self.admin_ward,
            lsoa=lsoa,
            msoa=msoa,
            codes=AreaCodes(
                lsoa=lsoa_code,
                msoa=msoa_code,
                admin_district=codes.admin_district,
                admin_ward=codes.admin_ward,
            ),
        )


class _Terminated(_Wire):
    postcode: str
    year_terminated: int = Field(ge=1970, le=2200)
    month_terminated: int = Field(ge=1, le=12)


class _Envelope(_Wire, Generic[T]):
    status: Literal[200]
    result: T


def _result(envelope: type[_Envelope[T]], answer: JsonAnswer) -> T:
    return validated(envelope, answer.data, PROVIDER.name, answer.status).result


def _check_same(answered: str, requested: str) -> None:
    if compact_code(answered) != compact_code(requested):
        raise BadAnswer(PROVIDER.name, f"the answer is not about {requested}", HTTPStatus.OK)
