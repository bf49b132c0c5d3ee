"""The figures that answers rest on: the embedded ones are the floor, each source's newest table is on top."""

import asyncio
import time
from pathlib import Path

import pytest

from tests.support.chaos import ChaosStore, Fault
from tests.support.scoring import district
from tests.support.timer import Timer
from veo.cache import Cache
from veo.figures import Figures, standing_of
from veo.models import Figure, FrozenMap
from veo.shelf import KEPT, LOOK_AGAIN, Table
from veo.sources.embedded import Snapshot
from veo.sources.groups import groups
from veo.sources.refresh import SOURCES, RefreshedTable

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


def container(store: ChaosStore, timer: Timer) -> Figures:
    """Make the figures of one container of a fleet."""
    cache = Cache(store)
    return Figures(
        standing_of(EMBEDDED),
        {name: Table(name, RefreshedTable, cache, None, clock=timer) for name in SOURCES},
    )


@pytest.fixture
def here(store: ChaosStore, timer: Timer) -> Figures:
    return container(store, timer)


async def put(figures: Figures, *tables: RefreshedTable) -> None:
    """Put tables as a refresh does."""
    for made in tables:
        await figures.tables[made.name].put(made)


async def stand(figures: Figures, code: str = "E1") -> tuple[float | None, ...]:
    """Give a district's median price, its growth and its rent."""
    home = (await figures.standing()).district(code)
    return tuple(home.number(column) for column in COLUMNS)


async def test_without_any_table_the_embedded_figures_stand(here: Figures) -> None:
    assert (await here.standing()).snapshot is EMBEDDED


async def test_the_tables_of_all_sources_are_put_in_place(here: Figures) -> None:
    await put(here, PRICES, GROWTH, RENTS)
    assert await stand(here) == (600_000, 12.5, 1800)


async def test_a_group_is_made_of_the_newer_figures(here: Figures) -> None:
    await put(here, PRICES, RENTS)
    assert await stand(here, "EC1") == (600_000, 10.0, 1800)


async def test_what_no_table_has_stays_embedded(here: Figures) -> None:
    await put(here, RENTS)
    assert await stand(here) == (500_000, 10.0, 1800)


async def test_a_source_without_a_newer_table_keeps_its_last(here: Figures) -> None:
    await put(here, PRICES, GROWTH, RENTS)
    await here.standing()
    await put(here, table("ons", "rent_all", 1900))
    assert await stand(here) == (600_000, 12.5, 1900)


async def test_of_two_tables_with_the_same_column_that_of_the_later_source_holds(here: Figures) -> None:
    await put(here, RENTS, table("price-paid", "rent_all", 1))
    assert (await stand(here))[2] == 1800


async def test_scores_are_relative_to_the_newer_figures(here: Figures) -> None:
    before = (await here.standing()).reference
    await put(here, RENTS)
    assert (await here.standing()).reference is not before


async def test_tables_are_worked_in_once(here: Figures) -> None:
    await put(here, PRICES, RENTS)
    assert await here.standing() is await here.standing()


async def test_callers_at_the_same_time_get_the_same_figures(here: Figures) -> None:
    await put(here, PRICES, RENTS)
    standings = await asyncio.gather(*(here.standing() for _ in range(20)))
    assert len({id(standing) for standing in standings}) == 1


async def test_a_table_of_the_same_content_is_not_worked_in_again(
    here: Figures, store: ChaosStore, timer: Timer
) -> None:
    await put(here, RENTS)
    first = await here.standing()
    await put(container(store, timer), RENTS)
    await looked_again(here, timer)
    assert await here.standing() is first


async def test_a_caller_that_gives_up_harms_nobody(here: Figures) -> None:
    await here.standing()
    await put(here, RENTS)
    impatient, patient = (asyncio.create_task(here.standing()) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    assert (await patient).district("E1").number("rent_all") == 1800


@pytest.mark.parametrize("given", [table("ons", "unheard_of", 1), EMPTY], ids=["unknown column", "empty"])
async def test_a_table_without_a_known_figure_changes_none(here: Figures, given: RefreshedTable) -> None:
    await put(here, given)
    assert await stand(here) == (500_000, 10.0, 1700)


async def test_a_table_older_than_the_embedded_figures_changes_none(store: ChaosStore, timer: Timer) -> None:
    newer = {
        code: home.model_copy(update={"figures": table("", "rent_all", 1700, "Nov 2026").rows["E1"]})
        for code, home in HOMES.items()
    }
    homes = FrozenMap(newer)
    embedded = Snapshot(homes, groups(homes), FrozenMap(), (), FrozenMap())
    figures = Figures(standing_of(embedded), container(store, timer).tables)
    await put(figures, RENTS)
    assert (await stand(figures))[2] == 1700


async def test_another_container_finds_the_tables_of_all_sources(
    here: Figures, store: ChaosStore, timer: Timer
) -> None:
    await put(container(store, timer), PRICES, GROWTH, RENTS)
    assert await stand(here) == (600_000, 12.5, 1800)


async def test_the_first_look_for_all_tables_is_one_read(
    here: Figures, store: ChaosStore, timer: Timer
) -> None:
    await put(container(store, timer), PRICES, GROWTH, RENTS)
    store.calls.clear()
    await here.standing()
    assert len([call for call in store.calls if "cache:v1:t:ons" in call.keys]) == 1
    assert store.calls[0].keys == tuple(f"cache:v1:t:{name}" for name in SOURCES)


async def looked_again(figures: Figures, timer: Timer) -> None:
    """Let every table look for a newer one, and wait for that."""
    timer.now += LOOK_AGAIN + 1
    await figures.standing()
    for kept in figures.tables.values():
        looking = kept._looking  # noqa: SLF001  # the look runs behind its callers: there is nothing else to wait for
        assert looking is not None
        await looking


async def test_a_newer_table_of_another_container_is_found(
    here: Figures, store: ChaosStore, timer: Timer
) -> None:
    there = container(store, timer)
    await put(there, PRICES, RENTS)
    await here.standing()
    await put(there, table("ons", "rent_all", 1900))
    await looked_again(here, timer)
    assert await stand(here) == (600_000, 10.0, 1900)


async def test_a_tier_that_is_away_leaves_the_embedded_figures(here: Figures, store: ChaosStore) -> None:
    store.down = True
    assert (await here.standing()).snapshot is EMBEDDED


async def test_a_table_that_cannot_be_read_leaves_the_others(
    here: Figures, store: ChaosStore, timer: Timer
) -> None:
    await put(container(store, timer), PRICES, RENTS)
    await Cache(store).keep("ons", "garbage", KEPT)
    assert await stand(here) == (600_000, 10.0, 1700)


async def test_a_table_that_cannot_be_used_leaves_the_others_and_is_logged(
    here: Figures, caplog: pytest.LogCaptureFixture
) -> None:
    await put(here, PRICES, table("uk-hpi", "price_growth_5y_pct", 1e308), RENTS)
    assert await stand(here) == (600_000, 10.0, 1800)
    assert [record.getMessage() for record in caplog.records] == [
        "the table of uk-hpi cannot be used: ValidationError"
    ]


async def test_a_slow_tier_does_not_keep_later_callers_waiting(
    here: Figures, store: ChaosStore, timer: Timer
) -> None:
    await put(here, PRICES, GROWTH, RENTS)
    first = await here.standing()
    timer.now += LOOK_AGAIN + 1
    store.fault(Fault(hang=True), method="mget")
    assert await here.standing() is first


def test_a_second_event_loop_is_served(here: Figures) -> None:
    async def many() -> int:
        return len(await asyncio.gather(*(here.standing() for _ in range(5))))

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
    figures = Figures(standing_of(EMBEDDED), filed(tmp_path))
    await put(figures, PRICES, GROWTH, RENTS)
    found = [await kept.take() for kept in filed(tmp_path).values()]
    assert found == [PRICES, GROWTH, RENTS]


async def test_a_group_and_a_district_are_found_by_their_codes() -> None:
    standing = await Figures(standing_of(EMBEDDED), {}).standing()
    assert (standing.district("E1").code, standing.district("EC1").code) == ("E1", "EC1")
