"""A shared tier that fails, stalls or returns garbage delays a lookup once, and never fails an answer."""

import asyncio
import json
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from tests.support.chaos import ChaosStore, Fault
from tests.support.fleet import HOUR, Container, Draws, Upstream, passing, policy
from tests.support.virtual_time import FakeClock
from veo.cache import Cache, Policy
from veo.cache.breaker import Breaker

pytestmark = pytest.mark.anyio

KEY = "cache:v1:fact:E15"


async def contacted(container: Container) -> None:
    """Make the first call, whose time limit is longer."""
    await container.fact("warm")
    await container.settle()


def envelope(store: ChaosStore) -> dict[str, Any]:
    """Return the envelope in the store, decoded."""
    decoded: dict[str, Any] = json.loads(store.value(KEY) or "{}")
    return decoded


async def test_a_failing_read_leads_to_the_source(here: Container, store: ChaosStore) -> None:
    store.fault(Fault(kind="failed"), method="mget")
    assert (await here.fact.lookup("E15")).origin == "source"


async def test_a_read_that_hangs_costs_its_timeout_and_no_more(here: Container, store: ChaosStore) -> None:
    await contacted(here)
    store.fault(Fault(hang=True), method="mget")
    began = asyncio.get_running_loop().time()
    await here.fact("E15")
    assert asyncio.get_running_loop().time() - began == pytest.approx(0.25)


async def test_the_first_call_has_a_longer_time_limit(
    here: Container, there: Container, store: ChaosStore
) -> None:
    await contacted(there)
    store.fault(Fault(delay=1.5), method="mget")
    assert (await here.fact.lookup("warm")).origin == "shared"


async def test_a_hundred_concurrent_callers_share_one_read_that_hangs(
    here: Container, store: ChaosStore
) -> None:
    await contacted(here)
    store.fault(Fault(hang=True), method="mget", times=100)
    before = store.count("mget")
    began = asyncio.get_running_loop().time()
    await asyncio.gather(*(here.fact(f"E{number}") for number in range(100)))
    assert (store.count("mget") - before, asyncio.get_running_loop().time() - began) == (
        1,
        pytest.approx(0.25),
    )


async def test_a_tier_that_fails_between_read_and_write_fails_no_answer(
    here: Container, store: ChaosStore
) -> None:
    here.upstream.delay = 1
    lookup = asyncio.ensure_future(here.fact("E15"))
    await passing(0.5)
    store.down = True
    assert (await lookup).number == 1


async def test_the_breaker_opens_after_three_faults(here: Container, store: ChaosStore) -> None:
    await contacted(here)
    store.down = True
    for number in range(3):
        await here.fact(f"E{number}")
    before = len(store.calls)
    await here.fact("E15")
    assert len(store.calls) == before


async def test_a_half_open_breaker_lets_one_probe_through(here: Container, store: ChaosStore) -> None:
    await contacted(here)
    store.down = True
    for number in range(3):
        await here.fact(f"E{number}")
    await passing(10.1)
    before = store.count("mget")
    store.fault(Fault(delay=0.1), method="ping")
    store.down = False
    await asyncio.gather(here.fact("N1"), here.fact("N2"))
    await passing(0.05)
    await here.fact("N3")
    assert (store.count("ping"), store.count("mget") - before) == (1, 0)


async def test_a_probe_that_works_closes_the_breaker(
    here: Container, there: Container, store: ChaosStore
) -> None:
    await contacted(here)
    store.down = True
    for number in range(3):
        await here.fact(f"E{number}")
    store.down = False
    await there.fact("N1")
    await there.settle()
    await passing(10.1)
    await here.fact("N9")
    assert (await here.fact.lookup("N1")).origin == "shared"


@pytest.mark.parametrize("seconds", [10.1, 299])
async def test_refused_credentials_open_the_breaker_for_minutes(
    here: Container, store: ChaosStore, seconds: float
) -> None:
    await contacted(here)
    store.fault(Fault(kind="refused"), method="mget")
    await here.fact("E15")
    await passing(seconds)
    before = len(store.calls)
    await here.fact("N1")
    assert len(store.calls) == before


async def test_after_those_minutes_the_tier_is_probed(here: Container, store: ChaosStore) -> None:
    await contacted(here)
    store.fault(Fault(kind="refused"), method="mget")
    await here.fact("E15")
    await passing(301)
    await here.fact("N1")
    await passing(0.1)
    assert store.count("ping") == 1


async def test_an_older_shared_entry_never_overwrites_a_newer_one_in_memory(
    here: Container, store: ChaosStore
) -> None:
    await here.fact("E15")
    await here.settle()
    older = store.value(KEY)
    await passing(1)
    await here.fact.refresh("E15")
    await here.settle()
    store.put(KEY, older)
    await passing(16 * 60)
    await here.fact("E15")
    await passing(0.1)
    assert (await here.fact("E15")).number == 2


async def test_an_entry_from_the_shared_tier_keeps_its_expiry_in_memory(
    here: Container, there: Container
) -> None:
    await here.fact("E15")
    await here.settle()
    await passing(HOUR - 10)
    await there.fact("E15")
    await passing(11)
    assert (await there.fact.lookup("E15")).origin == "source"


@pytest.mark.parametrize("skew", [-7200.0, 7200.0])
async def test_a_wrong_clock_never_extends_a_life_in_memory(
    store: ChaosStore, upstream: Upstream, skew: float
) -> None:
    here, there = Container(store, upstream), Container(store, upstream, skew=skew)
    await here.fact("E15")
    await here.settle()
    await there.fact("E15")
    await passing(HOUR + 1)
    assert (await there.fact.lookup("E15")).origin != "memory"


@pytest.mark.parametrize(
    "text",
    [
        "garbage",
        "",
        "{}",
        "null",
        '"a string"',
        '{"v":1',
        '{"v":2,"p":{}}',
        '{"v":1,"m":"x","c":"soon","f":1,"s":2,"d":0,"g":{},"e":null,"n":0,"p":{}}',
        '{"v":1,"m":"x","c":1,"f":1,"s":9e15,"d":0,"g":[],"e":null,"n":0,"p":{}}',
        '{"v":1,"m":"x","c":1,"f":1,"s":2,"d":0,"g":{},"e":3,"n":0,"p":{}}',
        '{"v":1,"m":"x","c":1' + "0" * 400 + ',"f":1,"s":2,"d":0,"g":{},"e":null,"n":0,"p":{}}',
        '{"v":1,"m":"x","c":-1,"f":1,"s":2,"d":0,"g":{},"e":null,"n":0,"p":{}}',
        "[" * 10_000 + ',"p":}',
    ],
)
async def test_an_undecodable_entry_is_a_miss_that_is_overwritten(
    here: Container, store: ChaosStore, text: str
) -> None:
    await contacted(here)
    store.put(KEY, text)
    await here.fact("E15")
    await here.settle()
    assert envelope(store)["p"] == {"code": "E15", "number": 2}


async def test_an_entry_of_another_schema_is_a_miss(here: Container, store: ChaosStore) -> None:
    await here.fact("E15")
    await here.settle()
    store.put(KEY, json.dumps({**envelope(store), "m": "older"}, separators=(",", ":")))
    assert (await Container(store, here.upstream).fact.lookup("E15")).origin == "source"


@pytest.mark.parametrize(
    "payload", ['"twice"', '{"code":"E15","number":"1"}', '{"code":"E15"}', "[]", "null"]
)
async def test_a_payload_of_another_shape_is_a_miss(here: Container, store: ChaosStore, payload: str) -> None:
    await here.fact("E15")
    await here.settle()
    text = store.value(KEY) or ""
    store.put(KEY, text[: text.index(',"p":') + 5] + payload + "}")
    assert (await Container(store, here.upstream).fact.lookup("E15")).origin == "source"


async def test_a_double_encoded_entry_is_a_miss(here: Container, there: Container, store: ChaosStore) -> None:
    await here.fact("E15")
    await here.settle()
    store.put(KEY, json.dumps(store.value(KEY)))
    assert (await there.fact.lookup("E15")).origin == "source"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
async def test_a_value_that_json_cannot_represent_is_returned_but_not_stored(
    store: ChaosStore, value: float | str, caplog: pytest.LogCaptureFixture
) -> None:
    cache = Cache(store, FakeClock(), rng=Draws())

    @cache.cached(Policy(family="odd", key="odd:{code}", fresh_for=timedelta(hours=1)))
    async def odd(code: str) -> float | str:
        return value if code else ""

    with caplog.at_level(logging.WARNING):
        assert repr(await odd("E15")) == repr(value)
        await cache.drain()
    assert ((await odd.lookup("E15")).origin, store.count("set")) == ("source", 0)
    assert "is not stored" in caplog.text


async def test_a_text_that_contains_nan_is_stored(store: ChaosStore) -> None:
    cache = Cache(store, FakeClock(), rng=Draws())

    @cache.cached(Policy(family="odd", key="odd:{code}", fresh_for=timedelta(hours=1)))
    async def odd(code: str) -> str:
        return f"NaN and Infinity of {code}"

    await odd("E15")
    assert (await odd.lookup("E15")).origin == "memory"


async def test_a_value_too_large_for_one_request_stays_out_of_both_tiers(store: ChaosStore) -> None:
    cache = Cache(store, FakeClock(), rng=Draws())

    @cache.cached(Policy(family="large", key="large:{code}", fresh_for=timedelta(hours=1)))
    async def large(code: str) -> str:
        return code * 4_000_000

    await large("E15")
    await cache.drain()
    assert (store.count("set"), cache.stats()["memory"]["entries"]) == (0, 0)


async def test_with_unknown_tag_versions_a_value_stays_in_memory(here: Container, store: ChaosStore) -> None:
    store.down = True
    await here.fact("E15")
    store.down = False
    await here.settle()
    assert (store.value(KEY), (await here.fact.lookup("E15")).origin) == (None, "memory")


async def test_near_its_daily_command_limit_a_container_uses_memory_only(
    store: ChaosStore, upstream: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    container = Container(store, upstream, commands_per_day=20)
    with caplog.at_level(logging.WARNING):
        for number in range(40):
            await container.fact(f"E{number}")
            await container.settle()
    assert (len(store.calls), caplog.text.count("commands is nearly reached")) == (19, 1)


async def test_the_command_limit_is_reset_each_day(store: ChaosStore, upstream: Upstream) -> None:
    container = Container(store, upstream, commands_per_day=20)
    for number in range(40):
        await container.fact(f"E{number}")
        await container.settle()
    await passing(24 * HOUR)
    before = len(store.calls)
    await container.fact("N1")
    assert len(store.calls) > before


async def test_a_probe_has_the_time_limit_of_a_first_call(here: Container, store: ChaosStore) -> None:
    await contacted(here)
    store.down = True
    for number in range(3):
        await here.fact(f"E{number}")
    store.down = False
    await passing(10.1)
    store.fault(Fault(delay=1.5), method="ping")
    began = asyncio.get_running_loop().time()
    await here.fact("N1")
    elapsed = asyncio.get_running_loop().time() - began
    await passing(1.6)
    assert (elapsed, here.cache.stats()["shared"]["breaker"]) == (0, "closed")


async def test_after_a_failed_first_call_the_time_limit_is_the_usual_one(
    here: Container, store: ChaosStore
) -> None:
    store.fault(Fault(hang=True), times=9)
    await here.cache.preload()
    began = asyncio.get_running_loop().time()
    await here.fact("E15")
    assert asyncio.get_running_loop().time() - began == pytest.approx(0.25)


async def test_a_stall_after_a_pause_costs_one_read_timeout(here: Container, store: ChaosStore) -> None:
    await contacted(here)
    await passing(70)
    store.fault(Fault(hang=True), method="mget", times=9)
    began = asyncio.get_running_loop().time()
    await here.fact("E15")
    assert asyncio.get_running_loop().time() - began == pytest.approx(0.25)


async def test_rejected_calls_do_not_count_toward_the_daily_command_limit(
    store: ChaosStore, upstream: Upstream
) -> None:
    container = Container(store, upstream, commands_per_day=100)
    await contacted(container)
    store.down = True
    for number in range(300):
        await container.fact(f"E{number}")
    store.down = False
    await passing(10.1)
    await container.fact("N1")
    await passing(0.1)
    assert container.cache.stats()["shared"]["breaker"] == "closed"


async def test_a_caller_cancelled_during_a_call_of_the_store_is_cancelled(
    here: Container, store: ChaosStore
) -> None:
    await contacted(here)
    store.fault(Fault(hang=True), method="set")
    setting = asyncio.ensure_future(here.cache.set("note", 1, ttl=60))
    await passing(0.1)
    setting.cancel()
    await passing(0.1)
    assert setting.cancelled()


async def test_a_store_that_cancels_itself_is_a_fault(upstream: Upstream) -> None:
    class Cancelling(ChaosStore):
        async def mget(self, keys: Sequence[str]) -> list[str | None]:
            raise asyncio.CancelledError(*keys)

    here = Container(Cancelling(FakeClock().now), upstream)
    assert ((await here.fact("E15")).number, here.cache.stats()["shared"]["faults"]) == (1, 1)


async def test_a_late_fault_does_not_shorten_the_rest_after_a_refusal() -> None:
    breaker = Breaker()
    breaker.failed(0, refused=True)
    for _ in range(5):
        breaker.failed(1)
    assert (breaker.state(299), breaker.state(300)) == ("open", "half-open")


async def test_a_call_from_before_the_breaker_opened_does_not_close_it() -> None:
    breaker = Breaker()
    breaker.failed(1, refused=True)
    breaker.succeeded(began=0.5)
    assert breaker.state(2) == "open"


async def test_the_late_success_of_a_slow_write_does_not_close_the_breaker(
    here: Container, store: ChaosStore
) -> None:
    await contacted(here)
    store.fault(Fault(delay=1), method="set")
    await here.fact("E15")
    store.fault(Fault(kind="refused"), method="mget")
    await here.fact("N1")
    await passing(1.5)
    assert here.cache.stats()["shared"]["breaker"] == "open"


async def test_a_clock_that_is_set_back_does_not_extend_a_rest(here: Container, store: ChaosStore) -> None:
    await contacted(here)
    store.fault(Fault(kind="refused"), method="mget")
    await here.fact("N1")
    here.clock.skew = -HOUR
    await here.fact("E15")
    await passing(0.1)
    assert here.cache.stats()["shared"]["breaker"] == "closed"


async def test_the_result_of_the_last_call_is_shown_as_up_or_down(here: Container, store: ChaosStore) -> None:
    states = [here.cache.stats()["shared"]["last"]]
    await contacted(here)
    states.append(here.cache.stats()["shared"]["last"])
    store.down = True
    await here.fact("E15")
    states.append(here.cache.stats()["shared"]["last"])
    assert states == [None, "up", "down"]


async def test_a_family_that_is_not_shared_never_uses_the_tier(store: ChaosStore, upstream: Upstream) -> None:
    container = Container(store, upstream, policy(shared=False))
    await container.fact("E15")
    await container.settle()
    assert ((await container.fact.lookup("E15")).origin, store.calls) == ("memory", [])


class Broken(ChaosStore):
    """A store that raises an error outside its contract."""

    async def mget(self, keys: Sequence[str]) -> list[str | None]:
        raise LookupError(keys[0])


async def test_a_store_that_breaks_its_contract_fails_no_answer(upstream: Upstream) -> None:
    container = Container(Broken(FakeClock().now), upstream)
    assert (await container.fact.lookup("E15")).origin == "source"
