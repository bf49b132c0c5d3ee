"""What every answer tells a browser besides."""

import httpx
import pytest

pytestmark = pytest.mark.anyio

EVERYWHERE = [
    "/",
    "/docs",
    "/openapi.json",
    "/api/personas",
    "/api/unknown",
    "/api/areas/ZZ9",
    "/admin/cache/stats",
]


@pytest.mark.parametrize("url", EVERYWHERE)
@pytest.mark.parametrize(
    ("name", "value"),
    [("x-content-type-options", "nosniff"), ("x-frame-options", "DENY"), ("referrer-policy", "no-referrer")],
)
async def test_every_answer_has_the_security_headers(
    web: httpx.AsyncClient, url: str, name: str, value: str
) -> None:
    assert (await web.get(url)).headers[name] == value


@pytest.mark.parametrize("url", ["/api/personas", "/api/unknown", "/openapi.json"])
async def test_what_is_no_page_may_run_nothing(web: httpx.AsyncClient, url: str) -> None:
    assert (await web.get(url)).headers["content-security-policy"].startswith("default-src 'none'")


async def test_a_page_may_run_its_own(web: httpx.AsyncClient) -> None:
    assert "default-src 'none'" not in (await web.get("/docs")).headers.get("content-security-policy", "")


@pytest.mark.parametrize("url", ["/admin/cache/stats", "/admin/unknown"])
async def test_what_the_admin_is_told_is_kept_nowhere(web: httpx.AsyncClient, url: str) -> None:
    assert (await web.get(url)).headers["cache-control"] == "no-store"
