"""Private rents, read from the workbook that ONS's page links to."""

from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime

import pytest

from tests.support.provider import Answered
from tests.support.providers.land_registry import (
    DATASET,
    HTML,
    RENT_HEADER,
    WORKBOOK,
    OnsServer,
    rent,
    workbook,
)
from veo.errors import BadAnswer, NotFoundThere, ProviderError, RateLimited, Unavailable
from veo.sources.bulk.rents import LARGEST, read_rents
from veo.sources.http.client import Http

pytestmark = pytest.mark.anyio

TODAY = date(2026, 11, 23)
EDITION = "18november2026"
JULY, AUGUST = datetime(2026, 7, 1), datetime(2026, 8, 1)  # noqa: DTZ001 - a workbook's dates have no zone
CITY, NEWHAM, WESTMINSTER = "E09000001", "E09000025", "E09000033"
IN_NEWHAM = rent(NEWHAM, AUGUST, 3.1, 1900, 1500, 1850, 2200, 2900)
IN_WESTMINSTER = rent(WESTMINSTER, AUGUST, -0.4, 3300, 2400, 3400, 4800, 7000)
BOTH = workbook([IN_NEWHAM, IN_WESTMINSTER])


@pytest.fixture(scope="module")
def running() -> Iterator[OnsServer]:
    server = OnsServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(running: OnsServer) -> OnsServer:
    running.reset()
    return running


@pytest.fixture
async def http(server: OnsServer) -> AsyncIterator[Http]:
    opened = Http({"ons": server.url})
    yield opened
    await opened.close()


def requested_workbook(server: OnsServer) -> str:
    """Return the path of the last workbook that was requested."""
    return server.requests[-1].query["uri"]


async def test_a_borough_has_its_mean_rents_by_bedrooms(server: OnsServer, http: Http) -> None:
    server.publish(EDITION, BOTH)
    facts = (await read_rents(http, TODAY))["Newham"]
    rents = (facts.rent_all, facts.rent_1bed, facts.rent_2bed, facts.rent_3bed, facts.rent_4bed)
    assert rents == (1900, 1500, 1850, 2200, 2900)


async def test_a_borough_has_the_change_of_all_its_rents_in_a_year(server: OnsServer, http: Http) -> None:
    row = list(IN_NEWHAM)
    row[RENT_HEADER.index("Annual change one bed")] = 9.9
    server.publish(EDITION, workbook([row]))
    assert (await read_rents(http, TODAY))["Newham"].rent_growth_1y_pct == 3.1


async def test_boroughs_go_by_their_code_and_other_areas_are_left_out(server: OnsServer, http: Http) -> None:
    elsewhere = [rent(code, AUGUST, 1.0, 999) for code in ("E12000007", "E07000072", "K02000001")]
    server.publish(EDITION, workbook([*elsewhere, IN_WESTMINSTER]))
    assert list(await read_rents(http, TODAY)) == ["Westminster"]


@pytest.mark.parametrize("newest_first", [False, True])
async def test_a_borough_has_the_rents_of_its_newest_month(
    server: OnsServer, http: Http, newest_first: bool
) -> None:
    rows = [rent(NEWHAM, JULY, 1.0, 1800), IN_NEWHAM]
    server.publish(EDITION, workbook(rows[::-1] if newest_first else rows))
    facts = (await read_rents(http, TODAY))["Newham"]
    assert (facts.rent_all, facts.vintage) == (1900, "Aug 2026")


async def test_a_borough_without_the_newest_month_keeps_its_own(server: OnsServer, http: Http) -> None:
    server.publish(EDITION, workbook([rent(NEWHAM, JULY, 1.0, 1800), IN_WESTMINSTER]))
    facts = await read_rents(http, TODAY)
    assert [rents.vintage for rents in facts.values()] == ["Jul 2026", "Aug 2026"]


@pytest.mark.parametrize("marker", ["[x]", "[z]", "[c]", " [x] ", "", None])
async def test_a_marked_figure_is_missing(server: OnsServer, http: Http, marker: str | None) -> None:
    server.publish(EDITION, workbook([rent(NEWHAM, AUGUST, marker, 1900, marker)]))
    facts = (await read_rents(http, TODAY))["Newham"]
    assert (facts.rent_all, facts.rent_1bed, facts.rent_growth_1y_pct) == (1900, None, None)


async def test_the_city_of_london_is_not_there(server: OnsServer, http: Http) -> None:
    server.publish(EDITION, BOTH)
    assert "City of London" not in await read_rents(http, TODAY)


async def test_a_number_that_is_written_as_text_is_a_number(server: OnsServer, http: Http) -> None:
    server.publish(EDITION, workbook([rent(NEWHAM, AUGUST, "-1.5", "1900")]))
    facts = (await read_rents(http, TODAY))["Newham"]
    assert (facts.rent_all, facts.rent_growth_1y_pct) == (1900, -1.5)


async def test_the_newest_edition_of_the_page_is_read(server: OnsServer, http: Http) -> None:
    for edition in ("21october2026", EDITION, "16september2026", "17december2025"):
        server.publish(edition, BOTH)
    await read_rents(http, TODAY)
    assert requested_workbook(server) == f"{DATASET}/{EDITION}/{WORKBOOK}"


async def test_the_newest_edition_is_found_among_long_and_short_months(server: OnsServer, http: Http) -> None:
    for edition in ("19august2026", "18nov2026", "16sept2026", "21oct2026"):
        server.publish(edition, BOTH)
    await read_rents(http, TODAY)
    assert requested_workbook(server) == f"{DATASET}/18nov2026/{WORKBOOK}"


async def test_the_name_of_a_workbook_may_end_with_a_number(server: OnsServer, http: Http) -> None:
    server.publish(EDITION, BOTH, WORKBOOK.replace(".xlsx", "14.xlsx"))
    await read_rents(http, TODAY)
    assert requested_workbook(server).endswith("statistics14.xlsx")


async def test_an_edition_of_a_day_to_come_is_not_read(server: OnsServer, http: Http) -> None:
    server.publish(EDITION, BOTH)
    server.publish("18november2062", BOTH)
    await read_rents(http, TODAY)
    assert requested_workbook(server) == f"{DATASET}/{EDITION}/{WORKBOOK}"


@pytest.mark.parametrize(
    "href",
    [
        f"https://elsewhere.example/file?uri={DATASET}/{EDITION}/{WORKBOOK}",
        f"/file?uri={DATASET}/{EDITION}/../../{WORKBOOK}",
        f"/file?uri=/economy/otherdataset/{EDITION}/{WORKBOOK}",
        f"/file?uri={DATASET}/{EDITION}/{WORKBOOK}.exe",
        f"/file?uri={DATASET}/31november2026/{WORKBOOK}",
        f"/file?uri={DATASET}/18brumaire2026/{WORKBOOK}",
    ],
)
async def test_a_link_of_another_form_is_not_followed(server: OnsServer, http: Http, href: str) -> None:
    server.queue(Answered(body=f'<a href="{href}">xlsx</a>', content_type="text/html"))
    with pytest.raises(BadAnswer, match="links to no workbook"):
        await read_rents(http, TODAY)
    assert len(server.requests) == 1


async def test_a_page_without_links_is_a_bad_answer(http: Http) -> None:
    with pytest.raises(BadAnswer, match="links to no workbook"):
        await read_rents(http, TODAY)


async def test_a_page_of_another_type_is_a_bad_answer(server: OnsServer, http: Http) -> None:
    server.queue(Answered(body={"links": []}))
    with pytest.raises(BadAnswer):
        await read_rents(http, TODAY)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        HTML.encode(),
        BOTH[: len(BOTH) // 2],
        BOTH[:-40],
        b"PK\x03\x04" + bytes(200),
        workbook([IN_NEWHAM], sheet="Table 2"),
        workbook([IN_NEWHAM], header=RENT_HEADER[:-1]),
        workbook([]),
        workbook([rent("E12000007", AUGUST, 1.0, 900)]),
        workbook([rent(NEWHAM, AUGUST, 1.0, "[x]")]),
        workbook([rent(NEWHAM, AUGUST, 1.0, "about 1900")]),
        workbook([rent(NEWHAM, AUGUST, 1.0, True)]),  # noqa: FBT003 - a cell, not a flag
        workbook([rent(NEWHAM, AUGUST, 1.0, "NaN")]),
    ],
    ids=[
        *("empty", "page", "half", "no directory", "not a zip", "no Table 1", "no column", "no rows"),
        *("no borough", "no rent", "words", "truth", "NaN"),
    ],
)
async def test_a_workbook_of_another_shape_is_a_bad_answer(
    server: OnsServer, http: Http, content: bytes
) -> None:
    server.publish(EDITION, content)
    with pytest.raises(BadAnswer):
        await read_rents(http, TODAY)


@pytest.mark.parametrize("time", ["August 2026", None, 46235])
async def test_a_time_that_is_no_date_is_a_bad_answer(server: OnsServer, http: Http, time: object) -> None:
    server.publish(EDITION, workbook([rent(NEWHAM, time, 1.0, 1900)]))
    with pytest.raises(BadAnswer, match="a time period is not a date"):
        await read_rents(http, TODAY)


async def test_columns_are_found_by_name_whatever_note_they_carry(server: OnsServer, http: Http) -> None:
    header = [*RENT_HEADER[::-1]]
    header[header.index("Rental price")] = "Rental price [note 3]"
    server.publish(EDITION, workbook([IN_NEWHAM[::-1]], header))
    assert (await read_rents(http, TODAY))["Newham"].rent_all == 1900


async def test_a_header_may_stand_a_row_lower(server: OnsServer, http: Http) -> None:
    server.publish(EDITION, workbook([RENT_HEADER, IN_NEWHAM], header=["A second note"]))
    assert (await read_rents(http, TODAY))["Newham"].rent_all == 1900


async def test_a_workbook_that_is_too_large_is_a_bad_answer(server: OnsServer, http: Http) -> None:
    server.publish(EDITION, bytes(LARGEST) + BOTH)
    with pytest.raises(BadAnswer):
        await read_rents(http, TODAY)


async def test_a_workbook_that_breaks_off_gives_no_rents(server: OnsServer, http: Http) -> None:
    server.publish(EDITION, BOTH)
    path = f"{DATASET}/{EDITION}/{WORKBOOK}"
    server.files[path] = server.files[path]._replace(cut=True)
    with pytest.raises(ProviderError):
        await read_rents(http, TODAY)


async def test_a_linked_workbook_that_is_gone_gives_no_rents(server: OnsServer, http: Http) -> None:
    link = f'<a href="/file?uri={DATASET}/{EDITION}/{WORKBOOK}">xlsx</a>'
    server.queue(Answered(body=link, content_type="text/html"))
    with pytest.raises(NotFoundThere):
        await read_rents(http, TODAY)


@pytest.mark.parametrize(
    ("status", "error"), [(403, BadAnswer), (429, RateLimited), (503, Unavailable)], ids=str
)
async def test_a_failing_server_gives_no_rents(
    server: OnsServer, http: Http, status: int, error: type[ProviderError]
) -> None:
    server.always(Answered(status=status, body=HTML, content_type="text/html"))
    with pytest.raises(error):
        await read_rents(http, TODAY)
