"""Circuit breaker: after a few faults in a row ask nothing for a while, then send one probe."""

from typing import Literal


class Breaker:
    """Counts faults of one upstream; times are seconds of the caller's clock.

    `faults` consecutive faults open it for `rest` seconds; a refusal (credentials, plan limit) opens it
    at once for `long_rest`, because asking again soon cannot help. Only a probe's success closes it.
    """

    def __init__(self, faults: int = 3, rest: float = 10.0, long_rest: float = 300.0) -> None:
        self._limit, self._rest, self._long_rest = faults, rest, long_rest
        self._faults = 0
        self._open_until: float | None = None

    def state(self, now: float) -> Literal["closed", "open", "half-open"]:
        """Tell the state at `now`; half-open means that a probe is due."""
        if self._open_until is None:
            return "closed"
        return "open" if now < self._open_until else "half-open"

    def succeeded(self) -> None:
        """Record a call that worked."""
        self._faults, self._open_until = 0, None

    def failed(self, now: float, *, refused: bool = False) -> None:
        """Record a fault (an error or a timeout); a late one never shortens a rest."""
        self._faults += 1
        if refused or self._faults >= self._limit:
            until = now + (self._long_rest if refused else self._rest)
            self._open_until = max(until, self._open_until or until)
