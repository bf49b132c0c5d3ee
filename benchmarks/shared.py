"""The shared tier through a real gateway and a real Valkey, compared with bare aiohttp and the plain SDK."""

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, cast

import aiohttp
import httpx
from upstash_redis.asyncio import Redis

from benchmarks.measure import table
from benchmarks.values import Facts, facts
from tests.support.chaos import ChaosStore, Fault
from tests.support.servers import Valkey, free_port
from veo.cache import Cache, CachedFunction, Policy, Store
from veo.cache.codec import Codec
from veo.cache.entry import decode
from veo.cache.stores.upstash import UpstashStore

TOKEN = "a-token-of-the-loopback-gateway"  # noqa: S105 - it opens nothing else
ROUNDS, CALLS, TASKS = 9, 150, 32
Call = Callable[[], Awaitable[Any]]
Row = tuple[str, str, str]


def main() -> None:
    """Print the tables."""
    table("A read of 4 KB through the gateway", asyncio.run(reads()))

    table("A faulty shared tier", asyncio.run(faults()))


@asynccontextmanager
async def gateway() -> AsyncIterator[str]:
    """Serve a Valkey over HTTP in separate processes, and yield the address."""
    server, port = Valkey(), free_port()
    server.start()
    command = [sys.executable, "-m", "tests.support.gateway", "--redis", server.url]
    process = subprocess.Popen([*command, "--port", str(port), "--token", TOKEN])  # noqa: ASYNC220, S603 - a fixed command
    try:
        async with httpx.AsyncClient() as client:
            for _ in range(200):
                try:
                    await client.get(f"http://127.0.0.1:{port}")
                    break
                except httpx.TransportError:
                    await asyncio.sleep(0.02)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
        server.stop()


class Instant:
    """A store that costs nothing."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}

    async def mget(self, keys: Sequence[str]) -> list[str | None]:
        """Read."""
        return [self.values.get(key) for key in keys]

    async def set(self, key: str, value: str, px: int | None = None) -> None:
        """Write."""
        del px
        self.values[key] = value

    async def claim(self, key: str, value: str, px: int | None = None) -> str | None:
        """Write if absent."""
        del px
        return None if self.values.setdefault(key, value) is value else self.values[key]


async def reads() -> list[Row]:
    """Compare the ways to read one key, in turn."""
    async with gateway() as url, aiohttp.ClientSession() as session:
        store, sdk = UpstashStore(url, TOKEN), Redis(url, TOKEN)
        cache = Cache(store)
        small, large = (decorated(cache, size) for size in (4, 38))
        await asyncio.gather(small("E15"), large("E15"))
        await cache.drain()
        prefix = "cache:v1:kb"

        async def bare(key: str) -> str:
            async with session.post(
                url, json=["GET", key], headers={"Authorization": f"Bearer {TOKEN}"}
            ) as response:
                return str((await response.json())["result"])

        async def bare_and_parsed(key: str) -> object:
            return decode(await bare(key), CODEC, CODEC, time.time())

        async def hit(cached: CachedFunction[[str], Facts]) -> Facts:
            cache._engine.memory.clear()  # noqa: SLF001 - else memory would answer
            return await cached("E15")

        ways: dict[str, Call] = {
            "bare aiohttp": lambda: bare(f"{prefix}4:E15"),
            "store": lambda: store.mget([f"{prefix}4:E15"]),
            "default SDK": lambda: sdk.get(f"{prefix}4:E15"),
            "whole hit": lambda: hit(small),
            "bare aiohttp, parse, validate": lambda: bare_and_parsed(f"{prefix}38:E15"),
            "whole hit, 38 KB": lambda: hit(large),
        }
        alone = await in_turn(ways, one_by_one)
        crowd = await in_turn(
            {name: ways[name] for name in ("bare aiohttp", "store", "default SDK")}, together
        )
        await cache.close()
        await sdk.close()
    base = alone["bare aiohttp"]
    spare = alone["whole hit, 38 KB"] - alone["bare aiohttp, parse, validate"]
    return [
        ("bare aiohttp, one by one", f"{base * 1e3:.2f} ms", ""),
        ("store ÷ bare aiohttp", f"{alone['store'] / base:.2f}", "≤ 1.2"),
        ("default SDK ÷ bare aiohttp", f"{alone['default SDK'] / base:.2f}", ""),
        ("whole hit of 4 KB ÷ bare aiohttp", f"{alone['whole hit'] / base:.2f}", "≤ 2"),
        ("whole hit of 38 KB beyond read, parse, validate", f"{spare * 1e3:.2f} ms", "≤ 0.3 ms"),
        ("bare aiohttp, 32 tasks", f"{1 / crowd['bare aiohttp']:.0f} /s", ""),
        ("store, 32 tasks", f"{1 / crowd['store']:.0f} /s", ""),
        ("default SDK, 32 tasks", f"{1 / crowd['default SDK']:.0f} /s", ""),
        ("store's throughput ÷ default SDK's", f"{crowd['default SDK'] / crowd['store']:.1f}", "≥ 8"),
        ("store's time ÷ bare aiohttp's, 32 tasks", f"{crowd['store'] / crowd['bare aiohttp']:.2f}", "≤ 1.2"),
    ]


def decorated(cache: Cache, kilobytes: int) -> CachedFunction[[str], Facts]:
    """Return a cached function with values of one size."""
    value = facts(kilobytes)  # a free compute leaves only the cost of the cache

    async def source(code: str) -> Facts:
        del code
        return value

    family = f"kb{kilobytes}"
    return cache.cached(Policy(family=family, key=f"{family}:{{code}}", fresh_for=timedelta(hours=1)))(source)


CODEC = Codec(Facts)


async def one_by_one(call: Call) -> float:
    """Return the seconds per call, one call at a time."""
    began = time.perf_counter()
    for _ in range(CALLS):
        await call()
    return (time.perf_counter() - began) / CALLS


async def together(call: Call) -> float:
    """Return the seconds per call with 32 concurrent tasks."""

    async def worker() -> None:
        for _ in range(10):
            await call()

    began = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(TASKS)))
    return (time.perf_counter() - began) / (TASKS * 10)


async def in_turn(ways: dict[str, Call], way: Callable[[Call], Awaitable[float]]) -> dict[str, float]:
    """Run all ways in turn, several times, and return the median of each."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for call in ways.values():
        await call()
    for _ in range(ROUNDS):
        for name, call in ways.items():
            taken[name].append(await way(call))
    return {name: statistics.median(times) for name, times in taken.items()}


async def faults() -> list[Row]:
    """Measure how long a faulty tier delays an answer, and what a healthy one adds to a miss."""
    hung = await waited(Fault(hang=True), 1)
    crowd = await waited(Fault(hang=True), 100)
    refused = await waited(Fault(kind="unreachable"), 1)
    garbage = await waited(Fault(garbage="{"), 1)
    opened, bare = await behind_open_breaker()
    return [
        ("hung: one caller waits", f"{hung * 1e3:.0f} ms", "≤ 250 + 50 ms"),
        ("hung: a hundred callers wait", f"{crowd * 1e3:.0f} ms", "≤ 250 + 50 ms"),
        ("refused: a caller waits", f"{refused * 1e3:.1f} ms", ""),
        ("garbage: a caller waits", f"{garbage * 1e3:.1f} ms", ""),
        (
            "breaker open: a miss costs beyond one without a tier",
            f"{(opened - bare) * 1e6:.0f} µs",
            "< 50 µs",
        ),
        (
            "healthy: a miss of 4 KB costs beyond its compute",
            f"{await miss() * 1e6:.0f} µs of CPU",
            "≤ 150 µs",
        ),
    ]


async def waited(fault: Fault, callers: int) -> float:
    """Return how long callers wait when the tier starts to fail."""
    store = ChaosStore(time.time)
    cache = Cache(store)
    cached = decorated(cache, 4)
    await cached("warm")
    await cache.drain()
    store.fault(fault, times=1_000)
    began = time.perf_counter()
    await asyncio.gather(*(cached(f"E{number}") for number in range(callers)))
    taken = time.perf_counter() - began
    store.heal()
    await cache.drain(0)
    return taken


async def behind_open_breaker() -> tuple[float, float]:
    """Return the CPU seconds of a miss behind an open breaker, and of one without a tier."""
    store = ChaosStore(time.time)
    store.down = True
    with_tier, without = decorated(Cache(store), 4), decorated(Cache(), 4)
    for number in range(5):
        await with_tier(f"open {number}")
    return await per_miss(with_tier), await per_miss(without)


async def miss() -> float:
    """Return the CPU seconds of a miss with an instant tier and a free compute."""
    cached = decorated(Cache(cast("Store", Instant()), entries=64), 4)  # full, so that evictions are included
    return await per_miss(cached)


async def per_miss(cached: CachedFunction[[str], Facts]) -> float:
    """Return the CPU seconds of one miss."""
    samples = []
    for batch in range(ROUNDS):
        began = time.process_time()
        for number in range(200):
            await cached(f"{batch} {number}")
        samples.append((time.process_time() - began) / 200)
    return statistics.median(samples)
