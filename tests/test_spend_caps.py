"""Daily spend caps: one cap for the fleet, also while the shared tier is unreachable."""

import asyncio
import pickle
from datetime import date, timedelta
from typing import Any

import pytest

from tests.support.chaos import ChaosStore, Fault
from tests.support.virtual_time import FakeClock, VirtualTimeLoop
from veo.cache import Cache
from veo.errors import CapReached
from veo.spend_caps import COUNTER_LIFETIME, SHARES, Cap, SpendCaps

pytestmark = pytest.mark.anyio

SETTING = "VEO_GOOGLE_USD_PER_DAY"
KEY = "cache:v1:n:usd:google:2026-11-24"
RESTED = 11.0  # seconds after which the cache probes an unreachable tier again


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": VirtualTimeLoop}


@pytest.fixture
def store() -> ChaosStore:
    return ChaosStore(FakeClock().now)


class Calendar:
    """The day, as a test sets it."""

    day = date(2026, 11, 24)

    def __call__(self) -> date:
        """Return the day."""
        return self.day


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


def spend_caps(store: ChaosStore | None, calendar: Calendar, usd: float = 2.0) -> SpendCaps:
    """Return the spend caps of one container, which is part of a fleet if it has a shared tier."""
    caps = {"google": Cap(usd, SETTING), "perplexity": Cap(1.0, "VEO_PERPLEXITY_USD_PER_DAY")}
    return SpendCaps(Cache(store, FakeClock()), caps, calendar, fleet=store is not None)


@pytest.fixture
def here(store: ChaosStore, calendar: Calendar) -> SpendCaps:
    """The spend caps of one container of the fleet."""
    return spend_caps(store, calendar)


@pytest.fixture
def there(store: ChaosStore, calendar: Calendar) -> SpendCaps:
    """The spend caps of another container of the fleet."""
    return spend_caps(store, calendar)


@pytest.fixture
def alone(calendar: Calendar) -> SpendCaps:
    """The spend caps of a process without a fleet."""
    return spend_caps(None, calendar)


async def paid(*containers: SpendCaps, usd: float, times: int = 1, at_once: bool = False) -> int:
    """Try to pay in each container `times` times; return the number of accepted payments."""

    async def one(payer: SpendCaps) -> int:
        try:
            await payer.pay("google", usd)
        except CapReached:
            return 0
        return 1

    payers = [payer for _ in range(times) for payer in containers]
    if at_once:
        return sum(await asyncio.gather(*(one(payer) for payer in payers)))
    return sum([await one(payer) for payer in payers])


# the cap


async def test_a_single_process_pays_up_to_its_cap(alone: SpendCaps) -> None:
    assert await paid(alone, usd=0.5, times=10) == 4


async def test_concurrent_calls_keep_to_the_cap(alone: SpendCaps) -> None:
    assert await paid(alone, usd=0.5, times=10, at_once=True) == 4


async def test_two_containers_share_one_cap(here: SpendCaps, there: SpendCaps) -> None:
    assert await paid(here, there, usd=0.5, times=10) == 4


async def test_two_containers_that_pay_concurrently_share_one_cap(here: SpendCaps, there: SpendCaps) -> None:
    assert await paid(here, there, usd=0.5, times=10, at_once=True) == 4


async def test_a_container_that_starts_later_knows_what_was_spent(
    here: SpendCaps, store: ChaosStore, calendar: Calendar
) -> None:
    await paid(here, usd=0.5, times=4)
    assert await paid(spend_caps(store, calendar), usd=0.01) == 0


async def test_thirds_of_a_cent_add_up_exactly(alone: SpendCaps) -> None:
    assert await paid(alone, usd=0.005, times=401) == 400


async def test_a_rejected_payment_is_not_counted_in_the_fleet(
    here: SpendCaps, there: SpendCaps, store: ChaosStore
) -> None:
    await here.pay("google", 1.5)
    await paid(there, usd=1.0)
    assert store.value(KEY) == str(1_500_000)


async def test_a_smaller_payment_is_possible_after_a_rejected_one(here: SpendCaps, there: SpendCaps) -> None:
    await here.pay("google", 1.5)
    assert (await paid(there, usd=1.0), await paid(there, usd=0.5)) == (0, 1)


async def test_a_payment_that_is_certain_to_be_rejected_sends_no_command(
    here: SpendCaps, store: ChaosStore
) -> None:
    await here.pay("google", 2.0)
    calls = len(store.calls)
    await paid(here, usd=0.01, times=5)
    assert len(store.calls) == calls


@pytest.mark.parametrize("usd", [0.005, 0.0])
async def test_a_cap_of_0_allows_nothing(calendar: Calendar, usd: float) -> None:
    assert await paid(spend_caps(None, calendar, usd=0.0), usd=usd) == 0


async def test_each_provider_has_its_own_cap(alone: SpendCaps) -> None:
    await alone.pay("google", 2.0)
    await alone.pay("perplexity", 1.0)
    assert alone.spent() == {"google": 2.0, "perplexity": 1.0}


async def test_a_payment_is_one_command_after_the_first(here: SpendCaps, store: ChaosStore) -> None:
    await paid(here, usd=0.01, times=2)
    assert store.count("add") == 2


async def test_the_counter_of_a_day_expires_after_two_days(here: SpendCaps, store: ChaosStore) -> None:
    await here.pay("google", 0.5)
    assert store.ttl_ms(KEY) == COUNTER_LIFETIME / timedelta(milliseconds=1)


# the error and the known spending


async def cap_error(payer: SpendCaps) -> CapReached:
    with pytest.raises(CapReached) as caught:
        await payer.pay("google", 99.0)
    return caught.value


async def test_the_error_names_the_setting(alone: SpendCaps) -> None:
    error = await cap_error(alone)
    assert (error.service, error.missing, str(error)) == (
        "google",
        SETTING,
        f"google: the daily spend cap of {SETTING} is reached",
    )


async def test_the_error_survives_pickling(alone: SpendCaps) -> None:
    error = await cap_error(alone)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301  # our own bytes


async def test_the_known_spending_is_the_last_known_sum_of_the_fleet(
    here: SpendCaps, there: SpendCaps
) -> None:
    await here.pay("google", 0.5)
    await there.pay("google", 0.25)
    assert (here.spent()["google"], there.spent()["google"]) == (0.5, 0.75)


async def test_nothing_is_spent_at_first(alone: SpendCaps) -> None:
    assert alone.spent() == {"google": 0.0, "perplexity": 0.0}


# settling


async def test_a_higher_actual_price_is_counted(here: SpendCaps, there: SpendCaps) -> None:
    await here.pay("google", 0.5)
    await here.settle("google", 1.5)
    assert await paid(there, usd=0.01) == 0


async def test_a_lower_actual_price_frees_the_difference(here: SpendCaps, there: SpendCaps) -> None:
    await here.pay("google", 2.0)
    await here.settle("google", -0.5)
    assert (await paid(there, usd=0.5), await paid(here, usd=0.01)) == (1, 0)


async def test_settling_no_difference_sends_no_command(here: SpendCaps, store: ChaosStore) -> None:
    await here.pay("google", 0.5)
    calls = len(store.calls)
    await here.settle("google", 0.0)
    assert len(store.calls) == calls


async def test_an_actual_price_beyond_the_cap_is_still_counted(alone: SpendCaps) -> None:
    await alone.pay("google", 2.0)
    await alone.settle("google", 1.0)
    assert alone.spent()["google"] == 3.0


# days


async def test_a_new_day_begins_with_nothing_spent(here: SpendCaps, calendar: Calendar) -> None:
    await here.pay("google", 2.0)
    calendar.day += timedelta(days=1)
    assert (here.spent()["google"], await paid(here, usd=2.0)) == (0.0, 1)


async def test_each_day_of_the_fleet_has_its_own_counter(
    here: SpendCaps, calendar: Calendar, store: ChaosStore
) -> None:
    await here.pay("google", 2.0)
    calendar.day += timedelta(days=1)
    await here.pay("google", 0.5)
    assert (store.value(KEY), store.value(KEY[:-2] + "25")) == (str(2_000_000), str(500_000))


async def test_a_payment_rejected_after_midnight_is_refunded_to_its_day(
    here: SpendCaps, there: SpendCaps, calendar: Calendar, store: ChaosStore
) -> None:
    await there.pay("google", 1.5)
    store.fault(Fault(delay=0.1), method="add")
    rejected = asyncio.create_task(paid(here, usd=1.0))
    await asyncio.sleep(0.05)
    calendar.day += timedelta(days=1)
    await rejected
    assert (store.value(KEY), here.spent()["google"]) == (str(1_500_000), 0.0)


# while the shared tier is unreachable


async def test_without_the_tier_a_container_spends_at_most_its_share(
    here: SpendCaps, store: ChaosStore
) -> None:
    store.down = True
    assert await paid(here, usd=0.05, times=10) == 4


async def test_without_the_tier_all_shares_together_keep_to_the_cap(
    store: ChaosStore, calendar: Calendar
) -> None:
    store.down = True
    fleet = [spend_caps(store, calendar) for _ in range(SHARES)]
    assert await paid(*fleet, usd=0.05, times=10) * 0.05 == pytest.approx(2.0)


async def test_earlier_spending_counts_against_the_share(here: SpendCaps, store: ChaosStore) -> None:
    await here.pay("google", 0.2)
    store.down = True
    assert await paid(here, usd=0.01) == 0


async def test_without_the_tier_a_call_beyond_the_share_is_rejected(
    here: SpendCaps, store: ChaosStore
) -> None:
    store.down = True
    assert (await paid(here, usd=0.21), here.spent()["google"]) == (0, 0.0)


async def test_spending_without_the_tier_is_counted_once_it_is_back(
    here: SpendCaps, store: ChaosStore
) -> None:
    store.down = True
    await paid(here, usd=0.05, times=10)
    store.down = False
    await recover(here)
    await here.pay("google", 0.05)
    assert store.value(KEY) == str(250_000)


async def test_a_payment_rejected_without_the_tier_is_not_counted_later(
    here: SpendCaps, store: ChaosStore
) -> None:
    store.down = True
    await paid(here, usd=0.21, times=3)
    store.down = False
    await recover(here)
    await here.pay("google", 0.05)
    assert store.value(KEY) == str(50_000)


async def recover(payer: SpendCaps) -> None:
    """Wait until the cache has probed its tier and found it back; the two settlements cancel out."""
    await asyncio.sleep(RESTED)
    await payer.settle("google", 0.000001)
    await asyncio.sleep(RESTED)
    await payer.settle("google", -0.000001)


async def test_a_lost_counter_does_not_let_a_container_spend_twice(
    here: SpendCaps, store: ChaosStore
) -> None:
    await here.pay("google", 1.5)
    store.put(KEY, None)
    assert await paid(here, usd=0.6) == 0


async def test_a_slow_tier_counts_as_unreachable(here: SpendCaps, store: ChaosStore) -> None:
    await here.pay("google", 0.01)
    store.fault(Fault(hang=True), method="add", times=2)
    assert await paid(here, usd=0.3) == 0
