"""A span of each request reaches a collector, where one is set and the extra is there.

The tracer of a process is set once, so that the app runs in a process of its own.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from fastapi import FastAPI

from veo.runtime import build
from veo.settings import Settings
from veo.web import app as web_app
from veo.web import create_app


@pytest.fixture
async def collector() -> AsyncIterator[tuple[str, "asyncio.Queue[tuple[str, bytes]]"]]:
    """Take what is exported: the address, and the path and body of each request."""
    taken: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()

    async def take(request: web.Request) -> web.Response:
        await taken.put((request.path, await request.read()))
        return web.Response(content_type="application/x-protobuf")

    runner = web.AppRunner(app := web.Application())
    app.router.add_post("/{path:.*}", take)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}", taken
    await runner.cleanup()


@pytest.fixture
async def exported(collector: tuple[str, "asyncio.Queue[tuple[str, bytes]]"]) -> tuple[str, bytes]:
    """Ask a served app one question, and give what it exported."""
    address, taken = collector
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "VEO_LIVE": "off",
        "OTEL_EXPORTER_OTLP_ENDPOINT": address,
        "OTEL_BSP_SCHEDULE_DELAY": "50",
    }
    command = (sys.executable, "-m", "veo", "serve", "--port", "0")
    server = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert server.stdout is not None
        url = (await server.stdout.readline()).split()[3].decode()
        async with aiohttp.ClientSession() as client, client.get(f"{url}/api/areas/E15") as answer:
            assert answer.status == 200
        return await asyncio.wait_for(taken.get(), 20)
    finally:
        server.terminate()
        await server.wait()


@pytest.mark.anyio
async def test_a_span_names_the_route_and_the_path(exported: tuple[str, bytes]) -> None:
    path, body = exported
    assert path == "/v1/traces"
    assert b"/api/areas/{code}" in body
    assert b"/api/areas/E15" in body


def app_with(endpoint: str | None) -> FastAPI:
    return create_app(runtime=build(Settings(cache="memory", live="off", otel_endpoint=endpoint)))


@pytest.fixture
def asked_to_trace(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Give what the framework is told of telemetry."""
    told: list[Any] = []
    original = FastAPI.__init__

    def spy(self: FastAPI, *args: Any, **kwargs: Any) -> None:
        told.append(kwargs["telemetry"]["tracing"])
        original(self, *args, **kwargs)

    monkeypatch.setattr(FastAPI, "__init__", spy)
    return told


def test_without_an_endpoint_nothing_is_traced(asked_to_trace: list[Any]) -> None:
    app_with(None)
    assert asked_to_trace == [False]


def test_with_an_endpoint_and_the_extra_requests_are_traced(asked_to_trace: list[Any]) -> None:
    app_with("http://127.0.0.1:4318")
    assert asked_to_trace == [True]


def test_without_the_extra_nothing_is_traced(
    asked_to_trace: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web_app, "find_spec", lambda _: None)
    app_with("http://127.0.0.1:4318")
    assert asked_to_trace == [False]


def test_a_missing_extra_is_said(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(web_app, "find_spec", lambda _: None)
    app_with("http://127.0.0.1:4318")
    assert [record.getMessage() for record in caplog.records if record.levelname == "WARNING"] == [
        "OTEL_EXPORTER_OTLP_ENDPOINT is set but the extra veo[otel] is missing: no spans are sent"
    ]
