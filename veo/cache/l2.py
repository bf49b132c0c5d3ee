"""The shared side of one cache: the tier itself, the writes that wait for it, the stamps kept in step."""

from typing import NamedTuple

from veo.cache.clock import Clock
from veo.cache.l2_guard import L2Guard
from veo.cache.memory import Memory
from veo.cache.tag_sync import TagSync
from veo.cache.writebehind import WriteBehind


class L2(NamedTuple):
    """What a cache has besides memory."""

    shared: L2Guard
    writes: WriteBehind
    tag_sync: TagSync

    def start(self) -> None:
        """Begin on a new event loop: old connections and timers are gone."""
        self.shared.reconnect()
        self.writes.restart()
        self.tag_sync.start()


def make_l2(shared: L2Guard, memory: Memory, clock: Clock, sync_every: float) -> L2:
    """Wire the shared side."""
    writes = WriteBehind(shared, clock)
    return L2(shared, writes, TagSync(memory, shared, writes, clock, sync_every))
