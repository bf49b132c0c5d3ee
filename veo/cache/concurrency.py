"""The gate of one `many`: a few computes side by side, in turn, and nobody waits for a turn in earnest.

A flight that is queued here may be asked for from outside, even by a compute that holds a turn: it is then
let through at once, and the gate makes up for it by letting others in later.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

Slot = asyncio.Future[None]


class ConcurrencyLimit:
    """Gives out turns, `most` at a time."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._queue: deque[Slot] = deque()

    @asynccontextmanager
    async def held(self, turn: Slot) -> AsyncIterator[None]:
        """Wait for a turn, and hold it within this."""
        self.enter(turn)
        try:
            await turn
            yield
        finally:
            self.leave(turn)

    def enter(self, turn: Slot) -> None:
        """Grant the turn now, or when its time has come."""
        if turn.done() or self._free > 0:
            self._grant(turn)
        else:
            self._queue.append(turn)

    def lift(self, turn: Slot) -> None:
        """Grant a turn out of turn, also before its flight has asked for it."""
        if turn in self._queue:
            self._queue.remove(turn)
            self._grant(turn)
        elif not turn.done():
            turn.set_result(None)

    def leave(self, turn: Slot) -> None:
        """Take a turn back, for the next one in the queue."""
        if turn.cancelled():
            return  # it was never granted
        self._free += 1
        while self._free > 0 and self._queue:
            following = self._queue.popleft()
            if not following.done():
                self._grant(following)

    def _grant(self, turn: Slot) -> None:
        self._free -= 1
        if not turn.done():
            turn.set_result(None)
