"""Sales and house price growth, read from files as HM Land Registry publishes them."""

import csv
from collections.abc import AsyncIterator, Iterator
from datetime import date

import pytest

from tests.support.provider import Answered
from tests.support.providers.land_registry import (
    HTML,
    INDEX_HEADER,
    FileServer,
    index,
    sale,
    sales,
    written,
)
from veo.errors import BadAnswer, NotFoundThere, ProviderError, RateLimited, Unavailable
from veo.sources.bulk.house_price_index import BOROUGHS, read_growth
from veo.sources.bulk.price_paid import months_before, read_prices
from veo.sources.embedded.snapshot import load
from veo.sources.http.client import Http

pytestmark = pytest.mark.anyio

TODAY = date(2026, 11, 23)
FOLDER = "/market-trend-data/house-price-index-data"
NEWHAM, WESTMINSTER = "E09000025", "E09000033"
NOW = {"2026-07-01": 400_000, "2026-08-01": 410_000, "2026-09-01": 420_000}
YEAR_AGO = {"2025-07-01": 390_000, "2025-08-01": 400_000, "2025-09-01": 410_000}
FIVE_YEARS_AGO = {"2021-07-01": 320_000, "2021-08-01": 328_000, "2021-09-01": 336_000}
SERIES = {**FIVE_YEARS_AGO, **YEAR_AGO, **NOW}


@pytest.fixture(scope="module")
def running() -> Iterator[FileServer]:
    server = FileServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(running: FileServer) -> FileServer:
    running.reset()
    return running


@pytest.fixture
async def http(server: FileServer) -> AsyncIterator[Http]:
    opened = Http({"price-paid": server.url, "uk-hpi": server.url})
    yield opened
    await opened.close()


def sell(server: FileServer, rows: list[list[str]], older: list[list[str]] | None = None) -> None:
    """Serve the sales of 2026 and those of 2025."""
    server.serve("/pp-2026.csv", written(rows))
    server.serve("/pp-2025.csv", written(older or []))


def paths(server: FileServer) -> list[str]:
    return [request.path for request in server.requests]


TEN = sales(range(300_000, 400_000, 10_000), "2026-03-05", "E15 1AA")


async def test_a_district_has_the_median_and_the_number_of_its_sales(server: FileServer, http: Http) -> None:
    sell(server, [*TEN, sale(900_000, "2026-04-01", "E15 4QQ")])
    facts = (await read_prices(http, TODAY))["E15"]
    assert (facts.median_price, facts.sales_12m) == (350_000, 11)


async def test_the_median_of_an_even_number_of_sales_is_in_whole_pounds(
    server: FileServer, http: Http
) -> None:
    sell(
        server,
        [*sales([400_000] * 5, "2026-03-05", "E15 1AA"), *sales([400_003] * 5, "2026-03-05", "E15 1AA")],
    )
    assert (await read_prices(http, TODAY))["E15"].median_price == 400_002


async def test_fewer_than_ten_sales_have_a_number_and_no_median(server: FileServer, http: Http) -> None:
    sell(server, TEN[:9])
    facts = (await read_prices(http, TODAY))["E15"]
    assert (facts.median_price, facts.sales_12m) == (None, 9)


async def test_districts_with_a_letter_at_the_end_are_apart(server: FileServer, http: Http) -> None:
    sell(server, [sale(1, "2026-03-05", "SW1A 1AA"), sale(1, "2026-03-05", "SW1E 6AA")])
    assert list(await read_prices(http, TODAY)) == ["SW1A", "SW1E"]


@pytest.mark.parametrize(
    "other",
    [{"county": "ESSEX"}, {"category": "B"}, {"status": "D"}, {"postcode": ""}, {"postcode": "UNKNOWN"}],
    ids=str,
)
async def test_a_sale_that_is_no_standard_one_of_a_london_district_is_left_out(
    server: FileServer, http: Http, other: dict[str, str]
) -> None:
    sell(server, [*TEN, sale(100, "2026-03-05", "E15 1AA", **other)])
    prices = await read_prices(http, TODAY)
    assert [(code, facts.sales_12m) for code, facts in prices.items()] == [("E15", 10)]


async def test_a_changed_sale_counts(server: FileServer, http: Http) -> None:
    sell(server, [sale(300_000, "2026-03-05", "E15 1AA", status="C")])
    assert (await read_prices(http, TODAY))["E15"].sales_12m == 1


async def test_the_twelve_months_end_with_the_month_three_months_ago(server: FileServer, http: Http) -> None:
    inside = [sale(1, "2026-08-31", "E15 1AA")], [sale(1, "2025-09-01", "E15 1AA")]
    outside = [sale(1, "2026-09-01", "E15 1AA")], [sale(1, "2025-08-31", "E15 1AA")]
    sell(server, inside[0] + outside[0], inside[1] + outside[1])
    facts = (await read_prices(http, TODAY))["E15"]
    assert (facts.sales_12m, facts.vintage) == (2, "Sep 2025 to Aug 2026")


@pytest.mark.parametrize(
    ("today", "years"),
    [(date(2026, 11, 1), [2025, 2026]), (date(2027, 2, 1), [2025, 2026]), (date(2027, 3, 31), [2026])],
    ids=str,
)
async def test_the_files_are_those_of_the_years_of_the_twelve_months(
    server: FileServer, http: Http, today: date, years: list[int]
) -> None:
    for year in range(2024, 2028):
        server.serve(f"/pp-{year}.csv", written(TEN))
    await read_prices(http, today)
    assert paths(server) == [f"/pp-{year}.csv" for year in years]


async def test_an_address_may_have_any_bytes(server: FileServer, http: Http) -> None:
    sell(server, [])
    row = written([sale(500_000, "2026-03-05", "E15 1AA", street="CAF? ROAD")])
    server.serve("/pp-2026.csv", row.encode().replace(b"?", b"\xc9 \x81"))
    assert (await read_prices(http, TODAY))["E15"].sales_12m == 1


@pytest.mark.parametrize(
    "price", ["", "0", "-5", "NaN", "1e6", "450000.50", "99999999999", "²", "2026-03-05 00:00"]
)
async def test_a_price_that_is_not_whole_pounds_is_a_bad_answer(
    server: FileServer, http: Http, price: str
) -> None:
    sell(server, [*TEN, sale(price, "2026-03-05", "E15 1AA")])
    with pytest.raises(BadAnswer, match="no price in whole pounds or no date"):
        await read_prices(http, TODAY)


@pytest.mark.parametrize("day", ["", "05/03/2026", "2026", "450000"])
async def test_a_day_of_another_form_is_a_bad_answer(server: FileServer, http: Http, day: str) -> None:
    sell(server, [*TEN, sale(300_000, day, "E15 1AA")])
    with pytest.raises(BadAnswer, match="no price in whole pounds or no date"):
        await read_prices(http, TODAY)


async def test_columns_in_another_order_are_a_bad_answer(server: FileServer, http: Http) -> None:
    sell(server, [row[::-1] for row in TEN])
    with pytest.raises(BadAnswer, match="no sale in Greater London from Sep 2025 to Aug 2026"):
        await read_prices(http, TODAY)


@pytest.mark.parametrize("row", [TEN[0][:-1], [*TEN[0], "A"]], ids=["one too few", "one too many"])
async def test_a_row_of_another_length_is_a_bad_answer(
    server: FileServer, http: Http, row: list[str]
) -> None:
    sell(server, [*TEN, row])
    with pytest.raises(BadAnswer, match="columns, not 16"):
        await read_prices(http, TODAY)


async def test_a_page_for_people_in_place_of_the_sales_is_a_bad_answer(
    server: FileServer, http: Http
) -> None:
    sell(server, TEN)
    server.serve("/pp-2026.csv", HTML, "text/html")
    with pytest.raises(BadAnswer):
        await read_prices(http, TODAY)


async def test_empty_files_are_a_bad_answer(server: FileServer, http: Http) -> None:
    sell(server, [])
    with pytest.raises(BadAnswer, match="no sale in Greater London"):
        await read_prices(http, TODAY)


async def test_a_file_that_breaks_off_gives_no_prices(server: FileServer, http: Http) -> None:
    sell(server, TEN)
    server.files["/pp-2026.csv"] = Answered(body=written(TEN * 20), content_type="text/csv", cut=True)
    with pytest.raises(ProviderError):
        await read_prices(http, TODAY)


async def test_a_year_without_a_file_gives_no_prices(server: FileServer, http: Http) -> None:
    server.serve("/pp-2025.csv", written(TEN))
    with pytest.raises(NotFoundThere):
        await read_prices(http, TODAY)


@pytest.mark.parametrize(
    ("status", "error"), [(429, RateLimited), (502, Unavailable), (503, Unavailable)], ids=str
)
async def test_a_failing_server_gives_no_prices(
    server: FileServer, http: Http, status: int, error: type[ProviderError]
) -> None:
    server.always(Answered(status=status, body=HTML, content_type="text/html"))
    with pytest.raises(error):
        await read_prices(http, TODAY)


@pytest.mark.parametrize(
    ("months", "first"),
    [(0, date(2026, 3, 1)), (2, date(2026, 1, 1)), (3, date(2025, 12, 1)), (15, date(2024, 12, 1))],
)
def test_months_are_counted_back_across_the_year(months: int, first: date) -> None:
    assert months_before(date(2026, 3, 31), months) == first


def publish(server: FileServer, month: str, content: str) -> None:
    """Serve one edition of the average prices."""
    server.serve(f"{FOLDER}/Average-prices-{month}.csv", content)


async def test_growth_compares_the_mean_of_three_months_with_the_same_months_before(
    server: FileServer, http: Http
) -> None:
    publish(server, "2026-09", index({NEWHAM: SERIES}))
    facts = (await read_growth(http, TODAY))["Newham"]
    assert (facts.price_growth_1y_pct, facts.price_growth_5y_pct) == pytest.approx((2.5, 25.0))


async def test_growth_is_of_the_newest_three_months(server: FileServer, http: Http) -> None:
    publish(server, "2026-09", index({NEWHAM: {"2026-06-01": 1, **SERIES}}))
    assert (await read_growth(http, TODAY))["Newham"].vintage == "Jul 2026 to Sep 2026"


async def test_the_newest_edition_is_found_by_trying_each_month_backwards(
    server: FileServer, http: Http
) -> None:
    publish(server, "2026-08", index({NEWHAM: {"2026-08-01": 1}}))
    publish(server, "2026-09", index({NEWHAM: SERIES}))
    await read_growth(http, TODAY)
    assert [path[-11:] for path in paths(server)] == ["2026-11.csv", "2026-10.csv", "2026-09.csv"]


async def test_an_edition_six_months_old_is_found(server: FileServer, http: Http) -> None:
    publish(server, "2026-05", index({NEWHAM: SERIES}))
    assert list(await read_growth(http, TODAY)) == ["Newham"]


async def test_an_edition_older_than_six_months_is_not_requested(server: FileServer, http: Http) -> None:
    publish(server, "2026-04", index({NEWHAM: SERIES}))
    with pytest.raises(NotFoundThere, match="no edition from May 2026 to Nov 2026"):
        await read_growth(http, TODAY)


async def test_an_edition_that_the_store_forbids_is_not_there_yet(server: FileServer, http: Http) -> None:
    denied = Answered(
        status=403, body="<Error><Code>AccessDenied</Code></Error>", content_type="application/xml"
    )
    server.files[f"{FOLDER}/Average-prices-2026-11.csv"] = denied
    publish(server, "2026-10", index({NEWHAM: SERIES}))
    assert list(await read_growth(http, TODAY)) == ["Newham"]


async def test_boroughs_go_by_their_code_whatever_the_table_calls_them(
    server: FileServer, http: Http
) -> None:
    publish(server, "2026-09", index({WESTMINSTER: SERIES}).replace("The E09000033", "City of Westminster"))
    assert list(await read_growth(http, TODAY)) == ["Westminster"]


async def test_areas_that_are_no_london_borough_are_left_out(server: FileServer, http: Http) -> None:
    publish(server, "2026-09", index({"E12000007": SERIES, NEWHAM: SERIES, "E07000072": SERIES}))
    assert list(await read_growth(http, TODAY)) == ["Newham"]


def test_the_codes_name_the_boroughs_of_the_embedded_districts() -> None:
    embedded = {borough for district in load().districts.values() for borough in district.boroughs}
    assert set(BOROUGHS.values()) == embedded


def test_the_codes_follow_the_register() -> None:
    assert [BOROUGHS[f"E090000{number}"] for number in ("01", "07", "12", "25", "33")] == [
        *("City of London", "Camden", "Hackney", "Newham", "Westminster")
    ]


@pytest.mark.parametrize("month", ["2026-08-01", "2025-07-01"])
async def test_a_borough_that_lacks_a_month_has_no_growth(server: FileServer, http: Http, month: str) -> None:
    publish(server, "2026-09", index({NEWHAM: {**SERIES, month: ""}, WESTMINSTER: SERIES}))
    assert (await read_growth(http, TODAY))["Newham"].price_growth_1y_pct is None


async def test_growth_in_five_years_needs_five_years(server: FileServer, http: Http) -> None:
    publish(server, "2026-09", index({NEWHAM: {**YEAR_AGO, **NOW}}))
    facts = (await read_growth(http, TODAY))["Newham"]
    assert (facts.price_growth_1y_pct, facts.price_growth_5y_pct) == (pytest.approx(2.5), None)


async def test_days_may_be_written_in_the_british_way(server: FileServer, http: Http) -> None:
    british = {"/".join(reversed(day.split("-"))): price for day, price in SERIES.items()}
    publish(server, "2026-09", index({NEWHAM: british}))
    assert (await read_growth(http, TODAY))["Newham"].vintage == "Jul 2026 to Sep 2026"


async def test_columns_of_the_index_are_found_by_name(server: FileServer, http: Http) -> None:
    rows = [row[::-1] for row in csv.reader(index({NEWHAM: SERIES}).splitlines())]
    publish(server, "2026-09", written(rows))
    assert (await read_growth(http, TODAY))["Newham"].price_growth_1y_pct == pytest.approx(2.5)


async def test_a_mark_of_the_byte_order_is_no_part_of_the_header(server: FileServer, http: Http) -> None:
    publish(server, "2026-09", "\ufeff" + index({NEWHAM: SERIES}))
    assert list(await read_growth(http, TODAY)) == ["Newham"]


@pytest.mark.parametrize("price", ["n/a", "NaN", "inf", "-1", "0", "410,000"])
async def test_an_average_price_that_is_no_number_is_a_bad_answer(
    server: FileServer, http: Http, price: str
) -> None:
    publish(server, "2026-09", index({NEWHAM: {**SERIES, "2026-09-01": price}}))
    with pytest.raises(BadAnswer, match="average price is not a number"):
        await read_growth(http, TODAY)


@pytest.mark.parametrize("day", ["2026-09-02", "Sep 2026", "", "2026-13-01", "01/00/2026"])
async def test_a_day_that_begins_no_month_is_a_bad_answer(server: FileServer, http: Http, day: str) -> None:
    publish(server, "2026-09", index({NEWHAM: {**SERIES, day: 1}}))
    with pytest.raises(BadAnswer, match="a date"):
        await read_growth(http, TODAY)


@pytest.mark.parametrize(
    "content",
    [
        "",
        HTML,
        index({}),
        index({"E12000007": SERIES}),
        index({NEWHAM: NOW}),
        index({NEWHAM: SERIES}).replace("Average_Price,", "Price,"),
        index({NEWHAM: SERIES})[:-20],
        written([INDEX_HEADER, ["2026-09-01", "Newham", NEWHAM]]),
    ],
    ids=["empty", "page", "header", "no borough", "no year ago", "no price", "broken off", "short row"],
)
async def test_a_table_of_another_shape_is_a_bad_answer(server: FileServer, http: Http, content: str) -> None:
    publish(server, "2026-09", content)
    with pytest.raises(BadAnswer):
        await read_growth(http, TODAY)


async def test_an_index_that_breaks_off_gives_no_growth(server: FileServer, http: Http) -> None:
    publish(server, "2026-10", index({NEWHAM: SERIES}))
    server.files[f"{FOLDER}/Average-prices-2026-11.csv"] = Answered(
        body=index({NEWHAM: SERIES}), content_type="text/csv", cut=True
    )
    with pytest.raises(ProviderError):
        await read_growth(http, TODAY)


@pytest.mark.parametrize(
    ("status", "error"), [(400, BadAnswer), (429, RateLimited), (503, Unavailable)], ids=str
)
async def test_a_failing_server_gives_no_growth_of_an_older_edition(
    server: FileServer, http: Http, status: int, error: type[ProviderError]
) -> None:
    publish(server, "2026-10", index({NEWHAM: SERIES}))
    server.files[f"{FOLDER}/Average-prices-2026-11.csv"] = Answered(status=status, body="no")
    with pytest.raises(error):
        await read_growth(http, TODAY)
