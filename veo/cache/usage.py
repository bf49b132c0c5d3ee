"""The usage sums of one family: what its answers cost and what the cache saved.

Sums are kept by name:

cached:N, uncached:N   answers whose time falls into the Nth bucket (see `bucket`)
cached_s, uncached_s   the total seconds of these answers
needed:SOURCE          calls that the answers would have needed without a cache; needed_s their seconds
made:SOURCE            calls actually made; spent_s the seconds of all computes
age:N                  cached answers by the tenth of their lifetime that had passed; 10 is beyond it
spared                 cached answers to outside callers, each of which would have been a compute
changed, unchanged     refreshed values that differ from, or equal, the value they replaced
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextvars import ContextVar

from veo.cache.entry import Entry

Meter = ContextVar[dict[str, int]]
"""The calls made so far by source: the cache sets an empty dict for each compute, its sources count in it."""

MAX_KEYS = 2_000  # counted individually; beyond that the less popular half is dropped
_FINEST, _STEP = 1e-6, math.log(1.25)  # the end of the first bucket in seconds; log of the growth factor


def bucket(seconds: float) -> int:
    """Return the bucket of a time: the first ends at a microsecond, each further one ends 25 % later."""
    return 0 if seconds <= _FINEST else math.ceil(math.log(seconds / _FINEST) / _STEP)


def bucket_end(number: int) -> float:
    """Return the longest time, in seconds, that belongs to a bucket."""
    return _FINEST * math.exp(number * _STEP)


class Usage:
    """The sums of one family since start, and the answers by key."""

    def __init__(self) -> None:
        self.sums: defaultdict[str, float] = defaultdict(float)
        self.keys: Counter[str] = Counter()
        self._sampled = 0  # memory hits that were timed, and their seconds
        self._sampled_seconds = 0.0

    def count_answer(
        self, key: str, entry: Entry, origin: str, age: float, seconds: float, *, outer: bool
    ) -> None:
        """Count an answer; `outer` is one that was not requested while computing another answer."""
        cached = origin != "source"
        if origin == "memory":
            self._sampled += 1
            self._sampled_seconds += seconds
        self._add(key, entry, 1, seconds, cached=cached)
        if cached:
            self.sums["spared"] += outer
            self.sums[f"age:{_tenth(entry, age)}"] += 1

    def count_hits(self, key: str, entry: Entry, count: int, age: float) -> None:
        """Count memory hits that were not timed, each with the mean time of the timed ones."""
        seconds = self._sampled_seconds / self._sampled if self._sampled else 0.0
        self._add(key, entry, count, seconds, cached=True)
        self.sums["spared"] += count
        self.sums[f"age:{_tenth(entry, age)}"] += count

    def count_refresh(self, *, changed: bool) -> None:
        """Count a refresh by whether its value differs from the one it replaced."""
        self.sums["changed" if changed else "unchanged"] += 1

    def start_compute(self, meter: Meter | None) -> Mapping[str, int]:
        """Set the meter for a new compute; return the dict in which its calls are counted by source."""
        calls: dict[str, int] = {}
        if meter is not None:
            meter.set(calls)
        return calls

    def finish_compute(self, calls: Mapping[str, int], seconds: float) -> None:
        """Count the calls and the seconds of a finished compute."""
        self.sums["spent_s"] += seconds
        for source, count in calls.items():
            self.sums[f"made:{source}"] += count

    def _add(self, key: str, entry: Entry, count: int, seconds: float, *, cached: bool) -> None:
        sums, kind = self.sums, "cached" if cached else "uncached"
        sums[f"{kind}:{bucket(seconds)}"] += count
        sums[f"{kind}_s"] += seconds * count
        sums["needed_s"] += entry.cost * count
        for source, calls in entry.calls.items():
            sums[f"needed:{source}"] += calls * count
        self.keys[key] += count
        if len(self.keys) > MAX_KEYS:
            self.keys = Counter(dict(self.keys.most_common(MAX_KEYS // 2)))


def _tenth(entry: Entry, age: float) -> int:
    lifetime = entry.fresh - entry.computed
    return min(10, int(10 * age / lifetime)) if lifetime > 0 else 10
