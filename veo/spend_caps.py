"""What paid sources may cost in a day: one account per provider, counted across the fleet before it is spent.

While the shared tier cannot be reached, a container goes on only until its own day has cost its share of
the cap; what it spends meanwhile is counted as soon as the tier is back.
"""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from http import HTTPStatus
from typing import NamedTuple

from veo.cache import Cache
from veo.errors import CapReached, NotAsked, ProviderError, RateLimited

SHARES = 10  # a deployment has at most five web containers and four of each function in use at once
MICRO = 1_000_000  # accounts are kept in whole millionths of a dollar
KEPT = timedelta(days=2)
UNBILLED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
"""With these a provider refuses the key: no call that costs anything."""


class Cap(NamedTuple):
    """How much a provider may cost in a day, in US dollars, and the setting that says so."""

    usd: float
    setting: str


@dataclass(slots=True)
class SpendCounter:
    """One provider's day, in millionths: what this container spent, what it last heard of the fleet's sum.

    `uncounted` is what it spent and could not count in the fleet yet.
    """

    day: date
    own: int = 0
    fleet: int = 0
    uncounted: int = 0


class SpendCaps:
    """Pays for calls. `fleet` tells that other containers may share the caps."""

    def __init__(
        self, cache: Cache, caps: Mapping[str, Cap], today: Callable[[], date], *, fleet: bool
    ) -> None:
        self._cache, self._caps, self._today, self._fleet = cache, caps, today, fleet
        self._accounts: dict[str, SpendCounter] = {}

    def check(self, provider: str, usd: float) -> None:
        """Raise CapReached where the day's cap is known to be too low for a call of that price."""
        account, cap = self._account(provider), self._caps[provider]
        limit = round(cap.usd * MICRO)
        if not limit or max(account.own, account.fleet) + round(usd * MICRO) > limit:
            raise CapReached(provider, cap.setting)

    async def pay(self, provider: str, usd: float) -> SpendCounter:
        """Take the price of one call, and give the account that it was taken from.

        Raises CapReached, and takes nothing, when the day's cap is too low.
        """
        self.check(provider, usd)
        account, cap, amount = self._account(provider), self._caps[provider], round(usd * MICRO)
        limit = round(cap.usd * MICRO)
        account.own += amount  # before the wait: calls at the same time must not all fit
        total = await self._count(provider, account, amount)
        alone = limit / SHARES if self._fleet else limit
        if (account.own > alone) if total is None else (total > limit):
            account.own -= amount
            await self._count(provider, account, -amount)
            raise CapReached(provider, cap.setting)
        return account

    @asynccontextmanager
    async def paying(self, provider: str, usd: float) -> AsyncIterator[SpendCounter]:
        """Pay for the call inside; the price of one that was refused or never sent is given back.

        Raises CapReached as `pay` does, and what the call raises.
        """
        account = await self.pay(provider, usd)
        try:
            yield account
        except ProviderError as error:
            if isinstance(error, NotAsked | RateLimited) or error.status in UNBILLED:
                await self.settle(provider, -usd, account)
            raise

    async def settle(self, provider: str, usd: float, account: SpendCounter | None = None) -> None:
        """Correct what was taken from an account, by default today's: the call cost so much more, or less."""
        account, amount = account or self._account(provider), round(usd * MICRO)
        if amount:
            account.own += amount
            await self._count(provider, account, amount)

    def spent(self) -> dict[str, float]:
        """Give what each provider has cost today in US dollars, as far as this container knows."""
        accounts = {provider: self._account(provider) for provider in self._caps}
        return {name: max(account.own, account.fleet) / MICRO for name, account in accounts.items()}

    def _account(self, provider: str) -> SpendCounter:
        today = self._today()
        account = self._accounts.get(provider)
        if account is None or account.day != today:
            account = self._accounts[provider] = SpendCounter(today)
        return account

    async def _count(self, provider: str, account: SpendCounter, amount: int) -> int | None:
        """Count in the fleet, and give its sum; None when there is none or it cannot be reached."""
        due, account.uncounted = amount + account.uncounted, 0
        total = await self._cache.tally(f"usd:{provider}:{account.day.isoformat()}", due, KEPT)
        if total is None:
            # whether it was counted is not known: counted twice a price is on the safe side, a refund is not
            account.uncounted += max(0, due)
        else:
            account.fleet = total
        return total
