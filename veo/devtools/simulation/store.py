"""A shared tier in memory that counts what it is asked as Upstash bills it."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from veo.cache.stores.protocol import Store, StoreError


class Kept(NamedTuple):
    """A value, and the end of its life in seconds of the clock."""

    value: str
    expires: float


class MemoryStore(Store):
    """A dict with expiry. `now` gives seconds; `down` tells whether the tier is away at present.

    `commands` counts by kind: `sync` are reads of stamps alone and the ledger, which depend on the time
    that containers are in use and not on what is asked; PING is free and not counted.
    """

    def __init__(self, now: Callable[[], float], down: Callable[[], bool] = lambda: False) -> None:
        self._now, self._down = now, down
        self._kept: dict[str, Kept] = {}
        self._hashes: dict[str, dict[str, str]] = {}
        self.commands: Counter[str] = Counter()

    async def mget(self, keys: Sequence[str]) -> list[str | None]:
        """Read several values in one command."""
        self._bill("sync" if ":g:" in keys[0] else "read")  # a look-up's first key is its entry's
        return self._values(keys)

    async def read_by_edge(self, keys: Sequence[str]) -> list[str | None]:
        """Read as the edge does: no container spends that command."""
        self._bill("edge")
        return self._values(keys)

    async def set(self, key: str, value: str, px: int | None = None) -> None:
        """Write a value."""
        self._bill("write")
        self._write(key, value, px)

    async def claim(self, key: str, value: str, px: int | None = None) -> str | None:
        """Write only when absent; give the value that stands otherwise."""
        self._bill("claim")
        standing = self._value(key)
        if standing is None:
            self._write(key, value, px)
        return standing

    async def mset(self, values: Mapping[str, str]) -> None:
        """Write several values in one command."""
        self._bill("write")
        for key, value in values.items():
            self._write(key, value, None)

    async def delete(self, key: str) -> bool:
        """Remove a key; tell whether it was there."""
        self._bill("write")
        there = self._value(key) is not None
        self._kept.pop(key, None)
        return there

    async def add(self, key: str, amount: int, px: int) -> int:
        """Add to a whole number; the first addition needs a second command for its life."""
        self._bill("write")
        standing = self._value(key)
        if standing is None:
            self._bill("write")
            self._write(key, str(amount), px)
            return amount
        total = int(standing) + amount
        self._kept[key] = self._kept[key]._replace(value=str(total))
        return total

    async def hset(self, key: str, field: str, value: str, px: int) -> None:
        """Write one field of a hash; its life, which outlasts a simulation, is a second command."""
        del px
        self._bill("sync")
        fields = self._hashes.setdefault(key, {})
        if field not in fields:
            self._bill("sync")
        fields[field] = value

    async def hgetall(self, key: str) -> dict[str, str]:
        """Read all fields of a hash; they last as long as the simulation."""
        self._bill("sync")
        return dict(self._hashes.get(key, {}))

    async def pttl(self, key: str) -> int:
        """Give the remaining life in milliseconds, -1 without expiry, -2 when absent."""
        self._bill("read")
        if self._value(key) is None:
            return -2
        expires = self._kept[key].expires
        return -1 if expires == math.inf else math.ceil((expires - self._now()) * 1000)

    async def ping(self) -> None:
        """Answer, unless the tier is away."""
        if self._down():
            raise StoreError("the simulated tier is away", "unreachable")

    async def close(self) -> None:
        """Hold nothing that must be given back."""

    def _bill(self, kind: str) -> None:
        if self._down():
            raise StoreError("the simulated tier is away", "unreachable")
        self.commands[kind] += 1

    def _values(self, keys: Sequence[str]) -> list[str | None]:
        """Give several values at once: most of what a simulation reads are hundreds of stamps together."""
        now, get = self._now(), self._kept.get
        return [None if (kept := get(key)) is None or kept.expires <= now else kept.value for key in keys]

    def _value(self, key: str) -> str | None:
        kept = self._kept.get(key)
        if kept is not None and kept.expires <= self._now():
            del self._kept[key]
            return None
        return None if kept is None else kept.value

    def _write(self, key: str, value: str, px: int | None) -> None:
        self._kept[key] = Kept(value, math.inf if px is None else self._now() + px / 1000)
