"""What stands around the routes: CORS, and the life of the app."""

import logging
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.support.chaos import ChaosStore
from tests.support.web import ask
from veo import __version__, logs
from veo.cache import Cache
from veo.runtime import Runtime, build
from veo.settings import Settings
from veo.web import create_app

pytestmark = pytest.mark.anyio

ORIGIN = "https://veo.example"


@pytest.fixture(scope="module")
def runtime() -> Runtime:
    return build(Settings(cache="memory"))


@pytest.fixture(scope="module")
def app(runtime: Runtime) -> FastAPI:
    return create_app(runtime=replace(runtime, settings=Settings(cache="memory", cors_origins=(ORIGIN,))))


@pytest.fixture
def veo_logger() -> Iterator[logging.Logger]:
    """Give the logger of Veo, and leave it as it was."""
    logger = logging.getLogger("veo")
    before = logger.handlers, logger.level, logger.propagate
    yield logger
    logger.handlers, logger.level, logger.propagate = before


@pytest.mark.parametrize("url", ["/api/personas", "/api/unknown", "/api/areas/ZZ9"])
async def test_a_listed_origin_may_read_answers_and_errors(web: httpx.AsyncClient, url: str) -> None:
    answer = await web.get(url, headers={"Origin": ORIGIN})
    assert answer.headers["access-control-allow-origin"] == ORIGIN


async def test_another_origin_may_not(web: httpx.AsyncClient) -> None:
    answer = await web.get("/api/personas", headers={"Origin": "https://else.example"})
    assert "access-control-allow-origin" not in answer.headers


async def test_a_listed_origin_may_post_json(web: httpx.AsyncClient) -> None:
    preflight = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type",
    }
    answer = await web.options("/api/recommendations", headers=preflight)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, ORIGIN)


async def test_without_a_list_no_origin_may(runtime: Runtime) -> None:
    answer = await ask(create_app(runtime=runtime), "GET", "/api/personas", headers={"Origin": ORIGIN})
    assert "access-control-allow-origin" not in answer.headers


async def test_without_a_list_no_other_origin_is_spoken_of(runtime: Runtime) -> None:
    answer = await ask(create_app(runtime=runtime), "GET", "/api/personas", headers={"Origin": ORIGIN})
    assert "vary" not in answer.headers


async def test_a_listed_origin_may_read_a_bug(runtime: Runtime) -> None:
    broken: Any = replace(runtime, settings=Settings(cors_origins=(ORIGIN,)), recommender=None)  # type: ignore[arg-type]  # the bug
    asked = {"persona": "student", "budget": 1000, "locationType": "rent"}
    app = create_app(runtime=broken)
    answer = await ask(app, "POST", "/api/recommendations", json=asked, headers={"Origin": ORIGIN})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (500, ORIGIN)


@pytest.mark.parametrize("url", ["/", "/areas/E15", "/docs", "/openapi.json", "/api", "/api/personas"])
async def test_what_can_be_got_can_be_asked_for_its_head(web: httpx.AsyncClient, url: str) -> None:
    answer = await web.head(url)
    assert (answer.status_code, answer.content) == (200, b"")


class Leaving(ChaosStore):
    """A store that tells whether it was closed."""

    left = False

    async def close(self) -> None:
        """Give back connections."""
        self.left = True


@pytest.mark.usefixtures("veo_logger")
async def test_the_shared_tier_is_met_before_the_first_request_and_left_at_the_end(runtime: Runtime) -> None:
    store = Leaving(time.time)
    app = create_app(runtime=replace(runtime, cache=Cache(store)))
    async with app.router.lifespan_context(app):
        assert ([call.method for call in store.calls], store.left) == (["ping"], False)
    assert store.left


async def test_logs_are_as_configured_while_the_app_runs(
    runtime: Runtime, veo_logger: logging.Logger
) -> None:
    settings = Settings(cache="memory", log_level="ERROR", log_format="json")
    app = create_app(runtime=replace(runtime, settings=settings))
    async with app.router.lifespan_context(app):
        assert veo_logger.level == logging.ERROR
        formatter = veo_logger.handlers[0].formatter
        assert isinstance(formatter, logs.RedactingFormatter)
        assert isinstance(formatter.inner, logs.JsonFormatter)


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == __version__


def test_importing_the_web_brings_no_client_no_server_and_no_command_line() -> None:
    heavy = ("upstash_redis", "httpx", "aiohttp", "typer", "rich", "uvicorn", "redis", "veo.web.openapi")
    code = f"import sys, veo.web; print([name for name in {heavy} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603  # our own interpreter
    assert ran.stdout.strip() == "[]"
