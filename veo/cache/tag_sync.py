"""Coherence: keeping the known stamps in step with the fleet's, without publish and subscribe.

Stamps are learnt from every read that carries them; the known ones are re-read in one command per
`sync_every` seconds of use, behind the callers. After a pause (idle, a snapshot restore) nothing is
answered from memory before its stamps were seen.
"""

import asyncio
import contextvars
import math
from collections.abc import Iterable, Sequence
from contextlib import suppress

from veo.cache.clock import Clock
from veo.cache.l2_guard import L2Guard
from veo.cache.memory import Memory
from veo.cache.stores.protocol import StoreError
from veo.cache.tag_versions import TagVersions, is_key_tag, key_tag, new_stamp
from veo.cache.writebehind import WriteBehind


def stamp_key(tag: str) -> str:
    """Give the key of a tag's stamp in the shared tier."""
    return f"g:{tag}"


class TagSync:
    """The stamps of one container against those of the shared tier."""

    def __init__(
        self, memory: Memory, shared: L2Guard, writes: WriteBehind, clock: Clock, every: float
    ) -> None:
        self.tag_versions = TagVersions()
        self._memory, self._shared, self._writes = memory, shared, writes
        self._clock, self._every = clock, every
        self._unsent: dict[str, float | None] = {}  # tags flushed here, with the life of their stamps
        self._claims: dict[str, asyncio.Task[None]] = {}
        self._synced_at = self.due = math.inf  # nothing to keep in step before the first use
        self._syncing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin on a new event loop."""
        self._syncing = None
        self._claims.clear()
        self._synced_at = min(self._synced_at, self._clock.now())
        self.due = min(self.due, self._synced_at + self._every)

    def distrust(self) -> None:
        """Have nothing answered from memory before its stamps were seen: this container was away."""
        self._synced_at = self.due = -math.inf
        self.tag_versions.epoch += 1

    async def learn(self, tags: Iterable[str], values: Iterable[str | None]) -> None:
        """Adopt stamps that were read, and write those that are absent; raise StoreError if that fails."""
        absent, now = [], self._clock.now()
        for tag, stamp in self.tag_versions.news(tags, values):
            if stamp is None and not is_key_tag(tag):
                absent.append(tag)
            elif self.tag_versions.adopt(tag, stamp, now):
                self._send_again(tag)
        if absent:
            await asyncio.gather(*(asyncio.shield(self._claim(tag)) for tag in absent))

    async def ask(self, tags: Sequence[str]) -> bool:
        """Read some stamps now; tell whether that was possible."""
        try:
            await self.learn(tags, await self._shared.read([stamp_key(tag) for tag in tags]))
        except StoreError:
            return False
        return True

    async def renew(self, tags: list[str], life: float | None = None) -> bool:
        """Flush tags here and everywhere; False when the shared tier has yet to confirm."""
        unknown = [tag for tag in tags if not is_key_tag(tag) and self.tag_versions.stamp(tag) is None]
        # the new stamp has to be greater than the one that stands; `send_late` looks again
        known = not unknown or await self._look(unknown)
        self.tag_versions.renew(tags, self._clock.now(), life or 0.0)
        self._unsent.update(dict.fromkeys(tags, life))
        if known:
            with suppress(StoreError):
                await self._send(tags)
                return True
        self._writes.put("flushes", Flushes(self))
        return False

    async def _look(self, tags: Sequence[str]) -> bool:
        """See which stamps stand, as they are to be replaced; tell whether that was possible."""
        try:
            values = await self._shared.read([stamp_key(tag) for tag in tags], urgent=True)
        except StoreError:
            return False
        for tag, stamp in zip(tags, values, strict=True):
            self.tag_versions.adopt(tag, stamp, self._clock.now())
        return True

    def _send_again(self, tag: str) -> None:
        """Repeat a flush that the shared tier has lost."""
        self._unsent[tag] = self.tag_versions.left(tag, self._clock.now())
        self._writes.put("flushes", Flushes(self))

    async def send_late(self) -> None:
        """Send what was flushed while the shared tier was away; raise StoreError if it still is."""
        tags = list(self._unsent)
        values = await self._shared.read([stamp_key(tag) for tag in tags], urgent=True)
        overtaken = [
            tag
            for tag, stamp in zip(tags, values, strict=True)
            if stamp is not None and stamp > (self.tag_versions.stamp(tag) or "")
        ]
        for tag, stamp in zip(tags, values, strict=True):
            self.tag_versions.adopt(tag, stamp or self.tag_versions.stamp(tag), self._clock.now())
        for tag in overtaken:
            self.tag_versions.renew([tag], self._clock.now(), self._unsent[tag] or 0.0)
        await self._send(tags)

    async def _send(self, tags: Iterable[str]) -> None:
        """Write the known stamps of tags: several in one command, those of single keys with their life."""
        stamps = {tag: stamp for tag in tags if (stamp := self.tag_versions.stamp(tag)) is not None}
        lasting = {stamp_key(tag): stamp for tag, stamp in stamps.items() if self._unsent.get(tag) is None}
        if lasting:
            await self._shared.mset(lasting)
        for tag, stamp in stamps.items():
            if (life := self._unsent.get(tag)) is not None:
                await self._shared.set(stamp_key(tag), stamp, round(life * 1000), urgent=True)
        for tag in tags:
            self._unsent.pop(tag, None)

    def keep_in_step(self) -> asyncio.Task[None] | None:
        """Have the known stamps re-read, behind the caller, when that is due; give the reading under way."""
        now = self._clock.now()
        if self._syncing is None and not 0 < self.due - now <= self._every:  # or the clock was set back
            loop = asyncio.get_running_loop()
            self.due = now + self._every
            self._syncing = loop.create_task(self._sync(), context=contextvars.Context())
        return self._syncing

    def behind(self) -> bool:
        """Tell whether the known stamps are too old to answer from memory by them."""
        return not 0 <= self._clock.now() - self._synced_at <= 2 * self._every

    async def _sync(self) -> None:
        asked = self._clock.now()
        tags = [*self.tag_versions.shared_tags(), *(key_tag(key) for key in self._memory)]
        try:
            await self.learn(tags, await self._shared.read([stamp_key(tag) for tag in tags]))
            self._synced_at = asked
        except StoreError:
            return  # memory goes on by what it knows: the shared tier may not break an answer
        finally:
            self._syncing = None

    def _claim(self, tag: str) -> asyncio.Task[None]:
        """Write a stamp for a tag without one, once for all who miss it."""
        claim = self._claims.get(tag)
        if claim is None:
            loop = asyncio.get_running_loop()
            claim = self._claims[tag] = loop.create_task(
                self._write_first(tag), context=contextvars.Context()
            )
            claim.add_done_callback(lambda _: self._claims.pop(tag, None))
        return claim

    async def _write_first(self, tag: str) -> None:
        """Claim a tag: an absent stamp equals nothing, also not the old one, unless that is on its way."""
        known = self.tag_versions.stamp(tag)
        mine = known if known is not None and tag in self._unsent else new_stamp(self._clock.now(), known)
        standing = await self._shared.claim(stamp_key(tag), mine, None)
        self.tag_versions.adopt(tag, standing or mine, self._clock.now())


class Flushes:
    """The flushes of one container that have not arrived yet: one write for all of them."""

    expires = math.inf

    def __init__(self, tag_sync: TagSync) -> None:
        self._coherence = tag_sync

    async def attempt(self, shared: L2Guard, now: float, *, again: bool) -> None:
        """Send the stamps as they are now."""
        del shared, now, again
        await self._coherence.send_late()
