"""Health tells what was last observed, and probes nothing."""

import time
from dataclasses import replace
from typing import Any

import pytest

from tests.support.chaos import ChaosStore, Fault
from tests.support.web import ask
from veo import __version__
from veo.cache import Cache
from veo.runtime import Runtime, build
from veo.settings import Settings
from veo.web import create_app

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return build(Settings(cache="memory"))


async def health_of(runtime: Runtime) -> Any:
    return (await ask(create_app(runtime=runtime), "GET", "/api/health")).json()


async def test_health_is_bare(runtime: Runtime) -> None:
    assert (await health_of(runtime)).keys() == {"status", "version", "timestamp", "services", "uptime"}


async def test_nothing_configured_is_healthy(runtime: Runtime) -> None:
    told = await health_of(runtime)
    assert told["status"] == "healthy"
    assert told["services"] == [{"name": name, "status": "up"} for name in ("cache", "figures", "rail")]


async def test_health_tells_the_version_and_whole_seconds_of_uptime(runtime: Runtime) -> None:
    told = await health_of(runtime)
    assert (told["version"], told["uptime"]) == (__version__, 0)


async def test_a_shared_tier_that_is_wrongly_configured_is_down(runtime: Runtime) -> None:
    told = await health_of(replace(runtime, shared_fault="the URL is not https"))
    assert (told["status"], told["services"][0]["status"]) == ("degraded", "down")
    assert told["services"][0]["error"] == "memory only: the URL is not https"


async def test_a_shared_tier_that_answers_is_up(runtime: Runtime) -> None:
    cache = Cache(ChaosStore(time.time))
    await cache.preload()
    assert (await health_of(replace(runtime, cache=cache, shared="upstash")))["status"] == "healthy"


async def test_a_shared_tier_that_failed_again_and_again_is_down(runtime: Runtime) -> None:
    store = ChaosStore(time.time)
    store.down, cache = True, Cache(store)
    for _ in range(3):
        await cache.preload()
    told = await health_of(replace(runtime, cache=cache, shared="upstash"))
    assert told["services"][0] == {
        "name": "cache",
        "status": "down",
        "error": "memory only: upstash does not answer",
    }


async def test_a_shared_tier_that_refuses_is_said_to_refuse(runtime: Runtime) -> None:
    store = ChaosStore(time.time)
    store.fault(Fault(kind="refused"))
    cache = Cache(store)
    await cache.preload()
    told = await health_of(replace(runtime, cache=cache, shared="redis"))
    assert told["services"][0]["error"] == "memory only: redis refuses: credentials, plan limit or full"


async def test_a_shared_tier_whose_last_call_failed_is_degraded(runtime: Runtime) -> None:
    store = ChaosStore(time.time)
    store.down, cache = True, Cache(store)
    await cache.preload()
    told = await health_of(replace(runtime, cache=cache, shared="upstash"))
    assert told["status"] == "degraded"
    assert told["services"][0] == {
        "name": "cache",
        "status": "degraded",
        "error": "upstash: the last call failed",
    }


async def test_a_poll_of_health_probes_nothing(runtime: Runtime) -> None:
    store = ChaosStore(time.time)
    await health_of(replace(runtime, cache=Cache(store), shared="upstash"))
    assert store.calls == []
