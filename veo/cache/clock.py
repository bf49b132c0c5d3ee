"""Wall-clock time, injected so that tests control it."""

import time
from typing import Protocol


class Clock(Protocol):
    """A source of wall-clock time that is comparable between containers."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        ...


class SystemClock:
    """The machine's own clock."""

    now = staticmethod(time.time)
