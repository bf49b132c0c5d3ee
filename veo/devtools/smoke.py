"""Smoke test of a running deployment: every public route, with the example requests of its OpenAPI document.

It changes nothing, but calls each configured paid source once. A route whose source is not configured may
answer 503, as documented; any other error fails the check.
"""

import re
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import httpx

Json = dict[str, Any]

TIMEOUT = 35.0  # seconds: longer than any response may take
EXPECTED_HEADERS = ("x-request-id", "x-content-type-options")
SCRIPT = re.compile(r"""<script\b[^>]*?\bsrc=["']([^"']+)""")
OUTSIDE_THE_CACHE = ("/api/personas", "/api/destinations", "/api/health")


class Check(NamedTuple):
    """The result of one check; `seen` describes the response."""

    name: str
    passed: bool
    seen: str


async def smoke(client: httpx.AsyncClient) -> list[Check]:
    """Check the deployment at the client's base URL; raise httpx.HTTPError if it does not respond."""
    document = (await client.get("/openapi.json")).raise_for_status().json()
    checks = [await _check_health(client)]
    for name, request in example_requests(document, str(client.base_url)).items():
        if not request.url.path.endswith("/health"):
            checks += await _check_route(client, name, request)
    checks += [await _check_etag(client), await _check_bad_input(client), await _check_admin(client)]
    return [*checks, *await _check_page(client, "/"), *await _check_page(client, "/docs")]


def example_requests(document: Json, base: str) -> dict[str, httpx.Request]:
    """Return the documented example request of every operation, by method and path."""
    return {
        f"{method.upper()} {path}": _request(method.upper(), base.rstrip("/"), path, operation)
        for path, operations in document["paths"].items()
        for method, operation in operations.items()
    }


def _request(method: str, base: str, path: str, operation: Json) -> httpx.Request:
    if "requestBody" in operation:
        body = operation["requestBody"]["content"]["application/json"]["example"]
        return httpx.Request(method, f"{base}{path}", json=body)
    query = {}
    for parameter in operation["parameters"]:
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", parameter["example"])
        elif "examples" in parameter["schema"]:
            query[parameter["name"]] = parameter["schema"]["examples"][0]
    return httpx.Request(method, f"{base}{path}", params=query)


async def _check_health(client: httpx.AsyncClient) -> Check:
    health = _json(await client.get("/api/health"))
    services = [service for service in health.get("services", ()) if service["status"] != "up"]
    down = [f"{service['name']}: {service.get('error', 'down')}" for service in services]
    status = health.get("status")
    return Check("health", status in {"healthy", "degraded"}, "; ".join([str(status), *down]))


async def _check_route(client: httpx.AsyncClient, name: str, request: httpx.Request) -> list[Check]:
    """Send a request twice: the first response must be good, the second must come from the cache."""
    first, ms = await _timed(client, request)
    if first.status_code == HTTPStatus.SERVICE_UNAVAILABLE and "missing" in _details(first):
        return [Check(name, passed=True, seen=f"off: {_json(first)['error']['message']}")]
    missing = [header for header in EXPECTED_HEADERS if header not in first.headers]
    good = first.status_code == HTTPStatus.OK and not missing
    without = f", without {', '.join(missing)}" if missing else ""
    checks = [Check(name, good, f"{first.status_code} in {ms} ms{without}")]
    cacheable = request.url.path not in OUTSIDE_THE_CACHE and "json" in first.headers.get("content-type", "")
    if not good or not cacheable:
        return checks
    return [*checks, _check_cached(f"{name} again", *await _timed(client, request))]


async def _timed(client: httpx.AsyncClient, request: httpx.Request) -> tuple[httpx.Response, int]:
    """Return the response and its duration in milliseconds."""
    began = time.perf_counter()
    response = await client.send(request)
    return response, round((time.perf_counter() - began) * 1000)


def _check_cached(name: str, response: httpx.Response, ms: int) -> Check:
    status = response.headers.get("cache-status", "no Cache-Status")
    if status == "veo; fwd=miss":  # not stored: embedded figures replace a live source's answer
        return Check(name, passed=True, seen="not cached: a live source has not answered yet")
    passed = _json(response).get("metadata", {}).get("cached") is True
    return Check(name, passed, f"{status} in {ms} ms")


async def _check_etag(client: httpx.AsyncClient) -> Check:
    """Check that a conditional request is answered with 304."""
    etag = (await client.get("/api/areas/E15")).headers.get("etag", "")
    response = await client.get("/api/areas/E15", headers={"If-None-Match": etag})
    not_modified = response.status_code == HTTPStatus.NOT_MODIFIED
    return Check("GET /api/areas/E15 with its ETag", not_modified, str(response.status_code))


async def _check_bad_input(client: httpx.AsyncClient) -> Check:
    response = await client.post("/api/recommendations", json={})
    errors = _json(response).get("error", {}).get("details", {}).get("errors", [])
    refused = response.status_code == HTTPStatus.BAD_REQUEST and bool(errors)
    return Check("an empty question", refused, f"{response.status_code}: {'; '.join(errors)}")


async def _check_admin(client: httpx.AsyncClient) -> Check:
    status = (await client.get("/admin/cache/stats")).status_code
    refused = status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    return Check("admin without a token", refused, str(status))


async def _check_page(client: httpx.AsyncClient, path: str) -> list[Check]:
    """Check a page and its first script, without which the page stays empty."""
    response = await client.get(path)
    content_type = response.headers.get("content-type", "")
    good = response.status_code == HTTPStatus.OK
    page = Check(path, good, f"{response.status_code} {content_type}")
    return [page, await _check_script(client, path, response)] if good else [page]


async def _check_script(client: httpx.AsyncClient, path: str, page: httpx.Response) -> Check:
    """Check the first script of a page, its address resolved as in a browser."""
    name, script = f"a script of {path}", SCRIPT.search(page.text)
    if script is None:
        return Check(name, passed=False, seen="the page has no script")
    response = await client.get(page.url.join(script[1]))
    is_script = "javascript" in response.headers.get("content-type", "")
    good = response.status_code == HTTPStatus.OK and is_script
    return Check(name, good, f"{response.status_code} {response.url.path}")


def _json(response: httpx.Response) -> Mapping[str, Any]:
    try:
        content = response.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _details(response: httpx.Response) -> Mapping[str, Any]:
    details: Mapping[str, Any] = _json(response).get("error", {}).get("details", {})
    return details
