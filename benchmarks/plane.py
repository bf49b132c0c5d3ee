"""Veo on Modal compared with an empty app: deployment, cold and warm responses, imports."""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from benchmarks.measure import paired_imports, table
from tests.support.gateway import Gateway
from tests.support.plane import ROOT, Plane
from tests.support.servers import Valkey

EMPTY = """
import modal

image = modal.Image.debian_slim(python_version="3.11")
app = modal.App("empty", image=image)

with image.imports():
    import fastapi


@app.function(enable_memory_snapshot=True)
@modal.asgi_app()
def web():
    served = fastapi.FastAPI()
    served.add_api_route("/", lambda: "nothing")
    return served
"""
REQUEST = {"persona": "student", "budget": 1000, "locationType": "rent", "destination": "UCL"}
ROUNDS = 7
Row = tuple[str, str, str]


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder, workspace(Path(folder)) as plane:
        rows = [*deployments(plane, Path(folder)), *first_answers(plane), again(plane)]
    table("Modal on the loopback interface", [*rows, *imports()])


def imports() -> list[Row]:
    """Compare the web container's imports with the minimum for these packages."""
    floor = "modal, fastapi, httpx, upstash_redis"
    web = "modal_app; from veo.web import create_app"
    return [
        ("imports of the web ÷ import " + floor, ratio(*paired_imports(web, floor)), "≤ 1.2"),
        (
            "the same and create_app(), which loads the figures",
            ratio(*paired_imports(f"{web}; create_app()", floor)),
            "",
        ),
    ]


@contextmanager
def workspace(folder: Path) -> Iterator[Plane]:
    """Yield a workspace whose secret points to a shared tier."""
    valkey = Valkey()
    valkey.start()
    gateway = Gateway(valkey.url)
    gateway.start()
    secret = {
        "UPSTASH_REDIS_REST_URL": gateway.url,
        "UPSTASH_REDIS_REST_TOKEN": gateway.token,
        "VEO_LIVE": "off",
        "VEO_LOG_LEVEL": "WARNING",
    }
    plane = Plane(folder, {"upstash-redis": secret})
    plane.start()
    try:
        yield plane
    finally:
        plane.stop()
        gateway.stop()
        valkey.stop()


def deployments(plane: Plane, folder: Path) -> list[Row]:
    """Deploy Veo and an empty app in turn, each time over the last deployment."""
    (folder / "empty.py").write_text(EMPTY)
    mine, floor = [], []
    for _ in range(ROUNDS):
        mine.append(seconds(lambda: deploy(plane, ROOT, "modal_app.py")))
        floor.append(seconds(lambda: deploy(plane, folder, "empty.py")))
    return [paired("a deployment", mine, floor, "≤ 1.5")]


def deploy(plane: Plane, folder: Path, file: str) -> None:
    """Deploy, or end the benchmark with the error."""
    done = plane.modal("deploy", file, cwd=folder)
    if done.returncode:
        raise SystemExit(done.stderr)


def first_answers(plane: Plane) -> list[Row]:
    """Start a container of each app in turn, and time its first response from its start and its snapshot."""
    mine, floor = [], []
    ask(plane)  # compiles
    for _ in range(ROUNDS):
        plane.retire("web")
        mine.append(since_start_and_snapshot(plane, lambda: ask(plane)))
        plane.retire("web", app="empty")
        floor.append(since_start_and_snapshot(plane, lambda: get(plane.functions("empty")["web"].web_url)))
    starts, snapshots = zip(*mine, strict=True)
    floor_starts, floor_snapshots = zip(*floor, strict=True)
    return [
        paired("a first ranking from the process's start ÷ empty FastAPI", starts, floor_starts, "≤ 1.5"),
        paired("the same from the snapshot on", snapshots, floor_snapshots, "≤ 1.5"),
    ]


def since_start_and_snapshot(plane: Plane, call: Callable[[], None]) -> tuple[float, float]:
    """Return the seconds from the call and from the container's snapshot to the response."""
    passed: list[float] = []
    plane.at_snapshot = lambda: passed.append(time.perf_counter())
    began = time.perf_counter()
    call()
    ended = time.perf_counter()
    return ended - began, ended - passed[0]


def again(plane: Plane) -> Row:
    """Time repeated requests on one connection."""
    with httpx.Client(base_url=plane.functions()["web"].web_url) as client:
        times = [
            seconds(lambda: client.post("/api/recommendations", json=REQUEST).raise_for_status())
            for _ in range(200)
        ]
    return ("the same ranking again, median", f"{statistics.median(times) * 1e3:.1f} ms", "≤ 20 ms")


def ask(plane: Plane) -> None:
    """Request a ranking from Veo."""
    url = plane.functions()["web"].web_url
    httpx.post(f"{url}/api/recommendations", json=REQUEST, timeout=30).raise_for_status()


def get(url: str) -> None:
    """Send a request to the empty app."""
    httpx.get(url, timeout=30).raise_for_status()


def seconds(call: Callable[[], object]) -> float:
    """Return the duration of a call in seconds."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def paired(
    name: str, mine: list[float] | tuple[float, ...], floor: list[float] | tuple[float, ...], aim: str
) -> Row:
    """Return a row of two medians and their ratio."""
    one, other = statistics.median(mine), statistics.median(floor)
    return (f"{name}: {one * 1e3:.0f} ms ÷ {other * 1e3:.0f} ms", ratio(one, other), aim)


def ratio(one: float, other: float) -> str:
    """Format a ratio."""
    return f"{one / other:.2f}"
