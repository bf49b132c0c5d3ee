"""The parts of a cache beyond memory: the guarded shared tier, write-behind and invalidation sync."""

from typing import NamedTuple

from veo.cache.clock import Clock
from veo.cache.l2_guard import L2Guard
from veo.cache.memory import Memory
from veo.cache.tag_sync import TagSync
from veo.cache.writebehind import WriteBehind


class L2(NamedTuple):
    """The shared tier of one cache."""

    shared: L2Guard
    writes: WriteBehind
    tag_sync: TagSync

    def start(self) -> None:
        """Start on a new event loop: connections and timers of the old one are gone."""
        self.shared.reconnect()
        self.writes.restart()
        self.tag_sync.start()


def make_l2(shared: L2Guard, memory: Memory, clock: Clock, sync_every: float) -> L2:
    """Wire up the shared tier."""
    writes = WriteBehind(shared, clock)
    return L2(shared, writes, TagSync(memory, shared, writes, clock, sync_every))
