"""House price growth by borough, from the average prices of HM Land Registry's UK House Price Index.

https://publicdata.landregistry.gov.uk, Open Government Licence v3.0. Every monthly edition repeats the
whole series. Single months are volatile, so growth compares three months with the same three earlier.
"""

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from datetime import date
from statistics import fmean

from veo.errors import BadAnswer, NotFoundThere
from veo.models import FrozenMap, Value
from veo.sources.bulk.csv_table import checked_rows, column_indices, column_names
from veo.sources.bulk.price_paid import months_before
from veo.sources.http.client import Http
from veo.sources.http.csv_stream import rows
from veo.sources.http.provider import Provider

UK_HPI = Provider(
    "uk-hpi",
    "https://publicdata.landregistry.gov.uk",
    purpose="the monthly refresh: growth of prices",
    timeout=30.0,
    max_bytes=64 * 2**20,
    refusals=frozenset(),  # HTTP 403 means that an edition does not exist yet
)

BOROUGHS = {
    f"E090000{number:02}": name
    for number, name in enumerate(
        (
            *("City of London", "Barking and Dagenham", "Barnet", "Bexley", "Brent", "Bromley", "Camden"),
            *("Croydon", "Ealing", "Enfield", "Greenwich", "Hackney", "Hammersmith and Fulham"),
            *("Haringey", "Harrow", "Havering", "Hillingdon", "Hounslow", "Islington"),
            *("Kensington and Chelsea", "Kingston upon Thames", "Lambeth", "Lewisham", "Merton", "Newham"),
            *("Redbridge", "Richmond upon Thames", "Southwark", "Sutton", "Tower Hamlets"),
            *("Waltham Forest", "Wandsworth", "Westminster"),
        ),
        start=1,
    )
}
"""The name in the embedded tables of every London borough, by area code; publishers' names differ."""

_FOLDER = "/market-trend-data/house-price-index-data"
_EDITIONS = 7  # this month's and six earlier; usually the newest two are not out yet
_MONTHS = 3
_NEEDED = ("Date", "Area_Code", "Average_Price")
_PRICE = re.compile(r"[1-9]\d{0,8}(\.\d+)?", re.ASCII)
_DAY = re.compile(r"(\d{4})-(\d\d)-01|01/(\d\d)/(\d{4})", re.ASCII)
_FORBIDDEN = 403  # the status for a file that does not exist

_Prices = Mapping[date, float]


class GrowthFacts(Value):
    """The growth of one borough's average price, in %; None where a month is missing."""

    price_growth_1y_pct: float | None
    price_growth_5y_pct: float | None
    vintage: str


async def read_growth(http: Http, today: date) -> FrozenMap[str, GrowthFacts]:
    """Return the growth by borough, from the newest edition of this month or the six before.

    `vintage` is the newest three months. Raises `ProviderError`.
    """
    for age in range(_EDITIONS):
        edition = months_before(today, age)
        try:
            return await _read(http, f"{_FOLDER}/Average-prices-{edition:%Y-%m}.csv")
        except NotFoundThere:
            continue
        except BadAnswer as error:
            if error.status != _FORBIDDEN:
                raise
    raise NotFoundThere(UK_HPI.name, f"no edition from {edition:%b %Y} to {today:%b %Y}")


async def _read(http: Http, path: str) -> FrozenMap[str, GrowthFacts]:
    async with http.upstream(UK_HPI).stream(path, max_bytes=UK_HPI.max_bytes) as chunks:
        prices = await _prices(rows(chunks, "latin-1"))  # the cells that are read are ASCII
    if not prices:
        raise BadAnswer(UK_HPI.name, "no average price of a London borough")
    newest = max(month for series in prices.values() for month in series)
    facts = {BOROUGHS[code]: _facts(series, newest) for code, series in sorted(prices.items())}
    if all(growth.price_growth_1y_pct is None for growth in facts.values()):
        raise BadAnswer(UK_HPI.name, f"no borough has the months up to {newest:%b %Y} and a year before")
    return FrozenMap(facts)


async def _prices(table: AsyncIterator[list[str]]) -> dict[str, dict[date, float]]:
    """Return the average price of every London borough in the table, by area code and month."""
    header = column_names(await anext(table, []))
    day, area, price = column_indices(header, _NEEDED, UK_HPI.name)
    prices: dict[str, dict[date, float]] = defaultdict(dict)
    async for row in checked_rows(table, len(header), UK_HPI.name):
        if row[area] in BOROUGHS and row[price]:
            prices[row[area]][_month(row[day])] = _pounds(row[price])
    return prices


def _month(text: str) -> date:
    match = _DAY.fullmatch(text)
    if match is None:
        raise BadAnswer(UK_HPI.name, "a date is not the first of a month")
    try:
        return date(int(match[1] or match[4]), int(match[2] or match[3]), 1)
    except ValueError as error:
        raise BadAnswer(UK_HPI.name, "a date has no such month") from error


def _pounds(text: str) -> float:
    if not _PRICE.fullmatch(text):
        raise BadAnswer(UK_HPI.name, "an average price is not a number above 0")
    return float(text)


def _facts(series: _Prices, newest: date) -> GrowthFacts:
    return GrowthFacts(
        price_growth_1y_pct=_growth(series, newest, 1),
        price_growth_5y_pct=_growth(series, newest, 5),
        vintage=f"{months_before(newest, _MONTHS - 1):%b %Y} to {newest:%b %Y}",
    )


def _growth(series: _Prices, newest: date, years: int) -> float | None:
    months = [months_before(newest, age) for age in range(_MONTHS)]
    now = [series.get(month) for month in months]
    then = [series.get(months_before(month, 12 * years)) for month in months]
    new, old = ([price for price in prices if price is not None] for prices in (now, then))
    if len(new) + len(old) < 2 * _MONTHS:
        return None
    return (fmean(new) / fmean(old) - 1) * 100
