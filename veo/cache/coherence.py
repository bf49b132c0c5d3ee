"""Coherence: keeping the known stamps in step with the fleet's, without publish and subscribe.

Stamps are learnt from every read that carries them; the known ones are re-read in one command per
`sync_every` seconds of use, behind the callers. After a pause (idle, a snapshot restore) the first caller
waits for it.
"""

import asyncio
import contextvars
import math
from collections.abc import Iterable, Sequence

from veo.cache.clock import Clock
from veo.cache.generations import Generations, is_key_tag, key_tag, new_stamp
from veo.cache.memory import Memory
from veo.cache.shared import Shared
from veo.cache.store import StoreError
from veo.cache.writebehind import StampWrite, WriteBehind


def stamp_key(tag: str) -> str:
    """Give the key of a tag's stamp in the shared tier."""
    return f"g:{tag}"


class Coherence:
    """The stamps of one container against those of the shared tier."""

    def __init__(
        self, memory: Memory, shared: Shared, writes: WriteBehind, clock: Clock, every: float
    ) -> None:
        self.generations = Generations()
        self._memory, self._shared, self._writes, self._clock, self._every = (
            memory,
            shared,
            writes,
            clock,
            every,
        )
        self._synced_at = self.due = math.inf  # nothing to keep in step before the first use
        self._syncing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin on a new event loop."""
        self._syncing = None
        self._synced_at = min(self._synced_at, self._clock.now())
        self.due = min(self.due, self._synced_at + self._every)

    def distrust(self) -> None:
        """Have the next lookup wait for the stamps: this container was away."""
        self._synced_at = self.due = -math.inf
        self.generations.epoch += 1

    async def learn(self, tags: Iterable[str], values: Iterable[str | None]) -> None:
        """Adopt stamps that were read, and write those that are absent; raise StoreError if that fails."""
        absent, now = [], self._clock.now()
        for tag, stamp in zip(tags, values, strict=True):
            if stamp is not None:
                self.generations.adopt(tag, stamp, now)
            elif not is_key_tag(tag) and not self.generations.guards(tag, now):
                absent.append(tag)
        if absent:
            await asyncio.gather(*(self._claim(tag) for tag in absent))

    async def ask(self, tags: Sequence[str]) -> bool:
        """Read some stamps now; tell whether that was possible."""
        try:
            await self.learn(tags, await self._shared.read([stamp_key(tag) for tag in tags]))
        except StoreError:
            return False
        return True

    async def renew(self, tags: list[str], life: float | None = None) -> bool:
        """Flush tags here and everywhere; False when the shared tier has yet to confirm."""
        stamps = {stamp_key(tag): stamp for tag, stamp in self.generations.renew(tags).items()}

        def confirmed() -> None:
            self.generations.confirmed(tags, self._clock.now())

        write = StampWrite(stamps, confirmed, life)
        try:
            await write.attempt(self._shared, self._clock.now(), again=False)
        except StoreError:
            self._writes.put(f"flush {new_stamp()}", write)
            return False
        return True

    def keep_in_step(self) -> asyncio.Task[None] | None:
        """Re-read the known stamps behind the caller; give that reading when they are too old to trust."""
        if self._syncing is None:
            loop = asyncio.get_running_loop()
            self._syncing = loop.create_task(self._sync(), context=contextvars.Context())
        return self._syncing if self._clock.now() - self._synced_at > 2 * self._every else None

    async def _sync(self) -> None:
        tags = [*self.generations.shared_tags(), *(key_tag(key) for key in self._memory)]
        asked = self._clock.now()
        self.due = asked + self._every
        try:
            values = await self._shared.read([stamp_key(tag) for tag in tags])
        except StoreError:
            return  # memory goes on by what it knows: the shared tier may not break an answer
        finally:
            self._syncing = None
        now = self._clock.now()
        for tag, stamp in zip(tags, values, strict=True):
            if stamp is not None:
                self.generations.adopt(tag, stamp, now)
            elif not is_key_tag(tag) and not self.generations.guards(tag, now):
                self.generations.forget(tag)  # evicted: what was written under it is not to be trusted
        self._synced_at = asked

    async def _claim(self, tag: str) -> None:
        """Write a new stamp for a tag without one: an absent stamp equals nothing, also not the old one."""
        mine = new_stamp()
        standing = await self._shared.claim(stamp_key(tag), mine, None)
        self.generations.adopt(tag, standing or mine, self._clock.now())
