"""The same function cached in memory by each library; only `make bench` installs the peers."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import aiocache
import cachetools
import cashews
from async_lru import alru_cache
from cachetools.keys import hashkey
from dogpile.cache import make_region

from veo.cache import Cache, Policy

TTL = 60
Function = Callable[[str, str, int], Awaitable[Any]]


def floor(function: Function) -> Function:
    """Look a bare dict up in an async wrapper: no expiry, no bound, no single flight."""
    kept: dict[Any, Any] = {}

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        key = (args, tuple(kwargs.items())) if kwargs else args
        if key not in kept:
            kept[key] = await function(*args, **kwargs)
        return kept[key]

    return wrapper


def veo(function: Function) -> Any:
    """Decorate with Veo's cache."""
    policy = Policy(family="rec", key="rec:{a}:{b}:{c}", fresh_for=timedelta(seconds=10 * TTL))
    return Cache().cached(policy)(function)


def by_async_lru(function: Function) -> Function:
    """Decorate with async-lru."""
    decorated: Function = alru_cache(maxsize=10_000, ttl=TTL)(function)
    return decorated


def by_cachetools(function: Function) -> Function:
    """Cache in a cachetools TTLCache by hand; the library has no async decorator and no single flight."""
    kept: Any = cachetools.TTLCache(10_000, TTL)

    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        key = hashkey(*args, **kwargs)
        try:
            return kept[key]
        except KeyError:
            value = kept[key] = await function(*args, **kwargs)
            return value

    return wrapper


def by_cashews(function: Function) -> Function:
    """Decorate with cashews, one compute at a time."""
    cache = cashews.Cache()
    cache.setup("mem://?size=100000&check_interval=0")
    decorated: Function = cache(ttl=f"{TTL}s", key="rec:{a}:{b}:{c}", lock=True)(function)
    return decorated


def by_aiocache(function: Function) -> Function:
    """Decorate with aiocache's stampede protection."""
    decorated: Function = aiocache.cached_stampede(
        ttl=TTL, lease=5, key_builder=lambda _f, a, b, c: f"rec:{a}:{b}:{c}"
    )(function)
    return decorated


def by_dogpile(function: Function) -> Function:
    """Cache in a dogpile region; it is synchronous, so only its hits are compared."""
    region = make_region().configure("dogpile.cache.memory", expiration_time=TTL)

    async def wrapper(a: str, b: str, c: int) -> Any:
        value = region.get(f"rec:{a}:{b}:{c}")
        if not value:
            value = await function(a, b, c)
            region.set(f"rec:{a}:{b}:{c}", value)
        return value

    return wrapper


PEERS: dict[str, Callable[[Function], Function]] = {
    "async-lru": by_async_lru,
    "cachetools (by hand)": by_cachetools,
    "dogpile": by_dogpile,
    "aiocache": by_aiocache,
    "cashews": by_cashews,
}
