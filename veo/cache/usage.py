"""What the answers of one family took and spared: sums by name, added to without a look at the clock.

cached:N, uncached:N   answers in the Nth bucket of time (`bucket`), and cached_s, uncached_s their seconds
needed:SOURCE          calls that the answers given would have taken without a cache; needed_s the seconds
made:SOURCE            calls that were made for them; spent_s the seconds of the computes
age:N                  cached answers by the tenth of their life that was over; 10 is past it
spared                 answers from the cache to callers from outside: each would have been a compute
changed, unchanged     refreshed values that differ from the one they replaced, or do not
"""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping
from contextvars import ContextVar

from veo.cache.entry import Entry

Meter = ContextVar[dict[str, int]]
"""Where whoever asks a source adds up its calls: the cache puts an empty dict there for each compute."""

MOST_KEYS = 2_000  # whose answers are counted; the less popular half makes way
_FINEST, _STEP = 1e-6, math.log(1.25)


def bucket(seconds: float) -> int:
    """Give the bucket of a time: the first ends at a microsecond, each further one is 25 % longer."""
    return 0 if seconds <= _FINEST else math.ceil(math.log(seconds / _FINEST) / _STEP)


def bucket_end(number: int) -> float:
    """Give the longest time, in seconds, that belongs to a bucket."""
    return _FINEST * math.exp(number * _STEP)


class Usage:
    """The sums of one family since start, and the answers by key."""

    def __init__(self) -> None:
        self.sums: defaultdict[str, float] = defaultdict(float)
        self.keys: Counter[str] = Counter()
        self._sampled = 0  # hits in memory whose time was taken, and their seconds
        self._sampled_s = 0.0

    def answered(self, key: str, entry: Entry, origin: str, age: float, took: float, *, outer: bool) -> None:
        """Count an answer that took so many seconds; `outer` is one that no other answer asked for."""
        cached = origin != "source"
        if origin == "memory":
            self._sampled += 1
            self._sampled_s += took
        self._add(key, entry, 1, took, cached=cached)
        if cached:
            self.sums["spared"] += outer
            self.sums[f"age:{_tenth(entry, age)}"] += 1

    def hits(self, key: str, entry: Entry, count: int, age: float) -> None:
        """Count hits in memory that nobody timed: they took at most what those took that were."""
        took = self._sampled_s / self._sampled if self._sampled else 0.0
        self._add(key, entry, count, took, cached=True)
        self.sums["spared"] += count
        self.sums[f"age:{_tenth(entry, age)}"] += count

    def replaced(self, *, changed: bool) -> None:
        """Count a refresh by whether it brought anything new."""
        self.sums["changed" if changed else "unchanged"] += 1

    def asking(self, meter: Meter | None) -> Mapping[str, int]:
        """Give where the calls of the compute that begins are added up, by source."""
        calls: dict[str, int] = {}
        if meter is not None:
            meter.set(calls)
        return calls

    def asked(self, calls: Mapping[str, int], seconds: float) -> None:
        """Count the calls and the seconds of a compute that has ended."""
        self.sums["spent_s"] += seconds
        for source, count in calls.items():
            self.sums[f"made:{source}"] += count

    def _add(self, key: str, entry: Entry, count: int, took: float, *, cached: bool) -> None:
        sums, kind = self.sums, "cached" if cached else "uncached"
        sums[f"{kind}:{bucket(took)}"] += count
        sums[f"{kind}_s"] += took * count
        sums["needed_s"] += entry.cost * count
        for source, calls in entry.calls.items():
            sums[f"needed:{source}"] += calls * count
        self.keys[key] += count
        if len(self.keys) > MOST_KEYS:
            self.keys = Counter(dict(self.keys.most_common(MOST_KEYS // 2)))


def _tenth(entry: Entry, age: float) -> int:
    life = entry.fresh - entry.computed
    return min(10, int(10 * age / life)) if life > 0 else 10
