"""A `Store` in process whose time and faults a test controls."""

import asyncio
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from veo.cache.stores.protocol import Store, StoreError


class Call(NamedTuple):
    """One call that reached the store, also one that failed."""

    method: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Fault:
    """What befalls one call; parts combine, in the order in which they stand here."""

    delay: float = 0.0  # seconds of the running loop
    hang: bool = False  # wait until cancelled
    kind: Literal["unreachable", "refused", "failed"] | None = None  # raise StoreError
    lost: bool = False  # acknowledge a write that does not happen
    garbage: str | None = None  # read this for every key


class Entry(NamedTuple):
    """What a key held from `written` on; times in seconds of the store, a deletion holds None."""

    written: float
    value: str | None
    expires: float = math.inf


class ChaosStore(Store):
    """A dict with expiry, replica lag and faults.

    `now` gives seconds; `lag` is how many of them `mget` and `pttl` see late; `down` makes every call
    unreachable; `calls` lists what was asked. Faults wait in the order in which they were set.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.lag = 0.0
        self.down = False
        self.calls: list[Call] = []
        self._faults: list[tuple[Fault, str | None]] = []
        self._history: dict[str, list[Entry]] = {}

    def fault(self, fault: Fault, *, method: str | None = None, times: int = 1) -> None:
        """Let `fault` befall the next `times` calls, of one method only when `method` names it."""
        self._faults += [(fault, method)] * times

    def heal(self) -> None:
        """Forget the faults that have not happened yet and come up."""
        self._faults.clear()
        self.down = False

    def value(self, key: str) -> str | None:
        """Give what the primary holds, without a call."""
        return self._entry(key).value

    def put(self, key: str, value: str | None) -> None:
        """Write, or with None remove, behind everybody's back: as eviction or another client would."""
        self._write(key, value, None)

    def count(self, method: str | None = None) -> int:
        """Count the calls, of one method only when `method` names it."""
        return sum(method in (None, call.method) for call in self.calls)

    async def mget(self, keys: Sequence[str]) -> list[str | None]:
        """Read as a replica does."""
        fault = await self._befall("mget", *keys)
        if fault.garbage is not None:
            return [fault.garbage] * len(keys)
        return [self._entry(key, self.lag).value for key in keys]

    async def set(self, key: str, value: str, px: int | None = None) -> None:
        """Write, unless the write is lost."""
        fault = await self._befall("set", key)
        if not fault.lost:
            self._write(key, value, px)

    async def claim(self, key: str, value: str, px: int | None = None) -> str | None:
        """Write when the primary holds nothing."""
        fault = await self._befall("claim", key)
        standing = self._entry(key).value
        if standing is None and not fault.lost:
            self._write(key, value, px)
        return standing

    async def mset(self, values: Mapping[str, str]) -> None:
        """Write all, unless the write is lost."""
        fault = await self._befall("mset", *values)
        for key, value in {} if fault.lost else values.items():
            self._write(key, value, None)

    async def delete(self, key: str) -> bool:
        """Remove, unless the write is lost."""
        fault = await self._befall("delete", key)
        there = self._entry(key).value is not None
        if not fault.lost:
            self._write(key, None, None)
        return there

    async def add(self, key: str, amount: int, px: int) -> int:
        """Add on the primary, unless the write is lost."""
        fault = await self._befall("add", key)
        standing = self._entry(key)
        total = int(standing.value or 0) + amount
        if not fault.lost:
            left = px if standing.value is None else round((standing.expires - self.now()) * 1000)
            self._write(key, str(total), left)
        return total

    async def hset(self, key: str, field: str, value: str, px: int) -> None:
        """Write a field, unless the write is lost."""
        fault = await self._befall("hset", key)
        if not fault.lost:
            standing = self._entry(key)
            fields = json.loads(standing.value or "{}")
            left = px if field not in fields else round((standing.expires - self.now()) * 1000)
            self._write(key, json.dumps({**fields, field: value}), left)

    async def hgetall(self, key: str) -> dict[str, str]:
        """Read all fields as a replica does."""
        fault = await self._befall("hgetall", key)
        fields: dict[str, str] = json.loads(self._entry(key, self.lag).value or "{}")
        return fields if fault.garbage is None else dict.fromkeys(fields, fault.garbage)

    async def pttl(self, key: str) -> int:
        """Read the remaining life as a replica does."""
        await self._befall("pttl", key)
        entry = self._entry(key, self.lag)
        if entry.value is None:
            return -2
        return -1 if entry.expires == math.inf else math.ceil((entry.expires - self.now()) * 1000)

    async def ping(self) -> None:
        """Answer."""
        await self._befall("ping")

    async def close(self) -> None:
        """Hold nothing that must be given back."""

    async def _befall(self, method: str, *keys: str) -> Fault:
        self.calls.append(Call(method, keys))
        if self.down:
            raise StoreError(f"{method}: the store is down", "unreachable")
        fault = self._next_fault(method)
        await asyncio.sleep(fault.delay)
        if fault.hang:
            await asyncio.Event().wait()
        if fault.kind is not None:
            raise StoreError(f"{method}: injected", fault.kind)
        return fault

    def _next_fault(self, method: str) -> Fault:
        for index, (fault, of) in enumerate(self._faults):
            if of in (None, method):
                del self._faults[index]
                return fault
        return Fault()

    def _write(self, key: str, value: str | None, px: int | None) -> None:
        now = self.now()
        expires = math.inf if px is None else now + px / 1000
        self._history.setdefault(key, []).append(Entry(now, value, expires))

    def _entry(self, key: str, lag: float = 0.0) -> Entry:
        """Give the last entry that was written at least `lag` seconds ago and has not expired."""
        now = self.now()
        for entry in reversed(self._history.get(key, [])):
            if entry.written <= now - lag:
                return entry if now < entry.expires else Entry(entry.expires, None)
        return Entry(0.0, None)
