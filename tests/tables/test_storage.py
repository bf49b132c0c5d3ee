"""Where refreshed tables are kept: who finds which one, when, and what counts as none."""

import asyncio
import logging
import time
import zlib
from base64 import b85encode
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.support.chaos import ChaosStore, Fault
from tests.support.timer import Timer
from veo.cache import Cache
from veo.errors import SourceError
from veo.models import Value
from veo.tables.storage import KEPT, LARGEST, LOOK_AGAIN, Table

pytestmark = pytest.mark.anyio


class Rents(Value):
    """A table of one figure."""

    mean: int


class Elsewhere(Value):
    """A table of another schema."""

    median: str


KEY = "cache:v1:t:rents"
OLD, NEW = Rents(mean=1500), Rents(mean=1600)


@pytest.fixture
def timer() -> Timer:
    return Timer()


@pytest.fixture
def store() -> ChaosStore:
    return ChaosStore(time.time)


@pytest.fixture
def here(store: ChaosStore, timer: Timer) -> Table[Rents]:
    """The table as one container sees it."""
    return Table("rents", Rents, Cache(store), None, clock=timer)


@pytest.fixture
def there(store: ChaosStore, timer: Timer) -> Table[Rents]:
    """The same table as another container sees it."""
    return Table("rents", Rents, Cache(store), None, clock=timer)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "tables" / "rents.table"


@pytest.fixture
def filed(file: Path, timer: Timer) -> Table[Rents]:
    """The table as a machine without a shared tier sees it."""
    return Table("rents", Rents, Cache(), file.parent, clock=timer)


def lay(file: Path, content: str) -> None:
    """Write what is no doing of ours."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(content, "latin-1")


async def looked_again(table: Table[Rents], timer: Timer) -> Rents | None:
    """Give what is known once another look has ended."""
    timer.now += LOOK_AGAIN + 1
    await table.take()
    looking = table._looking  # noqa: SLF001  # the look runs behind its callers: there is nothing else to wait for
    assert looking is not None
    await looking
    return await table.take()


# the newest one


async def test_a_table_that_nobody_put_is_none(here: Table[Rents]) -> None:
    assert await here.take() is None


async def test_a_table_that_was_put_is_taken(here: Table[Rents]) -> None:
    await here.put(OLD)
    assert await here.take() is OLD


async def test_a_table_that_another_container_put_is_found(here: Table[Rents], there: Table[Rents]) -> None:
    await there.put(OLD)
    assert await here.take() == OLD


async def test_a_table_is_kept_for_more_than_a_year(store: ChaosStore, here: Table[Rents]) -> None:
    await here.put(OLD)
    assert await store.pttl(KEY) == pytest.approx(KEPT.total_seconds() * 1000, abs=10_000)


async def test_a_newer_table_of_another_container_is_found_within_a_quarter_of_an_hour(
    here: Table[Rents], there: Table[Rents], timer: Timer
) -> None:
    await here.put(OLD)
    await there.put(NEW)
    assert await looked_again(here, timer) == NEW


async def test_two_containers_that_take_turns_see_each_other(
    here: Table[Rents], there: Table[Rents], timer: Timer
) -> None:
    await here.put(OLD)
    await there.put(NEW)
    await here.put(OLD)
    assert await looked_again(there, timer) == OLD


async def test_a_table_that_has_not_changed_is_the_same_object(
    here: Table[Rents], there: Table[Rents], timer: Timer
) -> None:
    await there.put(OLD)
    first = await here.take()
    assert await looked_again(here, timer) is first


async def test_a_table_that_is_put_during_a_look_is_not_replaced_by_what_was_there_before(
    timer: Timer,
) -> None:
    store = ChaosStore(timer)
    await Table("rents", Rents, Cache(store), None, clock=timer).put(OLD)
    timer.now, store.lag = 100.0, 50.0  # a read that is under way sees what was there before
    table = Table("rents", Rents, Cache(store), None, clock=timer)
    store.fault(Fault(delay=0.1), method="mget")
    looking = asyncio.create_task(table.take())
    await asyncio.sleep(0)
    await table.put(NEW)
    await looking
    assert await table.take() is NEW


# who waits, and when is looked


async def test_the_first_callers_wait_for_one_look(
    here: Table[Rents], there: Table[Rents], store: ChaosStore
) -> None:
    await there.put(OLD)
    store.calls.clear()
    assert await asyncio.gather(*(here.take() for _ in range(20))) == [OLD] * 20
    assert sum(KEY in call.keys for call in store.calls) == 1


async def test_a_first_caller_that_gives_up_does_not_end_the_look(
    here: Table[Rents], there: Table[Rents], store: ChaosStore
) -> None:
    await there.put(OLD)
    store.fault(Fault(delay=0.01), method="mget")
    impatient = asyncio.create_task(here.take())
    await asyncio.sleep(0)
    impatient.cancel()
    assert await here.take() == OLD


async def test_later_callers_do_not_wait(
    here: Table[Rents], there: Table[Rents], store: ChaosStore, timer: Timer
) -> None:
    await here.put(OLD)
    await there.put(NEW)
    store.fault(Fault(hang=True), method="mget")
    timer.now += LOOK_AGAIN + 1
    assert await here.take() is OLD


async def test_a_table_is_not_looked_for_again_before_a_quarter_of_an_hour(
    here: Table[Rents], there: Table[Rents], timer: Timer
) -> None:
    assert await here.take() is None
    await there.put(NEW)
    timer.now += LOOK_AGAIN
    assert await here.take() is None


async def test_what_was_just_put_is_not_looked_for(here: Table[Rents], store: ChaosStore) -> None:
    await here.put(OLD)
    calls = len(store.calls)
    await here.take()
    assert len(store.calls) == calls


def test_a_second_event_loop_looks_for_itself(here: Table[Rents], there: Table[Rents], timer: Timer) -> None:
    async def first() -> None:
        await there.put(OLD)
        await here.take()
        timer.now += LOOK_AGAIN + 1
        await here.take()  # leaves a look under way

    asyncio.run(first())
    assert asyncio.run(looked_again(here, timer)) == OLD


# what counts as none


def packed(text: bytes) -> str:
    return b85encode(zlib.compress(text)).decode()


WHOLE = packed(NEW.model_dump_json().encode())
UNREADABLE = {
    "empty": "",
    "no base 85": "not a table: \u00a3",
    "not packed": b85encode(b"not a table").decode(),
    "truncated": WHOLE[:-5],
    "another schema": packed(Elsewhere(median="x").model_dump_json().encode()),
    "no JSON": packed(b"{"),
    "not finite": packed(b'{"mean": NaN}'),
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
async def test_what_cannot_be_read_in_the_shared_tier_keeps_the_last(
    here: Table[Rents], timer: Timer, store: ChaosStore, content: str
) -> None:
    await here.put(OLD)
    await Cache(store).keep("rents", content, KEPT)
    assert await looked_again(here, timer) is OLD


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
async def test_what_cannot_be_read_in_a_file_keeps_the_last(
    filed: Table[Rents], timer: Timer, file: Path, content: str
) -> None:
    await filed.put(OLD)
    lay(file, content)
    assert await looked_again(filed, timer) is OLD


async def test_what_cannot_be_read_is_none_at_first(file: Path, filed: Table[Rents]) -> None:
    lay(file, "\xff\xfe\x00")
    assert await filed.take() is None


async def test_a_table_that_unpacks_to_too_much_counts_as_none(file: Path, filed: Table[Rents]) -> None:
    lay(file, packed(b'{"mean": 1500}' + b" " * LARGEST))
    assert await filed.take() is None


async def test_what_cannot_be_read_is_logged_by_its_key(
    file: Path, filed: Table[Rents], caplog: pytest.LogCaptureFixture
) -> None:
    lay(file, "no table")
    with caplog.at_level(logging.WARNING):
        await filed.take()
    assert [record.getMessage() for record in caplog.records] == [
        "the table rents cannot be read: ValueError",
    ]


async def test_a_whole_table_after_one_that_could_not_be_read_is_taken(
    here: Table[Rents], there: Table[Rents], timer: Timer, store: ChaosStore
) -> None:
    await Cache(store).keep("rents", "no table", KEPT)
    await here.take()
    await there.put(NEW)
    assert await looked_again(here, timer) == NEW


async def test_a_flush_of_the_family_that_rests_on_a_table_lets_the_next_caller_wait_for_a_newer_one(
    store: ChaosStore, timer: Timer
) -> None:
    cache = Cache(store)
    here = Table("rents", Rents, cache, None, follows=("area",), clock=timer)
    await here.take()
    await Table("rents", Rents, Cache(store), None, clock=timer).put(NEW)
    await cache.flush(family="area")
    assert await here.take() == NEW


async def test_a_tier_that_is_away_keeps_the_last(
    here: Table[Rents], timer: Timer, store: ChaosStore
) -> None:
    await here.put(OLD)
    store.down = True
    assert await looked_again(here, timer) is OLD


async def test_a_table_that_was_evicted_keeps_the_last(
    here: Table[Rents], timer: Timer, store: ChaosStore
) -> None:
    await here.put(OLD)
    store.put(KEY, None)
    assert await looked_again(here, timer) is OLD


# what a newer one replaces


async def test_what_is_stored_is_none_where_nobody_put_a_table(here: Table[Rents]) -> None:
    assert await here.stored() is None


async def test_what_is_stored_is_read_anew(here: Table[Rents], there: Table[Rents]) -> None:
    await here.put(OLD)
    await there.put(NEW)
    assert await here.stored() == NEW


async def test_what_is_stored_in_a_file_is_read_anew(filed: Table[Rents], file: Path) -> None:
    await filed.put(OLD)
    await Table("rents", Rents, Cache(), file.parent).put(NEW)
    assert await filed.stored() == NEW


async def test_what_is_stored_in_no_file_is_none(filed: Table[Rents]) -> None:
    assert await filed.stored() is None


async def test_what_was_evicted_is_what_this_container_knows(here: Table[Rents], store: ChaosStore) -> None:
    await here.put(OLD)
    store.put(KEY, None)
    assert await here.stored() is OLD


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
async def test_what_is_stored_but_no_table_counts_as_none(
    here: Table[Rents], store: ChaosStore, content: str
) -> None:
    store.put(KEY, content)
    assert await here.stored() is None


async def test_what_is_stored_in_a_tier_that_is_away_is_an_error(
    here: Table[Rents], store: ChaosStore
) -> None:
    await here.put(OLD)
    store.down = True
    with pytest.raises(SourceError, match="the table rents could not be read from the shared tier"):
        await here.stored()


async def test_what_is_stored_in_a_file_that_cannot_be_read_is_an_error_without_its_path(
    filed: Table[Rents], file: Path
) -> None:
    (file / "in the way").mkdir(parents=True)
    with pytest.raises(SourceError, match=r"^the table rents could not be read: [A-Z][a-z ]+$"):
        await filed.stored()


# what could not be kept


async def refused(table: Table[Rents]) -> str:
    """Give the words with which a table is not kept."""
    with pytest.raises(SourceError) as caught:
        await table.put(NEW)
    return str(caught.value)


def down(store: ChaosStore) -> None:
    store.down = True


def full(store: ChaosStore) -> None:
    store.fault(Fault(kind="failed"), method="set")


@pytest.mark.parametrize("befalls", [down, full])
async def test_a_table_that_the_shared_tier_does_not_take_is_an_error(
    here: Table[Rents], store: ChaosStore, befalls: Callable[[ChaosStore], None]
) -> None:
    befalls(store)
    assert await refused(here) == "the table rents could not be kept in the shared tier"


async def test_a_table_that_was_not_kept_is_not_taken(here: Table[Rents], store: ChaosStore) -> None:
    await here.put(OLD)
    full(store)
    await refused(here)
    assert await here.take() is OLD


async def test_without_a_shared_tier_and_a_folder_nothing_is_kept() -> None:
    assert "could not be kept" in await refused(Table("rents", Rents, Cache(), None))


async def test_a_folder_that_cannot_be_made_is_an_error_without_its_path(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    table = Table("rents", Rents, Cache(), tmp_path / "taken")
    assert (await refused(table)).startswith("the table rents could not be written: ")
    assert str(tmp_path) not in await refused(table)


# files


async def test_a_table_in_a_file_is_found_by_another_process(filed: Table[Rents], file: Path) -> None:
    await filed.put(OLD)
    assert await Table("rents", Rents, Cache(), file.parent).take() == OLD


async def test_a_newer_file_is_found(filed: Table[Rents], file: Path, timer: Timer) -> None:
    await filed.put(OLD)
    await Table("rents", Rents, Cache(), file.parent).put(NEW)
    assert await looked_again(filed, timer) == NEW


async def test_nothing_else_is_left_in_the_folder(filed: Table[Rents], file: Path) -> None:
    await filed.put(OLD)
    await filed.put(NEW)
    assert list(file.parent.iterdir()) == [file]


async def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    filed: Table[Rents], file: Path
) -> None:
    (file / "in the way").mkdir(parents=True)
    await refused(filed)
    assert list(file.parent.iterdir()) == [file]


async def test_writers_at_the_same_time_leave_a_whole_table(file: Path) -> None:
    def puts() -> list[Awaitable[None]]:
        tables = [Table("rents", Rents, Cache(), file.parent) for _ in range(20)]
        return [table.put(Rents(mean=number)) for number, table in enumerate(tables)]

    await asyncio.gather(*puts())
    assert await Table("rents", Rents, Cache(), file.parent).take() in [Rents(mean=n) for n in range(20)]


async def test_a_folder_below_home_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    await Table("rents", Rents, Cache(), Path("~/tables")).put(OLD)
    assert (tmp_path / "tables" / "rents.table").exists()
