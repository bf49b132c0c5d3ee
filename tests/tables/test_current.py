"""The current figures: the embedded ones with each source's newest table applied."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.support.chaos import ChaosStore, Fault
from tests.support.scoring import district
from tests.support.timer import Timer
from veo.cache import Cache
from veo.models import Figure, FrozenMap
from veo.sources.bulk.refresh import SOURCES, RefreshedTable
from veo.sources.embedded.district_groups import groups
from veo.sources.embedded.snapshot import Snapshot
from veo.tables.current import CurrentFigures, figure_set
from veo.tables.storage import CHECK_INTERVAL, RETENTION, Table

pytestmark = pytest.mark.anyio

HOMES = FrozenMap({code: district(code) for code in ("E1", "E2", "EC1A")})
EMBEDDED = Snapshot(HOMES, groups(HOMES), FrozenMap(), (), FrozenMap())


def table(name: str, column: str, value: float, vintage: str = "Oct 2026") -> RefreshedTable:
    """Return a table of one column with the same value in every district."""
    figure = Figure(value=value, unit="unit", level="district", source="a register", vintage=vintage)
    rows = FrozenMap({code: FrozenMap({column: figure}) for code in HOMES})
    return RefreshedTable(name=name, made_at="2026-12-20", rows=rows)


PRICES = table("price-paid", "median_price", 600_000)
GROWTH = table("uk-hpi", "price_growth_5y_pct", 12.5)
RENTS = table("ons", "rent_all", 1800)
EMPTY = RefreshedTable(name="ons", made_at="2026-12-20", rows=FrozenMap())
COLUMNS = ("median_price", "price_growth_5y_pct", "rent_all")


@pytest.fixture
def timer() -> Timer:
    return Timer()


@pytest.fixture
def store() -> ChaosStore:
    return ChaosStore(time.time)


def container(store: ChaosStore, timer: Timer) -> CurrentFigures:
    """Return the figures of one container of a fleet."""
    cache = Cache(store)
    return CurrentFigures(
        figure_set(EMBEDDED),
        {name: Table(name, RefreshedTable, cache, None, clock=timer) for name in SOURCES},
    )


@pytest.fixture
def here(store: ChaosStore, timer: Timer) -> CurrentFigures:
    return container(store, timer)


async def put(figures: CurrentFigures, *tables: RefreshedTable) -> None:
    """Put tables as a refresh does."""
    for refreshed in tables:
        await figures.tables[refreshed.name].put(refreshed)


async def values(figures: CurrentFigures, code: str = "E1") -> tuple[float | None, ...]:
    """Return a district's median price, its growth and its rent."""
    home = (await figures.current()).district(code)
    return tuple(home.number(column) for column in COLUMNS)


async def test_without_any_table_the_embedded_figures_are_current(here: CurrentFigures) -> None:
    assert (await here.current()).snapshot is EMBEDDED


async def test_the_tables_of_all_sources_are_applied(here: CurrentFigures) -> None:
    await put(here, PRICES, GROWTH, RENTS)
    assert await values(here) == (600_000, 12.5, 1800)


async def test_the_figures_of_a_group_are_recomputed(here: CurrentFigures) -> None:
    await put(here, PRICES, RENTS)
    assert await values(here, "EC1") == (600_000, 10.0, 1800)


async def test_columns_without_a_table_keep_the_embedded_figures(here: CurrentFigures) -> None:
    await put(here, RENTS)
    assert await values(here) == (500_000, 10.0, 1800)


async def test_a_source_without_a_newer_table_keeps_its_last_one(here: CurrentFigures) -> None:
    await put(here, PRICES, GROWTH, RENTS)
    await here.current()
    await put(here, table("ons", "rent_all", 1900))
    assert await values(here) == (600_000, 12.5, 1900)


async def test_of_two_tables_with_the_same_column_the_later_source_wins(here: CurrentFigures) -> None:
    await put(here, RENTS, table("price-paid", "rent_all", 1))
    assert (await values(here))[2] == 1800


async def test_scores_are_relative_to_the_newer_figures(here: CurrentFigures) -> None:
    before = (await here.current()).reference
    await put(here, RENTS)
    assert (await here.current()).reference is not before


async def test_tables_are_applied_once(here: CurrentFigures) -> None:
    await put(here, PRICES, RENTS)
    assert await here.current() is await here.current()


async def test_callers_at_the_same_time_get_the_same_figures(here: CurrentFigures) -> None:
    await put(here, PRICES, RENTS)
    results = await asyncio.gather(*(here.current() for _ in range(20)))
    assert len({id(current) for current in results}) == 1


async def test_a_table_with_the_same_content_is_not_applied_again(
    here: CurrentFigures, store: ChaosStore, timer: Timer
) -> None:
    await put(here, RENTS)
    first = await here.current()
    await put(container(store, timer), RENTS)
    await check_again(here, timer)
    assert await here.current() is first


async def test_a_cancelled_caller_does_not_cancel_the_others(here: CurrentFigures) -> None:
    await here.current()
    await put(here, RENTS)
    cancelled, other = (asyncio.create_task(here.current()) for _ in range(2))
    await asyncio.sleep(0)
    cancelled.cancel()
    assert (await other).district("E1").number("rent_all") == 1800


@pytest.mark.parametrize("unusable", [table("ons", "unheard_of", 1), EMPTY], ids=["unknown column", "empty"])
async def test_a_table_without_a_known_column_changes_nothing(
    here: CurrentFigures, unusable: RefreshedTable
) -> None:
    await put(here, unusable)
    assert await values(here) == (500_000, 10.0, 1700)


async def test_a_table_older_than_the_embedded_figures_changes_nothing(
    store: ChaosStore, timer: Timer
) -> None:
    newer = {
        code: home.model_copy(update={"figures": table("", "rent_all", 1700, "Nov 2026").rows["E1"]})
        for code, home in HOMES.items()
    }
    homes = FrozenMap(newer)
    embedded = Snapshot(homes, groups(homes), FrozenMap(), (), FrozenMap())
    figures = CurrentFigures(figure_set(embedded), container(store, timer).tables)
    await put(figures, RENTS)
    assert (await values(figures))[2] == 1700


async def test_the_tables_put_by_another_container_are_applied(
    here: CurrentFigures, store: ChaosStore, timer: Timer
) -> None:
    await put(container(store, timer), PRICES, GROWTH, RENTS)
    assert await values(here) == (600_000, 12.5, 1800)


async def test_the_first_check_of_all_tables_is_one_read(
    here: CurrentFigures, store: ChaosStore, timer: Timer
) -> None:
    await put(container(store, timer), PRICES, GROWTH, RENTS)
    store.calls.clear()
    await here.current()
    assert len([call for call in store.calls if "cache:v1:t:ons" in call.keys]) == 1
    assert store.calls[0].keys == tuple(f"cache:v1:t:{name}" for name in SOURCES)


async def check_again(figures: CurrentFigures, timer: Timer) -> None:
    """Let every table check for a newer one, and wait for that."""
    timer.now += CHECK_INTERVAL + 1
    await figures.current()
    for table in figures.tables.values():
        check = table._check_task  # noqa: SLF001  # the check runs in the background: nothing public awaits it
        assert check is not None
        await check


async def test_a_newer_table_of_another_container_is_applied(
    here: CurrentFigures, store: ChaosStore, timer: Timer
) -> None:
    there = container(store, timer)
    await put(there, PRICES, RENTS)
    await here.current()
    await put(there, table("ons", "rent_all", 1900))
    await check_again(here, timer)
    assert await values(here) == (600_000, 10.0, 1900)


async def test_a_tier_that_is_down_leaves_the_embedded_figures(
    here: CurrentFigures, store: ChaosStore
) -> None:
    store.down = True
    assert (await here.current()).snapshot is EMBEDDED


async def test_an_unreadable_table_leaves_the_others(
    here: CurrentFigures, store: ChaosStore, timer: Timer
) -> None:
    await put(container(store, timer), PRICES, RENTS)
    await Cache(store).put_text("ons", "garbage", RETENTION)
    assert await values(here) == (600_000, 10.0, 1700)


async def test_an_unusable_table_is_logged_and_leaves_the_others(
    here: CurrentFigures, caplog: pytest.LogCaptureFixture
) -> None:
    await put(here, PRICES, table("uk-hpi", "price_growth_5y_pct", 1e308), RENTS)
    assert await values(here) == (600_000, 10.0, 1800)
    assert [record.getMessage() for record in caplog.records] == [
        "the table of uk-hpi cannot be used: ValidationError"
    ]


async def test_a_slow_tier_does_not_keep_later_callers_waiting(
    here: CurrentFigures, store: ChaosStore, timer: Timer
) -> None:
    await put(here, PRICES, GROWTH, RENTS)
    first = await here.current()
    timer.now += CHECK_INTERVAL + 1
    store.fault(Fault(hang=True), method="mget")
    assert await here.current() is first


def test_a_second_event_loop_is_served(here: CurrentFigures) -> None:
    async def many() -> int:
        return len(await asyncio.gather(*(here.current() for _ in range(5))))

    async def first() -> None:
        await put(here, RENTS)
        await many()
        await put(here, PRICES)

    asyncio.run(first())
    assert asyncio.run(many()) == 5


def tables_in(folder: Path) -> dict[str, Table[RefreshedTable]]:
    """Return the tables of a machine without a shared tier."""
    return {name: Table(name, RefreshedTable, Cache(), folder) for name in SOURCES}


async def test_every_source_has_its_own_table(tmp_path: Path) -> None:
    figures = CurrentFigures(figure_set(EMBEDDED), tables_in(tmp_path))
    await put(figures, PRICES, GROWTH, RENTS)
    newest = [await table.newest() for table in tables_in(tmp_path).values()]
    assert newest == [PRICES, GROWTH, RENTS]


async def test_a_group_and_a_district_are_found_by_their_codes() -> None:
    current = await CurrentFigures(figure_set(EMBEDDED), {}).current()
    assert (current.district("E1").code, current.district("EC1").code) == ("E1", "EC1")
