"""Five minutes of steady load: what a process that goes on answering gathers. Run by `make soak`.

The cache is full from the first second on, and the shared tier is there: its commands are counted by itself.
"""

import statistics
import threading
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from benchmarks import served
from benchmarks.measure import table
from tests.support.servers import Valkey
from veo.devtools.loadtest.results import Limits
from veo.devtools.loadtest.run import Load, loaded

RATE, SECONDS = 100.0, 300  # requests a second, and for how long
EVERY, SETTLING = 5.0, 60.0  # seconds between two looks, and before the first that counts
Look = dict[str, float]


def main() -> None:
    """Print the table."""
    valkey = Valkey()
    valkey.start()
    with TemporaryDirectory() as folder:
        command = ("benchmarks.served",)
        with served.veo(Path(folder) / "log", *command, REDIS_URL=valkey.url) as server:
            loaded(Load(server.url, requests=1_000, skew=0.0), Limits(), lambda _done, _of: None)
            found, looks = soaked(server, valkey)
    valkey.stop()
    table(f"{SECONDS} s at {RATE:g} requests a second", rows(found, looks))


def soaked(server: served.Server, valkey: Valkey) -> tuple[dict[str, Any], list[Look]]:
    """Load a server and look at it now and then."""
    load = Load(server.url, requests=int(RATE * SECONDS), rate=RATE)
    found: dict[str, Any] = {}
    working = threading.Thread(target=lambda: found.update(loaded(load, Limits(), lambda _done, _of: None)))
    looks: list[Look] = []
    working.start()
    with httpx.Client(base_url=server.url, trust_env=False) as web:
        while working.is_alive():
            working.join(EVERY)
            looks.append({**web.get("/watched").json(), "commands": commands(valkey)})
    return found, looks[:-1]  # the last one saw the load's connections close


def commands(valkey: Valkey) -> float:
    """Give how many commands the server has run but for these looks."""
    stats: dict[str, dict[str, float]] = valkey.client.info("commandstats")
    return sum(count["calls"] for name, count in stats.items() if name != "cmdstat_info")


def rows(found: dict[str, Any], looks: list[Look]) -> list[tuple[str, str, str]]:
    """Give the rows: slopes and ranges from when the load had settled."""
    settled = looks[int(SETTLING / EVERY) :]
    minutes = [index * EVERY / 60 for index in range(len(settled))]
    memory = statistics.linear_regression(minutes, [look["mb"] for look in settled])
    sent = settled[-1]["commands"] - settled[0]["commands"]
    failed = sum(found["errors"].values()) + found["requests"] - found["sent"]
    return [
        ("errors", str(failed), "0"),
        ("requests a second", f"{found['perSecond']:.1f}", f"{RATE:g}"),
        ("hit rate", f"{100 * found['hitRate']:.1f} %", ""),
        ("p95", f"{found['latency']['all']['p95']:.1f} ms", ""),
        ("memory: growth a minute", f"{memory.slope:+.2f} MB", "< 0.5 MB"),
        ("memory: from and to", f"{settled[0]['mb']:.1f}, {settled[-1]['mb']:.1f} MB", ""),
        ("tasks", spread(settled, "tasks"), "constant"),
        ("sockets", spread(settled, "sockets"), "constant"),
        ("commands of the shared tier a minute", f"{sent / minutes[-1]:.1f}", "≤ 4"),
    ]


def spread(looks: list[Look], what: str) -> str:
    """Give the least and the most of a count, and its middle."""
    counts = [look[what] for look in looks]
    return f"{min(counts):g}-{max(counts):g}, median {statistics.median(counts):g}"
