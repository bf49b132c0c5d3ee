"""Mean private rents by borough, from ONS's Price Index of Private Rents.

https://www.ons.gov.uk, Open Government Licence v3.0. One workbook a month, of about 18 MB. ONS publishes no
rents below borough level, and none for the City of London.
"""

import asyncio
import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import islice
from math import isfinite
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from veo.errors import BadAnswer
from veo.models import FrozenMap, Value
from veo.sources.bulk.dates import day_of
from veo.sources.bulk.house_price_index import BOROUGHS
from veo.sources.http.client import Http
from veo.sources.http.provider import Provider

ONS = Provider(
    "ons",
    "https://www.ons.gov.uk",
    purpose="the monthly refresh: private rents",
    timeout=30.0,
)

LARGEST = 40 * 2**20
"""Bytes of a workbook."""

_PAGE = (
    "/economy/inflationandpriceindices/datasets/priceindexofprivaterentsukmonthlypricestatistics"  # one path
)
# The number at the end of a file name follows no order, so the address cannot be derived from the date.
_EDITION = re.compile(
    rf'href="(/file\?uri={_PAGE}/(\d{{1,2}})([a-z]{{3,9}})(\d{{4}})/[a-z]{{1,80}}\d*\.xlsx)"'
)
_SHEET = "Table 1"
_ABOVE_HEADER = 10  # rows; the header is the third, below a title and a note
_IN_MEMORY = 2**20  # bytes
_TIME, _AREA = "Time period", "Area code"
_COLUMNS = {
    "rent_all": "Rental price",
    "rent_1bed": "Rental price one bed",
    "rent_2bed": "Rental price two bed",
    "rent_3bed": "Rental price three bed",
    "rent_4bed": "Rental price four or more bed",
    "rent_growth_1y_pct": "Annual change",
}
_NOTE = re.compile(r"\s*\[note [^\]]*\]", re.IGNORECASE)
_MISSING = re.compile(r"\[[a-z]\]|")  # [x] not available, [z] not applicable, [c] confidential
_NUMBER = re.compile(r"-?\d{1,9}(\.\d+)?", re.ASCII)


class RentFacts(Value):
    """The mean rents of one borough in GBP a month, and their change in a year in %; None if unpublished.

    `rent_4bed` covers homes with four or more bedrooms; `vintage` is the month.
    """

    rent_all: float | None
    rent_1bed: float | None
    rent_2bed: float | None
    rent_3bed: float | None
    rent_4bed: float | None
    rent_growth_1y_pct: float | None
    vintage: str


async def read_rents(http: Http, today: date) -> FrozenMap[str, RentFacts]:
    """Return the rents by borough, each for its newest month, from the newest edition up to today.

    Raises `ProviderError`.
    """
    upstream = http.upstream(ONS)
    page = await upstream.blob(_PAGE, types=("text/html",))
    edition = _newest_edition(page.content.decode("utf-8", "replace"), today)
    with SpooledTemporaryFile(max_size=_IN_MEMORY) as file:
        async with upstream.stream(edition, max_bytes=LARGEST) as chunks:
            async for chunk in chunks:
                file.write(chunk)
        return await asyncio.to_thread(_read, file)  # some ten seconds of decoding


def _newest_edition(page: str, today: date) -> str:
    editions = ((day_of(*match.group(2, 3, 4)), match[1]) for match in _EDITION.finditer(page))
    published = [(day, path) for day, path in editions if day is not None and day <= today]
    if not published:
        raise BadAnswer(ONS.name, "the page of the private rents links to no workbook")
    return max(published)[1]


def _read(file: IO[bytes]) -> FrozenMap[str, RentFacts]:
    try:
        return _boroughs(_rows(file))
    except BadAnswer:
        raise
    except Exception as error:  # a broken workbook makes the library raise almost anything
        raise BadAnswer(ONS.name, "the workbook of private rents is not readable") from error


def _rows(file: IO[bytes]) -> Iterator[Sequence[Any]]:
    from openpyxl import load_workbook  # noqa: PLC0415 - heavy, and only the monthly refresh needs it

    book = load_workbook(file, read_only=True, data_only=True)
    try:
        sheet = book[_SHEET]
        sheet.reset_dimensions()  # the size stated in a sheet is not reliable
        yield from sheet.iter_rows(values_only=True)
    finally:
        book.close()


def _boroughs(table: Iterator[Sequence[Any]]) -> FrozenMap[str, RentFacts]:
    names = _header(table)
    newest: dict[str, tuple[date, RentFacts]] = {}
    for row in table:
        cells = dict(zip(names, row, strict=False))  # a row ends with its last filled cell
        borough = BOROUGHS.get(str(cells.get(_AREA)))
        if borough is None:
            continue
        month = _month(cells.get(_TIME))
        if borough not in newest or month > newest[borough][0]:
            newest[borough] = month, _facts(cells, month)
    facts = {borough: rents for borough, (_, rents) in sorted(newest.items())}
    if all(rents.rent_all is None for rents in facts.values()):
        raise BadAnswer(ONS.name, "the workbook has no rent of a London borough")
    return FrozenMap(facts)


def _header(table: Iterator[Sequence[Any]]) -> list[str]:
    needed = {_TIME, _AREA, *_COLUMNS.values()}
    for row in islice(table, _ABOVE_HEADER):
        names = [_NOTE.sub("", str(cell)).strip() for cell in row]
        if needed <= set(names):
            return names
    raise BadAnswer(ONS.name, f"the workbook's {_SHEET} lacks a header or one of its columns")


def _month(cell: object) -> date:
    if not isinstance(cell, datetime):
        raise BadAnswer(ONS.name, "a time period is not a date")
    return cell.date().replace(day=1)


def _facts(cells: dict[str, Any], month: date) -> RentFacts:
    figures = {column: _number(cells.get(name)) for column, name in _COLUMNS.items()}
    return RentFacts(**figures, vintage=f"{month:%b %Y}")


def _number(cell: object) -> float | None:
    """Return a number, None for the marker of a missing one; a mixed column may hold numbers as text."""
    if cell is None or (isinstance(cell, str) and _MISSING.fullmatch(cell.strip())):
        return None
    if isinstance(cell, str) and _NUMBER.fullmatch(cell.strip()):
        return float(cell)
    if isinstance(cell, bool) or not isinstance(cell, int | float) or not isfinite(cell):
        raise BadAnswer(ONS.name, "a rent is neither a number nor marked as missing")
    return float(cell)
