"""Daily spend caps of paid providers: a call is charged to its provider's spend counter before it is made.

The counters are shared by the fleet. While the shared tier cannot be reached, a container spends at most
its share of the cap; its spending is added to the fleet's counter once the tier is back.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from http import HTTPStatus
from typing import NamedTuple

from veo.cache import Cache
from veo.errors import CapReached, NotAsked, ProviderError, RateLimited

SHARES = 10  # a deployment uses at most five web containers and four of each function at once
MICRO = 1_000_000  # counters are in whole millionths of a US dollar
COUNTER_LIFETIME = timedelta(days=2)
UNBILLED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
"""Statuses with which a provider rejects the API key; such a call costs nothing."""


class Cap(NamedTuple):
    """The most a provider may cost in a day, in US dollars, and the setting that defines it."""

    usd: float
    setting: str


@dataclass(slots=True)
class SpendCounter:
    """The spending for one provider on one day, in millionths of a US dollar.

    `own` is this container's spending, `fleet` the last known sum of the fleet, and `uncounted` the part of
    `own` that is still to be added to the fleet's counter.
    """

    day: date
    own: int = 0
    fleet: int = 0
    uncounted: int = 0


class SpendCaps:
    """The spend caps of all providers; with `fleet`, other containers may share them."""

    def __init__(
        self, cache: Cache, caps: Mapping[str, Cap], today: Callable[[], date], *, fleet: bool
    ) -> None:
        self._cache, self._caps, self._today, self._fleet = cache, caps, today, fleet
        self._counters: dict[str, SpendCounter] = {}

    def check(self, provider: str, usd: float) -> None:
        """Raise CapReached if the known spending leaves too little of the cap for a call of that price."""
        counter, cap = self._counter(provider), self._caps[provider]
        limit = round(cap.usd * MICRO)
        if not limit or max(counter.own, counter.fleet) + round(usd * MICRO) > limit:
            raise CapReached(provider, cap.setting)

    async def pay(self, provider: str, usd: float) -> SpendCounter:
        """Charge the price of one call, and return the counter it was charged to.

        Raises CapReached, and charges nothing, if the call would exceed the cap.
        """
        self.check(provider, usd)
        counter, cap, amount = self._counter(provider), self._caps[provider], round(usd * MICRO)
        limit = round(cap.usd * MICRO)
        counter.own += amount  # before the await, so that concurrent calls see it
        total = await self._count(provider, counter, amount)
        own_limit = limit / SHARES if self._fleet else limit
        if (counter.own > own_limit) if total is None else (total > limit):
            counter.own -= amount
            await self._count(provider, counter, -amount)
            raise CapReached(provider, cap.setting)
        return counter

    @asynccontextmanager
    async def paying(self, provider: str, usd: float) -> AsyncIterator[SpendCounter]:
        """Charge the call made in the context; refund it if it was rejected or never sent.

        Raises CapReached as `pay` does, and any error of the call.
        """
        counter = await self.pay(provider, usd)
        try:
            yield counter
        except ProviderError as error:
            if isinstance(error, NotAsked | RateLimited) or error.status in UNBILLED:
                await self.settle(provider, -usd, counter)
            raise

    async def settle(self, provider: str, usd: float, counter: SpendCounter | None = None) -> None:
        """Add the difference between a call's actual price and the charged one to its counter.

        `usd` is negative if the call cost less; the default counter is today's.
        """
        counter, amount = counter or self._counter(provider), round(usd * MICRO)
        if amount:
            counter.own += amount
            await self._count(provider, counter, amount)

    def spent(self) -> dict[str, float]:
        """Return today's known spending for each provider in US dollars."""
        counters = {provider: self._counter(provider) for provider in self._caps}
        return {name: max(counter.own, counter.fleet) / MICRO for name, counter in counters.items()}

    def _counter(self, provider: str) -> SpendCounter:
        today = self._today()
        counter = self._counters.get(provider)
        if counter is None or counter.day != today:
            counter = self._counters[provider] = SpendCounter(today)
        return counter

    async def _count(self, provider: str, counter: SpendCounter, amount: int) -> int | None:
        """Add to the fleet's counter and return its sum; None without a shared tier that can be reached."""
        due, counter.uncounted = amount + counter.uncounted, 0
        key = f"usd:{provider}:{counter.day.isoformat()}"
        total = await self._cache.add_to_counter(key, due, COUNTER_LIFETIME)
        if total is None:
            # the addition may have arrived: repeating a charge is safe, repeating a refund is not
            counter.uncounted += max(0, due)
        else:
            counter.fleet = total
        return total
