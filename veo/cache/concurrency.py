"""The concurrency limit of one `many` call: a few computes at a time, the others queue for a slot.

A caller outside that `many` may join a queued flight, even a compute that holds a slot. The flight then gets
its slot at once, beyond the limit, and the limit is restored by delaying the next flight in the queue.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

Slot = asyncio.Future[None]  # done once the slot is granted


class ConcurrencyLimit:
    """A queue that grants slots, `most` at a time."""

    def __init__(self, most: int) -> None:
        self._free = most
        self._queue: deque[Slot] = deque()

    @asynccontextmanager
    async def hold(self, slot: Slot) -> AsyncIterator[None]:
        """Wait for a slot, and release it at the end of the block."""
        self.request(slot)
        try:
            await slot
            yield
        finally:
            self.release(slot)

    def request(self, slot: Slot) -> None:
        """Grant a slot now if one is free, else queue for it."""
        if slot.done() or self._free > 0:
            self._grant(slot)
        else:
            self._queue.append(slot)

    def grant_now(self, slot: Slot) -> None:
        """Grant a slot beyond the limit, whether or not it has been requested yet."""
        if slot in self._queue:
            self._queue.remove(slot)
            self._grant(slot)
        elif not slot.done():
            slot.set_result(None)

    def release(self, slot: Slot) -> None:
        """Free a slot, and grant it to the next in the queue."""
        if slot.cancelled():
            return  # it was never granted
        self._free += 1
        while self._free > 0 and self._queue:
            following = self._queue.popleft()
            if not following.done():
                self._grant(following)

    def _grant(self, slot: Slot) -> None:
        self._free -= 1
        if not slot.done():
            slot.set_result(None)
