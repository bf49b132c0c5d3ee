"""Sale prices of homes: HM Land Registry's yearly Price Paid files, counted as they arrive.

https://price-paid-data.publicdata.landregistry.gov.uk, Open Government Licence v3.0.
"""

import re
from array import array
from datetime import date
from statistics import median
from typing import TypeAlias

from veo.errors import BadAnswer
from veo.models import FrozenMap, Value
from veo.sources.http.client import Http
from veo.sources.http.csv_stream import rows
from veo.sources.http.provider import Provider
from veo.sources.postcode_patterns import POSTCODE

PRICE_PAID = Provider(
    "price-paid",
    "https://price-paid-data.publicdata.landregistry.gov.uk",
    purpose="the monthly refresh: prices of homes sold",
    timeout=30.0,
    max_bytes=400 * 2**20,
)
"""The file of a year has about 150 MB and no header."""

FEWEST_SALES = 10
"""With fewer sales, a median describes these homes rather than the district."""

_LAG = 3  # months: sales are registered late, so the latest two or three are incomplete
_MONTHS = 12
_COLUMNS = 16
_PRICE, _DATE, _POSTCODE, _COUNTY, _CATEGORY, _STATUS = 1, 2, 3, 13, 14, 15

_POUNDS = re.compile(r"[1-9]\d{0,8}", re.ASCII)  # below 2 ** 32, which an array of "I" holds
_DAY = re.compile(r"(\d{4}-[01]\d)-[0-3]\d( \d\d:\d\d)?", re.ASCII)

_Prices: TypeAlias = "dict[str, array[int]]"  # in quotes: an array is not generic at run time in 3.11


class PriceFacts(Value):
    """The standard sales of one postcode district in twelve months.

    `median_price` is in GBP, None below `FEWEST_SALES` sales; `vintage` is the first and last month.
    """

    median_price: int | None
    sales_12m: int
    vintage: str


def months_before(day: date, months: int) -> date:
    """Return the first day of the month that is a number of months before a day's month."""
    count = day.year * 12 + day.month - 1 - months
    return date(count // 12, count % 12 + 1, 1)


async def read_prices(http: Http, today: date) -> FrozenMap[str, PriceFacts]:
    """Return the sales by outcode, of the twelve months that end with the month three months ago.

    Only sales in Greater London at a market price (category A) that were not deleted since count; a sale
    without a postcode belongs to no district. Memory holds 4 bytes per sale, never a file. Raises
    `ProviderError`.
    """
    last = months_before(today, _LAG)
    first = months_before(last, _MONTHS - 1)
    prices: _Prices = {}
    for year in range(first.year, last.year + 1):
        await _collect(http, year, (f"{first:%Y-%m}", f"{last:%Y-%m}"), prices)
    if not prices:
        raise BadAnswer(PRICE_PAID.name, f"no sale in Greater London from {first:%b %Y} to {last:%b %Y}")
    vintage = f"{first:%b %Y} to {last:%b %Y}"
    return FrozenMap({outcode: _facts(sold, vintage) for outcode, sold in sorted(prices.items())})


async def _collect(http: Http, year: int, months: tuple[str, str], prices: _Prices) -> None:
    path = f"/pp-{year}.csv"
    async with http.upstream(PRICE_PAID).stream(path, max_bytes=PRICE_PAID.max_bytes) as chunks:
        async for row in rows(chunks, "latin-1"):  # the texts that are read are ASCII
            if len(row) != _COLUMNS:
                raise BadAnswer(PRICE_PAID.name, f"a row of {path} has {len(row)} columns, not {_COLUMNS}")
            if row[_COUNTY] == "GREATER LONDON" and row[_CATEGORY] == "A" and row[_STATUS] != "D":
                _add(row, months, prices)


def _add(row: list[str], months: tuple[str, str], prices: _Prices) -> None:
    day = _DAY.fullmatch(row[_DATE])
    if day is None or not _POUNDS.fullmatch(row[_PRICE]):
        raise BadAnswer(PRICE_PAID.name, "a sale has no price in whole pounds or no date")
    postcode = POSTCODE.fullmatch(row[_POSTCODE])
    if postcode and months[0] <= day[1] <= months[1]:
        prices.setdefault(postcode[1], array("I")).append(int(row[_PRICE]))


def _facts(sold: "array[int]", vintage: str) -> PriceFacts:
    middle = round(median(sold)) if len(sold) >= FEWEST_SALES else None
    return PriceFacts(median_price=middle, sales_12m=len(sold), vintage=vintage)
