"""Generations: a unique stamp per tag; an entry is valid while its stamps equal the known ones.

A flush gives a tag a new stamp, so everything written under the old one is unreachable at once, and
storage is reclaimed by expiry. A stamp that this container has seen superseded is never adopted again: a
lagging replica would undo the flush. The stamp of a single key (`key:…`) may be absent, which means that
it was never invalidated; any other absent stamp equals nothing.
"""

import math
import secrets
from collections import OrderedDict, deque
from collections.abc import Iterable

from veo.cache.entry import Entry, Stamps

REMEMBERED = 10_000  # stamps of tags; the least recently used are forgotten, and so count as unknown
LAG = 5.0  # seconds for which a replica may lag behind a confirmed flush
SUPERSEDED = 8  # per tag


def new_stamp() -> str:
    """Give a unique stamp."""
    return secrets.token_hex(6)


def key_tag(key: str) -> str:
    """Give the tag that stands for one key."""
    return f"key:{key}"


def is_key_tag(tag: str) -> bool:
    """Tell whether a tag stands for one key."""
    return tag.startswith("key:")


class Generations:
    """What this container knows of the stamps; `epoch` moves whenever a known stamp changes."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._known: OrderedDict[str, str] = OrderedDict()
        self._superseded: dict[str, deque[str]] = {}
        self._guarded: dict[str, float] = {}  # tags flushed here, and until when no other stamp is taken
        self.epoch = 0

    def stamps(self, tags: Iterable[str]) -> dict[str, str | None]:
        """Give the known stamps of several tags."""
        return {tag: self._known.get(tag) for tag in tags}

    def current(self, stamps: Stamps, tags: Iterable[str]) -> bool:
        """Tell whether stamps seen earlier are the known ones still, for each of the tags."""
        return all(stamps.get(tag) == self._known.get(tag) for tag in tags)

    def valid(self, entry: Entry) -> bool:
        """Tell whether nothing that an entry was written under has been flushed since."""
        return self.current(entry.stamps, entry.stamps)

    def adopt(self, tag: str, stamp: str, now: float) -> None:
        """Take over a stamp read from the shared tier, unless it may be one that was superseded here."""
        if stamp in self._superseded.get(tag, ()) or self.guards(tag, now):
            return
        if self._known.get(tag) != stamp:
            self._replace(tag, stamp)
        self._known.move_to_end(tag)

    def guards(self, tag: str, now: float) -> bool:
        """Tell whether a flush made here stands against whatever the shared tier says."""
        until = self._guarded.get(tag)
        if until is not None and until <= now:
            del self._guarded[tag]
            return False
        return until is not None

    def confirmed(self, tags: Iterable[str], now: float) -> None:
        """Record that the shared tier has our stamps; a lagging replica may still give older ones."""
        for tag in tags:
            self._guarded[tag] = now + LAG

    def forget(self, tag: str) -> None:
        """Drop the stamp of a tag that the shared tier has lost."""
        old = self._known.pop(tag, None)
        if old is not None:
            self._superseded.setdefault(tag, deque(maxlen=SUPERSEDED)).append(old)
            self.epoch += 1

    def renew(self, tags: Iterable[str]) -> dict[str, str]:
        """Give each tag a new stamp: everything under the old one is invalid here from now on."""
        fresh = {tag: new_stamp() for tag in tags}
        for tag, stamp in fresh.items():
            self._replace(tag, stamp)
            self._guarded[tag] = math.inf
        return fresh

    def shared_tags(self) -> list[str]:
        """Give the known tags that are not single keys."""
        return [tag for tag in self._known if not is_key_tag(tag)]

    def _replace(self, tag: str, stamp: str) -> None:
        self.forget(tag)
        self._known[tag] = stamp
        self.epoch += 1
        while len(self._known) > self._most:
            forgotten, _ = self._known.popitem(last=False)
            self._superseded.pop(forgotten, None)
            self._guarded.pop(forgotten, None)
