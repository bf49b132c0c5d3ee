"""What can be done to a cache by key: the six operations, flushes, and its life cycle."""

from datetime import timedelta
from typing import Any, NamedTuple

from veo.cache.codec import PlainCodec, Unserialisable, to_json
from veo.cache.compute import LARGEST
from veo.cache.engine import Engine
from veo.cache.entry import Entry, Stamps, decode, encode, read_head
from veo.cache.ledger import Ledger
from veo.cache.stores.protocol import StoreError
from veo.cache.tag_versions import key_tag
from veo.cache.wrapped_function import WrappedFunction, all_tags

PLAIN = PlainCodec()
CENTURY = timedelta(days=36_525)


class Peek(NamedTuple):
    """An entry as it stands, seen without touching it: times in seconds since the epoch."""

    value: Any
    computed: float
    fresh: float
    usable: float
    where: str
    negative: bool
    stamps: Stamps


class ByKey:
    """The operations by key. None but `fetch` raises because the shared tier is away."""

    def __init__(self, engine: Engine, ledger_every: float | None = None) -> None:
        self._engine = engine
        self._bounds: dict[str, WrappedFunction] = {}
        self.ledger = Ledger(engine, self._bounds, self._bound_of, ledger_every)

    async def get(self, key: str) -> Any:
        """Give the fresh or stale value under a key as plain JSON data, or None."""
        peek = await self.peek(key)
        return None if peek is None or peek.negative else peek.value

    async def set(
        self, key: str, value: Any, ttl: int | timedelta, *, stale_for: timedelta = timedelta()
    ) -> bool:
        """Keep a value for `ttl` (whole seconds or a timedelta); False when no tier that is asked to took it.

        In a family that has a decorated function the value must be one that the function could return;
        it answers the next call. Raises ValueError for a `ttl` that is not positive, or that with the
        stale time is beyond a century.
        """
        engine, life = self._engine, _life(ttl)
        if not timedelta(0) <= stale_for <= CENTURY - life:
            raise ValueError("stale_for: must be a timedelta of at least 0; with ttl at most a century")
        bound = self._bound_of(key)
        own_tags: tuple[str, ...] = ()
        try:
            kept, codec = (to_json(value), PLAIN) if bound is None else (_typed(bound, value), bound.codec)
            payload = codec.dump(kept)
        except (Unserialisable, ValueError):
            return False
        if bound is not None:
            fitting = bound.keys.tags_of(key)
            if fitting is None or bound.policy.sensitive:
                return False
            own_tags = fitting
        tags = all_tags(key, own_tags)
        in_touch = await engine.ask(tags)
        stamps = engine.tag_versions.stamps(tags)
        now = engine.clock.now()
        fresh = now + life.total_seconds()
        usable = fresh + stale_for.total_seconds()
        entry = Entry(kept, codec, computed=now, fresh=fresh, usable=usable, stamps=stamps)
        entry.local_until = fresh if engine.tier is None else min(fresh, now + life.total_seconds() / 4)
        fits = engine.memory.put(key, entry, len(payload))
        if engine.tier is not None:
            engine.tier.writes.forget(key)  # an older answer must not come after
        if engine.tier is None or (bound is not None and not bound.policy.shared):
            return fits
        if not in_touch or len(payload) > LARGEST:
            return False
        try:
            await engine.tier.shared.set(key, encode(entry, payload), max(1, round((usable - now) * 1000)))
        except StoreError:
            return False
        return True

    async def delete(self, key: str) -> bool:
        """Remove a key everywhere; tell whether this container or the shared tier had it."""
        engine = self._engine
        had = engine.memory.drop(key)
        bound = self._bound_of(key)
        life = timedelta(days=400) if bound is None else bound.policy.kept_for
        await engine.flush([key_tag(key)], life.total_seconds())
        if engine.tier is None:
            return had
        engine.tier.writes.forget(key)
        try:
            return await engine.tier.shared.delete(key) or had
        except StoreError:
            return had

    async def exists(self, key: str) -> bool:
        """Tell whether a valid entry of the current schema stands under a key."""
        return await self.peek(key) is not None

    async def ttl(self, key: str) -> int:
        """Give the remaining fresh seconds (0 when only stale), -2 when absent, -1 when it cannot be told."""
        try:
            peek = await self._peek(key)
        except StoreError:
            return -1
        return -2 if peek is None else max(0, int(peek.fresh - self._engine.clock.now()))

    async def flush(self, *, family: str | None = None, tag: str | None = None, all: bool = False) -> bool:  # noqa: A002 - the word of the operation
        """Make a family, a tag (`area:E15`) or everything unreachable; False while not confirmed.

        Families whose policy is `flushed_with` the kind of the tag go along. Memory is cleared at once in
        any case; an unconfirmed flush is sent as soon as the shared tier is back. Raises ValueError unless
        exactly one selector is given.
        """
        if (family is not None) + (tag is not None) + all != 1:
            raise ValueError("flush: give exactly one of family, tag and all")
        if family is not None:
            bound = self._bounds.get(family)
            tags = [family if bound is None else bound.policy.root]
        elif tag is not None:
            kind = tag.split(":", 1)[0]
            tags = [tag, *(b.policy.root for b in self._bounds.values() if kind in b.policy.flushed_with)]
        else:
            tags = ["all"]
        return await self._engine.flush(tags)

    async def peek(self, key: str) -> Peek | None:
        """Show the entry under a key, None when there is no valid one or the shared tier is away."""
        try:
            return await self._peek(key)
        except StoreError:
            return None

    async def keep(self, key: str, text: str, life: timedelta) -> bool:
        """Keep a text in the shared tier alone, out of reach of flushes; False when it was not taken.

        For what is no answer, such as a table that answers are made of.
        """
        self._engine.bind()
        if self._engine.tier is None:
            return False
        try:
            await self._engine.tier.shared.set(f"t:{key}", text, round(life.total_seconds() * 1000))
        except StoreError:
            return False
        return True

    async def kept(self, key: str) -> str | None:
        """Read such a text; None when there is none or the shared tier is away."""
        self._engine.bind()
        if self._engine.tier is None:
            return None
        try:
            return (await self._engine.tier.shared.read([f"t:{key}"]))[0]
        except StoreError:
            return None

    async def fetch(self, key: str) -> str | None:
        """Read such a text, None when there is none; raise StoreError when it cannot be read."""
        self._engine.bind()
        return None if self._engine.tier is None else await self._engine.tier.shared.fetch(f"t:{key}")

    def stamp(self, tag: str) -> str | None:
        """Give the stamp of a tag as this container knows it: a flush by the tag changes it."""
        return self._engine.tag_versions.stamp(tag)

    async def tally(self, key: str, amount: int, life: timedelta) -> int | None:
        """Add to a counter that the fleet shares, and give the sum; None while it cannot be reached.

        Two commands the first time and one later; the counter lasts for `life` from its first addition.
        """
        self._engine.bind()
        if self._engine.tier is None:
            return None
        try:
            return await self._engine.tier.shared.add(f"n:{key}", amount, round(life.total_seconds() * 1000))
        except StoreError:
            return None

    async def preload(self) -> None:
        """Make first contact with the shared tier, where there is one; a fault is only counted."""
        self._engine.bind()
        if self._engine.tier is not None:
            try:
                await self._engine.tier.shared.ping()
            except StoreError:
                return

    async def drain(self, timeout: float = 2.0) -> int:  # noqa: ASYNC109 - the bound is part of the promise
        """Write what waits, and give up leases nobody waits for; give the number of writes left over."""
        self.ledger.settle(last=False)
        return await self._engine.drain(timeout)

    async def restored(self) -> None:
        """Begin again after a snapshot restore: new randomness, new connections, stamps to be checked."""
        self.ledger.begin()
        await self._engine.restored()

    async def close(self) -> None:
        """Write what waits, give up all leases, and give back the connections."""
        self.ledger.settle(last=True)
        await self._engine.drain(2.0, last=True)
        if self._engine.tier is not None:
            await self._engine.tier.shared.hang_up()

    def stats(self) -> dict[str, Any]:
        """Give the counters of every family, of memory and of the shared tier."""
        engine = self._engine
        self.ledger.collect()
        tier = engine.tier
        return {
            "families": {name: bound.counters.as_dict() for name, bound in self._bounds.items()},
            "memory": {"entries": len(engine.memory), "bytes": engine.memory.weight},
            "shared": None
            if tier is None
            else {
                **tier.shared.counters.as_dict(),
                "last": tier.shared.last,
                "refused": tier.shared.refused,
                "breaker": tier.shared.breaker.state(engine.clock.now()),
                "waiting_writes": len(tier.writes),
            },
        }

    def _bound_of(self, key: str) -> WrappedFunction | None:
        """Give the function whose answers stand under a key; of several under one root, the one it fits."""
        root = key.split(":", 1)[0]
        related = [bound for bound in self._bounds.values() if bound.policy.root == root]
        fitting = (bound for bound in related if bound.keys.tags_of(key) is not None)
        return next(fitting, related[0] if related else None)

    def _fold_hits(self, key: str, entry: Entry) -> None:
        self.ledger.fold(key, entry)

    async def _peek(self, key: str) -> Peek | None:
        engine = self._engine
        engine.bind()
        now, bound = engine.clock.now(), self._bound_of(key)
        entry, where = engine.valid(key), "memory"
        shared = bound is None or bound.policy.shared
        if (entry is None or now >= entry.usable) and engine.tier is not None and shared:
            (text,) = await engine.tier.shared.read([key])
            head = None if text is None else read_head(text)
            if text is None or head is None:
                return None
            codec = PLAIN if bound is None else bound.codec
            negative = PLAIN if bound is None else bound.negative
            entry, where = decode(text, codec, negative, now), "shared"
            tags = tuple({*all_tags(key, ()), *head[0]["g"]})
            if (
                not await engine.ask(tags)
                or entry is None
                or not engine.tag_versions.current(entry.stamps, tags)
            ):
                return None
        if entry is None or now >= entry.usable:
            return None
        value = entry.codec.plain(entry.value)
        return Peek(value, entry.computed, entry.fresh, entry.usable, where, entry.negative, entry.stamps)


def _life(ttl: int | timedelta) -> timedelta:
    whole = type(ttl) is int and 0 < ttl <= CENTURY.total_seconds()
    life = timedelta(seconds=ttl) if whole else ttl  # type: ignore[arg-type]  # `whole` says that it is an int
    if not isinstance(life, timedelta) or not timedelta(0) < life <= CENTURY:
        raise ValueError("ttl: must be whole seconds or a timedelta, more than 0, at most a century")
    return life


def _typed(bound: WrappedFunction, value: Any) -> Any:
    """Give a private value of the family's type; raise ValueError or Unserialisable when it is not one."""
    try:
        return bound.codec.load(bound.codec.dump(value))
    except Unserialisable:
        return bound.codec.load(to_json(value))
