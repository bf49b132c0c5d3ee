"""An in-memory shared tier that counts commands as Upstash bills them."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from veo.cache.stores.protocol import Store, StoreError


class StoredValue(NamedTuple):
    """A value and its expiry, in seconds of the clock."""

    value: str
    expires: float


class MemoryStore(Store):
    """A dict with expiry; `now` returns seconds, and `down` whether the tier is away.

    `commands` counts by kind. `sync` covers reads of tag versions alone and the ledger, whose number depends
    on how long containers are active and not on the questions. PING is free and not counted.
    """

    def __init__(self, now: Callable[[], float], down: Callable[[], bool] = lambda: False) -> None:
        self._now, self._down = now, down
        self._stored: dict[str, StoredValue] = {}
        self._hashes: dict[str, dict[str, str]] = {}
        self.commands: Counter[str] = Counter()

    async def mget(self, keys: Sequence[str]) -> list[str | None]:
        """Read several values in one command."""
        self._bill("sync" if ":g:" in keys[0] else "read")  # a lookup reads its entry's key first
        return self._values(keys)

    async def read_by_edge(self, keys: Sequence[str]) -> list[str | None]:
        """Read as the edge does; the command counts for no container."""
        self._bill("edge")
        return self._values(keys)

    async def set(self, key: str, value: str, px: int | None = None) -> None:
        """Write a value."""
        self._bill("write")
        self._write(key, value, px)

    async def claim(self, key: str, value: str, px: int | None = None) -> str | None:
        """Write only if absent, and return None; otherwise return the existing value."""
        self._bill("claim")
        existing = self._value(key)
        if existing is None:
            self._write(key, value, px)
        return existing

    async def mset(self, values: Mapping[str, str]) -> None:
        """Write several values in one command."""
        self._bill("write")
        for key, value in values.items():
            self._write(key, value, None)

    async def delete(self, key: str) -> bool:
        """Remove a key, and return whether it existed."""
        self._bill("write")
        existed = self._value(key) is not None
        self._stored.pop(key, None)
        return existed

    async def add(self, key: str, amount: int, px: int) -> int:
        """Add to an integer; the first addition needs a second command for the expiry."""
        self._bill("write")
        existing = self._value(key)
        if existing is None:
            self._bill("write")
            self._write(key, str(amount), px)
            return amount
        total = int(existing) + amount
        self._stored[key] = self._stored[key]._replace(value=str(total))
        return total

    async def hset(self, key: str, field: str, value: str, px: int) -> None:
        """Write one field of a hash; the first write of a field needs a second command for the expiry."""
        del px
        self._bill("sync")
        fields = self._hashes.setdefault(key, {})
        if field not in fields:
            self._bill("sync")
        fields[field] = value

    async def hgetall(self, key: str) -> dict[str, str]:
        """Read all fields of a hash; they do not expire during a simulation."""
        self._bill("sync")
        return dict(self._hashes.get(key, {}))

    async def ping(self) -> None:
        """Raise StoreError while the tier is away."""
        if self._down():
            raise StoreError("the simulated tier is away", "unreachable")

    async def close(self) -> None:
        """Do nothing: there is no connection."""

    def _bill(self, kind: str) -> None:
        if self._down():
            raise StoreError("the simulated tier is away", "unreachable")
        self.commands[kind] += 1

    def _values(self, keys: Sequence[str]) -> list[str | None]:
        """Return several values; inlined because most reads of a simulation are hundreds of tag versions."""
        now, get = self._now(), self._stored.get
        return [
            None if (stored := get(key)) is None or stored.expires <= now else stored.value for key in keys
        ]

    def _value(self, key: str) -> str | None:
        stored = self._stored.get(key)
        if stored is not None and stored.expires <= self._now():
            del self._stored[key]
            return None
        return None if stored is None else stored.value

    def _write(self, key: str, value: str, px: int | None) -> None:
        self._stored[key] = StoredValue(value, math.inf if px is None else self._now() + px / 1000)
