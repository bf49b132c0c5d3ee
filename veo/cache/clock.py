"""Wall-clock time, injected so that tests own it."""

import time
from typing import Protocol


class Clock(Protocol):
    """Gives the wall-clock time in seconds since the epoch, comparable between containers."""

    def now(self) -> float:
        """Give seconds since the epoch."""
        ...


class SystemClock:
    """The machine's own clock."""

    now = staticmethod(time.time)
