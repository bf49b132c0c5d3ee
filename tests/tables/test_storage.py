"""Table storage: which containers see which table, when, and what counts as absent."""

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
from veo.tables.storage import CHECK_INTERVAL, MAX_UNPACKED_BYTES, RETENTION, Table

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


def write_raw(file: Path, content: str) -> None:
    """Write any content to the file of a table."""
    file.parent.mkdir(exist_ok=True)
    file.write_text(content, "latin-1")


async def newest_after_check(table: Table[Rents], timer: Timer) -> Rents | None:
    """Return the newest table once another check has ended."""
    timer.now += CHECK_INTERVAL + 1
    await table.newest()
    check = table._check_task  # noqa: SLF001  # the check runs in the background: nothing public awaits it
    assert check is not None
    await check
    return await table.newest()


# the newest one


async def test_a_table_that_was_never_put_is_none(here: Table[Rents]) -> None:
    assert await here.newest() is None


async def test_a_table_that_was_put_is_the_newest(here: Table[Rents]) -> None:
    await here.put(OLD)
    assert await here.newest() is OLD


async def test_a_table_that_another_container_put_is_found(here: Table[Rents], there: Table[Rents]) -> None:
    await there.put(OLD)
    assert await here.newest() == OLD


async def test_a_table_is_kept_for_more_than_a_year(store: ChaosStore, here: Table[Rents]) -> None:
    await here.put(OLD)
    assert store.ttl_ms(KEY) == pytest.approx(RETENTION.total_seconds() * 1000, abs=10_000)


async def test_a_newer_table_of_another_container_is_found_within_a_quarter_of_an_hour(
    here: Table[Rents], there: Table[Rents], timer: Timer
) -> None:
    await here.put(OLD)
    await there.put(NEW)
    assert await newest_after_check(here, timer) == NEW


async def test_two_containers_that_put_alternately_see_each_other(
    here: Table[Rents], there: Table[Rents], timer: Timer
) -> None:
    await here.put(OLD)
    await there.put(NEW)
    await here.put(OLD)
    assert await newest_after_check(there, timer) == OLD


async def test_a_table_that_has_not_changed_is_the_same_object(
    here: Table[Rents], there: Table[Rents], timer: Timer
) -> None:
    await there.put(OLD)
    first = await here.newest()
    assert await newest_after_check(here, timer) is first


async def test_a_table_that_is_put_during_a_check_is_not_replaced_by_the_older_one(
    timer: Timer,
) -> None:
    store = ChaosStore(timer)
    await Table("rents", Rents, Cache(store), None, clock=timer).put(OLD)
    timer.now, store.lag = 100.0, 50.0  # a read in progress still sees the old table
    table = Table("rents", Rents, Cache(store), None, clock=timer)
    store.fault(Fault(delay=0.1), method="mget")
    first_call = asyncio.create_task(table.newest())
    await asyncio.sleep(0)
    await table.put(NEW)
    await first_call
    assert await table.newest() is NEW


# which callers wait, and when storage is checked


async def test_the_first_callers_wait_for_one_check(
    here: Table[Rents], there: Table[Rents], store: ChaosStore
) -> None:
    await there.put(OLD)
    store.calls.clear()
    assert await asyncio.gather(*(here.newest() for _ in range(20))) == [OLD] * 20
    assert sum(KEY in call.keys for call in store.calls) == 1


async def test_a_cancelled_first_caller_does_not_cancel_the_check(
    here: Table[Rents], there: Table[Rents], store: ChaosStore
) -> None:
    await there.put(OLD)
    store.fault(Fault(delay=0.01), method="mget")
    cancelled = asyncio.create_task(here.newest())
    await asyncio.sleep(0)
    cancelled.cancel()
    assert await here.newest() == OLD


async def test_later_callers_do_not_wait(
    here: Table[Rents], there: Table[Rents], store: ChaosStore, timer: Timer
) -> None:
    await here.put(OLD)
    await there.put(NEW)
    store.fault(Fault(hang=True), method="mget")
    timer.now += CHECK_INTERVAL + 1
    assert await here.newest() is OLD


async def test_storage_is_not_checked_again_within_a_quarter_of_an_hour(
    here: Table[Rents], there: Table[Rents], timer: Timer
) -> None:
    assert await here.newest() is None
    await there.put(NEW)
    timer.now += CHECK_INTERVAL
    assert await here.newest() is None


async def test_a_table_that_was_just_put_is_not_read(here: Table[Rents], store: ChaosStore) -> None:
    await here.put(OLD)
    calls = len(store.calls)
    await here.newest()
    assert len(store.calls) == calls


def test_a_second_event_loop_runs_its_own_check(
    here: Table[Rents], there: Table[Rents], timer: Timer
) -> None:
    async def first() -> None:
        await there.put(OLD)
        await here.newest()
        timer.now += CHECK_INTERVAL + 1
        await here.newest()  # leaves a check running

    asyncio.run(first())
    assert asyncio.run(newest_after_check(here, timer)) == OLD


# what counts as absent


def packed(text: bytes) -> str:
    return b85encode(zlib.compress(text)).decode()


WHOLE = packed(NEW.model_dump_json().encode())
UNREADABLE = {
    "empty": "",
    "not base 85": "not a table: \u00a3",
    "not packed": b85encode(b"not a table").decode(),
    "truncated": WHOLE[:-5],
    "another schema": packed(Elsewhere(median="x").model_dump_json().encode()),
    "not JSON": packed(b"{"),
    "not finite": packed(b'{"mean": NaN}'),
}


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
async def test_an_unreadable_table_in_the_shared_tier_keeps_the_last_one(
    here: Table[Rents], timer: Timer, store: ChaosStore, content: str
) -> None:
    await here.put(OLD)
    await Cache(store).put_text("rents", content, RETENTION)
    assert await newest_after_check(here, timer) is OLD


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
async def test_an_unreadable_file_keeps_the_last_table(
    filed: Table[Rents], timer: Timer, file: Path, content: str
) -> None:
    await filed.put(OLD)
    write_raw(file, content)
    assert await newest_after_check(filed, timer) is OLD


async def test_an_unreadable_table_is_none_at_first(file: Path, filed: Table[Rents]) -> None:
    write_raw(file, "\xff\xfe\x00")
    assert await filed.newest() is None


async def test_a_table_that_unpacks_to_too_much_counts_as_absent(file: Path, filed: Table[Rents]) -> None:
    write_raw(file, packed(b'{"mean": 1500}' + b" " * MAX_UNPACKED_BYTES))
    assert await filed.newest() is None


async def test_an_unreadable_table_is_logged_by_its_key(
    file: Path, filed: Table[Rents], caplog: pytest.LogCaptureFixture
) -> None:
    write_raw(file, "no table")
    with caplog.at_level(logging.WARNING):
        await filed.newest()
    assert [record.getMessage() for record in caplog.records] == [
        "the table rents cannot be read: ValueError",
    ]


async def test_a_readable_table_after_an_unreadable_one_is_found(
    here: Table[Rents], there: Table[Rents], timer: Timer, store: ChaosStore
) -> None:
    await Cache(store).put_text("rents", "no table", RETENTION)
    await here.newest()
    await there.put(NEW)
    assert await newest_after_check(here, timer) == NEW


async def test_after_a_flush_of_a_family_that_depends_on_the_table_the_next_caller_waits_for_a_check(
    store: ChaosStore, timer: Timer
) -> None:
    cache = Cache(store)
    here = Table("rents", Rents, cache, None, flush_tags=("area",), clock=timer)
    await here.newest()
    await Table("rents", Rents, Cache(store), None, clock=timer).put(NEW)
    await cache.flush(family="area")
    assert await here.newest() == NEW


async def test_an_unreachable_tier_keeps_the_last_table(
    here: Table[Rents], timer: Timer, store: ChaosStore
) -> None:
    await here.put(OLD)
    store.down = True
    assert await newest_after_check(here, timer) is OLD


async def test_an_evicted_table_keeps_the_last_one(
    here: Table[Rents], timer: Timer, store: ChaosStore
) -> None:
    await here.put(OLD)
    store.put(KEY, None)
    assert await newest_after_check(here, timer) is OLD


# the stored table, which a newer one replaces


async def test_the_stored_table_is_none_before_the_first_put(here: Table[Rents]) -> None:
    assert await here.stored() is None


async def test_the_stored_table_is_read_again(here: Table[Rents], there: Table[Rents]) -> None:
    await here.put(OLD)
    await there.put(NEW)
    assert await here.stored() == NEW


async def test_the_table_stored_in_a_file_is_read_again(filed: Table[Rents], file: Path) -> None:
    await filed.put(OLD)
    await Table("rents", Rents, Cache(), file.parent).put(NEW)
    assert await filed.stored() == NEW


async def test_the_stored_table_of_an_absent_file_is_none(filed: Table[Rents]) -> None:
    assert await filed.stored() is None


async def test_an_evicted_table_is_replaced_by_the_last_known_one(
    here: Table[Rents], store: ChaosStore
) -> None:
    await here.put(OLD)
    store.put(KEY, None)
    assert await here.stored() is OLD


@pytest.mark.parametrize("content", UNREADABLE.values(), ids=UNREADABLE)
async def test_an_unreadable_stored_table_counts_as_absent(
    here: Table[Rents], store: ChaosStore, content: str
) -> None:
    store.put(KEY, content)
    assert await here.stored() is None


async def test_the_stored_table_of_an_unreachable_tier_is_an_error(
    here: Table[Rents], store: ChaosStore
) -> None:
    await here.put(OLD)
    store.down = True
    with pytest.raises(SourceError, match="the table rents could not be read from the shared tier"):
        await here.stored()


async def test_an_unreadable_stored_file_is_an_error_without_its_path(
    filed: Table[Rents], file: Path
) -> None:
    (file / "in the way").mkdir(parents=True)
    with pytest.raises(SourceError, match=r"^the table rents could not be read: [A-Z][a-z ]+$"):
        await filed.stored()


# failures to store a table


async def put_error(table: Table[Rents]) -> str:
    """Return the message of the error with which a table is not stored."""
    with pytest.raises(SourceError) as caught:
        await table.put(NEW)
    return str(caught.value)


def down(store: ChaosStore) -> None:
    store.down = True


def full(store: ChaosStore) -> None:
    store.fault(Fault(kind="failed"), method="set")


@pytest.mark.parametrize("break_store", [down, full])
async def test_a_table_that_the_shared_tier_does_not_take_is_an_error(
    here: Table[Rents], store: ChaosStore, break_store: Callable[[ChaosStore], None]
) -> None:
    break_store(store)
    assert await put_error(here) == "the table rents could not be stored in the shared tier"


async def test_a_table_that_was_not_stored_is_not_the_newest(here: Table[Rents], store: ChaosStore) -> None:
    await here.put(OLD)
    full(store)
    await put_error(here)
    assert await here.newest() is OLD


async def test_without_a_shared_tier_and_a_folder_nothing_is_stored() -> None:
    assert "could not be stored" in await put_error(Table("rents", Rents, Cache(), None))


async def test_a_folder_that_cannot_be_made_is_an_error_without_its_path(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    table = Table("rents", Rents, Cache(), tmp_path / "taken")
    assert (await put_error(table)).startswith("the table rents could not be written: ")
    assert str(tmp_path) not in await put_error(table)


# files


async def test_a_table_in_a_file_is_found_by_another_process(filed: Table[Rents], file: Path) -> None:
    await filed.put(OLD)
    assert await Table("rents", Rents, Cache(), file.parent).newest() == OLD


async def test_a_newer_file_is_found(filed: Table[Rents], file: Path, timer: Timer) -> None:
    await filed.put(OLD)
    await Table("rents", Rents, Cache(), file.parent).put(NEW)
    assert await newest_after_check(filed, timer) == NEW


async def test_nothing_else_is_left_in_the_folder(filed: Table[Rents], file: Path) -> None:
    await filed.put(OLD)
    await filed.put(NEW)
    assert list(file.parent.iterdir()) == [file]


async def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    filed: Table[Rents], file: Path
) -> None:
    (file / "in the way").mkdir(parents=True)
    await put_error(filed)
    assert list(file.parent.iterdir()) == [file]


async def test_writers_at_the_same_time_leave_a_whole_table(file: Path) -> None:
    def puts() -> list[Awaitable[None]]:
        tables = [Table("rents", Rents, Cache(), file.parent) for _ in range(20)]
        return [table.put(Rents(mean=number)) for number, table in enumerate(tables)]

    await asyncio.gather(*puts())
    assert await Table("rents", Rents, Cache(), file.parent).newest() in [Rents(mean=n) for n in range(20)]


async def test_a_folder_below_home_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    await Table("rents", Rents, Cache(), Path("~/tables")).put(OLD)
    assert (tmp_path / "tables" / "rents.table").exists()
