"""Servers in processes of their own: Veo as it runs in production, and the routes that it is measured beside.

`python -m benchmarks.served PORT` serves Veo with one route more, `/watched`: what the process holds.
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
from tests.support import google, perplexity, tfl
from tests.support.servers import free_port
from veo.web import create_app

KEYS = {
    "TFL_APP_KEY": tfl.KEY,
    "GOOGLE_MAPS_API_KEY": google.KEY,
    "PERPLEXITY_API_KEY": perplexity.KEY,
}
COMING_UP = 20.0  # seconds


class Server(NamedTuple):
    """A process that listens on a port of the loopback interface."""

    port: int
    pid: int

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def veo(log: Path, *command: str, **settings: str) -> Iterator[Server]:
    """Serve Veo without a limit of requests, its JSON lines into a file."""
    environment = {"VEO_LIVE": "off", "VEO_CACHE": "auto", "VEO_RATE_LIMIT": "0", **settings}
    with process(log, environment, *(command or ("veo", "serve", "--port"))) as server:
        yield server


@contextmanager
def process(log: Path, environment: Mapping[str, str], *command: str) -> Iterator[Server]:
    """Run a module that takes a port behind the rest of its command, until it is no longer needed."""
    port = free_port()
    with log.open("ab") as lines:
        running = subprocess.Popen(  # noqa: S603 - our own
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
    """Wait for the first answer, whatever it is."""
    deadline = time.monotonic() + COMING_UP
    while time.monotonic() < deadline:
        try:
            httpx.get(f"http://127.0.0.1:{port}/api/health", trust_env=False)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise SystemExit(f"no server came up within {COMING_UP:g} s")


async def watched(request: Request) -> Response:
    """Tell how many tasks and sockets the process has, and its resident memory."""
    del request
    tasks = len(asyncio.all_tasks())
    return JSONResponse({"tasks": tasks, "sockets": sockets(), "mb": resident_mb(os.getpid())})


def sockets() -> int:
    """Count the sockets that this process holds."""
    held = (path.readlink() for path in Path("/proc/self/fd").iterdir() if path.is_symlink())
    return sum(str(name).startswith("socket:") for name in held)


def app() -> FastAPI:
    """Give the app with that route."""
    made = create_app()
    made.add_route("/watched", watched)
    return made


if __name__ == "__main__":
    uvicorn.run(
        "benchmarks.served:app", factory=True, port=int(sys.argv[1]), access_log=False, log_config=None
    )
