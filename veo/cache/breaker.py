"""Circuit breaker: after a few faults in a row ask nothing for a while, then send one probe."""

import math
from typing import Literal


class Breaker:
    """Counts faults of one upstream; times are seconds of the caller's clock.

    `faults` consecutive faults open it for `rest` seconds; a refusal (credentials, plan limit) opens it
    at once for `long_rest`, because asking again soon cannot help. Only a probe's success closes it.
    """

    def __init__(self, faults: int = 3, rest: float = 10.0, long_rest: float = 300.0) -> None:
        self._limit, self._rest, self._long_rest = faults, rest, long_rest
        self._faults = 0
        self._opened_at = self._open_until = -math.inf
        self._closed = True

    def state(self, now: float) -> Literal["closed", "open", "half-open"]:
        """Tell the state at `now`; half-open means that a probe is due."""
        if self._closed:
            return "closed"
        # a rest that begins in the future comes from a clock that was set back since: it is over
        return "open" if self._opened_at <= now < self._open_until else "half-open"

    def succeeded(self, began: float = math.inf) -> None:
        """Record a call that worked; one that `began` before the breaker opened does not close it."""
        if self._closed or began > self._opened_at:
            self._faults, self._closed = 0, True

    def failed(self, now: float, *, refused: bool = False) -> None:
        """Record a fault (an error or a timeout); a late one never shortens a rest."""
        self._faults += 1
        if refused or self._faults >= self._limit:
            until = now + (self._long_rest if refused else self._rest)
            self._open_until = until if self._closed else max(until, self._open_until)
            self._opened_at, self._closed = now, False
