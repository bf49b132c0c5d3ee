"""What paid sources may cost in a day: one cap for the fleet, also when it cannot be asked."""

import asyncio
import pickle
from datetime import date, timedelta
from typing import Any

import pytest

from tests.support.chaos import ChaosStore, Fault
from tests.support.virtual_time import FakeClock, VirtualTimeLoop
from veo.cache import Cache
from veo.errors import CapReached
from veo.spend_caps import KEPT, SHARES, Cap, SpendCaps

pytestmark = pytest.mark.anyio

SETTING = "VEO_GOOGLE_USD_PER_DAY"
KEY = "cache:v1:n:usd:google:2026-11-24"
RESTED = 11.0  # seconds after which the cache asks a tier that was away again


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
        """Give the day."""
        return self.day


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


def spend_caps(store: ChaosStore | None, calendar: Calendar, usd: float = 2.0) -> SpendCaps:
    """Make the purse of one container, which knows of a fleet when it has a shared tier."""
    caps = {"google": Cap(usd, SETTING), "perplexity": Cap(1.0, "VEO_PERPLEXITY_USD_PER_DAY")}
    return SpendCaps(Cache(store, FakeClock()), caps, calendar, fleet=store is not None)


@pytest.fixture
def here(store: ChaosStore, calendar: Calendar) -> SpendCaps:
    """The purse of one container of the fleet."""
    return spend_caps(store, calendar)


@pytest.fixture
def there(store: ChaosStore, calendar: Calendar) -> SpendCaps:
    """The purse of another container of the fleet."""
    return spend_caps(store, calendar)


@pytest.fixture
def alone(calendar: Calendar) -> SpendCaps:
    """The purse of a process without a fleet."""
    return spend_caps(None, calendar)


async def paid(*purses: SpendCaps, usd: float, times: int = 1, at_once: bool = False) -> int:
    """Pay from each purse so many times; give how often it could be paid."""

    async def one(payer: SpendCaps) -> int:
        try:
            await payer.pay("google", usd)
        except CapReached:
            return 0
        return 1

    payers = [payer for _ in range(times) for payer in purses]
    if at_once:
        return sum(await asyncio.gather(*(one(payer) for payer in payers)))
    return sum([await one(payer) for payer in payers])


# the cap


async def test_a_process_alone_pays_up_to_its_cap(alone: SpendCaps) -> None:
    assert await paid(alone, usd=0.5, times=10) == 4


async def test_calls_at_the_same_time_keep_to_the_cap(alone: SpendCaps) -> None:
    assert await paid(alone, usd=0.5, times=10, at_once=True) == 4


async def test_two_containers_keep_to_one_cap(here: SpendCaps, there: SpendCaps) -> None:
    assert await paid(here, there, usd=0.5, times=10) == 4


async def test_two_containers_that_pay_at_once_keep_to_one_cap(here: SpendCaps, there: SpendCaps) -> None:
    assert await paid(here, there, usd=0.5, times=10, at_once=True) == 4


async def test_a_container_that_starts_later_knows_what_was_spent(
    here: SpendCaps, store: ChaosStore, calendar: Calendar
) -> None:
    await paid(here, usd=0.5, times=4)
    assert await paid(spend_caps(store, calendar), usd=0.01) == 0


async def test_thirds_of_a_cent_add_up_exactly(alone: SpendCaps) -> None:
    assert await paid(alone, usd=0.005, times=401) == 400


async def test_a_refused_payment_takes_nothing_of_the_fleet(
    here: SpendCaps, there: SpendCaps, store: ChaosStore
) -> None:
    await here.pay("google", 1.5)
    await paid(there, usd=1.0)
    assert store.value(KEY) == str(1_500_000)


async def test_after_a_refused_payment_a_smaller_one_is_possible(here: SpendCaps, there: SpendCaps) -> None:
    await here.pay("google", 1.5)
    assert (await paid(there, usd=1.0), await paid(there, usd=0.5)) == (0, 1)


async def test_what_is_certain_to_be_refused_asks_nobody(here: SpendCaps, store: ChaosStore) -> None:
    await here.pay("google", 2.0)
    calls = len(store.calls)
    await paid(here, usd=0.01, times=5)
    assert len(store.calls) == calls


@pytest.mark.parametrize("usd", [0.005, 0.0])
async def test_a_cap_of_0_allows_nothing(calendar: Calendar, usd: float) -> None:
    assert await paid(spend_caps(None, calendar, usd=0.0), usd=usd) == 0


async def test_each_provider_has_a_cap_of_its_own(alone: SpendCaps) -> None:
    await alone.pay("google", 2.0)
    await alone.pay("perplexity", 1.0)
    assert alone.spent() == {"google": 2.0, "perplexity": 1.0}


async def test_a_payment_is_one_command_after_the_first(here: SpendCaps, store: ChaosStore) -> None:
    await paid(here, usd=0.01, times=2)
    assert store.count("add") == 2


async def test_the_account_of_a_day_is_kept_for_two(here: SpendCaps, store: ChaosStore) -> None:
    await here.pay("google", 0.5)
    assert await store.pttl(KEY) == KEPT / timedelta(milliseconds=1)


# what is said


async def refusal(payer: SpendCaps) -> CapReached:
    with pytest.raises(CapReached) as caught:
        await payer.pay("google", 99.0)
    return caught.value


async def test_a_refusal_names_the_setting(alone: SpendCaps) -> None:
    error = await refusal(alone)
    assert (error.service, error.missing, str(error)) == (
        "google",
        SETTING,
        f"google: the day's budget is spent; {SETTING} says how much it is",
    )


async def test_a_refusal_reaches_another_process_as_it_is(alone: SpendCaps) -> None:
    error = await refusal(alone)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301  # our own bytes


async def test_what_was_spent_is_the_last_known_sum_of_the_fleet(here: SpendCaps, there: SpendCaps) -> None:
    await here.pay("google", 0.5)
    await there.pay("google", 0.25)
    assert (here.spent()["google"], there.spent()["google"]) == (0.5, 0.75)


async def test_at_first_nothing_was_spent(alone: SpendCaps) -> None:
    assert alone.spent() == {"google": 0.0, "perplexity": 0.0}


# settling


async def test_what_a_call_cost_more_counts(here: SpendCaps, there: SpendCaps) -> None:
    await here.pay("google", 0.5)
    await here.settle("google", 1.5)
    assert await paid(there, usd=0.01) == 0


async def test_what_a_call_cost_less_can_be_spent(here: SpendCaps, there: SpendCaps) -> None:
    await here.pay("google", 2.0)
    await here.settle("google", -0.5)
    assert (await paid(there, usd=0.5), await paid(here, usd=0.01)) == (1, 0)


async def test_a_call_that_cost_what_was_paid_counts_no_more(here: SpendCaps, store: ChaosStore) -> None:
    await here.pay("google", 0.5)
    calls = len(store.calls)
    await here.settle("google", 0.0)
    assert len(store.calls) == calls


async def test_a_call_may_cost_more_than_the_cap_allows_and_is_still_counted(alone: SpendCaps) -> None:
    await alone.pay("google", 2.0)
    await alone.settle("google", 1.0)
    assert alone.spent()["google"] == 3.0


# days


async def test_a_new_day_begins_with_nothing_spent(here: SpendCaps, calendar: Calendar) -> None:
    await here.pay("google", 2.0)
    calendar.day += timedelta(days=1)
    assert (here.spent()["google"], await paid(here, usd=2.0)) == (0.0, 1)


async def test_each_day_of_the_fleet_has_an_account(
    here: SpendCaps, calendar: Calendar, store: ChaosStore
) -> None:
    await here.pay("google", 2.0)
    calendar.day += timedelta(days=1)
    await here.pay("google", 0.5)
    assert (store.value(KEY), store.value(KEY[:-2] + "25")) == (str(2_000_000), str(500_000))


async def test_a_payment_that_is_refused_after_midnight_is_given_back_to_its_day(
    here: SpendCaps, there: SpendCaps, calendar: Calendar, store: ChaosStore
) -> None:
    await there.pay("google", 1.5)
    store.fault(Fault(delay=0.1), method="add")
    refused = asyncio.create_task(paid(here, usd=1.0))
    await asyncio.sleep(0.05)
    calendar.day += timedelta(days=1)
    await refused
    assert (store.value(KEY), here.spent()["google"]) == (str(1_500_000), 0.0)


# while the shared tier is away


async def test_without_the_tier_a_container_spends_at_most_its_share(
    here: SpendCaps, store: ChaosStore
) -> None:
    store.down = True
    assert await paid(here, usd=0.05, times=10) == 4


async def test_without_the_fleet_all_shares_together_keep_to_the_cap(
    store: ChaosStore, calendar: Calendar
) -> None:
    store.down = True
    fleet = [spend_caps(store, calendar) for _ in range(SHARES)]
    assert await paid(*fleet, usd=0.05, times=10) * 0.05 == pytest.approx(2.0)


async def test_what_was_spent_before_counts_against_the_share(here: SpendCaps, store: ChaosStore) -> None:
    await here.pay("google", 0.2)
    store.down = True
    assert await paid(here, usd=0.01) == 0


async def test_a_call_dearer_than_a_share_is_not_made_without_the_fleet(
    here: SpendCaps, store: ChaosStore
) -> None:
    store.down = True
    assert (await paid(here, usd=0.21), here.spent()["google"]) == (0, 0.0)


async def test_what_was_spent_without_the_fleet_is_counted_when_it_is_back(
    here: SpendCaps, store: ChaosStore
) -> None:
    store.down = True
    await paid(here, usd=0.05, times=10)
    store.down = False
    await _rest(here)
    await here.pay("google", 0.05)
    assert store.value(KEY) == str(250_000)


async def test_what_was_refused_without_the_fleet_is_not_counted_later(
    here: SpendCaps, store: ChaosStore
) -> None:
    store.down = True
    await paid(here, usd=0.21, times=3)
    store.down = False
    await _rest(here)
    await here.pay("google", 0.05)
    assert store.value(KEY) == str(50_000)


async def _rest(payer: SpendCaps) -> None:
    """Let the cache find out that its tier is back, behind a payment that is not possible."""
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


async def test_a_slow_tier_counts_as_away(here: SpendCaps, store: ChaosStore) -> None:
    await here.pay("google", 0.01)
    store.fault(Fault(hang=True), method="add", times=2)
    assert await paid(here, usd=0.3) == 0
