"""Cache administration: statistics, operations by key, flushes, and the check of the embedded figures."""

import inspect

import pytest

from tests.support.gateway import Gateway
from tests.support.servers import free_port
from veo.cache import Cache
from veo.errors import InvalidQuestion, NotFound, SourceError
from veo.operations import cache_admin
from veo.runtime import Runtime, build
from veo.services.dispatch import ask
from veo.settings import Settings

pytestmark = pytest.mark.anyio

HOUR = 3600
DAY = 24 * HOUR


@pytest.fixture
def alone() -> Runtime:
    """Return a runtime with memory only."""
    return build(Settings(cache="memory"))


async def shared(gateway: Gateway) -> Runtime:
    """Return a container that has computed E15 and written it to the shared tier."""
    runtime = build(Settings(upstash_url=gateway.url, upstash_token=gateway.token))
    await ask(runtime, "area", {"code": "E15"})
    await runtime.cache.drain()
    return runtime


def unreachable() -> Runtime:
    """Return a container whose shared tier does not respond."""
    address = f"http://127.0.0.1:{free_port()}"
    return build(Settings(upstash_url=address, upstash_token="token"))


async def test_stats_say_that_there_is_no_shared_tier(alone: Runtime) -> None:
    stats = await cache_admin.stats(alone)
    assert (stats["store"], stats["reachable"], stats["shared"]) == (None, None, None)


async def test_stats_give_the_figures_of_this_process_without_a_fleet(alone: Runtime) -> None:
    for _ in range(4):
        await ask(alone, "crime", {"area_code": "E15"})
    stats = await cache_admin.stats(alone)
    assert (stats["of"], stats["fleet"], stats["cache_hit_rate"], stats["cache_hit_rate_text"]) == (
        "this process", None, 0.75, "75%",
    )  # fmt: skip


async def test_stats_say_that_the_shared_tier_is_reachable_again_after_a_fault(database: Gateway) -> None:
    runtime = await shared(database)
    database.fault(status=400, error="ERR syntax error")
    await ask(runtime, "area", {"code": "N1"})
    await runtime.cache.drain()
    stats = await cache_admin.stats(runtime)
    await runtime.cache.close()
    assert (stats["shared"]["faults"] > 0, stats["reachable"]) == (True, True)


async def test_stats_give_the_figures_of_the_fleet(database: Gateway) -> None:
    first, second = await shared(database), await shared(database)
    stats = await cache_admin.stats(second)
    for runtime in (first, second):
        await runtime.cache.close()
    assert (stats["of"], stats["fleet"]["containers"]) == ("fleet", 2)
    assert stats["fleet"]["families"]["area"]["shared"] == 1


async def test_stats_before_any_question_are_null(alone: Runtime) -> None:
    stats = await cache_admin.stats(alone)
    assert [stats[name] for name in cache_admin.HEADLINES if name != "currency"] == [None] * 6


async def test_stats_of_another_day_are_the_fleets(database: Gateway) -> None:
    runtime = await shared(database)
    stats = await cache_admin.stats(runtime, "2020-02-29")
    await runtime.cache.close()
    assert (stats["fleet"]["day"], stats["fleet"]["containers"]) == ("2020-02-29", 0)


@pytest.mark.parametrize("day", ["yesterday", "2026-02-30", "20261124", "2026-11-24:x"])
async def test_a_day_that_is_no_date_is_refused(alone: Runtime, day: str) -> None:
    with pytest.raises(InvalidQuestion, match="day: must be a date"):
        await cache_admin.stats(alone, day)


async def test_stats_say_why_a_configured_tier_is_not_used() -> None:
    runtime = build(Settings(upstash_url="http://far.example", upstash_token="token"))
    assert "http" in (await cache_admin.stats(runtime))["fault"]


async def test_stats_say_that_the_shared_tier_responds(database: Gateway) -> None:
    runtime = await shared(database)
    stats = await cache_admin.stats(runtime)
    await runtime.cache.close()
    assert (stats["store"], stats["reachable"]) == ("upstash", True)


async def test_stats_say_that_the_shared_tier_does_not_respond() -> None:
    runtime = unreachable()
    stats = await cache_admin.stats(runtime)
    await runtime.cache.close()
    assert (stats["store"], stats["reachable"]) == ("upstash", False)


async def test_an_entry_is_shown_with_its_value(alone: Runtime) -> None:
    await ask(alone, "area", {"code": "E15"})
    assert (await cache_admin.get(alone, "area:E15"))["value"]["data"]["name"] == "Stratford"


async def test_an_entry_is_shown_with_its_life(alone: Runtime) -> None:
    await ask(alone, "area", {"code": "E15"})
    entry = await cache_admin.get(alone, "area:E15")
    fresh, usable = entry["freshSeconds"], entry["usableSeconds"]
    assert (entry["ageSeconds"], fresh, usable - fresh) == pytest.approx(
        (0, HOUR, DAY), rel=0.2
    )  # an embedded answer; jitter


async def test_an_entry_is_shown_with_the_tier_that_has_it(database: Gateway) -> None:
    first = await shared(database)
    await first.cache.close()
    other = build(Settings(upstash_url=database.url, upstash_token=database.token))
    entry = await cache_admin.get(other, "area:E15")
    await other.cache.close()
    assert (entry["key"], entry["where"], entry["negative"]) == ("area:E15", "shared", False)


async def test_a_key_without_an_entry_is_not_found(alone: Runtime) -> None:
    with pytest.raises(NotFound, match="area:E15: no entry"):
        await cache_admin.get(alone, "area:E15")


async def test_a_key_is_not_reported_absent_while_the_shared_tier_is_unreachable() -> None:
    runtime = unreachable()
    with pytest.raises(SourceError, match="cannot be reached"):
        await cache_admin.get(runtime, "area:E15")
    await runtime.cache.close()


async def test_a_deleted_key_has_no_entry(alone: Runtime) -> None:
    await ask(alone, "area", {"code": "E15"})
    await cache_admin.delete(alone, "area:E15")
    with pytest.raises(NotFound):
        await cache_admin.get(alone, "area:E15")


@pytest.mark.parametrize(("key", "existed"), [("area:E15", True), ("area:E1", False)])
async def test_a_deletion_reports_whether_the_entry_existed(
    alone: Runtime, key: str, *, existed: bool
) -> None:
    await ask(alone, "area", {"code": "E15"})
    done = await cache_admin.delete(alone, key)
    assert done == {"key": key, "deleted": existed, "store": None, "confirmed": True, "withinSeconds": 30}


async def test_a_deletion_says_how_far_it_reaches(database: Gateway) -> None:
    runtime = await shared(database)
    done = await cache_admin.delete(runtime, "area:E15")
    await runtime.cache.close()
    assert (done["store"], done["confirmed"]) == ("upstash", True)


@pytest.mark.parametrize(("operation", "argument"), [("delete", "area:E15"), ("flush", "all")])
async def test_a_change_is_not_confirmed_while_the_shared_tier_is_away(operation: str, argument: str) -> None:
    runtime = unreachable()
    done = await cache_admin.operate(runtime, operation, argument)
    await runtime.cache.close()
    assert done["confirmed"] is False


@pytest.mark.parametrize(
    ("what", "area_stays", "crime_stays"),
    [
        ("all", False, False),
        ("crime", True, False),
        ("area", False, True),
        ("area: e15", False, False),
        ("area:E1", True, True),
    ],
)
async def test_a_flush_reaches_what_it_names(
    alone: Runtime, what: str, *, area_stays: bool, crime_stays: bool
) -> None:
    await ask(alone, "area", {"code": "E15"})
    await ask(alone, "crime", {"area_code": "E15"})
    await cache_admin.flush(alone, what)
    stays = [await alone.cache.exists(key) for key in ("area:E15", "crime:E15")]
    assert stays == [area_stays, crime_stays]


async def test_a_flush_of_something_unknown_names_what_there_is(alone: Runtime) -> None:
    with pytest.raises(InvalidQuestion, match=r"all, area:<code> or one of recommendations, .*research"):
        await cache_admin.flush(alone, "everything")


async def test_a_flush_of_an_unknown_area_is_refused(alone: Runtime) -> None:
    with pytest.raises(NotFound, match="ZZ9"):
        await cache_admin.flush(alone, "area:ZZ9")


async def test_a_flush_reports_what_it_did(alone: Runtime) -> None:
    done = await cache_admin.operate(alone, "flush", "crime")
    assert done == {"flushed": "crime", "store": None, "confirmed": True, "withinSeconds": 30}


def test_the_promised_delay_is_the_sync_interval() -> None:
    assert inspect.signature(Cache).parameters["sync_every"].default == cache_admin.SYNC_SECONDS


@pytest.mark.parametrize("operation", ["stats", "get", "delete", "flush"])
async def test_an_operation_is_done_by_its_name(alone: Runtime, operation: str) -> None:
    await ask(alone, "area", {"code": "E15"})
    argument = {"get": "area:E15", "delete": "area:E15", "flush": "all"}.get(operation, "")
    fields = {"stats": "families", "get": "value", "delete": "deleted", "flush": "flushed"}
    assert fields[operation] in await cache_admin.operate(alone, operation, argument)


async def test_an_operation_that_does_not_exist_is_refused(alone: Runtime) -> None:
    with pytest.raises(InvalidQuestion, match="must be stats, get, delete or flush"):
        await cache_admin.operate(alone, "drop", "all")


def test_the_check_counts_the_embedded_figures() -> None:
    assert cache_admin.check() == {"districts": 267, "stations": 654, "destinations": 44}


async def test_savings_use_the_configured_prices() -> None:
    runtime = build(Settings(cache="memory", price_modal_usd=0.5))
    assert (await cache_admin.stats(runtime))["prices"]["modal"] == 0.5
