"""The register of schools: the daily file of DfE's Get Information about Schools, read as it arrives.

https://get-information-schools.service.gov.uk, Open Government Licence v3.0. About 62 MB for England and
Wales; only the file of the current day is dependable.
"""

import re
from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from functools import cache
from http import HTTPStatus
from operator import itemgetter
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

from veo.errors import BadAnswer, NotFoundThere, Unavailable
from veo.models import Location
from veo.sources.bulk.csv_table import checked_rows, column_indices, column_names
from veo.sources.http.client import Http
from veo.sources.http.csv_stream import rows
from veo.sources.http.provider import Provider
from veo.sources.http.sanitize import plain
from veo.sources.postcode_patterns import POSTCODE

if TYPE_CHECKING:
    from pyproj import Transformer

GIAS = Provider(
    "gias",
    "https://ea-edubase-api-prod.azurewebsites.net",
    purpose="the monthly refresh: the register of schools",
    timeout=30.0,
    max_bytes=160 * 2**20,
    possibly_valid=frozenset({HTTPStatus.INTERNAL_SERVER_ERROR}),  # the status for a day without a file
)

Phase = Literal[
    "Nursery",
    "Primary",
    "Middle deemed primary",
    "Middle deemed secondary",
    "Secondary",
    "All-through",
    "16 plus",
    "Not applicable",
]
"""The register's own terms; independent, special and alternative schools are `Not applicable`."""

Sector = Literal["state-funded", "independent"]

BOX = ((498_500, 567_000), (150_800, 206_000))
"""Eastings and northings of Greater London and 5 km around it, in metres of the national grid."""

_DAYS_BACK = 7
_LONGEST_NAME = 120
_LONDON = {str(code) for code in (*range(201, 214), *range(301, 321))}
_LONDON_DISTRICT = "E09"
_OPEN = {"Open", "Open, but proposed to close"}
_SECTORS: dict[str, Sector] = {
    "local authority maintained schools": "state-funded",
    "academies": "state-funded",
    "free schools": "state-funded",
    "special schools": "state-funded",
    "independent schools": "independent",
}
_NO_CHARACTER = {"", "None", "Does not apply"}
_COLUMNS = (
    *("URN", "LA (code)", "DistrictAdministrative (code)", "EstablishmentName"),
    *("EstablishmentStatus (name)", "EstablishmentTypeGroup (name)", "TypeOfEstablishment (name)"),
    *("PhaseOfEducation (name)", "StatutoryLowAge", "StatutoryHighAge", "ReligiousCharacter (name)"),
    *("Postcode", "Easting", "Northing"),
)
_URN = re.compile(r"[1-9]\d{4,6}", re.ASCII)
_AGE = re.compile(r"\d{1,2}", re.ASCII)
_METRES = re.compile(r"\d{1,7}(\.\d{1,3})?", re.ASCII)


class Entry(NamedTuple):
    """One open school of the register. Ages are in years; None means that the register states nothing."""

    urn: int
    name: str
    phase: Phase
    type: str
    sector: Sector
    low_age: int | None
    high_age: int | None
    religious_character: str | None
    postcode: str | None
    location: Location


class Register(NamedTuple):
    """The schools of a day's file, in the order of their URNs.

    `unplaced` counts the London schools left out because they have no location there.
    """

    day: date
    entries: list[Entry]
    unplaced: int


class _Row(NamedTuple):
    """The cells that are read, in the order of `_COLUMNS`."""

    urn: str
    authority: str
    district: str
    name: str
    status: str
    group: str
    type: str
    phase: str
    low_age: str
    high_age: str
    religion: str
    postcode: str
    easting: str
    northing: str

    def in_london(self) -> bool:
        return self.authority in _LONDON or self.district.startswith(_LONDON_DISTRICT)


async def read_register(http: Http, today: date, fewest: int) -> Register:
    """Return the open schools of London and of `BOX`, from today's file or the newest of the week before.

    Raises `ProviderError`, also if fewer than `fewest` London schools have a location.
    """
    for age in range(_DAYS_BACK + 1):
        day = today - timedelta(days=age)
        try:
            return await _read(http, day, fewest)
        except NotFoundThere:
            continue
        except Unavailable as error:
            if error.status != HTTPStatus.INTERNAL_SERVER_ERROR:
                raise
    raise NotFoundThere(GIAS.name, f"no register from {day:%d %b %Y} to {today:%d %b %Y}")


async def _read(http: Http, day: date, fewest: int) -> Register:
    path = f"/edubase/downloads/public/edubasealldata{day:%Y%m%d}.csv"
    async with http.upstream(GIAS).stream(path, max_bytes=GIAS.max_bytes) as chunks:
        schools = [row async for row in _rows(rows(chunks, "cp1252")) if _is_wanted(row)]
    grid = [_on_grid(row) for row in schools]
    placed = [(row, point) for row, point in zip(schools, grid, strict=True) if point is not None]
    in_london = sum(row.in_london() for row, _ in placed)
    if in_london < fewest:
        raise BadAnswer(GIAS.name, f"the register has {in_london} open schools in London, below {fewest:,}")
    locations = _to_wgs84([point for _, point in placed])
    entries = [_entry(row, location) for (row, _), location in zip(placed, locations, strict=True)]
    unplaced = sum(row.in_london() for row in schools) - in_london
    return Register(day, sorted(entries, key=lambda entry: entry.urn), unplaced)


async def _rows(table: AsyncIterator[list[str]]) -> AsyncIterator[_Row]:
    header = column_names(await anext(table, []))
    pick = itemgetter(*column_indices(header, _COLUMNS, GIAS.name))
    async for row in checked_rows(table, len(header), GIAS.name):
        yield _Row._make(cell.strip() for cell in pick(row))


def _is_wanted(row: _Row) -> bool:
    """Check whether a row is an open school of London or of the box around it."""
    if row.status not in _OPEN or row.group.casefold() not in _SECTORS:
        return False
    return row.in_london() or _on_grid(row) is not None


def _on_grid(row: _Row) -> tuple[float, float] | None:
    """Return easting and northing in metres, None for a school without them or outside the box."""
    east, north = (_metres(text) for text in (row.easting, row.northing))
    if east is None or north is None:
        return None
    inside = BOX[0][0] <= east <= BOX[0][1] and BOX[1][0] <= north <= BOX[1][1]
    return (east, north) if inside else None


def _metres(text: str) -> float | None:
    if not text:
        return None
    if not _METRES.fullmatch(text):
        raise BadAnswer(GIAS.name, "an easting or northing is not a number of metres")
    return float(text)


def _to_wgs84(grid: Sequence[tuple[float, float]]) -> list[Location]:
    """Convert points of the national grid to locations, accurate to about 5 m."""
    eastings, northings = [east for east, _ in grid], [north for _, north in grid]
    lngs, lats = _projection().transform(eastings, northings)
    return [Location(lat=round(lat, 5), lng=round(lng, 5)) for lat, lng in zip(lats, lngs, strict=True)]


@cache
def _projection() -> "Transformer":
    from pyproj import Transformer  # noqa: PLC0415 - heavy, and only the monthly refresh needs it

    return Transformer.from_crs("EPSG:27700", "EPSG:4326", always_xy=True)


def _entry(row: _Row, location: Location) -> Entry:
    name = plain(row.name, _LONGEST_NAME)
    if not _URN.fullmatch(row.urn) or not name:
        raise BadAnswer(GIAS.name, "a school has no URN or no name")
    return Entry(
        urn=int(row.urn),
        name=name,
        phase=_phase(row.phase),
        type=plain(row.type, _LONGEST_NAME),
        sector=_SECTORS[row.group.casefold()],
        low_age=_age(row.low_age),
        high_age=_age(row.high_age),
        religious_character=_character(row.religion),
        postcode=row.postcode if POSTCODE.fullmatch(row.postcode) else None,
        location=location,
    )


def _phase(text: str) -> Phase:
    for phase in get_args(Phase):
        if text == phase:
            return phase  # type: ignore[no-any-return]  # get_args loses the type
    raise BadAnswer(GIAS.name, "a phase of education is none of the documented ones")


def _age(text: str) -> int | None:
    if not text:
        return None
    if not _AGE.fullmatch(text):
        raise BadAnswer(GIAS.name, "an age is not a number of years")
    return int(text)


def _character(text: str) -> str | None:
    return None if text in _NO_CHARACTER else plain(text, _LONGEST_NAME)
