"""A cache-aside layer for async functions: memory in front of an optional shared tier.

    cache = Cache()                                   # memory only; Cache(UpstashStore(…)) adds a tier
    AREA = Policy(family="area", key="area:{code}", fresh_for=timedelta(hours=24))

    @cache.cached(AREA)
    async def area(code: str) -> Area:                # Area must be deeply immutable
        return await call_the_source(code)

    await area("E15")                                 # the value
    await area.lookup("E15")                          # Hit(value, origin, age, cached, stale)
    await area.refresh("E15"); await area.invalidate("E15"); await area.many([("E15",), ("N1",)])
    await cache.flush(family="area"); await cache.drain()

A fault of the shared tier never raises and never delays an answer for long. A lookup runs through `decorator`
(memory hit) and `engine` (shared tier → single flight → source → fill, or stale on an error); each mechanism
has its own module.
"""

from veo.cache.by_key import Peek
from veo.cache.clock import Clock, SystemClock
from veo.cache.decorator import Cache, CachedFunction, Hit
from veo.cache.engine import RecursiveLookup
from veo.cache.lease_record import UpstreamThrottled
from veo.cache.method import CachedMethod, bind_cached_methods, cached
from veo.cache.policy import Policy
from veo.cache.stores.protocol import Store, StoreError
from veo.cache.wrapped_function import NotModified, Revalidation, revalidation

__all__ = [
    "Cache",
    "CachedFunction",
    "CachedMethod",
    "Clock",
    "Hit",
    "NotModified",
    "Peek",
    "Policy",
    "RecursiveLookup",
    "Revalidation",
    "Store",
    "StoreError",
    "SystemClock",
    "UpstreamThrottled",
    "bind_cached_methods",
    "cached",
    "revalidation",
]
