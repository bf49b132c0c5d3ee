"""An event loop on which waiting costs nothing: time jumps to the next timer, a deadlock is an error.

A month of a fleet passes in seconds, and no test has to sleep. It is for code without real sockets:

    asyncio.Runner(loop_factory=VirtualTimeLoop)
"""

import asyncio
import math
import selectors

EPOCH = 1_767_225_600.0  # 2026-01-01T00:00:00Z


class JumpingSelector(selectors.SelectSelector):
    """A selector that moves its own time instead of waiting."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Give what is ready, else jump; RuntimeError when nothing can ever become ready."""
        if timeout is None:  # only then are the sockets looked at: to do so costs more than to jump
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
        # asyncio takes timers within this as due; a nanosecond is less than one ulp of half a year, and
        # a timer that is set for now would never be
        self._clock_resolution = 1e-6

    def time(self) -> float:
        """Give virtual seconds since the loop was made."""
        return self._jumping.now

    def leap(self, seconds: float) -> None:
        """Set the clock forward, or with a minus back, as waking on another machine does."""
        self._jumping.now += seconds


class LoopClock:
    """The wall clock of one container on the running loop's time; `skew` in seconds sets it wrong."""

    def __init__(self, skew: float = 0.0) -> None:
        self.skew = skew

    def now(self) -> float:
        """Give seconds since the Unix epoch."""
        return EPOCH + asyncio.get_running_loop().time() + self.skew
