"""The record of fleet-wide single flight: a lease, or a note that the source failed.

It is stored under `<key>!`. The lease makes one container compute while the others wait for its answer; the
failure note keeps the whole fleet away from the source for a while. Both need a reachable shared tier.
"""

import json
from dataclasses import dataclass

from veo.cache.entry import MAX_INTEGER, TagVersionMap
from veo.cache.policy import Policy

POLLS = 6
_GROWTH = 2  # each pause is twice the last, so a container waits at most twice as long as the compute takes
SHORTEST_LEASE = 10.0  # seconds


class UpstreamThrottled(Exception):
    """The source failed recently and is not called for now; `retry_after` is in seconds."""

    def __init__(self, reason: str, retry_after: float) -> None:
        super().__init__(f"{reason}; next attempt in {retry_after:.0f} s at the earliest")
        self.reason, self.retry_after = reason, retry_after


@dataclass(frozen=True, slots=True)
class Lease:
    """A claim on a compute: its owner, the estimated end (Unix seconds) and the tag versions at its start."""

    owner: str
    eta: float
    versions: TagVersionMap


@dataclass(frozen=True, slots=True)
class FailureNote:
    """The failure of a source: its reason, and until when (Unix seconds) the source is not called."""

    reason: str
    until: float


def dump_lease(lease: Lease) -> str:
    """Return a lease as JSON."""
    versions = {tag: version for tag, version in lease.versions.items() if version is not None}
    return json.dumps(
        {"o": lease.owner, "eta": round(lease.eta * 1000), "g": versions}, separators=(",", ":")
    )


def dump_failure(failure: FailureNote) -> str:
    """Return a failure note as JSON."""
    return json.dumps({"x": failure.reason, "until": round(failure.until * 1000)}, separators=(",", ":"))


def parse(text: str | None) -> Lease | FailureNote | None:
    """Parse a record; return None for undecodable text."""
    try:
        record = json.loads(text or "null")
        if "x" in record:
            return FailureNote(str(record["x"]), _seconds(record["until"]))
        return Lease(str(record["o"]), _seconds(record["eta"]), dict(record["g"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _seconds(milliseconds: object) -> float:
    if type(milliseconds) is not int or not 0 <= milliseconds < MAX_INTEGER:
        raise ValueError("not a time")
    return milliseconds / 1000


def lease_seconds(policy: Policy, cost: float | None) -> float:
    """Return the length of a lease: three computes, but at least 10 s and at most the give-up time."""
    longest = policy.give_up.total_seconds()
    return longest if cost is None else min(longest, max(SHORTEST_LEASE, 3 * cost))


def poll_pauses(lease: Lease, now: float, length: float) -> list[float]:
    """Return a waiting container's pauses between reads: to the lease's `eta`, then growing to its end."""
    first = min(max(lease.eta - now, 0.0), length)
    shares = [_GROWTH**step for step in range(POLLS if first == 0.0 else POLLS - 1)]
    rest = [(length - first) * share / sum(shares) for share in shares]
    return rest if first == 0.0 else [first, *rest]
