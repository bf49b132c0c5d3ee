"""Event counters per family and of the shared tier: plain integers, cheap enough for the hot path."""

from dataclasses import dataclass


class _Counts:
    """A set of counts, named by the slots of its class."""

    __slots__: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, int]:
        """Return the counts by name."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class Counters(_Counts):
    """Events of one family since start.

    Every lookup ends as exactly one of memory, shared, source, stale or failed; `negative` counts those
    that ended in a cached "there is none". `commands` counts the commands sent to answer lookups; a read
    shared by several lookups counts for each of them.
    """

    memory: int = 0
    shared: int = 0
    source: int = 0
    stale: int = 0
    failed: int = 0
    negative: int = 0
    coalesced: int = 0
    computes: int = 0
    compute_failures: int = 0
    early_refreshes: int = 0
    throttled: int = 0
    not_stored: int = 0
    commands: int = 0


@dataclass(slots=True)
class L2Counters(_Counts):
    """Calls of this container to the shared tier since start, and their faults."""

    reads: int = 0
    writes: int = 0
    commands: int = 0
    faults: int = 0
    skipped: int = 0
    dropped_writes: int = 0
    retried_writes: int = 0
