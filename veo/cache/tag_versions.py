"""Tag versions: an entry is valid while the versions of its tags are still the current ones.

A version is unique and greater than the last one of its tag. A flush gives a tag a new version, so everything
written under the old one is unreachable at once; expiry frees the storage. Only a greater version is adopted,
because a lagging replica would otherwise undo a flush. If the shared tier returns a smaller one for a minute
(its write was lost, or it was restored from a copy), this container sends its own again. The version of a
single key (`key:…`) may be absent: the key was never invalidated, or so long ago that no entry can be older.
For any other tag an absent version matches nothing.
"""

import re
import secrets
from collections import OrderedDict
from collections.abc import Iterable

from veo.cache.entry import Entry, TagVersionMap

MAX_TAGS = 10_000  # the oldest versions of single keys are dropped first
MAX_LAG = 60.0  # seconds for which a smaller version is attributed to a replica's lag
_KEY = "key:"
_FORM = re.compile(r"[0-9a-f]{24}")


def new_version(now: float, after: str | None = None) -> str:
    """Return a unique version that is greater than `after`: milliseconds, then randomness."""
    least = 0 if after is None else int(after[:12], 16) + 1
    return f"{max(round(now * 1000), least):012x}{secrets.token_hex(6)}"


def key_tag(key: str) -> str:
    """Return the tag of a single key."""
    return _KEY + key


def is_key_tag(tag: str) -> bool:
    """Check whether a tag is that of a single key."""
    return tag.startswith(_KEY)


class TagVersions:
    """The tag versions that this container knows; `epoch` increases whenever one of them changes."""

    def __init__(self, max_tags: int = MAX_TAGS) -> None:
        self._max_tags = max_tags
        self._versions: OrderedDict[str, str] = OrderedDict()
        self._contradicted_since: dict[str, float] = {}  # when the tier first returned a smaller version
        self._droppable_from: dict[str, float] = {}  # when the version of a key flushed here has no effect
        self.epoch = 0

    def version(self, tag: str) -> str | None:
        """Return the known version of a tag."""
        return self._versions.get(tag)

    def versions(self, tags: Iterable[str]) -> dict[str, str | None]:
        """Return the known versions of several tags."""
        return {tag: self._versions.get(tag) for tag in tags}

    def current(self, versions: TagVersionMap, tags: Iterable[str]) -> bool:
        """Check whether versions read earlier are still the known ones, for each of the tags."""
        return all(versions.get(tag) == self._versions.get(tag) for tag in tags)

    def valid(self, entry: Entry) -> bool:
        """Check that none of the tags of an entry was flushed since it was written."""
        return self.current(entry.versions, entry.versions)

    def differences(self, tags: Iterable[str], values: Iterable[str | None]) -> list[tuple[str, str | None]]:
        """Return the tags whose version in the shared tier is another one or, unless a key's, is absent.

        A version that the tier confirms is no longer contradicted. This filter is fast, because hundreds of
        tags are read at once and hardly ever differ.
        """
        version_of, pairs = self._versions.get, list(zip(tags, values, strict=True))
        for tag, version in pairs if self._contradicted_since else ():
            if version == version_of(tag):
                self._contradicted_since.pop(tag, None)
        return [
            (tag, version)
            for tag, version in pairs
            if version != version_of(tag) or (version is None and not tag.startswith(_KEY))
        ]

    def adopt(self, tag: str, version: str | None, now: float) -> bool:
        """Adopt the version of the shared tier if it is newer; return whether to send the known one again."""
        current = self._versions.get(tag)
        if version is not None and not _FORM.fullmatch(version):
            return False
        if version == current:
            self._contradicted_since.pop(tag, None)
            return False
        if current is None or (version is not None and version > current):
            self._replace(tag, version)
            return False
        if now - self._contradicted_since.setdefault(tag, now) < MAX_LAG:
            return False
        if version is None and now >= self._droppable_from.get(tag, now):
            self._replace(tag, None)  # the version of a key has expired
            return False
        return True

    def renew(self, tags: Iterable[str], now: float, life: float = 0.0) -> None:
        """Assign each tag a new version, which invalidates everything under the old one in this container."""
        for tag in tags:
            self._replace(tag, new_version(now, self._versions.get(tag)))
            if is_key_tag(tag):
                self._droppable_from[tag] = now + life

    def remaining_life(self, tag: str, now: float) -> float | None:
        """Return the seconds for which the version of a key matters; None for other tags, which stay."""
        return max(1.0, self._droppable_from.get(tag, now) - now) if is_key_tag(tag) else None

    def shared_tags(self) -> list[str]:
        """Return the known tags that are not those of single keys."""
        return [tag for tag in self._versions if not tag.startswith(_KEY)]

    def _replace(self, tag: str, version: str | None) -> None:
        self._drop(tag)
        self.epoch += 1
        if version is None:
            return
        self._versions[tag] = version
        if len(self._versions) > self._max_tags:
            oldest = next(filter(is_key_tag, self._versions), next(iter(self._versions)))
            self._drop(oldest)

    def _drop(self, tag: str) -> None:
        for by_tag in (self._versions, self._contradicted_since, self._droppable_from):
            by_tag.pop(tag, None)
