"""The shared side of one cache: the tier itself, the writes that wait for it, the stamps kept in step."""

from typing import NamedTuple

from veo.cache.clock import Clock
from veo.cache.coherence import Coherence
from veo.cache.memory import Memory
from veo.cache.shared import Shared
from veo.cache.writebehind import WriteBehind


class Tier(NamedTuple):
    """What a cache has besides memory."""

    shared: Shared
    writes: WriteBehind
    coherence: Coherence

    def start(self) -> None:
        """Begin on a new event loop: old connections and timers are gone."""
        self.shared.reconnect()
        self.writes.restart()
        self.coherence.start()


def make_tier(shared: Shared, memory: Memory, clock: Clock, sync_every: float) -> Tier:
    """Wire the shared side."""
    writes = WriteBehind(shared, clock)
    return Tier(shared, writes, Coherence(memory, shared, writes, clock, sync_every))
