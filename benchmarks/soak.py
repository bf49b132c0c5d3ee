"""Five minutes of steady load: growth of memory, tasks and sockets. Run by `make soak`.

The cache is full from the start, and a shared tier is configured; the commands are counted by the Valkey.
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
from veo.devtools.loadtest.run import Load, run_load

RATE, SECONDS = 100.0, 300  # requests a second, and for how long
EVERY, SETTLING = 5.0, 60.0  # seconds between two samples, and before the first that counts
Sample = dict[str, float]


def main() -> None:
    """Print the table."""
    valkey = Valkey()
    valkey.start()
    with TemporaryDirectory() as folder:
        command = ("benchmarks.served",)
        with served.veo(Path(folder) / "log", *command, REDIS_URL=valkey.url) as server:
            run_load(Load(server.url, requests=1_000, skew=0.0), Limits(), lambda _done, _of: None)
            figures, samples = soak(server, valkey)
    valkey.stop()
    table(f"{SECONDS} s at {RATE:g} requests a second", rows(figures, samples))


def soak(server: served.Server, valkey: Valkey) -> tuple[dict[str, Any], list[Sample]]:
    """Load a server, and sample its resources periodically."""
    load = Load(server.url, requests=int(RATE * SECONDS), rate=RATE)
    figures: dict[str, Any] = {}
    working = threading.Thread(
        target=lambda: figures.update(run_load(load, Limits(), lambda _done, _of: None))
    )
    samples: list[Sample] = []
    working.start()
    with httpx.Client(base_url=server.url, trust_env=False) as web:
        while working.is_alive():
            working.join(EVERY)
            samples.append({**web.get("/watched").json(), "commands": commands(valkey)})
    return figures, samples[:-1]  # the last sample was taken while connections closed


def commands(valkey: Valkey) -> float:
    """Return the number of commands the server has run, except those of this function."""
    stats: dict[str, dict[str, float]] = valkey.client.info("commandstats")
    return sum(count["calls"] for name, count in stats.items() if name != "cmdstat_info")


def rows(figures: dict[str, Any], samples: list[Sample]) -> list[tuple[str, str, str]]:
    """Return the rows: slopes and ranges once the load has settled."""
    settled = samples[int(SETTLING / EVERY) :]
    minutes = [index * EVERY / 60 for index in range(len(settled))]
    memory = statistics.linear_regression(minutes, [sample["mb"] for sample in settled])
    sent = settled[-1]["commands"] - settled[0]["commands"]
    failed = sum(figures["errors"].values()) + figures["requests"] - figures["sent"]
    return [
        ("errors", str(failed), "0"),
        ("requests a second", f"{figures['perSecond']:.1f}", f"{RATE:g}"),
        ("hit rate", f"{100 * figures['hitRate']:.1f} %", ""),
        ("p95", f"{figures['latency']['all']['p95']:.1f} ms", ""),
        ("memory: growth a minute", f"{memory.slope:+.2f} MB", "< 0.5 MB"),
        ("memory: from and to", f"{settled[0]['mb']:.1f}, {settled[-1]['mb']:.1f} MB", ""),
        ("tasks", spread(settled, "tasks"), "constant"),
        ("sockets", spread(settled, "sockets"), "constant"),
        ("commands of the shared tier a minute", f"{sent / minutes[-1]:.1f}", "≤ 4"),
    ]


def spread(samples: list[Sample], what: str) -> str:
    """Return the minimum, maximum and median of a count."""
    counts = [sample[what] for sample in samples]
    return f"{min(counts):g}-{max(counts):g}, median {statistics.median(counts):g}"
