"""The smoke test: it passes on a good deployment, and fails on each kind of fault."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from tests.support.servers import free_port
from veo.cli import main
from veo.devtools.smoke import Check, smoke
from veo.modal_server import ServerThread
from veo.web import create_app

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("logs_as_they_were")]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Yield the address of a running Veo."""
    port = free_port()
    served = ServerThread(port, "127.0.0.1")
    served.start()
    yield f"http://127.0.0.1:{port}"
    served.stop()


async def checked(**changes: Any) -> dict[str, Check]:
    """Check the app in this process; `changes` replace answers by path."""
    app = create_app()

    class Changed(httpx.ASGITransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            if request.url.path in changes:
                return httpx.Response(**changes[request.url.path], request=request)
            return await super().handle_async_request(request)

    async with httpx.AsyncClient(transport=Changed(app), base_url="http://veo") as client:
        return {check.name: check for check in await smoke(client)}


async def test_a_good_deployment_passes() -> None:
    assert [check for check in (await checked()).values() if not check.passed] == []


async def test_every_public_route_is_requested() -> None:
    routes = create_app().openapi()["paths"]
    checked_paths = {name.partition(" ")[2] for name in await checked()}
    assert set(routes) - checked_paths == {"/api/health"}


async def test_what_is_not_configured_is_off_and_passes() -> None:
    check = (await checked())["GET /api/research/area"]
    assert (check.passed, check.seen) == (
        True,
        "off: perplexity is not configured: PERPLEXITY_API_KEY is not set",
    )


async def test_a_second_answer_comes_from_the_cache() -> None:
    assert (await checked())["GET /api/areas/{code} again"].seen.startswith("veo; hit")


HEADERS = {"x-request-id": "1", "x-content-type-options": "nosniff"}


@pytest.mark.parametrize(
    ("path", "answer", "failing"),
    [
        ("/api/areas/E15", {"status_code": 500, "json": {}}, "GET /api/areas/{code}"),
        ("/api/crime/E15", {"status_code": 200, "json": {}}, "GET /api/crime/{area_code}"),
        (
            "/api/crime/E15",
            {"status_code": 200, "json": {"metadata": {"cached": False}}, "headers": HEADERS},
            "GET /api/crime/{area_code} again",
        ),
        ("/api/health", {"status_code": 200, "json": {"status": "unhealthy"}}, "health"),
        ("/api/health", {"status_code": 502, "text": "<html>"}, "health"),
        ("/admin/cache/stats", {"status_code": 200, "json": {}}, "admin without a token"),
        ("/api/recommendations", {"status_code": 500, "json": []}, "an empty question"),
        ("/docs", {"status_code": 404}, "/docs"),
        ("/", {"status_code": 503}, "/"),
        ("/static-offline-docs/swagger-ui-bundle.js", {"status_code": 404}, "a script of /docs"),
        ("/static-offline-docs/swagger-ui-bundle.js", {"status_code": 200, "json": {}}, "a script of /docs"),
        ("/docs", {"status_code": 200, "html": '<script src="None/bundle.js">'}, "a script of /docs"),
        ("/docs", {"status_code": 200, "html": "<script>render()</script>"}, "a script of /docs"),
        ("/pages/explorer.js", {"status_code": 404}, "a script of /"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
async def test_a_fault_fails_its_check(path: str, answer: Any, failing: str) -> None:
    assert (await checked(**{path: answer}))[failing].passed is False


async def test_an_embedded_answer_that_stands_in_for_a_source_passes() -> None:
    response = {
        "status_code": 200,
        "json": {"metadata": {"cached": False}},
        "headers": {**HEADERS, "cache-status": "veo; fwd=miss"},
    }
    assert (await checked(**{"/api/crime/E15": response}))["GET /api/crime/{area_code} again"].passed


def run(*arguments: str) -> Any:
    return CliRunner().invoke(main.app, ["smoke", *arguments])


def test_the_command_prints_every_check_and_exits_with_0(url: str) -> None:
    done = run(url)
    assert (done.exit_code, done.output.splitlines()[-1].endswith(" checks, 0 failed")) == (0, True)


def test_the_command_prints_json(url: str) -> None:
    assert all(check["passed"] for check in json.loads(run(url, "--json").output)["checks"])


@pytest.mark.parametrize("address", ["http://127.0.0.1:{port}", "nonsense", "http://[", ""])
def test_what_does_not_answer_as_veo_is_one_line_and_exit_code_1(address: str) -> None:
    done = run(address.format(port=free_port()))
    assert (done.exit_code, done.output.count("\n")) == (1, 1)
    assert "does not respond like a deployment of Veo" in done.output
