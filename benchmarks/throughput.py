"""Cached responses a second compared with a route of ready bytes, and Veo under load."""

import asyncio
import json
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks import served
from benchmarks.measure import table
from benchmarks.providers import providers
from benchmarks.wire import Wire, waits
from tests.support.servers import Valkey
from veo.devtools.loadtest.plan import distinct_questions, parse_mix, plan
from veo.devtools.loadtest.results import Limits, percentile
from veo.devtools.loadtest.run import Load, run_load
from veo.runtime import tables

ROUNDS, ANSWERS = 25, 400
STUDENT = {"persona": "student", "budget": 1000, "locationType": "rent", "destination": "UCL"}
QUERY = "&".join(f"{name}={value}" for name, value in STUDENT.items())
ROUTES: dict[str, tuple[str, dict[str, Any] | None]] = {
    "GET /api/areas/E15": ("/api/areas/E15", None),
    "GET /api/recommendations": (f"/api/recommendations?{QUERY}", None),
    "POST /api/recommendations": ("/api/recommendations", STUDENT),
}
SLOW = 0.3  # seconds that every source takes
USERS, EACH = 100, 20  # number of users, and of questions per user
Row = tuple[str, str, str]
Progress = Callable[[int, int], None]


def main() -> None:
    """Print the tables."""
    with TemporaryDirectory() as folder:
        table("Cached answers a second ÷ those of a bare route", asyncio.run(ratios(Path(folder))))
        table("Under load", [*whole(Path(folder)), *without_tier(Path(folder))])


async def ratios(folder: Path) -> list[Row]:
    """Compare each route with a bare one that returns the same bytes, in turn."""
    ready = folder / "ready"
    ready.mkdir()
    with served.veo(folder / "log", VEO_CACHE="memory", VEO_RATE_LIMIT="1000000000") as veo:
        wires = [Wire.of(veo.port, *question) for question in ROUTES.values()]
        for number, wire in enumerate(wires):
            await wire.once()
            (ready / str(number)).write_bytes(await wire.once())
        with served.process(folder / "bare", {}, "benchmarks.bare", str(ready)) as bare:
            bodies = [body for _, body in ROUTES.values()]
            floors = [Wire.of(bare.port, f"/{number}", body) for number, body in enumerate(bodies)]
            pairs = zip(ROUTES, wires, floors, strict=True)
            return [await compared(name, wire, floor) for name, wire, floor in pairs]


async def compared(name: str, wire: Wire, floor: Wire) -> Row:
    """Return the median over rounds of the ratio of two routes' responses a second, and each median."""
    taken: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for times, route in zip(taken, (wire, floor), strict=True):
            times.append(await route.seconds(ANSWERS))
    ratio = statistics.median(bare / mine for mine, bare in zip(*taken, strict=True))
    mine, bare = (ANSWERS / statistics.median(times) for times in taken)
    return (name, f"{ratio:.2f}", f"≥ 0.4 ({mine:,.0f} ÷ {bare:,.0f})")


@contextmanager
def slow_site(folder: Path) -> Iterator[tuple[served.Server, Valkey]]:
    """Serve Veo with an empty shared tier and slow sources."""
    valkey = Valkey()
    valkey.start()
    with providers(SLOW) as addresses:
        settings = {"VEO_LIVE": "auto", "VEO_UPSTREAMS": json.dumps(addresses), "REDIS_URL": valkey.url}
        with served.veo(folder / "log", **settings, **served.KEYS) as server:
            yield server, valkey
    valkey.stop()


def whole(folder: Path) -> list[Row]:
    """Load a Veo with all of its dependencies, first with an empty cache, then with many users at once."""
    with slow_site(folder) as (server, _):
        cold = run(Load(server.url))
        fill(server.url)
        failed, p95 = asyncio.run(users(server.port))
    return [
        *shown("1,000 requests", cold),
        (f"{USERS} users at once, cached: errors", str(failed), "0"),
        ("  p95", f"{p95 * 1e3:.0f} ms", "≤ 500 ms"),
    ]


def fill(url: str) -> None:
    """Request every question until all are cached: TfL's rate limit delays some parts by half a minute."""
    for _ in range(12):
        if run(Load(url, requests=400, skew=0.0))["hitRate"] == 1:
            return
        time.sleep(10)
    raise SystemExit("not every question is cached after two minutes")


async def users(port: int) -> tuple[int, float]:
    """Return the errors of many users without think time, and the 95th percentile in seconds.

    This does not use httpx, whose client takes longer per response than the server.
    """
    snapshot = tables().snapshot
    different = distinct_questions(
        list(snapshot.districts), list(snapshot.destinations), parse_mix(Load("").mix), 60, 1
    )
    drawn = (plan(different, EACH, 1.0, seed) for seed in range(USERS))
    wires = [[Wire.of(port, question.path, question.body) for question in questions] for questions in drawn]
    waited = await asyncio.gather(*map(waits, wires), return_exceptions=True)
    answered = sorted(time for wait in waited if not isinstance(wait, BaseException) for time in wait)
    return sum(isinstance(wait, BaseException) for wait in waited), percentile(answered, 95)


def without_tier(folder: Path) -> list[Row]:
    """Stop the shared tier for a third of the run."""
    with slow_site(folder) as (server, valkey):
        acts = {1: valkey.stop, 2: valkey.start}  # by thirds of the run
        started: list[threading.Thread] = []

        def progress(done: int, of: int) -> None:
            act = acts.pop(3 * done // of, None)
            if act is not None:
                started.append(threading.Thread(target=act))
                started[-1].start()

        figures = run(Load(server.url), progress)
        for thread in started:
            thread.join()
    assert not acts
    return shown("the same, Valkey away for a third of it", figures)


def run(load: Load, progress: Progress = lambda _done, _of: None) -> dict[str, Any]:
    """Run a load test as `veo loadtest` does."""
    return run_load(load, Limits(), progress)


def shown(name: str, figures: dict[str, Any]) -> list[Row]:
    """Return the rows of a run."""
    cached = figures["latency"]["cached"]["p95"]
    return [
        *errors(name, figures),
        ("  hit rate", f"{100 * figures['hitRate']:.1f} %", "≥ 90 %"),
        ("  p95 of cached answers", f"{cached:.1f} ms", "≤ 20 ms"),
    ]


def errors(name: str, figures: dict[str, Any]) -> list[Row]:
    """Return the row of a run's errors, with their kinds."""
    failed = sum(figures["errors"].values()) + figures["requests"] - figures["sent"]
    names = "".join(f" {error}" for error in figures["errors"])
    return [(f"{name}: errors", f"{failed}{names}", f"0 ({figures['perSecond']:,.0f} /s)")]
