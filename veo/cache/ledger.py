"""The ledger: what the fleet's answers took and spared in a day, in one hash with a field per container.

In use a container writes its field once a minute, whole: a write that is lost is made good by the next one,
and the day is read back in one command. A record is three levels of sums, so that records are added up leaf
by leaf: group (`family`, `source`, `key`, `container`) → name → what → how much. What happens in the minute
in which a day (UTC) ends counts for the next one; what happens in a container's last minute is lost with a
container that is killed.
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
from veo.cache.usage import MOST_KEYS
from veo.cache.wrapped_function import WrappedFunction

KEPT = 8 * 86_400_000  # milliseconds: a week to look back on
POPULAR = 50  # keys that a record names

Sums = Mapping[str, float]
Record = Mapping[str, Mapping[str, Sums]]

_Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_RECORD: TypeAdapter[dict[str, dict[str, dict[str, _Number]]]] = TypeAdapter(
    dict[str, dict[str, dict[str, _Number]]]
)


class Day(NamedTuple):
    """One day (UTC, as 2026-11-24) of so many containers."""

    day: str
    containers: int
    record: Record


def added(records: Iterable[Record]) -> Record:
    """Add records up."""
    total: dict[str, dict[str, dict[str, float]]] = {}
    for record in records:
        for group, names in record.items():
            for name, sums in names.items():
                into = total.setdefault(group, {}).setdefault(name, {})
                for what, amount in sums.items():
                    into[what] = into.get(what, 0) + amount
    return total


def _growth(now: Record, before: Record) -> Record:
    """Give what came to a record since an earlier state of it, to the microsecond."""
    nothing: Sums = {}
    return {
        group: {
            name: {
                what: round(amount - was.get(what, 0), 6)
                for what, amount in sums.items()
                if amount > was.get(what, 0)
            }
            for name, sums in names.items()
            for was in [before.get(group, {}).get(name, nothing)]
        }
        for group, names in now.items()
    }


def _popular(keys: Mapping[str, Sums], most: int) -> defaultdict[str, Counter[str]]:
    """Give the most asked keys of all families."""
    counts = [(count, family, key) for family, sums in keys.items() for key, count in sums.items()]
    kept: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for count, family, key in nlargest(most, counts):
        kept[family][key] = int(count)
    return kept


def _short(record: Record) -> Record:
    """Give a record that names no more keys than one may."""
    return {**record, "key": _popular(record.get("key", {}), POPULAR)}


def _text(record: Record) -> str:
    """Write a record down without the names that have nothing."""
    shown = {
        group: {name: dict(sums) for name, sums in names.items() if sums} for group, names in record.items()
    }
    return _RECORD.dump_json(shown).decode()


def _read(text: str) -> Record | None:
    try:
        return _RECORD.validate_json(text)
    except ValidationError:
        return None  # of another version, or nobody's


@dataclass(frozen=True, slots=True)
class FieldWrite:
    """A container's record of a day on its way; worth nothing once the next one is due."""

    day: str
    container: str
    text: str
    expires: float

    async def attempt(self, shared: L2Guard, now: float, *, again: bool) -> None:
        """Write the field."""
        del now, again
        await shared.keep(f"ledger:{self.day}", self.container, self.text, KEPT)


class Ledger:
    """The ledger of one container, written every so many seconds of use; None keeps it to itself.

    `sources` may be set to what gives the totals of each source since start: calls, failures, whatever
    is to be added up and never counts down.
    """

    def __init__(
        self,
        engine: Engine,
        bounds: Mapping[str, WrappedFunction],
        bound_of: Callable[[str], WrappedFunction | None],
        every: float | None,
    ) -> None:
        self._engine, self._bounds, self._bound_of = engine, bounds, bound_of
        self._every = every or 0.0
        self.sources: Callable[[], Mapping[str, Sums]] = dict
        self.begin()
        if every is not None and engine.tier is not None:
            engine.beat = self._beat

    def begin(self) -> None:
        """Be a container of its own, with nothing to its name: at the start, and out of a snapshot."""
        self.collect()
        self._container = secrets.token_hex(6)
        self._taken()
        self._day = ""
        self._base = self._last = self._totals()  # when the day began, and when they were looked at last
        self._asked: defaultdict[str, Counter[str]] = defaultdict(Counter)  # today, by family and key
        self._due: float | None = None
        self._sent: Record | None = None

    def fold(self, key: str, entry: Entry) -> None:
        """Bring the hits of an entry into the books of its family: the hit itself only counts them."""
        count = entry.hits - entry.told
        if count and (bound := self._bound_of(key)) is not None:
            entry.told = entry.hits
            bound.counters.memory += count
            bound.usage.hits(key, entry, count, max(0.0, self._engine.clock.now() - entry.computed))

    def collect(self) -> None:
        """Do so for all that memory holds."""
        for key, entry in self._engine.memory.items():
            self.fold(key, entry)

    def today(self) -> Day:
        """Give this container's day so far."""
        self.collect()
        day = datetime.fromtimestamp(self._engine.clock.now(), UTC).date().isoformat()
        if day != self._day:
            self._day, self._base, self._asked = day, self._last, defaultdict(Counter)
        self._last = self._totals()
        for family, keys in self._taken().items():
            self._asked[family].update(keys)
        if sum(map(len, self._asked.values())) > MOST_KEYS:
            self._asked = _popular(self._asked, MOST_KEYS // 2)
        asked = {family: dict(keys) for family, keys in self._asked.items()}
        return Day(day, 1, {**_growth(self._last, self._base), "key": asked})

    async def fleet(self, day: str | None = None) -> Day | None:
        """Give a day of all containers, by default today; None when the shared tier cannot tell."""
        self._engine.bind()
        own = self.today()
        if self._engine.tier is None:
            return None
        day = day or own.day
        try:
            fields = await self._engine.tier.shared.kept(f"ledger:{day}")
        except StoreError:
            return None
        if day == own.day and any(own.record["family"].values()):
            fields[self._container] = _text(own.record)  # newer than what was written
        records = [record for text in fields.values() if (record := _read(text)) is not None]
        return Day(day, len(records), _short(added(records)))

    def settle(self, *, last: bool) -> None:
        """Have what is due written before the container may be frozen; at the `last` whatever is new."""
        now, begun = self._engine.clock.now(), self._due is not None
        if begun and (last or self._sent is None or self._is_due(now)):
            self._write(now)

    def _beat(self, now: float) -> None:
        if self._due is None:
            self._due = now + self._every
        elif self._is_due(now):
            self._write(now)

    def _is_due(self, now: float) -> bool:
        return self._due is not None and not now < self._due <= now + self._every  # or the clock was set back

    def _write(self, now: float) -> None:
        self._due = now + self._every
        day = self.today()
        record, tier = _short(day.record), self._engine.tier
        news = {**record, "container": {}}  # to have written the last one is none
        if tier is not None and news != self._sent:
            self._sent = news
            tier.writes.put("ledger", FieldWrite(day.day, self._container, _text(record), self._due))

    def _totals(self) -> Record:
        """Give what has been counted since start."""
        tier = self._engine.tier
        return {
            "family": {name: {**b.counters.as_dict(), **b.usage.sums} for name, b in self._bounds.items()},
            "source": self.sources(),
            "container": {} if tier is None else {"": {"commands": tier.shared.counters.commands}},
        }

    def _taken(self) -> Mapping[str, Counter[str]]:
        """Take the answers by key since the last time, but those of what stays in this container."""
        taken: dict[str, Counter[str]] = {}
        for name, bound in self._bounds.items():
            if keys := bound.usage.keys:
                bound.usage.keys = Counter()
                if bound.policy.shared and not bound.policy.sensitive:
                    taken[name] = keys
        return taken
