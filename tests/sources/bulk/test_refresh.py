"""Newer prices, growth and rents: read, spread over the districts, checked and applied."""

from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime
from typing import NamedTuple

import pytest

from tests.support.provider import Answered
from tests.support.providers.land_registry import (
    HTML,
    FileServer,
    OnsServer,
    index,
    rent,
    sales,
    workbook,
    written,
)
from veo.models import District, Figure, FrozenMap, Location
from veo.sources.bulk.refresh import (
    Merged,
    RefreshedTable,
    RefreshFailure,
    apply,
    merge,
    refresh_tables,
    validate,
)
from veo.sources.embedded.columns import COLUMNS
from veo.sources.embedded.district_groups import groups
from veo.sources.embedded.snapshot import Snapshot, load
from veo.sources.http.client import Http

pytestmark = pytest.mark.anyio

TODAY = date(2026, 12, 20)
OCTOBER = datetime(2026, 10, 1)  # noqa: DTZ001 - a workbook's dates have no zone
CITY, HACKNEY, NEWHAM = "E09000001", "E09000012", "E09000025"
INDEX = "/market-trend-data/house-price-index-data/Average-prices-2026-10.csv"
RENTS = ("rent_1bed", "rent_2bed", "rent_3bed", "rent_all", "rent_growth_1y_pct")
EMBEDDED = {
    "rent_1bed": 1500,
    "rent_2bed": 1800,
    "rent_3bed": 2200,
    "rent_all": 1900,
    "rent_growth_1y_pct": 3.0,
    "median_price": 450_000,
    "sales_12m": 12,
    "price_growth_5y_pct": 10.0,
    "price_growth_1y_pct": 2.0,
    "population": 20_000,
}


def figure(column: str, value: float, vintage: str | None = None) -> Figure:
    """Make a figure in the shape of the embedded ones."""
    form = COLUMNS[column]
    return Figure(
        value=value,
        unit=form.unit,
        level=form.level,
        source=form.source,
        vintage=vintage or form.vintage,
    )


def home(code: str, boroughs: dict[str, float], **given: float | None) -> District:
    """Make a district with every figure, some replaced, or left out by None."""
    values = {**EMBEDDED, **given}
    figures = {name: figure(name, value) for name, value in values.items() if value is not None}
    return District(
        code=code,
        name="Somewhere",
        borough=max(boroughs, key=boroughs.__getitem__),
        boroughs=FrozenMap(boroughs),
        location=Location(lat=51.5, lng=0),
        population=20_000,
        area_km2=2,
        figures=FrozenMap(figures),
    )


NO_RENTS = dict.fromkeys(RENTS)
HOMES = (
    home("E8", {"Hackney": 0.75, "Newham": 0.25}),
    home("E15", {"Newham": 1.0}),
    home("EC1A", {"City of London": 0.9, "Hackney": 0.1}, **NO_RENTS),
    home("EC1M", {"Hackney": 0.6, "City of London": 0.4}),
)


def snapshot(*homes: District) -> Snapshot:
    """Make a snapshot of just these districts."""
    districts = FrozenMap({district.code: district for district in homes})
    return Snapshot(districts, groups(districts), FrozenMap(), (), FrozenMap())


LONDON = snapshot(*HOMES)


class Servers(NamedTuple):
    prices: FileServer
    growth: FileServer
    rents: OnsServer

    def publish(self) -> None:
        """Serve figures of each source that are near the embedded ones."""
        for code in ("E8", "E15", "EC1A", "EC1M"):
            rows = sales(range(450_000, 462_000, 1_000), "2026-09-01", f"{code} 1AA")
            self.prices.files.setdefault("/pp-2026.csv", Answered(body="", content_type="text/csv"))
            before = self.prices.files["/pp-2026.csv"].body
            self.prices.serve("/pp-2026.csv", f"{before!s}{written(rows)}")
        self.prices.serve("/pp-2025.csv", "")
        self.growth.serve(INDEX, averages(HACKNEY=(110, 104), NEWHAM=(110, 100), CITY=(110, 125)))
        self.let([rent(HACKNEY, OCTOBER, 2.0, 2000, 1600, 1900, 2300), AS_EMBEDDED])

    def let(self, rows: list[list[object]]) -> None:
        """Serve the rents."""
        self.rents.publish("16december2026", workbook(rows))


AS_EMBEDDED = rent(NEWHAM, OCTOBER, 3.0, 1900, 1500, 1800, 2200)


def averages(**boroughs: tuple[int, int]) -> str:
    """Write average prices: of this year, and of one and five years ago."""
    codes = {"CITY": CITY, "HACKNEY": HACKNEY, "NEWHAM": NEWHAM}
    return index(
        {
            codes[name]: {
                f"{year}-{month}-01": price
                for year, price in ((2026, now), (2025, then), (2021, then))
                for month in ("08", "09", "10")
            }
            for name, (now, then) in boroughs.items()
        }
    )


@pytest.fixture(scope="module")
def running() -> Iterator[Servers]:
    servers = Servers(FileServer(), FileServer(), OnsServer())
    for server in servers:
        server.start()
    yield servers
    for server in servers:
        server.stop()


@pytest.fixture
def servers(running: Servers) -> Servers:
    for server in running:
        server.reset()
    running.publish()
    return running


@pytest.fixture
async def http(servers: Servers) -> AsyncIterator[Http]:
    opened = Http({"price-paid": servers.prices.url, "uk-hpi": servers.growth.url, "ons": servers.rents.url})
    yield opened
    await opened.close()


async def refreshed_column(http: Http, column: str, base: Snapshot = LONDON) -> dict[str, float]:
    """Refresh, and return one column by outcode."""
    refreshed = await refresh_tables(http, base, TODAY)
    return {
        outcode: figures[column].value
        for table in refreshed.tables
        for outcode, figures in table.rows.items()
        if column in figures
    }


async def test_every_source_gives_a_table_of_its_columns(http: Http) -> None:
    refreshed = await refresh_tables(http, LONDON, TODAY)
    columns = {table.name: sorted(table.rows["E15"]) for table in refreshed.tables}
    assert (columns, refreshed.failures) == (
        {
            "price-paid": ["median_price", "sales_12m"],
            "uk-hpi": ["price_growth_1y_pct", "price_growth_5y_pct"],
            "ons": sorted(RENTS),
        },
        (),
    )


async def test_a_refreshed_figure_has_the_shape_of_the_embedded_one_and_its_own_vintage(http: Http) -> None:
    refreshed = await refresh_tables(http, LONDON, TODAY)
    made = {name: made for table in refreshed.tables for name, made in table.rows["E15"].items()}
    vintages = {
        **dict.fromkeys(("median_price", "sales_12m"), "Oct 2025 to Sep 2026"),
        **dict.fromkeys(("price_growth_5y_pct", "price_growth_1y_pct"), "Aug 2026 to Oct 2026"),
        **dict.fromkeys(RENTS, "Oct 2026"),
    }
    assert made == {
        name: HOMES[1].figures[name].model_copy(update={"value": made[name].value, "vintage": vintage})
        for name, vintage in vintages.items()
    }


async def test_a_table_says_when_it_was_made(http: Http) -> None:
    refreshed = await refresh_tables(http, LONDON, TODAY)
    assert {table.made_at for table in refreshed.tables} == {"2026-12-20"}


async def test_a_table_comes_back_from_json_as_it_was(http: Http) -> None:
    table = (await refresh_tables(http, LONDON, TODAY)).tables[0]
    assert RefreshedTable.model_validate_json(table.model_dump_json()) == table


async def test_rents_are_weighted_over_the_boroughs_of_a_district(http: Http) -> None:
    assert (await refreshed_column(http, "rent_all"))["E8"] == 0.75 * 2000 + 0.25 * 1900


async def test_growth_is_weighted_and_has_one_decimal(http: Http) -> None:
    growth = await refreshed_column(http, "price_growth_1y_pct")
    assert growth["E8"] == round(0.75 * 100 * (110 / 104 - 1) + 0.25 * 10, 1)


async def test_a_borough_without_rents_does_not_weigh(http: Http) -> None:
    assert (await refreshed_column(http, "rent_all"))["EC1M"] == 2000


async def test_a_district_that_is_mostly_in_a_borough_without_rents_has_none(http: Http) -> None:
    assert "EC1A" not in await refreshed_column(http, "rent_all")


async def test_a_figure_over_several_boroughs_is_as_old_as_the_oldest(servers: Servers, http: Http) -> None:
    september = OCTOBER.replace(month=9)
    servers.let([rent(HACKNEY, september, 2.0, 2000, 1600, 1900, 2300), AS_EMBEDDED])
    refreshed = await refresh_tables(http, LONDON, TODAY)
    rows = refreshed.tables[-1].rows
    assert (rows["E8"]["rent_all"].vintage, rows["E15"]["rent_all"].vintage) == ("Sep 2026", "Oct 2026")


async def test_a_district_in_which_nothing_was_sold_has_no_sales_and_no_median(http: Http) -> None:
    more = snapshot(*HOMES, home("EC2N", {"City of London": 1.0}, median_price=None, sales_12m=0, **NO_RENTS))
    counts, medians = (
        await refreshed_column(http, "sales_12m", more),
        await refreshed_column(http, "median_price", more),
    )
    assert (counts["EC2N"], "EC2N" in medians) == (0, False)


async def test_outcodes_that_are_not_embedded_are_left_out(http: Http) -> None:
    assert "EC1M" not in await refreshed_column(http, "sales_12m", snapshot(*HOMES[:3]))


async def test_a_failing_source_is_reported_and_the_others_are_read(servers: Servers, http: Http) -> None:
    servers.growth.always(Answered(status=503, body=HTML, content_type="text/html"))
    refreshed = await refresh_tables(http, LONDON, TODAY)
    assert [table.name for table in refreshed.tables] == ["price-paid", "ons"]
    assert [failure.source for failure in refreshed.failures] == ["uk-hpi"]


async def test_a_source_that_answers_with_a_web_page_is_reported(servers: Servers, http: Http) -> None:
    servers.prices.serve("/pp-2025.csv", HTML)
    refreshed = await refresh_tables(http, LONDON, TODAY)
    assert refreshed.failures == (
        RefreshFailure(source="price-paid", reason="price-paid: a row of /pp-2025.csv has 1 columns, not 16"),
    )


async def test_when_every_source_fails_there_are_three_reasons_and_no_table(
    servers: Servers, http: Http
) -> None:
    for server in servers:
        server.always(Answered(status=404, body=HTML, content_type="text/html"))
    refreshed = await refresh_tables(http, LONDON, TODAY)
    assert (refreshed.tables, len(refreshed.failures)) == ((), 3)


async def test_a_rejected_column_is_reported_and_the_others_of_its_source_are_kept(
    servers: Servers, http: Http
) -> None:
    servers.let([rent(borough, OCTOBER, 3.0, 19_000, 1500, 1800, 2200) for borough in (HACKNEY, NEWHAM)])
    refreshed = await refresh_tables(http, LONDON, TODAY)
    assert sorted(refreshed.tables[-1].rows["E15"]) == sorted(set(RENTS) - {"rent_all"})
    assert refreshed.failures == (
        RefreshFailure(
            source="ons", reason="rent_all has a median of 10 times the embedded figure, outside 0.8 to 1.25."
        ),
    )


async def test_a_source_of_which_every_column_is_rejected_gives_no_table(
    servers: Servers, http: Http
) -> None:
    servers.let([rent(NEWHAM, OCTOBER.replace(year=2025), 3.0, 1900, 1500, 1800, 2200)])
    refreshed = await refresh_tables(http, LONDON, TODAY)
    assert ([table.name for table in refreshed.tables], len(refreshed.failures)) == (
        ["price-paid", "uk-hpi"],
        len(RENTS),
    )


def column(name: str, *values: float, vintage: str = "Oct 2026") -> dict[str, Figure]:
    """Make a column of the districts E1, E2 and so on."""
    return {f"E{number}": figure(name, value, vintage) for number, value in enumerate(values, start=1)}


def rejection(name: str, old: list[float], new: list[float]) -> str | None:
    return validate(name, column(name, *old, vintage="Aug 2026"), column(name, *new))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("rent_all", [1000] * 10, [1000] * 8),
        ("rent_all", [1000] * 20, [1250] * 20),
        ("rent_all", [1000] * 20, [800] * 20),
        ("rent_all", [1000] * 20, [1000] * 19 + [3000]),
        ("rent_all", [1000] * 20, [1600] + [1000] * 18 + [625]),
        ("sales_12m", [100] * 20, [200] * 20),
        ("sales_12m", [100] * 20, [50] * 20),
        ("sales_12m", [2] * 9 + [100] * 11, [9] * 9 + [100] * 11),
        ("sales_12m", [0, 0, 10], [3, 0, 10]),
        ("rent_growth_1y_pct", [1.0] * 20, [11.0] * 20),
        ("price_growth_1y_pct", [0.1, -2.0, 3.0], [4.0, 2.0, -1.0]),
        ("price_growth_5y_pct", [1.0] * 20, [1.0] * 11 + [90.0] * 9),
    ],
)
def test_a_column_that_moves_within_reason_is_accepted(name: str, old: list[float], new: list[float]) -> None:
    assert rejection(name, old, new) is None


@pytest.mark.parametrize(
    ("name", "old", "new", "reason"),
    [
        (
            *("rent_all", [1000] * 10, [1000] * 7),
            "rent_all has figures for 7 of the 10 districts that have an embedded one, below 80%.",
        ),
        (
            *("median_price", [500_000] * 20, [627_500] * 20),
            "median_price has a median of 1.25 times the embedded figure, outside 0.8 to 1.25.",
        ),
        (
            *("median_price", [500_000] * 20, [395_000] * 20),
            "median_price has a median of 0.79 times the embedded figure, outside 0.8 to 1.25.",
        ),
        (
            *("sales_12m", [100] * 20, [201] * 20),
            "sales_12m has a median of 2.01 times the embedded figure, outside 0.5 to 2.0.",
        ),
        (
            *("sales_12m", [100] * 20, [49] * 20),
            "sales_12m has a median of 0.49 times the embedded figure, outside 0.5 to 2.0.",
        ),
        (
            *("price_growth_1y_pct", [1.0] * 3, [-9.1] * 3),
            "price_growth_1y_pct moved by a median of 10.1 points, above 10.",
        ),
        (
            *("rent_all", [1000] * 20, [1000] * 18 + [1601, 624]),
            "rent_all moved by more than a factor of 1.6 in 2 of 20 districts, above 5%.",
        ),
        (
            *("rent_all", [1000] * 20, [1000] * 19 + [20_001]),
            "rent_all is 20001 in E20, which is outside 300 to 20000.",
        ),
        ("sales_12m", [0], [-1], "sales_12m is -1 in E1, which is outside 0 to 20000."),
    ],
)
def test_a_column_that_moves_beyond_reason_is_rejected(
    name: str, old: list[float], new: list[float], reason: str
) -> None:
    assert rejection(name, old, new) == reason


def test_a_column_without_any_figure_is_rejected() -> None:
    assert rejection("rent_all", [1000] * 10, []) == (
        "rent_all has figures for 0 of the 10 districts that have an embedded one, below 80%."
    )


def test_a_column_that_the_embedded_table_lacks_is_accepted() -> None:
    assert rejection("rent_all", [], [1000]) is None


def test_figures_of_other_districts_do_not_cover_those_that_had_one() -> None:
    old = column("rent_all", *[1000.0] * 10)
    new = {f"N{number}": made for number, made in enumerate(old.values())}
    assert validate("rent_all", old, new) == (
        "rent_all has figures for 0 of the 10 districts that have an embedded one, below 80%."
    )


@pytest.mark.parametrize(
    ("old", "new", "refused"),
    [
        ("Aug 2026", "Jul 2026", True),
        ("Aug 2026", "Dec 2025", True),
        ("Aug 2026", "Aug 2026", False),
        ("Aug 2026", "Jan 2027", False),
        ("Sep 2025 to Aug 2026", "Aug 2025 to Jul 2026", True),
        ("Nov 2025 to Jan 2026", "Aug 2026 to Oct 2026", False),
        ("2014", "Aug 2026", False),
        ("Aug 2026", "unknown", True),
    ],
)
def test_an_older_vintage_is_rejected(old: str, new: str, refused: bool) -> None:
    reason = validate(
        "rent_all", column("rent_all", 1000, vintage=old), column("rent_all", 1000, vintage=new)
    )
    expected = f"rent_all is of {new}, which is older than the embedded figures of {old}."
    assert reason == (expected if refused else None)


def test_the_oldest_figure_of_a_column_counts() -> None:
    new = {**column("rent_all", 1000, 1000), "E2": figure("rent_all", 1000, "Jan 2020")}
    assert validate("rent_all", column("rent_all", 1000, 1000), new) == (
        "rent_all is of Jan 2020, which is older than the embedded figures of Oct 2026."
    )


def test_the_newest_embedded_figure_of_a_column_counts() -> None:
    old = {**column("rent_all", 1000, 1000), "E2": figure("rent_all", 1000, "Nov 2026")}
    assert validate("rent_all", old, column("rent_all", 1000, 1000)) == (
        "rent_all is of Oct 2026, which is older than the embedded figures of Nov 2026."
    )


@pytest.mark.parametrize("name", ["median_price", "sales_12m", "price_growth_1y_pct", *RENTS])
def test_the_embedded_column_itself_is_accepted(name: str) -> None:
    homes = load().districts
    embedded = {code: home.figures[name] for code, home in homes.items() if name in home.figures}
    assert validate(name, embedded, embedded) is None


def table(name: str, vintage: str = "Oct 2026", **values: float) -> RefreshedTable:
    """Make a table of one column, by outcode."""
    rows = {code: FrozenMap({name: figure(name, value, vintage)}) for code, value in values.items()}
    return RefreshedTable(name="ons", made_at="2026-12-20", rows=FrozenMap(rows))


def test_a_snapshot_takes_the_refreshed_figures() -> None:
    newer = apply(LONDON, table("rent_all", E15=2000, E8=2100))
    assert (newer.districts["E15"].number("rent_all"), newer.districts["E8"].number("rent_all")) == (
        2000,
        2100,
    )


def test_a_snapshot_keeps_its_other_columns() -> None:
    newer = apply(LONDON, table("rent_all", E15=2000))
    assert newer.districts["E15"].figures["rent_1bed"] == LONDON.districts["E15"].figures["rent_1bed"]


def test_a_district_without_a_refreshed_figure_keeps_none_of_an_older_vintage() -> None:
    assert apply(LONDON, table("rent_all", E15=2000)).districts["E8"].number("rent_all") is None


def test_the_old_snapshot_stays_as_it_was() -> None:
    apply(LONDON, table("rent_all", E15=2000))
    assert LONDON.districts["E15"].number("rent_all") == 1900


def test_an_outcode_that_the_snapshot_lacks_changes_nothing() -> None:
    newer = apply(LONDON, table("rent_all", E15=2000, ZZ9=1))
    assert list(newer.districts) == list(LONDON.districts)


def test_groups_are_made_of_the_refreshed_figures() -> None:
    newer = apply(LONDON, table("median_price", EC1A=600_000, EC1M=700_000))
    group = newer.groups["EC1"].figures["median_price"]
    assert (group.value, group.level, group.vintage) == (650_000, "modelled", "Oct 2026")


def test_groups_keep_the_vintage_of_a_table_that_was_applied_before() -> None:
    first = apply(LONDON, table("median_price", EC1A=600_000, EC1M=700_000))
    second = apply(first, table("sales_12m", EC1A=10, EC1M=20))
    vintages = {name: second.groups["EC1"].figures[name].vintage for name in ("median_price", "sales_12m")}
    assert vintages == {"median_price": "Oct 2026", "sales_12m": "Oct 2026"}


def test_a_group_is_as_old_as_the_oldest_of_its_members() -> None:
    rows = {
        "EC1A": FrozenMap({"median_price": figure("median_price", 1, "Sep 2026")}),
        "EC1M": FrozenMap({"median_price": figure("median_price", 1, "Oct 2026")}),
    }
    mixed = RefreshedTable(name="price-paid", made_at="2026-12-20", rows=FrozenMap(rows))
    assert apply(LONDON, mixed).groups["EC1"].figures["median_price"].vintage == "Sep 2026"


def test_groups_keep_the_vintage_of_columns_that_are_not_refreshed() -> None:
    newer = apply(LONDON, table("rent_all", E15=2000))
    assert newer.groups["EC1"].figures["median_price"] == LONDON.groups["EC1"].figures["median_price"]


def test_a_table_older_than_the_snapshot_changes_nothing() -> None:
    newer = apply(LONDON, table("rent_all", "Jul 2026", E15=2000))
    assert newer == LONDON


def test_a_first_table_is_all_new() -> None:
    new = table("rent_all", E15=2000)
    assert merge(new, None) == Merged(new, ("rent_all",), ())


def test_a_column_that_a_refresh_lacks_stays_with_its_own_vintage() -> None:
    merged = merge(table("rent_all", "Oct 2026", E15=2000), table("rent_1bed", "Sep 2026", E15=1500, E8=1400))
    assert (merged.renewed, merged.table.rows) == (
        ("rent_all",),
        {
            "E15": {
                "rent_all": figure("rent_all", 2000, "Oct 2026"),
                "rent_1bed": figure("rent_1bed", 1500, "Sep 2026"),
            },
            "E8": {"rent_1bed": figure("rent_1bed", 1400, "Sep 2026")},
        },
    )


@pytest.mark.parametrize("vintage", ["Oct 2026", "Nov 2026"])
def test_a_column_that_is_no_older_is_replaced_as_a_whole(vintage: str) -> None:
    new = table("rent_all", vintage, E15=2000)
    assert merge(new, table("rent_all", "Oct 2026", E15=1900, E8=1800)).table == new


def test_a_column_that_is_older_than_the_kept_one_is_skipped_and_reported() -> None:
    before = table("rent_all", "Oct 2026", E15=1900)
    assert merge(table("rent_all", "Sep 2026", E15=2000), before) == Merged(
        before, (), ("rent_all is of Sep 2026, which is older than the last refresh's of Oct 2026.",)
    )


def test_a_column_of_several_months_is_as_new_as_its_newest() -> None:
    rows = {
        "E8": FrozenMap({"rent_all": figure("rent_all", 1800, "Aug 2026")}),
        "E15": FrozenMap({"rent_all": figure("rent_all", 1900, "Oct 2026")}),
    }
    mixed = RefreshedTable(name="ons", made_at="2026-12-20", rows=FrozenMap(rows))
    assert merge(mixed, mixed).renewed == ("rent_all",)


async def test_the_tables_of_a_refresh_can_be_applied(http: Http) -> None:
    newer = LONDON
    for made in (await refresh_tables(http, LONDON, TODAY)).tables:
        newer = apply(newer, made)
    assert newer.groups["EC1"].figures["rent_all"] == figure("rent_all", 2000, "Oct 2026").model_copy(
        update={"level": "modelled"}
    )
