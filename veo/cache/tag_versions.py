"""Generations: a unique, growing stamp per tag; an entry is valid while its stamps equal the known ones.

A flush gives a tag a greater stamp, so everything written under the old one is unreachable at once, and
storage is reclaimed by expiry. Only a greater stamp is adopted: a lagging replica would undo a flush. When
the shared tier keeps giving a smaller one for a minute (its write was lost, or it was restored from a copy),
ours is due to be sent again. The stamp of a single key (`key:…`) may be absent, which means that it was
never invalidated, or so long ago that no entry can be older; any other absent stamp equals nothing.
"""

import re
import secrets
from collections import OrderedDict
from collections.abc import Iterable

from veo.cache.entry import Entry, Stamps

REMEMBERED = 10_000  # stamps; the least recently used keys are forgotten first
PATIENCE = 60.0  # seconds for which a smaller stamp counts as a replica's lag
_KEY = "key:"
_FORM = re.compile(r"[0-9a-f]{24}")


def new_stamp(now: float, after: str | None = None) -> str:
    """Give a unique stamp that is greater than `after`: milliseconds, then randomness."""
    least = 0 if after is None else int(after[:12], 16) + 1
    return f"{max(round(now * 1000), least):012x}{secrets.token_hex(6)}"


def key_tag(key: str) -> str:
    """Give the tag that stands for one key."""
    return _KEY + key


def is_key_tag(tag: str) -> bool:
    """Tell whether a tag stands for one key."""
    return tag.startswith(_KEY)


class TagVersions:
    """What this container knows of the stamps; `epoch` moves whenever a known stamp changes."""

    def __init__(self, most: int = REMEMBERED) -> None:
        self._most = most
        self._known: OrderedDict[str, str] = OrderedDict()
        self._doubted: dict[str, float] = {}  # since when the tier has contradicted us
        self._over: dict[str, float] = {}  # when the stamp of a key that was renewed here may be forgotten
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

    def news(self, tags: Iterable[str], values: Iterable[str | None]) -> list[tuple[str, str | None]]:
        """Pick what the tier says that is not known here, or that it lacks; what it confirms is settled.

        Hundreds of tags are re-read together, and there is hardly ever any news.
        """
        known, told = self._known.get, list(zip(tags, values, strict=True))
        for tag, stamp in told if self._doubted else ():
            if stamp == known(tag):
                self._doubted.pop(tag, None)
        return [
            (tag, stamp)
            for tag, stamp in told
            if stamp != known(tag) or (stamp is None and not tag.startswith(_KEY))
        ]

    def adopt(self, tag: str, stamp: str | None, now: float) -> bool:
        """Take over what the tier says of a tag, if it is newer; tell whether ours is to be sent again."""
        known = self._known.get(tag)
        if stamp is not None and not _FORM.fullmatch(stamp):
            return False
        if stamp == known:
            self._doubted.pop(tag, None)
            return False
        if known is None or (stamp is not None and stamp > known):
            self._replace(tag, stamp)
            return False
        if now - self._doubted.setdefault(tag, now) < PATIENCE:
            return False
        if stamp is None and now >= self._over.get(tag, now):
            self._replace(tag, None)  # the stamp of a key has run out
            return False
        return True

    def renew(self, tags: Iterable[str], now: float, life: float = 0.0) -> None:
        """Give each tag a new stamp: everything under the old one is invalid here from now on."""
        for tag in tags:
            self._replace(tag, new_stamp(now, self._known.get(tag)))
            if is_key_tag(tag):
                self._over[tag] = now + life

    def left(self, tag: str, now: float) -> float | None:
        """Give the seconds for which the stamp of a key matters; None for other tags, whose stamps stay."""
        return max(1.0, self._over.get(tag, now) - now) if is_key_tag(tag) else None

    def shared_tags(self) -> list[str]:
        """Give the known tags that are not single keys."""
        return [tag for tag in self._known if not tag.startswith(_KEY)]

    def _replace(self, tag: str, stamp: str | None) -> None:
        self._drop(tag)
        self.epoch += 1
        if stamp is None:
            return
        self._known[tag] = stamp
        if len(self._known) > self._most:
            oldest = next(filter(is_key_tag, self._known), next(iter(self._known)))
            self._drop(oldest)

    def _drop(self, tag: str) -> None:
        for kept in (self._known, self._doubted, self._over):
            kept.pop(tag, None)
