"""The figures that answers rest on: the embedded ones are the floor, each source's newest table is on top."""

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
from veo.tables.storage import KEPT, LOOK_AGAIN, Table

pytestmark = pytest.mark.anyio

HOMES = FrozenMap({code: district(code) for code in ("E1", "E2", "EC1A")})
EMBEDDED = Snapshot(HOMES, groups(HOMES), FrozenMap(), (), FrozenMap())


def table(name: str, column: str, value: float, vintage: str = "Oct 2026") -> RefreshedTable:
    """Make a table of one column that is the same in every district."""
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
    """Make the figures of one container of a fleet."""
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
    for made in tables:
        await figures.tables[made.name].put(made)


async def stand(figures: CurrentFigures, code: str = "E1") -> tuple[float | None, ...]:
    """Give a district's median price, its growth and its rent."""
    home = (await figures.current()).district(code)
    return tuple(home.number(column) for column in COLUMNS)


async def test_without_any_table_the_embedded_figures_stand(here: CurrentFigures) -> None:
    assert (await here.current()).snapshot is EMBEDDED


async def test_the_tables_of_all_sources_are_put_in_place(here: CurrentFigures) -> None:
    await put(here, PRICES, GROWTH, RENTS)
    assert await stand(here) == (600_000, 12.5, 1800)


async def test_a_group_is_made_of_the_newer_figures(here: CurrentFigures) -> None:
    await put(here, PRICES, RENTS)
    assert await stand(here, "EC1") == (600_000, 10.0, 1800)


async def test_what_no_table_has_stays_embedded(here: CurrentFigures) -> None:
    await put(here, RENTS)
    assert await stand(here) == (500_000, 10.0, 1800)


async def test_a_source_without_a_newer_table_keeps_its_last(here: CurrentFigures) -> None:
    await put(here, PRICES, GROWTH, RENTS)
    await here.current()
    await put(here, table("ons", "rent_all", 1900))
    assert await stand(here) == (600_000, 12.5, 1900)


async def test_of_two_tables_with_one_column_that_of_the_later_source_holds(
    here: CurrentFigures,
) -> None:
    await put(here, RENTS, table("price-paid", "rent_all", 1))
    assert (await stand(here))[2] == 1800


async def test_scores_are_relative_to_the_newer_figures(here: CurrentFigures) -> None:
    before = (await here.current()).reference
    await put(here, RENTS)
    assert (await here.current()).reference is not before


async def test_tables_are_worked_in_once(here: CurrentFigures) -> None:
    await put(here, PRICES, RENTS)
    assert await here.current() is await here.current()


async def test_callers_at_the_same_time_get_the_same_figures(here: CurrentFigures) -> None:
    await put(here, PRICES, RENTS)
    standings = await asyncio.gather(*(here.current() for _ in range(20)))
    assert len({id(current) for current in standings}) == 1


async def test_a_table_of_the_same_content_is_not_worked_in_again(
    here: CurrentFigures, store: ChaosStore, timer: Timer
) -> None:
    await put(here, RENTS)
    first = await here.current()
    await put(container(store, timer), RENTS)
    await looked_again(here, timer)
    assert await here.current() is first


async def test_a_caller_that_gives_up_harms_nobody(here: CurrentFigures) -> None:
    await here.current()
    await put(here, RENTS)
    impatient, patient = (asyncio.create_task(here.current()) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    assert (await patient).district("E1").number("rent_all") == 1800


@pytest.mark.parametrize("given", [table("ons", "unheard_of", 1), EMPTY], ids=["unknown column", "empty"])
async def test_a_table_without_a_known_figure_changes_none(
    here: CurrentFigures, given: RefreshedTable
) -> None:
    await put(here, given)
    assert await stand(here) == (500_000, 10.0, 1700)


async def test_a_table_older_than_the_embedded_figures_changes_none(store: ChaosStore, timer: Timer) -> None:
    newer = {
        code: home.model_copy(update={"figures": table("", "rent_all", 1700, "Nov 2026").rows["E1"]})
        for code, home in HOMES.items()
    }
    homes = FrozenMap(newer)
    embedded = Snapshot(homes, groups(homes), FrozenMap(), (), FrozenMap())
    figures = CurrentFigures(figure_set(embedded), container(store, timer).tables)
    await put(figures, RENTS)
    assert (await stand(figures))[2] == 1700


async def test_another_container_finds_the_tables_of_all_sources(
    here: CurrentFigures, store: ChaosStore, timer: Timer
) -> None:
    await put(container(store, timer), PRICES, GROWTH, RENTS)
    assert await stand(here) == (600_000, 12.5, 1800)


async def test_the_first_look_for_all_tables_is_one_read(
    here: CurrentFigures, store: ChaosStore, timer: Timer
) -> None:
    await put(container(store, timer), PRICES, GROWTH, RENTS)
    store.calls.clear()
    await here.current()
    assert len([call for call in store.calls if "cache:v1:t:ons" in call.keys]) == 1
    assert store.calls[0].keys == tuple(f"cache:v1:t:{name}" for name in SOURCES)


async def looked_again(figures: CurrentFigures, timer: Timer) -> None:
    """Let every table look for a newer one, and wait for that."""
    timer.now += LOOK_AGAIN + 1
    await figures.current()
    for kept in figures.tables.values():
        looking = kept._looking  # noqa: SLF001  # the look runs behind its callers: there is nothing else to wait for
        assert looking is not None
        await looking


async def test_a_newer_table_of_another_container_is_found(
    here: CurrentFigures, store: ChaosStore, timer: Timer
) -> None:
    there = container(store, timer)
    await put(there, PRICES, RENTS)
    await here.current()
    await put(there, table("ons", "rent_all", 1900))
    await looked_again(here, timer)
    assert await stand(here) == (600_000, 10.0, 1900)


async def test_a_tier_that_is_down_leaves_the_embedded_figures(
    here: CurrentFigures, store: ChaosStore
) -> None:
    store.down = True
    assert (await here.current()).snapshot is EMBEDDED


async def test_a_table_that_cannot_be_read_leaves_the_others(
    here: CurrentFigures, store: ChaosStore, timer: Timer
) -> None:
    await put(container(store, timer), PRICES, RENTS)
    await Cache(store).keep("ons", "garbage", KEPT)
    assert await stand(here) == (600_000, 10.0, 1700)


async def test_a_table_that_cannot_be_used_leaves_the_others_and_is_logged(
    here: CurrentFigures, caplog: pytest.LogCaptureFixture
) -> None:
    await put(here, PRICES, table("uk-hpi", "price_growth_5y_pct", 1e308), RENTS)
    assert await stand(here) == (600_000, 10.0, 1800)
    assert [record.getMessage() for record in caplog.records] == [
        "the table of uk-hpi cannot be used: ValidationError"
    ]


async def test_a_slow_tier_does_not_keep_later_callers_waiting(
    here: CurrentFigures, store: ChaosStore, timer: Timer
) -> None:
    await put(here, PRICES, GROWTH, RENTS)
    first = await here.current()
    timer.now += LOOK_AGAIN + 1
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


def filed(folder: Path) -> dict[str, Table[RefreshedTable]]:
    """Give the tables of a machine without a shared tier."""
    return {name: Table(name, RefreshedTable, Cache(), folder) for name in SOURCES}


async def test_every_source_has_a_table_of_its_own(tmp_path: Path) -> None:
    figures = CurrentFigures(figure_set(EMBEDDED), filed(tmp_path))
    await put(figures, PRICES, GROWTH, RENTS)
    found = [await kept.take() for kept in filed(tmp_path).values()]
    assert found == [PRICES, GROWTH, RENTS]


async def test_a_group_and_a_district_are_found_by_their_codes() -> None:
    current = await CurrentFigures(figure_set(EMBEDDED), {}).current()
    assert (current.district("E1").code, current.district("EC1").code) == ("E1", "EC1")
