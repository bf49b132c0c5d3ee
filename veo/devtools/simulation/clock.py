"""An event loop on virtual time: it jumps to the next timer instead of waiting, and a deadlock is an error.

A month of a fleet passes in seconds, and tests need no sleeps. It supports only code without real sockets:

    asyncio.Runner(loop_factory=VirtualTimeLoop)
"""

import asyncio
import math
import selectors
from collections.abc import Callable
from contextvars import Context
from typing import TypeVarTuple

Values = TypeVarTuple("Values")

EPOCH = 1_767_225_600.0  # 2026-01-01T00:00:00Z


class JumpingSelector(selectors.SelectSelector):
    """A selector that advances its own time instead of waiting."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return what is ready, or jump ahead; raise RuntimeError when nothing can ever become ready."""
        if timeout is None:  # poll the sockets only here: polling costs more than a jump
            if ready := super().select(0):
                return ready
            raise RuntimeError("deadlock: every task waits and no timer is set")
        if timeout > 0:  # a wait below one ulp must still move, or the loop spins for ever
            self.now = max(self.now + timeout, math.nextafter(self.now, math.inf))
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """Plain asyncio on virtual time that starts at 0 s."""

    def __init__(self) -> None:
        self._jumping = JumpingSelector()
        super().__init__(self._jumping)
        # asyncio treats timers within this resolution as due; its usual nanosecond is less than one ulp of
        # half a year, so a timer set for now would never become due
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Return virtual seconds since the loop was created."""
        return self._jumping.now

    def call_at(
        self,
        when: float,
        callback: Callable[[*Values], object],
        *args: *Values,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Set a timer, at the earliest one ulp from now: set for now again and again, it would stop time."""
        later = math.nextafter(self.time(), math.inf)
        return super().call_at(max(when, later), callback, *args, context=context)

    def leap(self, seconds: float) -> None:
        """Move the clock forward, or back if negative, as restoring on another machine does."""
        self._jumping.now += seconds


class LoopClock:
    """The wall clock of one container, driven by the running loop; `skew` offsets it by some seconds."""

    def __init__(self, skew: float = 0.0) -> None:
        self.skew = skew

    def now(self) -> float:
        """Return seconds since the Unix epoch."""
        return EPOCH + asyncio.get_running_loop().time() + self.skew
