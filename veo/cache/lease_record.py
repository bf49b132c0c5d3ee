"""Fleet flight: for paid sources one container computes, the others wait for its answer.

The record under `<key>!` is a lease, or after a failure the note that keeps the whole fleet away from the
source for a while. It holds only while the shared tier is reachable.
"""

import json
from dataclasses import dataclass

from veo.cache.entry import LATEST, Stamps
from veo.cache.policy import Policy

POLLS = 6
_GROWTH = 2  # each wait is twice the last, so that nobody waits more than twice as long as the compute
SHORTEST_LEASE = 10.0


class UpstreamThrottled(Exception):
    """The source failed a moment ago and is left alone; `retry_after` in seconds."""

    def __init__(self, reason: str, retry_after: float) -> None:
        super().__init__(f"{reason}; asked again in {retry_after:.0f} s at the earliest")
        self.reason, self.retry_after = reason, retry_after


@dataclass(frozen=True, slots=True)
class Lease:
    """Somebody computes: who, until when about (Unix seconds), and under which stamps."""

    owner: str
    eta: float
    stamps: Stamps


@dataclass(frozen=True, slots=True)
class FailureNote:
    """The source failed: why, and until when (Unix seconds) it is left alone."""

    reason: str
    until: float


def lease_text(lease: Lease) -> str:
    """Give a lease as JSON."""
    stamps = {tag: stamp for tag, stamp in lease.stamps.items() if stamp is not None}
    return json.dumps({"o": lease.owner, "eta": round(lease.eta * 1000), "g": stamps}, separators=(",", ":"))


def failure_text(failure: FailureNote) -> str:
    """Give a failure as JSON."""
    return json.dumps({"x": failure.reason, "until": round(failure.until * 1000)}, separators=(",", ":"))


def parse(text: str | None) -> Lease | FailureNote | None:
    """Read a record; anything undecodable counts as none."""
    try:
        record = json.loads(text or "null")
        if "x" in record:
            return FailureNote(str(record["x"]), _seconds(record["until"]))
        return Lease(str(record["o"]), _seconds(record["eta"]), dict(record["g"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _seconds(milliseconds: object) -> float:
    if type(milliseconds) is not int or not 0 <= milliseconds < LATEST:
        raise ValueError("not a time")
    return milliseconds / 1000


def lease_seconds(policy: Policy, cost: float | None) -> float:
    """Give the length of a lease: three computes, but at least 10 s and at most the give-up time."""
    longest = policy.give_up.total_seconds()
    return longest if cost is None else min(longest, max(SHORTEST_LEASE, 3 * cost))


def waits(lease: Lease, now: float, length: float) -> list[float]:
    """Give the pauses between a loser's looks: to the expected end, then growing to the lease's end."""
    first = min(max(lease.eta - now, 0.0), length)
    shares = [_GROWTH**step for step in range(POLLS if first == 0.0 else POLLS - 1)]
    rest = [(length - first) * share / sum(shares) for share in shares]
    return rest if first == 0.0 else [first, *rest]
