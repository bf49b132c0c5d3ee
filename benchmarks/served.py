"""Servers in separate processes: Veo as in production, and the bare routes it is compared with.

`python -m benchmarks.served PORT` serves Veo with one more route, `/watched`: the process's resources.
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
import uvicorn
from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from benchmarks.measure import resident_mb
from tests.support.providers import google, perplexity, tfl
from tests.support.servers import free_port
from veo.web import create_app

KEYS = {
    "TFL_APP_KEY": tfl.KEY,
    "GOOGLE_MAPS_API_KEY": google.KEY,
    "PERPLEXITY_API_KEY": perplexity.KEY,
}
START_TIMEOUT = 20.0  # seconds


class Server(NamedTuple):
    """A process that listens on a port of the loopback interface."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def veo(log: Path, *command: str, **settings: str) -> Iterator[Server]:
    """Serve Veo without a rate limit, its JSON log lines in a file."""
    environment = {"VEO_LIVE": "off", "VEO_CACHE": "auto", "VEO_RATE_LIMIT": "0", **settings}
    with process(log, environment, *(command or ("veo", "serve", "--port"))) as server:
        yield server


@contextmanager
def process(log: Path, environment: Mapping[str, str], *command: str) -> Iterator[Server]:
    """Run a module that takes a port as its last argument, until the context exits."""
    port = free_port()
    with log.open("ab") as lines:
        running = subprocess.Popen(  # noqa: S603 - a fixed command
            [sys.executable, "-m", *command, str(port)],
            env={**os.environ, **environment},
            stdout=lines,
            stderr=lines,
        )
        try:
            until_up(port)
            yield Server(port, running.pid)
        finally:
            running.terminate()
            running.wait()


def until_up(port: int) -> None:
    """Wait for the first response of any kind."""
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        try:
            httpx.get(f"http://127.0.0.1:{port}/api/health", trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"no server came up within {START_TIMEOUT:g} s")


async def watched(request: Request) -> Response:
    """Return the process's number of tasks and sockets, and its resident memory."""
    del request
    tasks = len(asyncio.all_tasks())
    return JSONResponse({"tasks": tasks, "sockets": sockets(), "mb": resident_mb(os.getpid())})


def sockets() -> int:
    """Count this process's open sockets."""
    held = (path.readlink() for path in Path("/proc/self/fd").iterdir() if path.is_symlink())
    return sum(str(name).startswith("socket:") for name in held)


def app() -> FastAPI:
    """Return the app with the additional route."""
    watched_app = create_app()
    watched_app.add_route("/watched", watched)
    return watched_app


if __name__ == "__main__":
    uvicorn.run(
        "benchmarks.served:app", factory=True, port=int(sys.argv[1]), access_log=False, log_config=None
    )
