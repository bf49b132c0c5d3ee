"""The memory needed to stream a large file: the peak above the baseline of the reading process.

The files come from a server in another process (`files`), and each is read in a fresh one (`reading`).
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from benchmarks.files import REGISTER_MB, SALES_MB
from benchmarks.measure import table
from tests.support.servers import free_port

TARGET = "< 80 MB"


def main() -> None:
    """Print the table."""
    with files() as port:
        schools, prices = (in_a_process(name, port) for name in ("schools", "prices"))
    rows = [
        (f"a register of {REGISTER_MB} MB and its inspections", f"{schools['peak']:.0f} MB", TARGET),
        ("the same, time", f"{schools['seconds']:.1f} s", ""),
        (
            f"the table of its {schools['rows']:,} schools, compressed",
            f"{schools['kilobytes']:.0f} KB",
            "< 1 MB",
        ),
        (f"a year of sales of {SALES_MB} MB", f"{prices['peak']:.0f} MB", TARGET),
        ("the same, time", f"{prices['seconds']:.1f} s", ""),
    ]
    table("Peak memory above the baseline while a file is read", rows)


@contextmanager
def files() -> Iterator[int]:
    """Serve the files from another process, and yield its port."""
    port = free_port()
    server = subprocess.Popen([sys.executable, "-m", "benchmarks.files", str(port)])  # noqa: S603 - a fixed command
    try:
        for _ in range(200):
            try:
                httpx.get(f"http://127.0.0.1:{port}")
                break
            except httpx.TransportError:
                time.sleep(0.05)
        yield port
    finally:
        server.terminate()
        server.wait()


def in_a_process(name: str, port: int) -> dict[str, Any]:
    """Read a file in a fresh process, and return its measurements."""
    command = [sys.executable, "-m", "benchmarks.reading", name, str(port)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)  # noqa: S603 - a fixed command
    result: dict[str, Any] = json.loads(done.stdout)
    return result
