"""How house prices grew: the average prices of HM Land Registry's UK House Price Index, by borough.

https://publicdata.landregistry.gov.uk, Open Government Licence v3.0. Every monthly edition repeats the
whole series. An average of one month jumps, so growth compares three months with the same three earlier.
"""

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from datetime import date
from statistics import fmean

from veo.errors import BadAnswer, NotFoundThere
from veo.models import FrozenMap, Value
from veo.sources.bulk.price_paid import months_before
from veo.sources.http.client import Http
from veo.sources.http.csv_stream import rows
from veo.sources.http.provider import Provider

UK_HPI = Provider(
    "uk-hpi",
    "https://publicdata.landregistry.gov.uk",
    timeout=30.0,
    largest=64 * 2**20,
    refusals=frozenset(),  # it forbids what does not exist yet
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
"""The area code of every London borough and its name in the embedded tables; publishers' names differ."""

_FOLDER = "/market-trend-data/house-price-index-data"
_EDITIONS = 7  # this month's and six earlier; about two are still to come
_MONTHS = 3
_NEEDED = ("Date", "Area_Code", "Average_Price")
_PRICE = re.compile(r"[1-9]\d{0,8}(\.\d+)?", re.ASCII)
_DAY = re.compile(r"(\d{4})-(\d\d)-01|01/(\d\d)/(\d{4})", re.ASCII)
_FORBIDDEN = 403  # what the store behind this server says of a file that does not exist

_Prices = Mapping[date, float]


class GrowthFacts(Value):
    """How much the average price of one borough grew, in %; None where a month is missing."""

    price_growth_1y_pct: float | None
    price_growth_5y_pct: float | None
    vintage: str


async def read_growth(http: Http, today: date) -> FrozenMap[str, GrowthFacts]:
    """Give the growth by borough, from the newest edition of this month or the six before.

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
    async with http.upstream(UK_HPI).stream(path, largest=UK_HPI.largest) as chunks:
        prices = await _prices(rows(chunks, "latin-1"))  # what is looked at is plain letters and digits
    if not prices:
        raise BadAnswer(UK_HPI.name, "no average price of a London borough")
    newest = max(month for series in prices.values() for month in series)
    facts = {BOROUGHS[code]: _facts(series, newest) for code, series in sorted(prices.items())}
    if all(found.price_growth_1y_pct is None for found in facts.values()):
        raise BadAnswer(UK_HPI.name, f"no borough has the months up to {newest:%b %Y} and a year before")
    return FrozenMap(facts)


async def _prices(table: AsyncIterator[list[str]]) -> dict[str, dict[date, float]]:
    """Give the average price by month, of every London borough that the table has."""
    header = [name.removeprefix("\xef\xbb\xbf") for name in await anext(table, [])]
    if not set(_NEEDED) <= set(header):
        raise BadAnswer(UK_HPI.name, f"the table lacks one of {', '.join(_NEEDED)}")
    day, area, price = (header.index(name) for name in _NEEDED)
    found: dict[str, dict[date, float]] = defaultdict(dict)
    async for row in table:
        if len(row) != len(header):
            raise BadAnswer(UK_HPI.name, f"a row has {len(row)} columns, not {len(header)}")
        if row[area] in BOROUGHS and row[price]:
            found[row[area]][_month(row[day])] = _pounds(row[price])
    return found


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
    known_now, known_then = ([price for price in prices if price is not None] for prices in (now, then))
    if len(known_now) + len(known_then) < 2 * _MONTHS:
        return None
    return (fmean(known_now) / fmean(known_then) - 1) * 100
