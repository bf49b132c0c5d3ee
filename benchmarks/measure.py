"""Measuring: CPU time of this process or a child, memory, and the printed tables."""

import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any


async def cpu_per_call(call: Callable[[], Awaitable[Any]], times: int) -> float:
    """Return the CPU seconds per call, over many consecutive calls."""
    began = time.process_time()
    for _ in range(times):
        await call()
    return (time.process_time() - began) / times


def child_cpu(code: str) -> float:
    """Return the CPU seconds of an interpreter that runs some code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)  # noqa: S603 - our own code
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def paired_imports(one: str, other: str, runs: int = 9) -> tuple[float, float]:
    """Return the median CPU seconds of two imports, run in turn, minus those of a bare interpreter."""
    samples: list[tuple[float, float, float]] = [
        (child_cpu("pass"), child_cpu(f"import {one}"), child_cpu(f"import {other}")) for _ in range(runs)
    ]
    bare, first, second = (statistics.median(column) for column in zip(*samples, strict=True))
    return first - bare, second - bare


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    with open(f"/proc/{pid}/statm") as file:  # noqa: PTH123 - a pseudo-file
        pages = int(file.read().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def peak_resident_mb() -> float:
    """Return the peak resident memory of this process in MB.

    `getrusage` would include the parent's memory at the start of this process.
    """
    with open("/proc/self/status") as file:  # noqa: PTH123 - a pseudo-file
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:")) / 2**10


def table(title: str, rows: Sequence[tuple[str, str, str]]) -> None:
    """Print figures next to their targets."""
    width = max(len(row[0]) for row in rows)
    print(f"\n{title}")
    for name, figure, aim in rows:
        print(f"  {name:<{width}}  {figure:>12}  {aim}")
