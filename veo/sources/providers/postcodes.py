"""postcodes.io: where a postcode lies, and in which areas of the ONS Postcode Directory (ONSPD).

Free, without a key, and it states no limit. Facts hold OS, Royal Mail and National Statistics data
© Crown copyright, under the Open Government Licence v3.0.
"""

import asyncio
import re
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import AfterValidator, Field, ValidationError

from veo.errors import BadAnswer, NotFoundThere, ProviderError
from veo.models import FrozenMap, Location, Value
from veo.sources.http.client import Http
from veo.sources.http.provider import Provider, Reply

SOURCE = "postcodes.io (ONSPD)"
"""The service does not say which edition of the directory it holds."""

PROVIDER = Provider("postcodes.io", "https://api.postcodes.io", timeout=4.0, at_once=4)

BULK = 100
"""Postcodes per request, at most."""

_POSTCODE = re.compile(r"[A-Z]{1,2}[0-9][A-Z0-9]? [0-9][A-Z]{2}")
_OUTCODE = re.compile(r"[A-Z]{1,2}[0-9][A-Z0-9]?")
_GSS = re.compile(r"[A-Z](?!99999999)[0-9]{8}")  # all nines: no such area here


class AreaCodes(Value):
    """GSS codes of the areas; None where the directory has none."""

    lsoa: str | None = None
    msoa: str | None = None
    admin_district: str | None = None
    admin_ward: str | None = None


class PostcodeFacts(Value):
    """A live postcode: its point and the names and codes of its areas.

    Census areas are those of 2021, or of 2011 from a service older than them. Anything is None that the
    directory lacks; the Channel Islands and the Isle of Man have no point.
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
        """Whether it lies in the region of London: outcodes of London reach beyond it."""
        return self.region == "London"


class OutcodeFacts(Value):
    """A postcode district: the mean of its postcodes' points, and every area it touches."""

    outcode: str
    location: Location | None = None
    districts: tuple[str, ...] = ()
    wards: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    source: str = SOURCE


class Postcodes:
    """Asks postcodes.io. Every method raises `ProviderError`s only, or `ValueError` for a caller's slip."""

    def __init__(self, http: Http) -> None:
        self._upstream = http.upstream(PROVIDER)

    async def postcode(self, text: str) -> PostcodeFacts:
        """Give the facts of a canonical postcode (`E1 6AN`).

        Raises `NotFoundThere` for an unknown one, saying since when if it was terminated; `ValueError` when
        the text is not canonical.
        """
        if _POSTCODE.fullmatch(text) is None:
            raise ValueError(f"{text!r} is not a canonical postcode")
        try:
            reply = await self._upstream.json(f"/postcodes/{_compact(text)}")
        except NotFoundThere as error:
            raise NotFoundThere(PROVIDER.name, await self._absence(text), error.status) from None
        return _read(_Envelope[_Postcode], reply).facts(text)

    async def outcode(self, code: str) -> OutcodeFacts:
        """Give the facts of a canonical outcode (`E15`); raises as `postcode` does."""
        if _OUTCODE.fullmatch(code) is None:
            raise ValueError(f"{code!r} is not a canonical outcode")
        reply = await self._upstream.json(f"/outcodes/{code}")
        return _read(_Envelope[_Outcode], reply).facts(code)

    async def postcodes(self, many: Sequence[str]) -> FrozenMap[str, PostcodeFacts | None]:
        """Give the facts by postcode in the order asked, None for an unknown one.

        Asks for `BULK` at a time, concurrently; the first failure of any fails all.
        """
        asked = list(dict.fromkeys(many))
        chunks = [asked[start : start + BULK] for start in range(0, len(asked), BULK)]
        # Each is waited for, so that none is still running when the first failure is raised.
        answers = await asyncio.gather(*map(self._bulk, chunks), return_exceptions=True)
        found: dict[str, PostcodeFacts | None] = {}
        for answer in answers:
            if isinstance(answer, BaseException):
                raise answer
            found |= answer
        return FrozenMap(found)

    async def _bulk(self, asked: list[str]) -> dict[str, PostcodeFacts | None]:
        reply = await self._upstream.json("/postcodes", method="POST", body={"postcodes": asked})
        rows = _read(_Envelope[list[_Row]], reply)
        if len(rows) != len(asked):
            raise BadAnswer(PROVIDER.name, "a bulk answer is not one result per postcode", reply.status)
        return {text: row.facts(text) for text, row in zip(asked, rows, strict=True)}

    async def _absence(self, text: str) -> str:
        """Say why there is no such postcode, which is certain: a failure here costs the reason only."""
        try:
            reply = await self._upstream.json(f"/terminated_postcodes/{_compact(text)}")
            ended = _read(_Envelope[_Terminated], reply)
            _same(ended.postcode, text)
        except ProviderError:
            return f"postcode {text} not found"
        ended_in = date(ended.year_terminated, ended.month_terminated, 1)
        return f"postcode {text} was terminated in {ended_in:%B %Y}"


def _named(text: str | None) -> str | None:
    """Leave out what stands for no area, such as `(pseudo) Wales`."""
    if text and not text.isprintable():
        raise ValueError("not a name")  # half a surrogate pair would fail when the answer is written
    return None if not text or text.startswith("(pseudo)") else text


def _coded(text: str | None) -> str | None:
    """Leave out what is not a GSS code (Northern Ireland's older areas) and those that stand for no area."""
    return text if text and _GSS.fullmatch(text) else None


T = TypeVar("T")
Name = Annotated[str | None, AfterValidator(_named)]
Gss = Annotated[str | None, AfterValidator(_coded)]


class _Wire(Value, extra="ignore", strict=True, alias_generator=None):
    """What is read of an answer: nothing is converted, and what else it holds is not looked at."""


class _Point(_Wire):
    """A point near the United Kingdom, so that a swapped pair is noticed; both numbers or no point."""

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
    lsoa: Gss = None  # of 2011, as is the name
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

    def facts(self, asked: str) -> PostcodeFacts:
        """Give the facts; a name and a code are of the same census, else they may be of two areas."""
        _same(self.postcode, asked)
        outcode, incode = _compact(asked)[:-3], _compact(asked)[-3:]
        codes = self.codes or _Codes()
        lsoa, lsoa_code = (self.lsoa21, codes.lsoa21) if codes.lsoa21 else (self.lsoa, codes.lsoa)
        msoa, msoa_code = (self.msoa21, codes.msoa21) if codes.msoa21 else (self.msoa, codes.msoa)
        return PostcodeFacts(
            postcode=f"{outcode} {incode}",
            outcode=outcode,
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


class _Outcode(_Point):
    outcode: str
    admin_district: list[Name] | None = None
    admin_ward: list[Name] | None = None
    country: list[Name] | None = None

    def facts(self, asked: str) -> OutcodeFacts:
        _same(self.outcode, asked)
        return OutcodeFacts(
            outcode=asked,
            location=self.location,
            districts=_without_gaps(self.admin_district),
            wards=_without_gaps(self.admin_ward),
            countries=_without_gaps(self.country),
        )


class _Terminated(_Wire):
    postcode: str
    year_terminated: int = Field(ge=1970, le=2200)
    month_terminated: int = Field(ge=1, le=12)


class _Row(_Wire):
    """One row of a bulk answer."""

    query: str
    result: _Postcode | None

    def facts(self, asked: str) -> PostcodeFacts | None:
        _same(self.query, asked)
        return None if self.result is None else self.result.facts(asked)


class _Envelope(_Wire, Generic[T]):
    status: Literal[200]
    result: T


def _read(envelope: type[_Envelope[T]], reply: Reply) -> T:
    """Open an answer; raises `BadAnswer`, which names the field but repeats nothing of the answer."""
    try:
        return envelope.model_validate(reply.data).result
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or "the answer"
        reason = f"{field} is not as documented: {first['type']}"
        raise BadAnswer(PROVIDER.name, reason, reply.status) from None


def _same(answered: str, asked: str) -> None:
    if _compact(answered) != _compact(asked):
        raise BadAnswer(PROVIDER.name, f"asked for {asked}, it answers for another", 200)


def _compact(text: str) -> str:
    return "".join(text.split()).upper()


def _without_gaps(names: list[str | None] | None) -> tuple[str, ...]:
    return tuple(name for name in names or () if name is not None)
