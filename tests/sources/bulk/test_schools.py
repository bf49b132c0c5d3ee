"""Schools: DfE's daily register joined with Ofsted's monthly inspections, and the schools near a point."""

import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.effort import tries
from tests.support.provider import Answered
from tests.support.providers.land_registry import HTML
from tests.support.providers.schools import (
    ENTRY,
    GOOD,
    INDEPENDENT,
    INSPECTION,
    NOT_JUDGED,
    PAGE,
    REMAINS_GOOD,
    REPORT_CARD,
    SECONDARY,
    SchoolServer,
    asset,
    inspections,
    register,
    registered,
)
from veo.errors import BadAnswer, NotFoundThere, ProviderError, RateLimited, Unavailable
from veo.models import Location
from veo.sources.bulk.ofsted import Graded, Inspection, ReportCard, Ungraded
from veo.sources.bulk.schools import FEWEST, MOST, School, SchoolTable, near, read_schools
from veo.sources.http.client import Http

pytestmark = pytest.mark.anyio

TODAY = date(2026, 11, 24)
YESTERDAY = TODAY - timedelta(days=1)
AT_THE_SCHOOL = Location(lat=51.54866, lng=-0.00104)
DAMAGE = tries(25)


@pytest.fixture(scope="module")
def running() -> Iterator[SchoolServer]:
    server = SchoolServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(running: SchoolServer) -> SchoolServer:
    running.reset()
    return running


@pytest.fixture
async def http(server: SchoolServer) -> AsyncIterator[Http]:
    opened = server.open()
    yield opened
    await opened.close()


async def read(http: Http) -> SchoolTable:
    """Read a register however small."""
    return await read_schools(http, TODAY, fewest=1)


async def only(http: Http) -> School:
    """Return the one school that there is."""
    (school,) = (await read(http)).schools
    return school


def numbered(count: int, **other: str) -> list[dict[str, str]]:
    """Make schools that differ by URN."""
    return [{"URN": str(100_000 + number), **other} for number in range(count)]


async def test_a_school_has_the_facts_of_the_register(server: SchoolServer, http: Http) -> None:
    server.register(TODAY, {"ReligiousCharacter (name)": "Church of England"})
    school = await only(http)
    assert school == School(
        urn=102793,
        name="Colegrave Primary School",
        phase="Primary",
        type="Community school",
        sector="state-funded",
        low_age=3,
        high_age=11,
        religious_character="Church of England",
        postcode="E15 1JY",
        location=school.location,
    )


async def test_the_national_grid_becomes_degrees(server: SchoolServer, http: Http) -> None:
    """As ONS's postcode directory has them for SW1A 1AA; the two datums are 120 m apart."""
    server.register(TODAY, {"Easting": "529090", "Northing": "179645"})
    location = (await only(http)).location
    assert location.lat == pytest.approx(51.501009, abs=1e-4)
    assert location.lng == pytest.approx(-0.141588, abs=1e-4)


@pytest.mark.parametrize(
    "name",
    [
        "St Mary\u2019s £1 \u201cÉcôle\u201d",
        "Saint John, Saint Paul",
        'The "Green" School',
        "Upper School\r\nLower School",
    ],
)
async def test_a_name_may_hold_what_windows_and_csv_can_write(
    server: SchoolServer, http: Http, name: str
) -> None:
    server.register(TODAY, {"EstablishmentName": name})
    assert (await only(http)).name == " ".join(name.split())


@pytest.mark.parametrize("character", ["", "None", "Does not apply"])
async def test_a_school_without_a_religious_character_has_none(
    server: SchoolServer, http: Http, character: str
) -> None:
    server.register(TODAY, {"ReligiousCharacter (name)": character})
    assert (await only(http)).religious_character is None


async def test_ages_and_postcode_may_be_missing(server: SchoolServer, http: Http) -> None:
    server.register(TODAY, {"StatutoryLowAge": "", "StatutoryHighAge": "", "Postcode": ""})
    school = await only(http)
    assert (school.low_age, school.high_age, school.postcode) == (None, None, None)


FAR = {"Easting": "379000", "Northing": "397000"}
ELSEWHERE = {"LA (code)": "936", "DistrictAdministrative (code)": "E07000210"}


@pytest.mark.parametrize(
    "other",
    [
        {"EstablishmentStatus (name)": "Closed"},
        {"EstablishmentStatus (name)": "Proposed to open"},
        {"EstablishmentTypeGroup (name)": "Universities"},
        {"EstablishmentTypeGroup (name)": "Colleges"},
        {**ELSEWHERE, **FAR},
        {**ELSEWHERE, "Easting": "", "Northing": ""},
    ],
    ids=lambda other: " ".join(other.values()),
)
async def test_what_is_no_open_school_of_london_is_left_out(
    server: SchoolServer, http: Http, other: Mapping[str, str]
) -> None:
    server.register(TODAY, {}, {"URN": "110000", **other})
    assert (await only(http)).urn == 102793


@pytest.mark.parametrize(
    "other",
    [
        {"LA (code)": "201", "DistrictAdministrative (code)": ""},
        {"LA (code)": "213", "DistrictAdministrative (code)": ""},
        {"LA (code)": "301", "DistrictAdministrative (code)": ""},
        {"LA (code)": "320", "DistrictAdministrative (code)": ""},
        {"LA (code)": "", "DistrictAdministrative (code)": "E09000033"},
        {"EstablishmentStatus (name)": "Open, but proposed to close"},
        {"EstablishmentTypeGroup (name)": "Academies"},
        {"EstablishmentTypeGroup (name)": "Free Schools"},
        {"EstablishmentTypeGroup (name)": "Special schools", "PhaseOfEducation (name)": "Not applicable"},
        INDEPENDENT,
    ],
    ids=lambda other: " ".join(other.values()),
)
async def test_an_open_school_of_london_is_kept(
    server: SchoolServer, http: Http, other: Mapping[str, str]
) -> None:
    server.register(TODAY, other)
    assert (await only(http)).urn == 102793


async def test_a_school_just_outside_london_is_kept(server: SchoolServer, http: Http) -> None:
    server.register(TODAY, {}, {**ELSEWHERE, "URN": "125000", "Easting": "512000", "Northing": "166000"})
    assert [school.urn for school in (await read(http)).schools] == [102793, 125000]


@pytest.mark.parametrize("place", [{"Easting": ""}, {"Northing": ""}, {"Easting": "0", "Northing": "0"}, FAR])
async def test_a_school_of_london_without_a_location_there_is_a_gap(
    server: SchoolServer, http: Http, place: Mapping[str, str]
) -> None:
    server.register(TODAY, {}, {"URN": "110000", **place})
    table = await read(http)
    assert (len(table.schools), table.gaps[0]) == (1, "1 open schools of London have no location there.")


async def test_a_table_states_the_dates_of_its_files(server: SchoolServer, http: Http) -> None:
    server.register(YESTERDAY, {})
    server.inspect(GOOD)
    table = await read(http)
    assert (table.made_at, table.gias_vintage, table.ofsted_vintage, table.gaps) == (
        *("2026-11-24", "2026-11-23", "2026-08-31"),
        (),
    )


async def test_a_table_survives_its_json(server: SchoolServer, http: Http) -> None:
    server.register(TODAY, *numbered(4))
    server.inspect(
        *({"URN": str(100_000 + n), **kind} for n, kind in enumerate((GOOD, NOT_JUDGED, REPORT_CARD)))
    )
    table = await read(http)
    assert SchoolTable.model_validate_json(table.model_dump_json()) == table


async def test_a_table_can_be_hashed(server: SchoolServer, http: Http) -> None:
    """So nothing in it can be changed."""
    server.register(TODAY, {})
    server.inspect(REPORT_CARD)
    assert isinstance(hash(await read(http)), int)


async def test_four_thousand_schools_are_less_than_half_a_megabyte_compressed(
    server: SchoolServer, http: Http
) -> None:
    server.register(TODAY, *(
        {**row, "EstablishmentName": f"School {n * 7919 % 4001}", "Easting": str(510_000 + n * 7919 % 40_000)}
        for n, row in enumerate(numbered(4_000))
    ))  # fmt: skip
    server.inspect(*({"URN": row["URN"], **GOOD} for row in numbered(4_000)))
    table = await read_schools(http, TODAY)
    assert len(zlib.compress(table.model_dump_json().encode(), 9)) < 2**19


# ---- the register: which day, and what is wrong with it ------------------------------------------------


@pytest.mark.parametrize("status", [404, 500])
async def test_without_todays_file_yesterdays_is_read(server: SchoolServer, http: Http, status: int) -> None:
    server.files[registered(TODAY)] = Answered(status=status, body=HTML, content_type="text/html")
    server.register(YESTERDAY, {})
    assert (await read(http)).gias_vintage == "2026-11-23"


async def test_a_missing_file_is_asked_for_once(server: SchoolServer, http: Http) -> None:
    server.files[registered(TODAY)] = Answered(status=500, body=HTML, content_type="text/html")
    server.register(YESTERDAY, {})
    await read(http)
    assert [request.path for request in server.requests][:2] == [registered(TODAY), registered(YESTERDAY)]


async def test_a_file_a_week_old_is_found(server: SchoolServer, http: Http) -> None:
    server.register(TODAY - timedelta(days=7), {})
    assert (await read(http)).gias_vintage == "2026-11-17"


@pytest.mark.parametrize("status", [404, 500])
async def test_a_week_without_a_file_gives_no_table(server: SchoolServer, http: Http, status: int) -> None:
    server.always(Answered(status=status, body=HTML, content_type="text/html"))
    with pytest.raises(NotFoundThere, match="no register from 17 Nov 2026 to 24 Nov 2026"):
        await read(http)
    assert len(server.requests) == 8


async def test_days_without_a_file_are_not_held_against_the_register(
    server: SchoolServer, http: Http
) -> None:
    server.always(Answered(status=500))
    with pytest.raises(NotFoundThere):
        await read(http)
    server.always(None)
    server.register(TODAY, {})
    assert len((await read(http)).schools) == 1


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answered(status=429), RateLimited),
        (Answered(status=403), BadAnswer),
        (Answered(status=503), Unavailable),
        (Answered(body=HTML, content_type="text/html"), BadAnswer),
        (Answered(body=b""), BadAnswer),
        (Answered(body=register({}), cut=True), Unavailable),
        (Answered(body=register({})[:-30]), BadAnswer),
        (Answered(body=register({}) + b'"' + b"x" * 2**20), BadAnswer),
        (Answered(body=register({}) + b"Internal error\r\n"), BadAnswer),
    ],
    ids=["429", "403", "503", "page", "empty", "cut", "broken off", "open quote", "odd row"],
)
async def test_a_register_that_fails_gives_no_table_of_an_older_one(
    server: SchoolServer, http: Http, answer: Answered, error: type[ProviderError]
) -> None:
    server.files[registered(TODAY)] = answer
    server.register(YESTERDAY, {})
    with pytest.raises(error):
        await read(http)


@pytest.mark.parametrize(
    "column", [name for name in ENTRY if name in ("URN", "Easting", "LA (code)", "PhaseOfEducation (name)")]
)
async def test_a_register_without_a_column_is_a_bad_answer(
    server: SchoolServer, http: Http, column: str
) -> None:
    server.serve(registered(TODAY), register({}).replace(f'"{column}"'.encode(), b'"Other"', 1))
    with pytest.raises(BadAnswer, match=r"lacks the column " + column.split(" ", 1)[0]):
        await read(http)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"Easting": "5.3e5"}, "easting or northing"),
        ({"Northing": "-185200"}, "easting or northing"),
        ({"Northing": "NaN"}, "easting or northing"),
        ({"URN": ""}, "no URN"),
        ({"URN": "²²²²²²"}, "no URN"),
        ({"EstablishmentName": " "}, "no name"),
        ({"EstablishmentName": "\xad"}, "no name"),
        ({"StatutoryLowAge": "three"}, "an age"),
        ({"StatutoryHighAge": "-1"}, "an age"),
        ({"PhaseOfEducation (name)": "Tertiary"}, "phase"),
    ],
    ids=str,
)
async def test_a_cell_of_another_form_is_a_bad_answer(
    server: SchoolServer, http: Http, other: Mapping[str, str], message: str
) -> None:
    server.register(TODAY, other)
    with pytest.raises(BadAnswer, match=message):
        await read(http)


async def test_a_register_with_few_schools_in_london_is_rejected(server: SchoolServer, http: Http) -> None:
    outside = numbered(FEWEST, **ELSEWHERE, Easting="512000", Northing="166000")
    server.register(TODAY, *outside, {})
    with pytest.raises(BadAnswer, match="the register has 1 open schools in London, below 2,000"):
        await read_schools(http, TODAY)


async def test_columns_of_the_register_are_found_by_name_after_a_byte_order_mark(
    server: SchoolServer, http: Http
) -> None:
    server.serve(registered(TODAY), b"\xef\xbb\xbf" + register({}).replace(b'"', b""))
    assert (await only(http)).urn == 102793


# ---- the inspections -----------------------------------------------------------------------------------

CARD = ReportCard.model_validate(
    {
        "date": "2026-05-12",
        "areas": {
            "Inclusion": "Strong standard",
            "Achievement": "Expected standard",
            "Early years": "Exceptional",
        },
    }
)
GRADED = Graded(date="2023-03-14", overall=2)
REMAINS = Ungraded(date="2024-05-21", outcome="School remains Good")
PARTS = Graded.model_validate(
    {"date": "2025-02-04", "areas": {"Quality of education": 1, "Behaviour and attitudes": 2}}
)


@pytest.mark.parametrize(
    ("cells", "inspection"),
    [
        (GOOD, Inspection(graded=GRADED)),
        (REMAINS_GOOD, Inspection(ungraded=REMAINS)),
        ({**GOOD, **REMAINS_GOOD}, Inspection(graded=GRADED, ungraded=REMAINS)),
        (REPORT_CARD, Inspection(report_card=CARD)),
        ({**GOOD, **REMAINS_GOOD, **REPORT_CARD}, Inspection(report_card=CARD)),
        (NOT_JUDGED, Inspection(graded=PARTS)),
    ],
    ids=["grade", "ungraded", "both", "report card", "report card after all", "not judged"],
)
async def test_a_school_has_its_inspection(
    server: SchoolServer, http: Http, cells: Mapping[str, str], inspection: Inspection
) -> None:
    server.register(TODAY, {})
    server.inspect(cells)
    assert (await only(http)).inspection == inspection


async def test_a_school_of_which_all_is_null_has_no_inspection(server: SchoolServer, http: Http) -> None:
    server.register(TODAY, {}, {"URN": "110000"})
    server.inspect({}, {"URN": "110000", **GOOD})
    assert [school.inspection for school in (await read(http)).schools] == [None, Inspection(graded=GRADED)]


@pytest.mark.parametrize("titles", [0, 1, 2])
async def test_inspections_may_stand_below_rows_of_title(
    server: SchoolServer, http: Http, titles: int
) -> None:
    server.register(TODAY, {})
    server.inspect(GOOD, titles=titles)
    assert (await only(http)).inspection == Inspection(graded=GRADED)


@pytest.mark.parametrize(
    "cells",
    [
        {**GOOD, "Latest OEIF overall effectiveness": "5", "Latest OEIF quality of education": "NULL"},
        {**GOOD, "Latest OEIF overall effectiveness": "Good", "Latest OEIF quality of education": "NULL"},
        {**REPORT_CARD, "Early years (where applicable)": "Superb"},
    ],
    ids=["5", "Good", "Superb"],
)
async def test_an_unknown_grade_is_left_out_and_reported(
    server: SchoolServer, http: Http, cells: Mapping[str, str]
) -> None:
    server.register(TODAY, {}, {"URN": "110000"})
    server.inspect(cells, {"URN": "110000", **GOOD})
    assert (await read(http)).gaps == ("1 of Ofsted's grades are undocumented and left out.",)


async def test_the_newest_file_until_today_is_read(server: SchoolServer, http: Http) -> None:
    server.register(TODAY, {})
    paths = [asset(as_at) for as_at in ("31_July_2026", "30_September_2026", "31_August_2026")]
    for path in paths:
        server.serve(path, inspections(GOOD))
    server.link(*paths, asset("31_December_2026"), asset("31_February_2026"), asset("30_Brumaire_2026"))
    assert (await read(http)).ofsted_vintage == "2026-09-30"


@pytest.mark.parametrize(
    ("month", "vintage"),
    [
        ("31_Jan_2026", "2026-01-31"),
        ("28_Feb_2026", "2026-02-28"),
        ("30_Apr_2026", "2026-04-30"),
        ("31_May_2026", "2026-05-31"),
        ("30_Sept_2026", "2026-09-30"),
        ("30_september_2026", "2026-09-30"),
    ],
)
async def test_a_month_may_be_written_in_full_or_shortened(
    server: SchoolServer, http: Http, month: str, vintage: str
) -> None:
    server.register(TODAY, {})
    server.serve(asset(month), inspections(GOOD))
    server.link(asset(month))
    assert (await read(http)).ofsted_vintage == vintage


@pytest.mark.parametrize(
    ("months", "newest"),
    [
        (("31_December_2025", "31_Jan_2026", "28_Feb_2026", "31_March_2026", "30_Apr_2026"), "2026-04-30"),
        (("31_May_2026", "30_Apr_2026", "31_March_2026"), "2026-05-31"),
        (("31_Jan_2026", "30_June_2026", "28_Feb_2026"), "2026-06-30"),
        (("31_August_2025", "30_Sep_2026", "30_Oct_2025"), "2026-09-30"),
    ],
)
async def test_the_newest_file_is_found_among_long_and_short_months(
    server: SchoolServer, http: Http, months: tuple[str, ...], newest: str
) -> None:
    """Whatever their order on the page, and whichever comes last in the alphabet."""
    server.register(TODAY, {})
    for month in months:
        server.serve(asset(month), inspections(GOOD))
    server.link(*map(asset, months))
    assert (await read(http)).ofsted_vintage == newest


@pytest.mark.parametrize(
    "path",
    [
        asset("31_August_2026").replace("/media/", "/media/../"),
        asset("31_August_2026").replace("state-funded", "independent"),
        asset("31_August_2026").replace(".csv", ".ods"),
        asset("31_August_2062"),
    ],
)
async def test_a_link_to_something_else_is_not_followed(server: SchoolServer, http: Http, path: str) -> None:
    server.register(TODAY, {})
    server.serve(path, inspections(GOOD))
    server.link(path)
    table = await read(http)
    assert table.gaps == (
        "No inspections: gov-uk: the page of the inspections links to no file of state-funded schools.",
    )


@pytest.mark.parametrize("host", ["https://elsewhere.example", "http://assets.publishing.service.gov.uk"])
async def test_a_link_to_another_host_is_not_followed(server: SchoolServer, http: Http, host: str) -> None:
    server.register(TODAY, {})
    server.serve(PAGE, f'{{"body": "{host}{asset("31_August_2026")}"}}', "application/json")
    assert (await read(http)).ofsted_vintage is None


@pytest.mark.parametrize(
    ("answer", "gap"),
    [
        (Answered(status=404), "ofsted: HTTP 404"),
        (Answered(status=429), "ofsted: HTTP 429"),
        (Answered(status=500), "ofsted: HTTP 500"),
        (Answered(body=b"", cut=True), "ofsted: the connection failed"),
        (Answered(body=HTML), "ofsted: the file has no header with URN"),
        (Answered(body=b""), "ofsted: the file has no header with URN"),
        (Answered(body=inspections(GOOD)[:-20]), "ofsted: a row has"),
        (Answered(body=inspections({})), "ofsted: the file has no inspection"),
        (Answered(body=inspections({**GOOD, "URN": "999999"})), "ofsted: the file has no inspection"),
        (
            Answered(
                body=inspections({**GOOD, **REMAINS_GOOD, "Date of latest ungraded inspection": "May 24"})
            ),
            "ofsted: the date of an inspection is not a day",
        ),
        (
            Answered(body=inspections(GOOD).replace(b"Ungraded inspection overall outcome", b"Outcome")),
            "ofsted: the file lacks the column ungraded inspection overall outcome",
        ),
    ],
    ids=[
        *("404", "429", "500", "cut", "page", "empty", "broken off", "all NULL", "other schools", "date"),
        "column",
    ],
)
async def test_without_inspections_there_is_a_table_that_says_so(
    server: SchoolServer, http: Http, answer: Answered, gap: str
) -> None:
    server.register(TODAY, {})
    server.files[server.inspect(GOOD)] = answer
    table = await read(http)
    assert (table.ofsted_vintage, len(table.schools)) == (None, 1)
    assert table.gaps[0].startswith(f"No inspections: {gap}")


@pytest.mark.parametrize(
    "answer",
    [Answered(status=503), Answered(body=HTML, content_type="text/html"), Answered(body={})],
    ids=str,
)
async def test_without_the_page_of_the_inspections_there_is_a_table(
    server: SchoolServer, http: Http, answer: Answered
) -> None:
    server.register(TODAY, {})
    server.files[PAGE] = answer
    assert (await read(http)).ofsted_vintage is None


# ---- an earlier table -------------------------------------------------------------------------


async def earlier(server: SchoolServer, http: Http, *cells: Mapping[str, str]) -> SchoolTable:
    """Return the table of the day before, with one inspected school for each of some cells."""
    schools = [{"URN": str(100_000 + number)} for number in range(len(cells))]
    server.register(YESTERDAY, *schools)
    server.inspect(*({**school, **kind} for school, kind in zip(schools, cells, strict=True)))
    table = await read_schools(http, YESTERDAY, fewest=1)
    server.reset()
    server.register(TODAY, *schools)
    return table


async def after(http: Http, table: SchoolTable) -> SchoolTable:
    """Read the table that follows another."""
    return await read_schools(http, TODAY, table, fewest=1)


UNREACHABLE = Answered(status=503)
NO_LINK = Answered(body={"details": {"body": "No file this month."}})


@pytest.mark.parametrize("page", [UNREACHABLE, NO_LINK], ids=["unreachable", "no file"])
async def test_without_newer_inspections_the_earlier_ones_stay_with_their_day(
    server: SchoolServer, http: Http, page: Answered
) -> None:
    before = await earlier(server, http, GOOD, REPORT_CARD)
    server.files[PAGE] = page
    table = await after(http, before)
    assert (table.ofsted_vintage, table.schools) == ("2026-08-31", before.schools)


async def test_kept_inspections_are_reported_with_the_reason(server: SchoolServer, http: Http) -> None:
    before = await earlier(server, http, GOOD)
    server.files[PAGE] = UNREACHABLE
    assert (await after(http, before)).gaps == (
        "The inspections are still those as at 2026-08-31: gov-uk: HTTP 503.",
    )


async def test_a_register_is_renewed_though_the_inspections_are_not(server: SchoolServer, http: Http) -> None:
    before = await earlier(server, http, GOOD)
    server.register(TODAY, {"URN": "100000", "EstablishmentName": "Another Name"}, {"URN": "110000"})
    table = await after(http, before)
    assert (table.gias_vintage, [(school.name, school.inspection) for school in table.schools]) == (
        "2026-11-24",
        [("Another Name", Inspection(graded=GRADED)), ("Colegrave Primary School", None)],
    )


async def test_grades_left_out_of_kept_inspections_are_still_reported(
    server: SchoolServer, http: Http
) -> None:
    before = await earlier(server, http, {**REPORT_CARD, "Early years (where applicable)": "Superb"})
    assert (await after(http, before)).gaps[1:] == before.gaps != ()


async def test_newer_inspections_replace_the_earlier_ones(server: SchoolServer, http: Http) -> None:
    before = await earlier(server, http, GOOD)
    path = asset("30_Sep_2026")
    server.serve(path, inspections({"URN": "100000", **REPORT_CARD}))
    server.link(path)
    table = await after(http, before)
    assert (table.ofsted_vintage, table.schools[0].inspection, table.gaps) == (
        *("2026-09-30", Inspection(report_card=CARD)),
        (),
    )


async def test_inspections_of_the_same_day_are_read_again(server: SchoolServer, http: Http) -> None:
    before = await earlier(server, http, GOOD)
    server.inspect({"URN": "100000", **REPORT_CARD})
    assert (await after(http, before)).schools[0].inspection == Inspection(report_card=CARD)


async def test_older_inspections_do_not_replace_newer_ones(server: SchoolServer, http: Http) -> None:
    before = await earlier(server, http, GOOD)
    path = asset("31_Jul_2026")
    server.serve(path, inspections({"URN": "100000", **REPORT_CARD}))
    server.link(path)
    table = await after(http, before)
    assert (table.ofsted_vintage, table.schools) == ("2026-08-31", before.schools)


@pytest.mark.parametrize(("again", "vintage"), [(4, "2026-09-30"), (3, "2026-08-31")])
async def test_a_file_that_lacks_many_of_the_inspected_schools_is_rejected(
    server: SchoolServer, http: Http, again: int, vintage: str
) -> None:
    before = await earlier(server, http, *[GOOD] * 5)
    path = asset("30_Sep_2026")
    server.serve(path, inspections(*({"URN": str(100_000 + number), **GOOD} for number in range(again))))
    server.link(path)
    assert (await after(http, before)).ofsted_vintage == vintage


async def test_schools_that_have_closed_are_not_missed_in_a_newer_file(
    server: SchoolServer, http: Http
) -> None:
    before = await earlier(server, http, *[GOOD] * 5)
    server.register(TODAY, {"URN": "100000"})
    path = asset("30_Sep_2026")
    server.serve(path, inspections({"URN": "100000", **GOOD}))
    server.link(path)
    assert (await after(http, before)).ofsted_vintage == "2026-09-30"


async def test_an_older_register_does_not_replace_a_newer_one(server: SchoolServer, http: Http) -> None:
    server.register(TODAY, {})
    newer = await read(http)
    server.reset()
    server.register(YESTERDAY, {})
    with pytest.raises(BadAnswer, match="the register of 2026-11-23 is older than that of 2026-11-24"):
        await after(http, newer)


async def test_a_first_table_without_inspections_leaves_the_next_one_nothing_to_keep(
    server: SchoolServer, http: Http
) -> None:
    server.register(TODAY, {})
    first = await read(http)
    assert ((await after(http, first)).ofsted_vintage, first.ofsted_vintage) == (None, None)


# ---- damaged files ---------------------------------------------------------------------------

CELL = st.text(max_size=6) | st.sampled_from(
    ["", "NULL", "Open", "Not judged", "316", "530000", "1", "01/02/2025"]
)


def changed(form: Mapping[str, str]) -> st.SearchStrategy[dict[str, str]]:
    """Change a few cells of a row."""
    return st.dictionaries(st.sampled_from(sorted(form)), CELL, max_size=3)


async def attempted(http: Http) -> SchoolTable | ProviderError:
    """Return the table or the error."""
    try:
        return await read(http)
    except ProviderError as error:
        return error


KINDS = st.sampled_from([GOOD, NOT_JUDGED, REMAINS_GOOD, REPORT_CARD])
INSPECTED = st.builds(lambda kind, change: {**kind, **change}, KINDS, changed(INSPECTION))


@DAMAGE
@given(st.lists(changed(ENTRY), max_size=3), st.lists(INSPECTED, max_size=3))
async def test_any_cells_give_a_table_or_a_provider_error(
    server: SchoolServer, entries: list[dict[str, str]], cells: list[dict[str, str]]
) -> None:
    server.reset()
    server.serve(registered(TODAY), as_bytes(ENTRY, entries))
    server.files[server.inspect()] = Answered(body=as_bytes(INSPECTION, cells))
    http = server.open()
    assert isinstance(await attempted(http), SchoolTable | ProviderError)
    await http.close()


@DAMAGE
@given(st.integers(0, 700), st.binary(max_size=8))
async def test_any_damage_to_the_register_gives_a_table_or_a_provider_error(
    server: SchoolServer, place: int, junk: bytes
) -> None:
    server.reset()
    good = register({})
    server.serve(registered(TODAY), good[:place] + junk + good[place + len(junk) :])
    http = server.open()
    assert isinstance(await attempted(http), SchoolTable | ProviderError)
    await http.close()


def as_bytes(form: Mapping[str, str], changes: list[dict[str, str]]) -> bytes:
    """Write a table by hand, with whatever its cells hold."""
    lines = [list(form), *(list({**form, **change}.values()) for change in changes)]
    text = "\r\n".join(",".join('"' + cell.replace('"', '""') + '"' for cell in line) for line in lines)
    return text.encode("utf-8", "surrogatepass")


# ---- near a point --------------------------------------------------------------------------------------


async def placed(server: SchoolServer, http: Http, *schools: Mapping[str, str]) -> SchoolTable:
    """Read schools whose URNs are 100000 and so on, in this order."""
    numbers = numbered(len(schools))
    server.register(TODAY, *({**number, **school} for number, school in zip(numbers, schools, strict=True)))
    return await read(http)


def north(metres: int) -> dict[str, str]:
    """Place a school so many metres north of the point."""
    return {"Northing": str(185_200 + metres)}


@pytest.fixture
async def school_location(server: SchoolServer, http: Http) -> Location:
    """The location of `ENTRY`."""
    return (await placed(server, http, {})).schools[0].location


def listed_numbers(table: SchoolTable, point: Location, **options: Any) -> list[int]:
    """Return the numbers, from 0, of the schools listed near a point."""
    return [nearby.school.urn - 100_000 for nearby in near(table, point, **options).schools]


async def test_primaries_are_near_within_two_kilometres(
    server: SchoolServer, http: Http, school_location: Location
) -> None:
    table = await placed(server, http, north(1_980), north(2_030), north(-500))
    assert listed_numbers(table, school_location) == [2, 0]


async def test_secondaries_are_near_within_five_kilometres(
    server: SchoolServer, http: Http, school_location: Location
) -> None:
    table = await placed(server, http, *({**SECONDARY, **north(metres)} for metres in (4_950, 5_060, 3_000)))
    assert listed_numbers(table, school_location) == [2, 0]


async def test_distances_are_in_kilometres(
    server: SchoolServer, http: Http, school_location: Location
) -> None:
    table = await placed(server, http, {"Easting": "539700"}, north(1_500))
    distances = [nearby.distance_km for nearby in near(table, school_location).schools]
    assert distances == [pytest.approx(1.0, rel=0.01), pytest.approx(1.5, rel=0.01)]


async def test_an_all_through_school_counts_as_both(
    server: SchoolServer, http: Http, school_location: Location
) -> None:
    result = near(await placed(server, http, {"PhaseOfEducation (name)": "All-through"}), school_location)
    assert (result.primary_count, result.secondary_count, len(result.schools)) == (1, 1, 1)


async def test_an_all_through_school_three_kilometres_away_is_a_secondary(
    server: SchoolServer, http: Http, school_location: Location
) -> None:
    table = await placed(server, http, {"PhaseOfEducation (name)": "All-through", **north(3_000)})
    assert [nearby.stages for nearby in near(table, school_location).schools] == [("secondary",)]


async def test_only_the_nearest_are_named_but_all_are_counted(
    server: SchoolServer, http: Http, school_location: Location
) -> None:
    schools = [north(10 * n) for n in range(MOST + 3)]
    secondaries = [{**SECONDARY, **north(10 * n)} for n in range(MOST + 5)]
    result = near(await placed(server, http, *schools, *secondaries), school_location)
    assert (len(result.schools), result.primary_count, result.secondary_count) == (
        2 * MOST,
        MOST + 3,
        MOST + 5,
    )


async def test_far_from_london_no_school_is_near(server: SchoolServer, http: Http) -> None:
    result = near(await placed(server, http, {}), Location(lat=53.48, lng=-2.24))
    assert (result.schools, result.primary_count, result.secondary_count) == ((), 0, 0)


async def test_independent_schools_can_be_left_out(
    server: SchoolServer, http: Http, school_location: Location
) -> None:
    table = await placed(server, http, INDEPENDENT, {})
    assert listed_numbers(table, school_location, sectors=("state-funded",)) == [1]


@pytest.mark.parametrize(
    ("low", "high", "stages"),
    [
        ("3", "11", ("primary",)),
        ("4", "7", ("primary",)),
        ("7", "13", ("primary",)),
        ("11", "18", ("secondary",)),
        ("13", "18", ("secondary",)),
        ("3", "18", ("primary", "secondary")),
        ("2", "5", ()),
        ("16", "19", ()),
        ("", "18", ()),
    ],
)
async def test_an_independent_school_counts_by_its_ages(
    server: SchoolServer, http: Http, low: str, high: str, stages: tuple[str, ...]
) -> None:
    server.register(TODAY, {**INDEPENDENT, "StatutoryLowAge": low, "StatutoryHighAge": high})
    assert (await only(http)).stages() == stages


@pytest.mark.parametrize(
    "other",
    [
        {"PhaseOfEducation (name)": "Nursery"},
        {"PhaseOfEducation (name)": "16 plus"},
        {"PhaseOfEducation (name)": "Not applicable", "EstablishmentTypeGroup (name)": "Special schools"},
        {**INDEPENDENT, "TypeOfEstablishment (name)": "Other independent special school"},
    ],
    ids=str,
)
async def test_what_is_no_school_for_all_counts_as_neither(
    server: SchoolServer, http: Http, other: Mapping[str, str]
) -> None:
    server.register(TODAY, other)
    assert (await only(http)).stages() == ()
