"""The operations of a cache by key, flushes, texts and counters of the fleet, and the life cycle."""

from datetime import timedelta
from typing import Any, NamedTuple

from veo.cache.codec import PlainCodec, Unserialisable, to_json
from veo.cache.compute import MAX_SHARED_BYTES
from veo.cache.engine import Engine
from veo.cache.entry import Entry, TagVersionMap, decode, encode, read_head
from veo.cache.ledger import Ledger
from veo.cache.stores.protocol import StoreError
from veo.cache.tag_versions import key_tag
from veo.cache.wrapped_function import WrappedFunction, all_tags

PLAIN_CODEC = PlainCodec()
CENTURY = timedelta(days=36_525)


class Peek(NamedTuple):
    """The state of an entry, read without counting as a use; times in seconds since the epoch."""

    value: Any
    computed: float
    fresh: float
    usable: float
    where: str
    negative: bool
    versions: TagVersionMap


class ByKey:
    """The operations by key. Only `fetch_text` raises when the shared tier fails."""

    def __init__(self, engine: Engine, ledger_every: float | None = None) -> None:
        self._engine = engine
        self._functions: dict[str, WrappedFunction] = {}
        self.ledger = Ledger(engine, self._functions, self._function_of, ledger_every)

    async def get(self, key: str) -> Any:
        """Return the fresh or stale value of a key as plain JSON data, or None."""
        peek = await self.peek(key)
        return None if peek is None or peek.negative else peek.value

    async def set(
        self, key: str, value: Any, ttl: int | timedelta, *, stale_for: timedelta = timedelta()
    ) -> bool:
        """Store a value for `ttl` (whole seconds or a timedelta); return False if it was not stored.

        True means that the shared tier has it, if the family uses one. In the family of a decorated function
        the value must be one that the function could return, and it answers the next call. Raises
        ValueError for a `ttl` that is not positive, or that exceeds a century together with `stale_for`.
        """
        engine, life = self._engine, _life(ttl)
        if not timedelta(0) <= stale_for <= CENTURY - life:
            raise ValueError("stale_for: must be a timedelta of at least 0, and with ttl at most a century")
        wrapped = self._function_of(key)
        codec = PLAIN_CODEC if wrapped is None else wrapped.codec
        own_tags: tuple[str, ...] = ()
        try:
            stored = to_json(value) if wrapped is None else _typed(wrapped, value)
            payload = codec.dump(stored)
        except (Unserialisable, ValueError):
            return False
        if wrapped is not None:
            template_tags = wrapped.keys.tags_of(key)
            if template_tags is None or wrapped.policy.sensitive:
                return False
            own_tags = template_tags
        tags = all_tags(key, own_tags)
        tier_reachable = await engine.read_versions(tags)
        versions = engine.tag_versions.versions(tags)
        now = engine.clock.now()
        fresh = now + life.total_seconds()
        usable = fresh + stale_for.total_seconds()
        entry = Entry(stored, codec, computed=now, fresh=fresh, usable=usable, versions=versions)
        entry.local_until = fresh if engine.tier is None else min(fresh, now + life.total_seconds() / 4)
        fits = engine.memory.put(key, entry, len(payload))
        if engine.tier is not None:
            engine.tier.writes.forget(key)  # a queued older value must not overwrite this one
        if engine.tier is None or (wrapped is not None and not wrapped.policy.shared):
            return fits
        if not tier_reachable or len(payload) > MAX_SHARED_BYTES:
            return False
        try:
            await engine.tier.shared.set(key, encode(entry, payload), max(1, round((usable - now) * 1000)))
        except StoreError:
            return False
        return True

    async def delete(self, key: str) -> bool:
        """Remove a key everywhere; return whether this container or the shared tier had it."""
        engine = self._engine
        existed = engine.memory.drop(key)
        wrapped = self._function_of(key)
        life = timedelta(days=400) if wrapped is None else wrapped.policy.kept_for
        await engine.flush([key_tag(key)], life.total_seconds())
        if engine.tier is None:
            return existed
        engine.tier.writes.forget(key)
        try:
            return await engine.tier.shared.delete(key) or existed
        except StoreError:
            return existed

    async def exists(self, key: str) -> bool:
        """Check whether a key has a valid entry of the current schema."""
        return await self.peek(key) is not None

    async def ttl(self, key: str) -> int:
        """Return the remaining fresh seconds: 0 if stale, -2 if absent, -1 if the shared tier fails."""
        try:
            peek = await self._peek(key)
        except StoreError:
            return -1
        return -2 if peek is None else max(0, int(peek.fresh - self._engine.clock.now()))

    async def flush(self, *, family: str | None = None, tag: str | None = None, all: bool = False) -> bool:  # noqa: A002 - the plainest name
        """Make a family, a tag (`area:E15`) or everything unreachable; return False while not confirmed.

        A tag also flushes the families whose policy is `flushed_with` its kind. Memory is flushed at once;
        an unconfirmed flush is sent as soon as the shared tier is back. Raises ValueError unless exactly
        one selector is given.
        """
        if (family is not None) + (tag is not None) + all != 1:
            raise ValueError("flush: give exactly one of family, tag and all")
        if family is not None:
            wrapped = self._functions.get(family)
            tags = [family if wrapped is None else wrapped.policy.root]
        elif tag is not None:
            kind = tag.split(":", 1)[0]
            tags = [tag, *(b.policy.root for b in self._functions.values() if kind in b.policy.flushed_with)]
        else:
            tags = ["all"]
        return await self._engine.flush(tags)

    async def peek(self, key: str) -> Peek | None:
        """Return the state of a key's entry; None if there is no valid one or the shared tier fails."""
        try:
            return await self._peek(key)
        except StoreError:
            return None

    async def put_text(self, key: str, text: str, life: timedelta) -> bool:
        """Store a text in the shared tier only, where no flush reaches it; return False if that failed.

        It is meant for data that answers are computed from, such as a table.
        """
        self._engine.bind()
        if self._engine.tier is None:
            return False
        try:
            await self._engine.tier.shared.set(f"t:{key}", text, round(life.total_seconds() * 1000))
        except StoreError:
            return False
        return True

    async def get_text(self, key: str) -> str | None:
        """Return a text stored by `put_text`; None if there is none or the shared tier fails."""
        self._engine.bind()
        if self._engine.tier is None:
            return None
        try:
            return (await self._engine.tier.shared.read([f"t:{key}"]))[0]
        except StoreError:
            return None

    async def fetch_text(self, key: str) -> str | None:
        """Return a text stored by `put_text`, or None; raise StoreError if the shared tier fails."""
        self._engine.bind()
        return None if self._engine.tier is None else await self._engine.tier.shared.fetch(f"t:{key}")

    def tag_version(self, tag: str) -> str | None:
        """Return the version of a tag that this container knows; a flush of the tag changes it."""
        return self._engine.tag_versions.version(tag)

    async def add_to_counter(self, key: str, amount: int, life: timedelta) -> int | None:
        """Add to a counter shared by the fleet, and return the sum; None if the shared tier fails.

        The first addition takes two commands, later ones take one. The counter expires `life` after its
        first addition.
        """
        self._engine.bind()
        if self._engine.tier is None:
            return None
        try:
            return await self._engine.tier.shared.add(f"n:{key}", amount, round(life.total_seconds() * 1000))
        except StoreError:
            return None

    async def preload(self) -> None:
        """Connect to the shared tier, if there is one; a fault is only counted."""
        self._engine.bind()
        if self._engine.tier is not None:
            try:
                await self._engine.tier.shared.ping()
            except StoreError:
                return

    async def drain(self, timeout: float = 2.0) -> int:  # noqa: ASYNC109 - part of the contract
        """Write what is queued and release leases without a caller; return the number of unwritten writes."""
        self.ledger.write_due(last=False)
        return await self._engine.drain(timeout)

    async def restored(self) -> None:
        """Start again after a snapshot restore: new randomness and connections, tag versions read again."""
        self.ledger.reset()
        await self._engine.restored()

    async def close(self) -> None:
        """Write what is queued, release all leases, and close the connections."""
        self.ledger.write_due(last=True)
        await self._engine.drain(2.0, last=True)
        if self._engine.tier is not None:
            await self._engine.tier.shared.disconnect()

    def stats(self) -> dict[str, Any]:
        """Return the counters of every family, of memory and of the shared tier."""
        engine = self._engine
        self.ledger.collect_hits()
        tier = engine.tier
        return {
            "families": {name: wrapped.counters.as_dict() for name, wrapped in self._functions.items()},
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

    def _function_of(self, key: str) -> WrappedFunction | None:
        """Return the function that a key belongs to; of several with one root, the one it matches."""
        root = key.split(":", 1)[0]
        related = [wrapped for wrapped in self._functions.values() if wrapped.policy.root == root]
        fitting = (wrapped for wrapped in related if wrapped.keys.tags_of(key) is not None)
        return next(fitting, related[0] if related else None)

    def _fold_hits(self, key: str, entry: Entry) -> None:
        self.ledger.count_hits(key, entry)

    async def _peek(self, key: str) -> Peek | None:
        engine = self._engine
        engine.bind()
        now, wrapped = engine.clock.now(), self._function_of(key)
        entry, where = engine.valid(key), "memory"
        shared = wrapped is None or wrapped.policy.shared
        if (entry is None or now >= entry.usable) and engine.tier is not None and shared:
            (text,) = await engine.tier.shared.read([key])
            head = None if text is None else read_head(text)
            if text is None or head is None:
                return None
            codec = PLAIN_CODEC if wrapped is None else wrapped.codec
            negative = PLAIN_CODEC if wrapped is None else wrapped.negative
            entry, where = decode(text, codec, negative, now), "shared"
            tags = tuple({*all_tags(key, ()), *head[0]["g"]})
            if (
                not await engine.read_versions(tags)
                or entry is None
                or not engine.tag_versions.current(entry.versions, tags)
            ):
                return None
        if entry is None or now >= entry.usable:
            return None
        value = entry.codec.plain(entry.value)
        return Peek(value, entry.computed, entry.fresh, entry.usable, where, entry.negative, entry.versions)


def _life(ttl: int | timedelta) -> timedelta:
    is_seconds = type(ttl) is int and 0 < ttl <= CENTURY.total_seconds()
    life = timedelta(seconds=ttl) if is_seconds else ttl  # type: ignore[arg-type]  # an int by `is_seconds`
    if not isinstance(life, timedelta) or not timedelta(0) < life <= CENTURY:
        raise ValueError("ttl: must be whole seconds or a timedelta, more than 0, at most a century")
    return life


def _typed(wrapped: WrappedFunction, value: Any) -> Any:
    """Return a private copy as the family's type; raise ValueError or Unserialisable if it does not match."""
    try:
        return wrapped.codec.load(wrapped.codec.dump(value))
    except Unserialisable:
        return wrapped.codec.load(to_json(value))
