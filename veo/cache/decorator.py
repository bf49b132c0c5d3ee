"""The cache and its decorator. A memory hit is answered here, without the engine."""

import asyncio
import inspect
import random
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Generic, NamedTuple, ParamSpec, Protocol, TypeVar, cast

from veo.cache.by_key import ByKey
from veo.cache.clock import Clock, SystemClock
from veo.cache.concurrency import ConcurrencyLimit
from veo.cache.engine import Engine, LookupResult
from veo.cache.keys import LONGEST
from veo.cache.l2_guard import L2Guard
from veo.cache.memory import Memory
from veo.cache.policy import Policy
from veo.cache.single_flight import Origin
from veo.cache.stores.protocol import Store
from veo.cache.tag_versions import key_tag
from veo.cache.usage import Meter
from veo.cache.wrapped_function import WrappedFunction

P = ParamSpec("P")
T = TypeVar("T")

MEMO = 4_096  # argument tuples whose key is remembered, per function
AT_ONCE = 8  # computes that `many` runs side by side


class Hit(NamedTuple, Generic[T]):
    """A value and how it came: `age` in seconds since it was computed, `cached` when no source was asked.

    `computed` and `fresh` are when it was computed and until when it is fresh, in seconds since the epoch;
    0 for what stands in no cache.
    """

    value: T
    origin: Origin
    age: float
    cached: bool
    stale: bool
    computed: float = 0.0
    fresh: float = 0.0


class CachedFunction(Protocol[P, T]):
    """A cached function: called like the original, with these methods in addition."""

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Return the value, from the nearest tier that has it."""
        ...

    async def lookup(self, *args: P.args, **kwargs: P.kwargs) -> Hit[T]:
        """Return the value with its origin and age."""
        ...

    async def refresh(self, *args: P.args, **kwargs: P.kwargs) -> T:
        """Ask the source now and keep the answer."""
        ...

    async def renew(self, *args: P.args, **kwargs: P.kwargs) -> Hit[T]:
        """Do the same and return the origin and age; if the source failed, an older answer is stale."""
        ...

    async def invalidate(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Make the entry of this call unreachable everywhere; False while the shared tier did not confirm."""
        ...

    async def many(
        self, calls: Iterable[tuple[Any, ...]], *, within: float | None = None
    ) -> list[T | Exception]:
        """Look up several calls with one read of the shared tier; the value or the exception of each.

        What takes longer than `within` seconds is a TimeoutError here, and goes on into the cache.
        """
        ...

    async def lookups(
        self, calls: Iterable[tuple[Any, ...]], *, within: float | None = None
    ) -> list[Hit[T] | Exception]:
        """Do the same and return origins and ages."""
        ...

    async def preload(self, calls: Iterable[tuple[Any, ...]]) -> int:
        """Load the entries of some calls from the shared tier into memory, in one read, without computing.

        Return how many there were.
        """
        ...

    def key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Return the key of a call, without the cache's prefix."""
        ...


class Cache(ByKey):
    """A cache-aside layer: memory in front of an optional shared tier.

    `prefix` and `version` stand before every key of the shared tier: a new version makes all older
    entries unreachable. `entries` and `bytes_at_most` bound the memory tier. `sync_every` is the time in
    seconds within which a flush elsewhere is seen here. `commands_per_day` bounds what this container
    sends to the shared tier; times of the shared tier are in seconds. `meter` is where the sources add up
    their calls; with `ledger_every` the counters go to the shared tier once in so many seconds of use.
    """

    def __init__(
        self,
        shared: Store | None = None,
        clock: Clock | None = None,
        version: str = "v1",
        *,
        prefix: str = "cache:",
        entries: int = 1_000,
        bytes_at_most: int = 32 * 2**20,
        sync_every: float = 30.0,
        commands_per_day: int | None = None,
        read_timeout: float = 0.25,
        write_timeout: float = 2.0,
        first_timeout: float = 2.0,
        rng: random.Random | None = None,
        meter: Meter | None = None,
        ledger_every: float | None = None,
    ) -> None:
        clock = clock or SystemClock()
        tier = shared and L2Guard(
            shared,
            clock,
            f"{prefix}{version}:",
            read_timeout=read_timeout,
            write_timeout=write_timeout,
            first_timeout=first_timeout,
            commands_per_day=commands_per_day,
        )
        memory = Memory(entries, bytes_at_most, self._fold_hits)
        rng = rng or random.Random()  # noqa: S311 - jitter
        super().__init__(Engine(memory, tier or None, clock, rng, sync_every, meter=meter), ledger_every)

    def cached(self, policy: Policy) -> Callable[[Callable[P, Awaitable[T]]], CachedFunction[P, T]]:
        """Decorate an async function with a policy; `veo.cache.cached` is the same for methods.

        Raises TypeError for a return type that can be changed in place and ValueError for a policy
        that does not fit the function or shares its family; both name the field.
        """

        def decorate(function: Callable[P, Awaitable[T]]) -> CachedFunction[P, T]:
            if next(iter(inspect.signature(function).parameters), "") == "self":
                raise TypeError("self: decorate a method with `veo.cache.cached`, which needs no cache yet")
            registered = self._functions.get(policy.family)
            if registered is None:
                wrapped = self._functions[policy.family] = WrappedFunction(policy, function)
            else:
                wrapped = registered.for_instance_of(policy, function)
            return cast("CachedFunction[P, T]", _decorated(self._engine, wrapped))

        return decorate


def _decorated(engine: Engine, wrapped: WrappedFunction) -> Any:  # noqa: C901 - one closure per way to call it
    """Return the function that callers use; as a class it would take half as long again per hit."""
    get, now, tag_versions, new_hit = engine.memory.get, engine.clock.now, engine.tag_versions, tuple.__new__
    memo: dict[tuple[Any, ...], str] = {}
    int_positions = wrapped.keys.int_positions
    places = int_positions or ()

    async def call(*args: Any, **kwargs: Any) -> Any:
        try:
            key = memo.get(args)
        except TypeError:  # not hashable: refused later, or turned into a key by the policy's own function
            key = None
        if key is not None and not kwargs:
            entry = get(key)
            if entry is not None and entry.epoch == tag_versions.epoch and now() < entry.trusted_until:
                for place in places:
                    if type(args[place]) is not int:
                        break
                else:
                    entry.hits += 1
                    return entry.value
        return (await look(args, kwargs)).entry.value

    async def lookup(*args: Any, **kwargs: Any) -> Hit[Any]:
        try:
            key = memo.get(args)
        except TypeError:  # not hashable: refused later, or turned into a key by the policy's own function
            key = None
        if key is not None and not kwargs:
            entry, moment = get(key), now()
            if entry is not None and entry.epoch == tag_versions.epoch and moment < entry.trusted_until:
                for place in places:
                    if type(args[place]) is not int:
                        break
                else:
                    entry.hits += 1
                    fields = (entry.value, "memory", moment - entry.computed, True, False)
                    return new_hit(Hit, (*fields, entry.computed, entry.fresh))
        return _hit(await look(args, kwargs))

    async def look(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> LookupResult:
        call = wrapped.call(args, kwargs)
        if int_positions is not None and not kwargs and len(memo) < MEMO and len(call.key) < LONGEST:
            memo[args] = call.key  # a short key has short arguments
        return await engine.lookup(wrapped, call)

    async def refresh(*args: Any, **kwargs: Any) -> Any:
        return (await renew(*args, **kwargs)).value

    async def renew(*args: Any, **kwargs: Any) -> Hit[Any]:
        return _hit(await engine.lookup(wrapped, wrapped.call(args, kwargs), force=True))

    async def invalidate(*args: Any, **kwargs: Any) -> bool:
        key, _ = wrapped.keys.make(args, kwargs)
        engine.memory.drop(key)
        return await engine.flush([key_tag(key)], wrapped.policy.kept_for.total_seconds())

    async def lookups(calls: Iterable[tuple[Any, ...]], *, within: float | None = None) -> list[Any]:
        limit, loop = ConcurrencyLimit(AT_ONCE), asyncio.get_running_loop()
        end = None if within is None else loop.time() + within

        async def one(args: tuple[Any, ...]) -> Hit[Any]:
            async with asyncio.timeout_at(end):
                return _hit(await engine.lookup(wrapped, wrapped.call(args, {}), limit=limit))

        return list(await asyncio.gather(*(one(args) for args in calls), return_exceptions=True))

    async def many(calls: Iterable[tuple[Any, ...]], *, within: float | None = None) -> list[Any]:
        return [hit.value if isinstance(hit, Hit) else hit for hit in await lookups(calls, within=within)]

    async def preload(calls: Iterable[tuple[Any, ...]]) -> int:
        return await engine.preload(wrapped, [wrapped.call(args, {}) for args in calls])

    extras = (lookup, refresh, renew, invalidate, lookups, many, preload)
    for extra in extras:
        setattr(call, extra.__name__, extra)
    call.key = lambda *args, **kwargs: wrapped.keys.make(args, kwargs)[0]  # type: ignore[attr-defined]  # typed by CachedFunction
    call.__name__, call.__doc__ = wrapped.policy.family, wrapped.function.__doc__
    return call


def _hit(result: LookupResult) -> Hit[Any]:
    entry, origin = result.entry, result.origin
    return Hit(
        entry.value, origin, result.age, origin != "source", origin == "stale", entry.computed, entry.fresh
    )
