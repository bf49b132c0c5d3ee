"""The usage ledger: the usage sums of a day, written once a minute of use, read in one command."""

import json
from contextvars import ContextVar
from typing import Any

import pytest

from tests.support.chaos import ChaosStore, Fault
from tests.support.fleet import ALWAYS_EARLY, HOUR, Container, Fact, Upstream, passing, policy
from veo.cache.ledger import Day
from veo.cache.usage import MAX_KEYS, bucket, bucket_end

pytestmark = pytest.mark.anyio

MINUTE = 60.0


class Metered(Upstream):
    """A source that makes two calls of a provider for each answer."""

    def __init__(self, meter: ContextVar[dict[str, int]]) -> None:
        super().__init__()
        self.meter = meter

    async def fetch(self, code: str) -> Fact:
        calls = self.meter.get()
        calls["tfl"] = calls.get("tfl", 0) + 2
        return await super().fetch(code)


def container(store: ChaosStore | None, upstream: Upstream | None = None, **more: Any) -> Container:
    """Return a container with a ledger, whose source takes two calls and one second."""
    meter: ContextVar[dict[str, int]] = ContextVar("meter")
    upstream = upstream or Metered(meter)
    upstream.delay = 1.0
    return Container(store, upstream, ledger_every=MINUTE, meter=meter, **more)


def fact(day: Day | None) -> dict[str, float]:
    """Return the sums of the family `fact`."""
    assert day is not None
    return dict(day.record["family"]["fact"])


async def use(one: Container, seconds: int) -> None:
    """Look up a fact every second for so many seconds."""
    for _ in range(seconds):
        await passing(1)
        await one.fact("E15")


def ledger_writes(store: ChaosStore) -> int:
    return store.count("hset")


async def test_memory_hits_are_counted(store: ChaosStore) -> None:
    here = container(store)
    for _ in range(10):
        await here.fact("E15")
    sums = fact(here.cache.ledger.today())
    assert (sums["source"], sums["memory"], sums["spared"]) == (1, 9, 9)


async def test_hits_of_an_entry_that_left_memory_are_counted_once(store: ChaosStore) -> None:
    here = container(store)
    for _ in range(5):
        await here.fact("E15")
    here.cache.ledger.today()
    here.cache._engine.memory.clear()  # noqa: SLF001 - as if memory had evicted everything
    assert fact(here.cache.ledger.today())["memory"] == 4


async def test_answers_need_the_calls_that_their_compute_made(store: ChaosStore) -> None:
    here = container(store)
    for _ in range(5):
        await here.fact("E15")
    sums = fact(here.cache.ledger.today())
    assert (sums["needed:tfl"], sums["made:tfl"]) == (10, 2)


async def test_the_calls_of_an_entry_are_known_to_other_containers(store: ChaosStore) -> None:
    here, there = container(store), container(store)
    await here.fact("E15")
    await here.settle()
    await there.fact("E15")
    sums = fact(there.cache.ledger.today())
    assert (sums["shared"], sums["needed:tfl"], sums.get("made:tfl", 0)) == (1, 2, 0)


async def test_answers_need_the_seconds_of_their_compute(store: ChaosStore) -> None:
    here = container(store)
    for _ in range(5):
        await here.fact("E15")
    sums = fact(here.cache.ledger.today())
    assert (sums["needed_s"], sums["spent_s"]) == pytest.approx((5.0, 1.0))


async def test_the_calls_of_a_failed_compute_are_counted(store: ChaosStore) -> None:
    here = container(store)
    here.upstream.error = OSError("down")
    with pytest.raises(OSError, match="down"):
        await here.fact("E15")
    sums = fact(here.cache.ledger.today())
    assert (sums["failed"], sums["made:tfl"], sums.get("needed:tfl", 0)) == (1, 2, 0)


async def test_times_of_answers_are_counted_in_buckets(store: ChaosStore) -> None:
    here = container(store)
    await here.fact("E15")
    sums = fact(here.cache.ledger.today())
    assert (sums[f"uncached:{bucket(1.0)}"], sums["uncached_s"]) == (1, pytest.approx(1.0))


async def test_untimed_hits_are_counted_with_the_mean_time_of_timed_ones(store: ChaosStore) -> None:
    here = container(store)
    for _ in range(8):
        await here.fact("E15")
    assert fact(here.cache.ledger.today())["cached:0"] == 7  # virtual time does not advance during a hit


@pytest.mark.parametrize("seconds", [1e-6, 3e-5, 0.004, 1.0, 29.0])
def test_a_bucket_ends_at_most_a_quarter_beyond_its_times(seconds: float) -> None:
    assert seconds <= bucket_end(bucket(seconds)) * 1.000001 <= seconds * 1.2501


async def test_the_age_at_a_hit_is_counted_in_tenths_of_the_lifetime(store: ChaosStore) -> None:
    here = container(store)
    await here.fact("E15")
    await passing(HOUR * 0.55)
    await here.fact("E15")
    assert fact(here.cache.ledger.today())["age:5"] == 1


async def test_a_refresh_with_a_new_value_counts_as_changed(store: ChaosStore) -> None:
    here = container(store)
    await here.fact("E15")
    await here.fact.refresh("E15")
    sums = fact(here.cache.ledger.today())
    assert (sums["changed"], sums.get("unchanged", 0)) == (1, 0)


async def test_a_refresh_with_an_equal_value_counts_as_unchanged(store: ChaosStore) -> None:
    class Constant(Upstream):
        async def fetch(self, code: str) -> Fact:
            return Fact(code=code, number=1)

    here = container(store, Constant())
    await here.fact("E15")
    await here.fact.refresh("E15")
    sums = fact(here.cache.ledger.today())
    assert (sums.get("changed", 0), sums["unchanged"]) == (0, 1)


async def test_a_refresh_is_compared_by_the_content_that_the_policy_defines(store: ChaosStore) -> None:
    here = container(store, rules=policy(content=lambda fact: fact.code))
    await here.fact("E15")
    await here.fact.refresh("E15")
    assert fact(here.cache.ledger.today())["unchanged"] == 1


async def test_a_content_function_that_fails_does_not_fail_the_answer(store: ChaosStore) -> None:
    here = container(store, rules=policy(content=lambda fact: fact.nothing))
    await here.fact("E15")
    answer = await here.fact.refresh("E15")
    sums = fact(here.cache.ledger.today())
    assert (answer.number, sums.get("changed", 0), sums.get("unchanged", 0)) == (2, 0, 0)


async def test_a_day_in_use_writes_one_command_a_minute_and_two_at_first(store: ChaosStore) -> None:
    here = container(store)
    await use(here, 5 * 60 + 31)
    assert ledger_writes(store) == 5


async def test_the_ledger_and_invalidation_sync_take_at_most_four_commands_a_minute(
    store: ChaosStore,
) -> None:
    here = container(store)
    await use(here, 90)
    before = store.count()
    await use(here, 600)
    assert store.count() - before <= 40


async def test_an_idle_container_writes_nothing(store: ChaosStore) -> None:
    here = container(store)
    await here.fact("E15")
    await passing(10 * HOUR)
    assert ledger_writes(store) == 0


async def test_the_first_drain_writes_the_record(store: ChaosStore) -> None:
    here = container(store)
    await here.fact("E15")
    await here.cache.drain()
    assert ledger_writes(store) == 1


async def test_later_drains_write_once_a_minute(store: ChaosStore) -> None:
    here = container(store)
    for _ in range(5):
        await here.fact("E15")
        await here.cache.drain()
    assert ledger_writes(store) == 1


async def test_a_drain_without_any_use_writes_nothing(store: ChaosStore) -> None:
    here = container(store)
    await here.cache.drain()
    assert ledger_writes(store) == 0


async def test_close_writes_what_is_new(store: ChaosStore) -> None:
    here = container(store)
    await here.fact("E15")
    await here.cache.drain()
    await here.fact("E15")
    await here.cache.close()
    assert ledger_writes(store) == 2


async def test_close_does_not_repeat_what_is_written(store: ChaosStore) -> None:
    here = container(store)
    await here.fact("E15")
    await here.cache.close()
    await here.cache.close()
    assert ledger_writes(store) == 1


async def test_a_clock_that_is_set_back_does_not_stop_the_writes(store: ChaosStore) -> None:
    here = container(store)
    await here.fact("E15")
    here.clock.skew = -10 * HOUR
    await here.fact("N1")
    await here.settle()
    assert ledger_writes(store) == 1


async def test_the_fleet_is_read_in_one_command(store: ChaosStore) -> None:
    here, there = container(store), container(store)
    for one in (here, there):
        await one.fact("E15")
        await one.settle()
    before = store.count()
    await here.cache.ledger.fleet()
    assert store.count() - before == 1


async def test_the_fleet_is_the_sum_of_its_containers(store: ChaosStore) -> None:
    here, there = container(store), container(store)
    for one in (here, there):
        await one.fact("E15")
        await one.settle()
    await here.fact("E15")  # counted although not written yet
    day = await here.cache.ledger.fleet()
    assert day is not None
    assert (day.containers, fact(day)["source"], fact(day)["shared"], fact(day)["memory"]) == (2, 1, 1, 1)


async def test_the_next_write_makes_up_for_a_lost_one(store: ChaosStore) -> None:
    here, there = container(store), container(store)
    store.fault(Fault(lost=True), method="hset")
    await use(here, 125)
    day = await there.cache.ledger.fleet()
    assert fact(day)["memory"] >= 118


async def test_the_fleet_is_none_when_the_shared_tier_cannot_be_read(store: ChaosStore) -> None:
    here = container(store)
    await here.fact("E15")
    store.down = True
    assert await here.cache.ledger.fleet() is None


async def test_the_fleet_is_none_without_a_shared_tier() -> None:
    here = container(None)
    await here.fact("E15")
    await here.cache.close()
    assert (await here.cache.ledger.fleet(), fact(here.cache.ledger.today())["source"]) == (None, 1)


async def test_an_unused_container_does_not_count_in_the_fleet(store: ChaosStore) -> None:
    here, unused = container(store), container(store)
    await here.fact("E15")
    await here.settle()
    day = await unused.cache.ledger.fleet()
    assert day is not None
    assert day.containers == 1


@pytest.mark.parametrize("text", ["garbage", "{}", '{"family":{"fact":{"memory":-1}}}', '{"family":3}', "[]"])
async def test_an_invalid_record_is_left_out(store: ChaosStore, text: str) -> None:
    here = container(store)
    await here.fact("E15")
    await here.settle()
    day = here.cache.ledger.today().day
    await store.hset(f"cache:v1:ledger:{day}", "stranger", text, 1_000)
    assert fact(await here.cache.ledger.fleet())["source"] == 1


async def test_a_new_day_starts_at_zero(store: ChaosStore) -> None:
    here = container(store)
    await here.fact("E15")
    here.cache.ledger.today()
    await passing(24 * HOUR)
    assert fact(here.cache.ledger.today()).get("source", 0) == 0


async def test_a_day_can_be_read_later(store: ChaosStore) -> None:
    here = container(store)
    await here.fact("E15")
    await here.settle()
    day = here.cache.ledger.today().day
    await passing(30 * HOUR)
    assert fact(await here.cache.ledger.fleet(day))["source"] == 1


async def test_a_day_is_kept_for_a_week(store: ChaosStore) -> None:
    here = container(store)
    await here.fact("E15")
    await here.settle()
    day = here.cache.ledger.today().day
    await passing(9 * 24 * HOUR)
    assert await store.hgetall(f"cache:v1:ledger:{day}") == {}


async def test_answers_are_counted_by_key(store: ChaosStore) -> None:
    here = container(store)
    for code, times in (("E15", 3), ("N1", 1)):
        for _ in range(times):
            await here.fact(code)
    assert here.cache.ledger.today().record["key"]["fact"] == {"fact:E15": 3, "fact:N1": 1}


async def test_a_container_writes_its_fifty_most_used_keys(store: ChaosStore) -> None:
    here = container(store)
    await here.fact.many([(f"E{number}",) for number in range(60)])
    await here.settle()
    day = here.cache.ledger.today().day
    (text,) = (await store.hgetall(f"cache:v1:ledger:{day}")).values()
    assert len(json.loads(text)["key"]["fact"]) == 50


async def test_the_least_used_keys_of_a_family_are_dropped(store: ChaosStore) -> None:
    here = container(store, Upstream(), entries=10)
    here.upstream.delay = 0
    for number in range(MAX_KEYS + 1):
        await here.fact(f"E{number}")
    assert len(here.cache.ledger.today().record["key"]["fact"]) == MAX_KEYS // 2


async def test_the_keys_of_a_day_are_bounded(store: ChaosStore) -> None:
    here = container(store, Upstream(), entries=10)
    here.upstream.delay = 0
    for number in range(MAX_KEYS + 1):
        await here.fact(f"E{number}")
        if number == MAX_KEYS // 2:
            here.cache.ledger.today()
    assert len(here.cache.ledger.today().record["key"]["fact"]) == MAX_KEYS // 2


async def test_keys_of_a_family_that_is_not_shared_are_not_recorded(store: ChaosStore) -> None:
    here = container(store, rules=policy(shared=False))
    await here.fact("E15")
    assert here.cache.ledger.today().record["key"] == {}


async def test_a_restored_container_counts_as_another_one(store: ChaosStore) -> None:
    here = container(store)
    await here.fact("E15")
    await here.settle()
    await here.cache.restored()
    await here.fact("E15")
    await here.settle()
    day = await here.cache.ledger.fleet()
    assert day is not None
    assert (day.containers, fact(day)["source"]) == (2, 1)


async def test_the_totals_of_sources_are_part_of_the_record(store: ChaosStore) -> None:
    here = container(store)
    calls = {"tfl": {"calls": 3.0, "failures": 1.0}}
    here.cache.ledger.sources = lambda: calls
    assert here.cache.ledger.today().record["source"] == calls


async def test_a_cache_without_a_ledger_writes_none(here: Container, store: ChaosStore) -> None:
    await use(here, 200)
    await here.cache.close()
    assert ledger_writes(store) == 0


async def test_an_early_refresh_is_counted(store: ChaosStore) -> None:
    here = container(store)
    await here.fact("E15")
    await passing(HOUR - 10)
    here.draws.value = ALWAYS_EARLY
    await here.fact("E15")
    assert fact(here.cache.ledger.today())["early_refreshes"] == 1
