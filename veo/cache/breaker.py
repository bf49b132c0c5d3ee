"""Circuit breaker: after a few consecutive faults, reject calls for a while, then let one probe through."""

import math
from typing import Literal


class Breaker:
    """The breaker of one upstream; times are seconds of the caller's clock.

    `faults` consecutive faults open it for `rest` seconds. A refusal (credentials, plan limit) opens it at
    once for `long_rest` seconds, because retrying soon cannot help. Only a successful probe closes it.
    """

    def __init__(self, faults: int = 3, rest: float = 10.0, long_rest: float = 300.0) -> None:
        self._limit, self._rest, self._long_rest = faults, rest, long_rest
        self._faults = 0
        self._opened_at = self._open_until = -math.inf
        self._closed = True

    def state(self, now: float) -> Literal["closed", "open", "half-open"]:
        """Return the state at `now`; half-open means that a probe is due."""
        if self._closed:
            return "closed"
        # opened in the future: the clock has been set back since, so the rest counts as over
        return "open" if self._opened_at <= now < self._open_until else "half-open"

    def succeeded(self, began: float = math.inf) -> None:
        """Record a success; a call that `began` before the breaker opened does not close it."""
        if self._closed or began > self._opened_at:
            self._faults, self._closed = 0, True

    def failed(self, now: float, *, refused: bool = False) -> None:
        """Record a fault (an error or a timeout); a late one never shortens the rest."""
        self._faults += 1
        if refused or self._faults >= self._limit:
            until = now + (self._long_rest if refused else self._rest)
            self._open_until = until if self._closed else max(until, self._open_until)
            self._opened_at, self._closed = now, False
