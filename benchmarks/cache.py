"""The cache core compared with its peers and the floor: CPU time ratios, interleaved in one process."""

import asyncio
import gc
import statistics
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from benchmarks import peers
from benchmarks.measure import paired_imports, table
from benchmarks.values import Facts, facts
from veo.cache import Cache, Policy

ROUNDS, CALLS = 9, 20_000
ARGUMENTS = ("SW1A 1AA", "walk", 30)
FOUR = facts(4)
Row = tuple[str, str, str]


def main() -> None:
    """Print the tables."""
    table("A hit in memory, times the CPU of a bare dict lookup in an async wrapper", asyncio.run(hits()))
    table("A thousand callers of a cold key, 200 ms of compute", asyncio.run(stampedes()))
    table("Twenty callers of a cold key whose compute fails after 200 ms", asyncio.run(failing()))
    table("A miss, beyond its compute, 4 KB", asyncio.run(misses()))
    table("The core's import and an entry's memory", costs())


async def source(a: str, b: str, c: int) -> Facts:
    """Return 4 KB at once."""
    del a, b, c
    return facts(4)


async def hits() -> list[Row]:
    """Compare hits: the libraries run their batches in turn, and the median of the batches counts."""
    cached = peers.veo(source)
    texts = Cache().cached(Policy(family="txt", key="txt:{a}:{b}", fresh_for=timedelta(hours=1)))(two_texts)
    ways: dict[str, tuple[Callable[..., Awaitable[Any]], tuple[Any, ...]]] = {
        "floor": (peers.floor(source), ARGUMENTS),
        "veo, positional call": (cached, ARGUMENTS),
        "veo, texts only": (texts, ARGUMENTS[:2]),
        "veo, lookup()": (cached.lookup, ARGUMENTS),
        **{name: (decorate(source), ARGUMENTS) for name, decorate in peers.PEERS.items()},
    }
    costs: dict[str, list[float]] = {name: [] for name in ways}
    for call, args in ways.values():
        for _ in range(3):
            await call(*args)
    for _ in range(ROUNDS):
        for name, (call, args) in ways.items():
            times = CALLS if name == "floor" or name.startswith("veo") else CALLS // 10
            began = time.process_time()
            for _ in range(times):
                await call(*args)
            costs[name].append((time.process_time() - began) / times)
    base = statistics.median(costs["floor"])
    aims = {
        "floor": f"{base * 1e9:.0f} ns",
        "veo, positional call": "≤ 4",
        "veo, texts only": "≤ 2.5",
        "veo, lookup()": "≤ 5",
    }
    return [
        (name, f"{statistics.median(taken) / base:.1f} ×", aims.get(name, ""))
        for name, taken in costs.items()
    ]


async def two_texts(a: str, b: str) -> Facts:
    """Return 4 KB for text arguments alone."""
    return await source(a, b, 0)


async def stampedes() -> list[Row]:
    """Measure the computes and the wait of a thousand simultaneous callers."""
    return [await _stampede(name, decorate, 1_000, fails=False) for name, decorate in _async_ways().items()]


async def failing() -> list[Row]:
    """Do the same with twenty callers and a failing compute."""
    return [await _stampede(name, decorate, 20, fails=True) for name, decorate in _async_ways().items()]


def _async_ways() -> dict[str, Callable[[peers.Function], peers.Function]]:
    return {"veo": peers.veo, **{name: way for name, way in peers.PEERS.items() if name != "dogpile"}}


async def _stampede(
    name: str, decorate: Callable[[peers.Function], peers.Function], callers: int, *, fails: bool
) -> Row:
    computes = 0

    async def slow(a: str, b: str, c: int) -> Facts:
        nonlocal computes
        computes += 1
        await asyncio.sleep(0.2)
        if fails:
            raise OSError("down")
        return await source(a, b, c)

    cached = decorate(slow)
    began = time.perf_counter()
    await asyncio.gather(*(cached(*ARGUMENTS) for _ in range(callers)), return_exceptions=True)
    waited = time.perf_counter() - began
    return (name, f"{computes} computes", f"all served after {waited * 1e3:.0f} ms")


async def misses() -> list[Row]:
    """Compare the CPU of misses with that of the bare compute."""
    cached = Cache().cached(Policy(family="cold", key="cold:{number}", fresh_for=timedelta(hours=1)))(
        numbered
    )
    samples: list[tuple[float, float]] = []
    number = 0
    gc.collect()
    for _ in range(ROUNDS):
        before = time.process_time()
        for _ in range(500):
            await numbered(number)
        after_bare = time.process_time()
        for _ in range(500):
            number += 1
            await cached(number)
        samples.append(((after_bare - before) / 500, (time.process_time() - after_bare) / 500))
    overhead = statistics.median(miss - bare for bare, miss in samples)
    return [("veo", f"{overhead * 1e6:.0f} µs of CPU", "≤ 150 µs")]


async def numbered(number: int) -> Facts:
    """Return the same 4 KB for any number, at no cost."""
    del number
    return FOUR


async def built(number: int) -> Facts:
    """Return a new 4 KB value for a number."""
    del number
    return facts(4)


def costs() -> list[Row]:
    """Measure the CPU of the import next to that of pydantic, which it needs, and the memory of entries."""
    core, base = paired_imports("veo.cache", "pydantic, asyncio")
    in_memory, in_json = asyncio.run(entry_bytes())
    return [
        ("import veo.cache", f"{core * 1e3:.0f} ms", f"import pydantic, asyncio: {base * 1e3:.0f} ms"),
        (
            "an entry of 4 KB in memory",
            f"{in_memory / 1024:.1f} KB",
            f"weighed as {8 * in_json / 1024:.1f} KB",
        ),
    ]


async def entry_bytes(entries: int = 300) -> tuple[float, float]:
    """Return the size of an entry in memory and as JSON, in bytes."""
    cached = Cache().cached(Policy(family="kept", key="kept:{number}", fresh_for=timedelta(hours=1)))(built)
    await cached(0)
    tracemalloc.start()
    for number in range(1, entries + 1):
        await cached(number)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] / entries
    tracemalloc.stop()
    return held, len(facts(4).model_dump_json())
