"""The usage ledger: the fleet's usage sums of a day, in one hash with a field per container.

While in use, a container rewrites its whole field once a minute, so the next write makes up for a lost one,
and the fleet's day is read in one command. A record is three levels of sums, which are added up leaf by
leaf: group (`family`, `source`, `key`, `container`) → name → sum → amount. Usage in the minute in which a
day (UTC) ends counts toward the next day; a container that is killed loses its last minute.
"""

import secrets
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import nlargest
from typing import Annotated, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from veo.cache.engine import Engine
from veo.cache.entry import Entry
from veo.cache.l2_guard import L2Guard
from veo.cache.stores.protocol import StoreError
from veo.cache.usage import MAX_KEYS
from veo.cache.wrapped_function import WrappedFunction

RETENTION_MS = 8 * 86_400_000  # the current day and the week before it
MAX_RECORD_KEYS = 50  # most-used keys in a written record

Sums = Mapping[str, float]
Record = Mapping[str, Mapping[str, Sums]]

_Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_RECORD: TypeAdapter[dict[str, dict[str, dict[str, _Number]]]] = TypeAdapter(
    dict[str, dict[str, dict[str, _Number]]]
)


class Day(NamedTuple):
    """The record of one day (UTC, such as 2026-11-24), summed over `containers`."""

    day: str
    containers: int
    record: Record


def sum_records(records: Iterable[Record]) -> Record:
    """Add up records."""
    total: dict[str, dict[str, dict[str, float]]] = {}
    for record in records:
        for group, names in record.items():
            for name, sums in names.items():
                target = total.setdefault(group, {}).setdefault(name, {})
                for label, amount in sums.items():
                    target[label] = target.get(label, 0) + amount
    return total


def _growth(now: Record, before: Record) -> Record:
    """Return the increase of each sum since an earlier state of the record, rounded to 6 decimals."""
    nothing: Sums = {}
    return {
        group: {
            name: {
                label: round(amount - earlier.get(label, 0), 6)
                for label, amount in sums.items()
                if amount > earlier.get(label, 0)
            }
            for name, sums in names.items()
            for earlier in [before.get(group, {}).get(name, nothing)]
        }
        for group, names in now.items()
    }


def _popular(keys: Mapping[str, Sums], most: int) -> defaultdict[str, Counter[str]]:
    """Return the `most` most-used keys of all families, with their counts."""
    counts = [(count, family, key) for family, sums in keys.items() for key, count in sums.items()]
    popular: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for count, family, key in nlargest(most, counts):
        popular[family][key] = int(count)
    return popular


def _with_popular_keys(record: Record) -> Record:
    """Return the record with only its most-used keys."""
    return {**record, "key": _popular(record.get("key", {}), MAX_RECORD_KEYS)}


def _to_json(record: Record) -> str:
    """Encode a record, leaving out names without sums."""
    used = {
        group: {name: dict(sums) for name, sums in names.items() if sums} for group, names in record.items()
    }
    return _RECORD.dump_json(used).decode()


def _from_json(text: str) -> Record | None:
    try:
        return _RECORD.validate_json(text)
    except ValidationError:
        return None  # of another version, or not a record at all


@dataclass(frozen=True, slots=True)
class FieldWrite:
    """The write of a container's record of a day; pointless once the next write is due."""

    day: str
    container: str
    text: str
    expires: float

    async def attempt(self, shared: L2Guard, now: float, *, retry: bool) -> None:
        """Write the field."""
        del now, retry
        await shared.hset(f"ledger:{self.day}", self.container, self.text, RETENTION_MS)


class Ledger:
    """The ledger of one container, written every `every` seconds of use; with None it is never written.

    `sources` may be set to a function that returns the totals of each source since start, such as calls
    and failures; they must never decrease.
    """

    def __init__(
        self,
        engine: Engine,
        functions: Mapping[str, WrappedFunction],
        function_of: Callable[[str], WrappedFunction | None],
        every: float | None,
    ) -> None:
        self._engine, self._functions, self._function_of = engine, functions, function_of
        self._every = every or 0.0
        self.sources: Callable[[], Mapping[str, Sums]] = dict
        self.reset()
        if every is not None and engine.tier is not None:
            engine.on_use = self._on_use

    def reset(self) -> None:
        """Start an empty record under a new container id: at start and after a snapshot restore."""
        self.collect_hits()
        self._container = secrets.token_hex(6)
        self._take_key_counts()
        self._day = ""
        self._base = self._last = self._totals()  # at the start of the day, and at the last reading
        self._key_counts: defaultdict[str, Counter[str]] = defaultdict(Counter)  # today, by family and key
        self._due: float | None = None
        self._sent: Record | None = None

    def count_hits(self, key: str, entry: Entry) -> None:
        """Add an entry's memory hits since the last call to the counters of its family."""
        count = entry.hits - entry.counted_hits
        if count and (wrapped := self._function_of(key)) is not None:
            entry.counted_hits = entry.hits
            wrapped.counters.memory += count
            wrapped.usage.count_hits(key, entry, count, max(0.0, self._engine.clock.now() - entry.computed))

    def collect_hits(self) -> None:
        """Call `count_hits` for every entry in memory."""
        for key, entry in self._engine.memory.items():
            self.count_hits(key, entry)

    def today(self) -> Day:
        """Return this container's day so far."""
        self.collect_hits()
        day = datetime.fromtimestamp(self._engine.clock.now(), UTC).date().isoformat()
        if day != self._day:
            self._day, self._base, self._key_counts = day, self._last, defaultdict(Counter)
        self._last = self._totals()
        for family, counts in self._take_key_counts().items():
            self._key_counts[family].update(counts)
        if sum(map(len, self._key_counts.values())) > MAX_KEYS:
            self._key_counts = _popular(self._key_counts, MAX_KEYS // 2)
        key_counts = {family: dict(counts) for family, counts in self._key_counts.items()}
        return Day(day, 1, {**_growth(self._last, self._base), "key": key_counts})

    async def fleet(self, day: str | None = None) -> Day | None:
        """Return a day of all containers, by default today; None when the shared tier cannot be read."""
        self._engine.bind()
        own = self.today()
        if self._engine.tier is None:
            return None
        day = day or own.day
        try:
            fields = await self._engine.tier.shared.hgetall(f"ledger:{day}")
        except StoreError:
            return None
        if day == own.day and any(own.record["family"].values()):
            fields[self._container] = _to_json(own.record)  # newer than the written one
        records = [record for text in fields.values() if (record := _from_json(text)) is not None]
        return Day(day, len(records), _with_popular_keys(sum_records(records)))

    def write_due(self, *, last: bool) -> None:
        """Write the record if it is due or was never written; at the `last` call, write any change."""
        now, used = self._engine.clock.now(), self._due is not None
        if used and (last or self._sent is None or self._is_due(now)):
            self._write(now)

    def _on_use(self, now: float) -> None:
        if self._due is None:
            self._due = now + self._every
        elif self._is_due(now):
            self._write(now)

    def _is_due(self, now: float) -> bool:
        return self._due is not None and not now < self._due <= now + self._every  # or the clock was set back

    def _write(self, now: float) -> None:
        self._due = now + self._every
        day = self.today()
        record, tier = _with_popular_keys(day.record), self._engine.tier
        content = {**record, "container": {}}  # the commands of the last write are not a change
        if tier is not None and content != self._sent:
            self._sent = content
            tier.writes.put("ledger", FieldWrite(day.day, self._container, _to_json(record), self._due))

    def _totals(self) -> Record:
        """Return all sums since start."""
        tier = self._engine.tier
        return {
            "family": {name: {**b.counters.as_dict(), **b.usage.sums} for name, b in self._functions.items()},
            "source": self.sources(),
            "container": {} if tier is None else {"": {"commands": tier.shared.counters.commands}},
        }

    def _take_key_counts(self) -> Mapping[str, Counter[str]]:
        """Return and reset the answers by key since the last call, only of families that are shared."""
        counts: dict[str, Counter[str]] = {}
        for name, wrapped in self._functions.items():
            if keys := wrapped.usage.keys:
                wrapped.usage.keys = Counter()
                if wrapped.policy.shared and not wrapped.policy.sensitive:
                    counts[name] = keys
        return counts
