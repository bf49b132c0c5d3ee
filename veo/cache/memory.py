"""The memory tier, bounded by entries and by weight; it evicts entries that were not used recently.

It uses the clock algorithm, an approximation of LRU in which a hit only increments the entry's own counter.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator

from veo.cache.entry import Entry

WEIGHT_PER_BYTE = 8  # a value held as models takes about eight times the size of its JSON


class Memory:
    """Entries by key, at most `max_entries` of them and `bytes_at_most` bytes of estimated weight."""

    def __init__(
        self,
        max_entries: int = 1_000,
        bytes_at_most: int = 32 * 2**20,
        on_removed: Callable[[str, Entry], None] = lambda _key, _entry: None,
    ) -> None:
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._max_entries, self._bytes_at_most, self._on_removed = max_entries, bytes_at_most, on_removed
        self.weight = 0
        self.get = self._entries.get  # the hot path calls it directly

    def put(self, key: str, entry: Entry, payload_bytes: int) -> bool:
        """Store an entry; return False if it alone is larger than the tier."""
        self.drop(key)
        entry.weight = WEIGHT_PER_BYTE * payload_bytes
        if entry.weight > self._bytes_at_most or self._max_entries < 1:
            return False
        self._entries[key] = entry
        self.weight += entry.weight
        while len(self._entries) > self._max_entries or self.weight > self._bytes_at_most:
            self._check_oldest(key)
        return True

    def mark_used(self, entry: Entry) -> None:
        """Spare an entry at its next check, as a hit would."""
        entry.hits_at_check = -1

    def _check_oldest(self, newest: str) -> None:
        """Evict the oldest entry, or move it to the end if it was hit since its last check."""
        key, entry = next(iter(self._entries.items()))
        if entry.hits == entry.hits_at_check and key != newest:
            self.drop(key)
        else:
            entry.hits_at_check = entry.hits
            self._entries.move_to_end(key)

    def drop(self, key: str) -> bool:
        """Remove a key; return whether it existed."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return False
        self.weight -= entry.weight
        self._on_removed(key, entry)
        return True

    def clear(self) -> None:
        """Remove everything."""
        for key in list(self._entries):
            self.drop(key)

    def items(self) -> list[tuple[str, Entry]]:
        """Return a snapshot of the keys and their entries."""
        return list(self._entries.items())

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)
