"""The memory tier, bounded by entries and by weight: what was not used since its last turn goes first.

This is the clock algorithm, which approximates "least recently used" and leaves the hit without any
bookkeeping but the entry's own count.
"""

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
        self.get = self._entries.get  # the hot path calls it directly

    def put(self, key: str, entry: Entry, payload_bytes: int) -> bool:
        """Keep an entry; tell whether it fits at all."""
        self.drop(key)
        entry.weight = WEIGHT_PER_BYTE * payload_bytes
        if entry.weight > self._bytes_at_most or self._most < 1:
            return False
        self._entries[key] = entry
        self.weight += entry.weight
        while len(self._entries) > self._most or self.weight > self._bytes_at_most:
            self._turn(key)
        return True

    def used(self, entry: Entry) -> None:
        """Let an entry stay for another round, though it was not hit."""
        entry.hits_at_turn = -1

    def _turn(self, newest: str) -> None:
        """Drop the entry whose turn it is, or let it stay for another round if it was used since its last."""
        key, entry = next(iter(self._entries.items()))
        if entry.hits == entry.hits_at_turn and key != newest:
            self.drop(key)
        else:
            entry.hits_at_turn = entry.hits
            self._entries.move_to_end(key)

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

    def items(self) -> list[tuple[str, Entry]]:
        """Give what is kept now, by key."""
        return list(self._entries.items())

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._entries))

    def __len__(self) -> int:
        return len(self._entries)
