"""Response times and process costs of the main job, on the embedded figures."""

import asyncio
import itertools
import os
import socket
import statistics
import subprocess
import sys
import time

import httpx

from benchmarks.measure import cpu_per_call, paired_imports, resident_mb, table
from veo.runtime import build, tables
from veo.schemas.requests import RecommendationRequest
from veo.settings import Settings
from veo.sources.embedded import snapshot
from veo.web import create_app

REQUEST = {"persona": "student", "budget": 1000, "locationType": "rent", "destination": "UCL"}


def main() -> None:
    """Print the table."""
    loads = [cpu_of_load() for _ in range(5)]
    mine, floor = paired_imports("veo.web", "fastapi, pydantic_settings")
    rows = [
        ("load all embedded figures", f"{statistics.median(loads) * 1e3:.0f} ms", "≤ 150 ms of CPU"),
        ("import veo.web ÷ import fastapi, pydantic_settings", f"{mine / floor:.2f}", "≤ 1.5"),
        *asyncio.run(in_process()),
        *asyncio.run(served()),
    ]
    table("The main job", rows)


def cpu_of_load() -> float:
    """Return the CPU seconds of one load."""
    began = time.process_time()
    snapshot.load()
    return time.process_time() - began


async def in_process() -> list[tuple[str, str, str]]:
    """Measure inside one process, without a server."""
    runtime = build(Settings(cache="memory", live="off"))
    budgets = itertools.count(700)

    async def cold() -> None:
        request = RecommendationRequest(persona="student", budget=next(budgets), location_type="rent")
        await runtime.recommender.recommend(request)

    colds = [await cpu_per_call(cold, 1) for _ in range(40)]
    places = runtime.tables.places
    request = RecommendationRequest.model_validate(REQUEST, context={"places": places})
    await runtime.recommender.recommend(request)
    hit = await cpu_per_call(lambda: runtime.recommender.recommend(request), 500)
    ucl = places.destination("UCL").location
    tables().rail.minutes_to(ucl)
    began = time.process_time()
    for _ in range(20):
        tables().rail.minutes_to(ucl)
    commute = (time.process_time() - began) / 20
    transport = httpx.ASGITransport(app=create_app(runtime=runtime))
    async with httpx.AsyncClient(transport=transport, base_url="http://veo") as client:
        await client.post("/api/recommendations", json=REQUEST)
        through = await cpu_per_call(lambda: client.post("/api/recommendations", json=REQUEST), 200)
    return [
        ("all districts to one destination", f"{commute * 1e3:.1f} ms", "≤ 30 ms of CPU"),
        ("cold recommendation, median", f"{statistics.median(colds) * 1e3:.1f} ms", "≤ 60 ms of CPU"),
        ("cached recommendation, the function", f"{hit * 1e3:.3f} ms", "≤ 0.1 ms of CPU"),
        ("cached recommendation through ASGI, client included", f"{through * 1e3:.2f} ms", "≤ 3 ms of CPU"),
    ]


async def served() -> list[tuple[str, str, str]]:
    """Measure a served process: its memory, and its health under a hundred cold callers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "veo", "serve", "--port", str(port)]
    environment = {**os.environ, "VEO_LOG_LEVEL": "WARNING", "VEO_LIVE": "off"}
    server = subprocess.Popen(command, env=environment)  # noqa: ASYNC220, S603 - Veo's own server
    try:
        limits = httpx.Limits(max_connections=200)
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", timeout=30, limits=limits
        ) as client:
            await until_up(client)
            quiet = [await health(client) for _ in range(20)]
            requests = [
                client.post("/api/recommendations", json={**REQUEST, "budget": 600 + n}) for n in range(100)
            ]
            cold = asyncio.gather(*requests)
            busy = []
            while not cold.done():
                busy.append(await health(client))
                await asyncio.sleep(0.01)
            answers = await cold
            memory = resident_mb(server.pid)
    finally:
        server.terminate()
        server.wait()
    failed = sum(answer.status_code != httpx.codes.OK for answer in answers)
    return [
        ("health when quiet, median", f"{statistics.median(quiet) * 1e3:.1f} ms", ""),
        ("health under 100 cold callers, median", f"{statistics.median(busy) * 1e3:.1f} ms", "not starved"),
        ("health under 100 cold callers, worst", f"{max(busy) * 1e3:.1f} ms", "not starved"),
        ("failed of the 100", str(failed), "0"),
        ("memory of the served process", f"{memory:.0f} MB", "≤ 150 MB"),
    ]


async def until_up(client: httpx.AsyncClient) -> None:
    """Wait for the first answer."""
    for _ in range(200):
        try:
            await client.get("/api/health")
        except httpx.TransportError:
            await asyncio.sleep(0.05)
        else:
            return
    raise SystemExit("the server did not come up within 10 s")


async def health(client: httpx.AsyncClient) -> float:
    """Return the seconds of one health check."""
    began = time.perf_counter()
    (await client.get("/api/health")).raise_for_status()
    return time.perf_counter() - began
