"""Circuit breaker: after a few faults in a row, ask nothing for a while, then let one probe through."""

from typing import Literal


class Breaker:
    """Counts faults of one upstream; times are seconds of the caller's clock.

    `faults` consecutive faults open it for `rest` seconds; a refusal (credentials, plan limit) opens it
    at once for `long_rest`, because asking again soon cannot help.
    """

    def __init__(self, faults: int = 3, rest: float = 10.0, long_rest: float = 300.0) -> None:
        self._limit, self._rest, self._long_rest = faults, rest, long_rest
        self._faults = 0
        self._open_until: float | None = None
        self._probing = False

    def state(self, now: float) -> Literal["closed", "open", "half-open"]:
        """Tell the state at `now`."""
        if self._open_until is None:
            return "closed"
        return "open" if now < self._open_until else "half-open"

    def allows(self, now: float) -> bool:
        """Tell whether a call may go out; a half-open breaker lets exactly one through."""
        if self._open_until is None:
            return True
        if now < self._open_until or self._probing:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        """Record a call that worked: closed again."""
        self._faults, self._open_until, self._probing = 0, None, False

    def failed(self, now: float, *, refused: bool = False) -> None:
        """Record a fault (an error or a timeout)."""
        self._faults += 1
        if refused:
            self._open_until = now + self._long_rest
        elif self._probing or self._faults >= self._limit:
            self._open_until = now + self._rest
        self._probing = False

    def abandoned(self) -> None:
        """Record that a call ended without a verdict (its caller was cancelled): free the probe."""
        self._probing = False
