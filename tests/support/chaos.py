"""An in-process `Store` whose time and faults are controlled by a test."""

import asyncio
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from veo.cache.stores.protocol import Store, StoreError


class Call(NamedTuple):
    """One call that reached the store, including failed ones."""

    method: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Fault:
    """The fault of one call; its fields combine, in the order in which they are listed."""

    delay: float = 0.0  # seconds of the running loop
    hang: bool = False  # wait until cancelled
    kind: Literal["unreachable", "refused", "failed"] | None = None  # raise StoreError
    lost: bool = False  # acknowledge a write that does not happen
    garbage: str | None = None  # read this for every key


class Entry(NamedTuple):
    """The value of a key from `written` on, None for a deletion; times in seconds of the store."""

    written: float
    value: str | None
    expires: float = math.inf


class ChaosStore(Store):
    """A dict with expiry, replica lag and faults.

    `now` returns seconds; `lag` is the delay in seconds of `mget` and `hgetall`; `down` makes every call
    unreachable; `calls` lists the calls. Faults apply in the order in which they were set.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.lag = 0.0
        self.down = False
        self.calls: list[Call] = []
        self._faults: list[tuple[Fault, str | None]] = []
        self._history: dict[str, list[Entry]] = {}

    def fault(self, fault: Fault, *, method: str | None = None, times: int = 1) -> None:
        """Apply `fault` to the next `times` calls, or to the next calls of `method` only."""
        self._faults += [(fault, method)] * times

    def heal(self) -> None:
        """Remove the pending faults, and come up."""
        self._faults.clear()
        self.down = False

    def value(self, key: str) -> str | None:
        """Return the value on the primary, without a call."""
        return self._entry(key).value

    def ttl_ms(self, key: str) -> int:
        """Return the remaining lifetime as PTTL does, without a call: -1 without expiry, -2 when absent."""
        entry = self._entry(key)
        if entry.value is None:
            return -2
        return -1 if entry.expires == math.inf else math.ceil((entry.expires - self.now()) * 1000)

    def put(self, key: str, value: str | None) -> None:
        """Write or, with None, remove without a call, as eviction or another client would."""
        self._write(key, value, None)

    def count(self, method: str | None = None) -> int:
        """Count the calls, or those of `method` only."""
        return sum(method in (None, call.method) for call in self.calls)

    async def mget(self, keys: Sequence[str]) -> list[str | None]:
        """Read as a replica does."""
        fault = await self._call("mget", *keys)
        if fault.garbage is not None:
            return [fault.garbage] * len(keys)
        return [self._entry(key, self.lag).value for key in keys]

    async def set(self, key: str, value: str, px: int | None = None) -> None:
        """Write, unless the write is lost."""
        fault = await self._call("set", key)
        if not fault.lost:
            self._write(key, value, px)

    async def claim(self, key: str, value: str, px: int | None = None) -> str | None:
        """Write if the key is absent on the primary."""
        fault = await self._call("claim", key)
        existing = self._entry(key).value
        if existing is None and not fault.lost:
            self._write(key, value, px)
        return existing

    async def mset(self, values: Mapping[str, str]) -> None:
        """Write all, unless the write is lost."""
        fault = await self._call("mset", *values)
        for key, value in {} if fault.lost else values.items():
            self._write(key, value, None)

    async def delete(self, key: str) -> bool:
        """Remove, unless the write is lost."""
        fault = await self._call("delete", key)
        existed = self._entry(key).value is not None
        if not fault.lost:
            self._write(key, None, None)
        return existed

    async def add(self, key: str, amount: int, px: int) -> int:
        """Add on the primary, unless the write is lost."""
        fault = await self._call("add", key)
        existing = self._entry(key)
        total = int(existing.value or 0) + amount
        if not fault.lost:
            left = px if existing.value is None else round((existing.expires - self.now()) * 1000)
            self._write(key, str(total), left)
        return total

    async def hset(self, key: str, field: str, value: str, px: int) -> None:
        """Write a field, unless the write is lost."""
        fault = await self._call("hset", key)
        if not fault.lost:
            existing = self._entry(key)
            fields = json.loads(existing.value or "{}")
            left = px if field not in fields else round((existing.expires - self.now()) * 1000)
            self._write(key, json.dumps({**fields, field: value}), left)

    async def hgetall(self, key: str) -> dict[str, str]:
        """Read all fields as a replica does."""
        fault = await self._call("hgetall", key)
        fields: dict[str, str] = json.loads(self._entry(key, self.lag).value or "{}")
        return fields if fault.garbage is None else dict.fromkeys(fields, fault.garbage)

    async def ping(self) -> None:
        """Answer unless there is a fault."""
        await self._call("ping")

    async def close(self) -> None:
        """Do nothing, as there is no connection."""

    async def _call(self, method: str, *keys: str) -> Fault:
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
        """Return the last entry that was written at least `lag` seconds ago and has not expired."""
        now = self.now()
        for entry in reversed(self._history.get(key, [])):
            if entry.written <= now - lag:
                return entry if now < entry.expires else Entry(entry.expires, None)
        return Entry(0.0, None)
