"""Generations: a unique, growing stamp per tag; an entry is valid while its stamps equal the known ones.

A flush gives a tag a greater stamp, so everything written under the old one is unreachable at once, and
storage is reclaimed by expiry. Only a greater stamp is adopted: a lagging replica would undo a flush. A
smaller one (or none) that the shared tier keeps giving for a minute is the truth after all: it was
evicted, expired or restored from a copy. The stamp of a single key (`key:…`) may be absent, which means
that it was never invalidated; any other absent stamp equals nothing.
"""

import re
import secrets
from collections import OrderedDict
from collections.abc import Iterable

from veo.cache.entry import Entry, Stamps

REMEMBERED = 10_000  # stamps; the least recently used keys are forgotten first
PATIENCE = 60.0  # seconds for which a smaller stamp counts as a replica's lag
_FORM = re.compile(r"[0-9a-f]{24}")


def new_stamp(now: float, after: str | None = None) -> str:
    """Give a unique stamp that is greater than `after`: milliseconds, then randomness."""
    least = 0 if after is None else int(after[:12], 16) + 1
    return f"{max(round(now * 1000), least):012x}{secrets.token_hex(6)}"


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
        self._doubted: dict[str, tuple[str | None, float]] = {}  # what the tier says instead, and since when
        self.epoch = 0

    def stamp(self, tag: str) -> str | None:
        """Give the known stamp of a tag."""
        return self._known.get(tag)

    def stamps(self, tags: Iterable[str]) -> dict[str, str | None]:
        """Give the known stamps of several tags."""
        return {tag: self._known.get(tag) for tag in tags}

    def current(self, stamps: Stamps, tags: Iterable[str]) -> bool:
        """Tell whether stamps seen earlier are the known ones still, for each of the tags."""
        return all(stamps.get(tag) == self._known.get(tag) for tag in tags)

    def valid(self, entry: Entry) -> bool:
        """Tell whether nothing that an entry was written under has been flushed since."""
        return self.current(entry.stamps, entry.stamps)

    def adopt(self, tag: str, stamp: str | None, now: float) -> None:
        """Take over what the shared tier says of a tag, if it is newer, or has been said for long enough."""
        known = self._known.get(tag)
        if stamp is not None and not _FORM.fullmatch(stamp):
            return
        if stamp == known:
            self._doubted.pop(tag, None)
        elif known is None or (stamp is not None and stamp > known) or self._insisted(tag, stamp, now):
            self._replace(tag, stamp)

    def renew(self, tags: Iterable[str], now: float) -> None:
        """Give each tag a new stamp: everything under the old one is invalid here from now on."""
        for tag in tags:
            self._replace(tag, new_stamp(now, self._known.get(tag)))

    def shared_tags(self) -> list[str]:
        """Give the known tags that are not single keys."""
        return [tag for tag in self._known if not is_key_tag(tag)]

    def _insisted(self, tag: str, stamp: str | None, now: float) -> bool:
        said, since = self._doubted.get(tag, (None, now))
        if tag not in self._doubted or said != stamp:
            self._doubted[tag] = (stamp, now)
            return False
        return now - since >= PATIENCE

    def _replace(self, tag: str, stamp: str | None) -> None:
        self._doubted.pop(tag, None)
        self._known.pop(tag, None)
        self.epoch += 1
        if stamp is None:
            return
        self._known[tag] = stamp
        if len(self._known) > self._most:
            oldest = next(filter(is_key_tag, self._known), next(iter(self._known)))
            del self._known[oldest]
            self._doubted.pop(oldest, None)
