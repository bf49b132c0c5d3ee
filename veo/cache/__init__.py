"""A cache-aside layer for async functions: memory in front of an optional shared tier.

    cache = Cache()                                   # memory alone; Cache(UpstashStore(…)) adds a tier
    AREA = Policy(family="area", key="area:{code}", fresh_for=timedelta(hours=24))

    @cache.cached(AREA)
    async def area(code: str) -> Area:                # Area: deeply immutable, or it is refused here
        return await ask_the_source(code)

    await area("E15")                                 # the value
    await area.lookup("E15")                          # Hit(value, origin, age, cached, stale)
    await area.refresh("E15"); await area.invalidate("E15"); await area.many([("E15",), ("N1",)])
    await cache.flush(family="area"); await cache.drain()

It never raises and never waits long because the shared tier is away. The way of a lookup: `decorator` (memory
hit) → `engine` (shared tier → one flight → source → fill → stale on error); one mechanism a file.
"""

from veo.cache.by_key import Peek
from veo.cache.clock import Clock, SystemClock
from veo.cache.decorator import Cache, CachedFunction, Hit
from veo.cache.engine import RecursiveLookup
from veo.cache.lease_record import UpstreamThrottled
from veo.cache.policy import Policy
from veo.cache.stores.protocol import Store, StoreError
from veo.cache.wrapped_function import NotModified, Revalidation, revalidation

__all__ = [
    "Cache",
    "CachedFunction",
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
    "revalidation",
]
