"""Invalidation sync: the known tag versions follow those of the fleet, without publish and subscribe.

Every read of the shared tier includes the versions of its tags; all known ones are read again in the
background, in one command per `sync_every` seconds of use. After a pause (idle time, a snapshot restore)
memory answers only once the versions have been read.
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
from veo.cache.tag_versions import TagVersions, is_key_tag, key_tag, new_version
from veo.cache.writebehind import WriteBehind


def version_key(tag: str) -> str:
    """Return the key of a tag's version in the shared tier."""
    return f"g:{tag}"


class TagSync:
    """The synchronisation of one container's tag versions with those of the shared tier."""

    def __init__(
        self, memory: Memory, shared: L2Guard, writes: WriteBehind, clock: Clock, every: float
    ) -> None:
        self.tag_versions = TagVersions()
        self._memory, self._shared, self._writes = memory, shared, writes
        self._clock, self._every = clock, every
        self._unsent: dict[str, float | None] = {}  # tags flushed here, with the life of their versions
        self._claims: dict[str, asyncio.Task[None]] = {}
        self._synced_at = self.due = math.inf  # nothing to synchronise before the first use
        self._syncing: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Start on a new event loop."""
        self._syncing = None
        self._claims.clear()
        self._synced_at = min(self._synced_at, self._clock.now())
        self.due = min(self.due, self._synced_at + self._every)

    def require_sync(self) -> None:
        """Stop memory from answering until the versions have been read, as the container was suspended."""
        self._synced_at = self.due = -math.inf
        self.tag_versions.epoch += 1

    async def learn(self, tags: Iterable[str], values: Iterable[str | None]) -> None:
        """Adopt versions that were read and write absent ones; raise StoreError if the write fails."""
        absent, now = [], self._clock.now()
        for tag, version in self.tag_versions.differences(tags, values):
            if version is None and not is_key_tag(tag):
                absent.append(tag)
            elif self.tag_versions.adopt(tag, version, now):
                self._send_again(tag)
        if absent:
            await asyncio.gather(*(asyncio.shield(self._claim(tag)) for tag in absent))

    async def read(self, tags: Sequence[str]) -> bool:
        """Read some versions now; return False when the shared tier fails."""
        try:
            await self.learn(tags, await self._shared.read([version_key(tag) for tag in tags]))
        except StoreError:
            return False
        return True

    async def flush(self, tags: list[str], life: float | None = None) -> bool:
        """Flush tags here and in the fleet; return False while the shared tier has not confirmed it."""
        unknown = [tag for tag in tags if not is_key_tag(tag) and self.tag_versions.version(tag) is None]
        # the new version has to be greater than the existing one; `send_unsent` compares them again
        all_known = not unknown or await self._read_existing(unknown)
        self.tag_versions.renew(tags, self._clock.now(), life or 0.0)
        self._unsent.update(dict.fromkeys(tags, life))
        if all_known:
            with suppress(StoreError):
                await self._send(tags)
                return True
        self._writes.put("flushes", UnsentFlushes(self))
        return False

    async def _read_existing(self, tags: Sequence[str]) -> bool:
        """Read the versions that a flush is about to replace; return False when the shared tier fails."""
        try:
            values = await self._shared.read([version_key(tag) for tag in tags], urgent=True)
        except StoreError:
            return False
        for tag, version in zip(tags, values, strict=True):
            self.tag_versions.adopt(tag, version, self._clock.now())
        return True

    def _send_again(self, tag: str) -> None:
        """Repeat a flush that the shared tier has lost."""
        self._unsent[tag] = self.tag_versions.remaining_life(tag, self._clock.now())
        self._writes.put("flushes", UnsentFlushes(self))

    async def send_unsent(self) -> None:
        """Send the flushes that the shared tier has not confirmed; raise StoreError when it fails again."""
        tags = list(self._unsent)
        values = await self._shared.read([version_key(tag) for tag in tags], urgent=True)
        overtaken = [
            tag
            for tag, version in zip(tags, values, strict=True)
            if version is not None and version > (self.tag_versions.version(tag) or "")
        ]
        for tag, version in zip(tags, values, strict=True):
            self.tag_versions.adopt(tag, version or self.tag_versions.version(tag), self._clock.now())
        for tag in overtaken:
            self.tag_versions.renew([tag], self._clock.now(), self._unsent[tag] or 0.0)
        await self._send(tags)

    async def _send(self, tags: Iterable[str]) -> None:
        """Write the known versions of tags: those of single keys with a life, all others in one command."""
        versions = {tag: version for tag in tags if (version := self.tag_versions.version(tag)) is not None}
        permanent = {
            version_key(tag): version for tag, version in versions.items() if self._unsent.get(tag) is None
        }
        if permanent:
            await self._shared.mset(permanent)
        for tag, version in versions.items():
            if (life := self._unsent.get(tag)) is not None:
                await self._shared.set(version_key(tag), version, round(life * 1000), urgent=True)
        for tag in tags:
            self._unsent.pop(tag, None)

    def start_due_sync(self) -> asyncio.Task[None] | None:
        """Start reading the known versions in the background if that is due; return the running task."""
        now = self._clock.now()
        if self._syncing is None and not 0 < self.due - now <= self._every:  # or the clock was set back
            loop = asyncio.get_running_loop()
            self.due = now + self._every
            self._syncing = loop.create_task(self._sync(), context=contextvars.Context())
        return self._syncing

    def is_outdated(self) -> bool:
        """Check whether the known versions are too old for an answer from memory."""
        return not 0 <= self._clock.now() - self._synced_at <= 2 * self._every

    async def _sync(self) -> None:
        began = self._clock.now()
        tags = [*self.tag_versions.shared_tags(), *(key_tag(key) for key in self._memory)]
        try:
            await self.learn(tags, await self._shared.read([version_key(tag) for tag in tags]))
            self._synced_at = began
        except StoreError:
            return  # memory goes on with the known versions; a fault of the tier must not fail an answer
        finally:
            self._syncing = None

    def _claim(self, tag: str) -> asyncio.Task[None]:
        """Return the one task that writes a version for a tag without one."""
        claim = self._claims.get(tag)
        if claim is None:
            loop = asyncio.get_running_loop()
            claim = self._claims[tag] = loop.create_task(
                self._write_first(tag), context=contextvars.Context()
            )
            claim.add_done_callback(lambda _: self._claims.pop(tag, None))
        return claim

    async def _write_first(self, tag: str) -> None:
        """Write a new version for a tag without one, or the known one if it belongs to an unsent flush."""
        known_version = self.tag_versions.version(tag)
        version = (
            known_version
            if known_version is not None and tag in self._unsent
            else new_version(self._clock.now(), known_version)
        )
        existing = await self._shared.claim(version_key(tag), version, None)
        self.tag_versions.adopt(tag, existing or version, self._clock.now())


class UnsentFlushes:
    """One write for all flushes of this container that the shared tier has not confirmed."""

    expires = math.inf

    def __init__(self, tag_sync: TagSync) -> None:
        self._tag_sync = tag_sync

    async def attempt(self, shared: L2Guard, now: float, *, retry: bool) -> None:
        """Send the tag versions that are current by now."""
        del shared, now, retry
        await self._tag_sync.send_unsent()
