"""The memory tier: least recently used goes first, bounded by entries and by weight."""

from collections import OrderedDict
from collections.abc import Callable, Iterator

from veo.cache.entry import Entry

WEIGHT_PER_BYTE = 8  # a value as models takes about eight times its JSON


class Memory:
    """Entries by key. `most` entries and `bytes_at_most` bytes of estimated weight are kept."""

    def __init__(
        self,
        most: int = 1_000,
        bytes_at_most: int = 32 * 2**20,
        on_leave: Callable[[str, Entry], None] = lambda _key, _entry: None,
    ) -> None:
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._most, self._bytes_at_most, self._on_leave = most, bytes_at_most, on_leave
        self.weight = 0
        self.get = self._entries.get  # the hot path calls these two directly
        self.touch = self._entries.move_to_end

    def put(self, key: str, entry: Entry, payload_bytes: int) -> bool:
        """Keep an entry; tell whether it fits at all."""
        self.drop(key)
        entry.weight = WEIGHT_PER_BYTE * payload_bytes
        if entry.weight > self._bytes_at_most:
            return False
        self._entries[key] = entry
        self.weight += entry.weight
        while len(self._entries) > self._most or self.weight > self._bytes_at_most:
            self.drop(next(iter(self._entries)))
        return True

    def drop(self, key: str) -> bool:
        """Remove a key; tell whether it was there."""
        entry = self._entries.pop(key, None)
        if entry is None:
            return False
        self.weight -= entry.weight
        self._on_leave(key, entry)
        return True

    def clear(self) -> None:
        """Remove everything."""
        for key in list(self._entries):
            self.drop(key)

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)
