"""A check of a running deployment from outside: every public route, as its own documentation asks it.

It changes nothing, but a paid source that is configured is asked once. A question that a deployment is not
configured for may be refused with 503, as documented; anything else but a good answer is a failure.
"""

import re
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

import httpx

Json = dict[str, Any]

TIMEOUT = 35.0  # seconds: longer than any answer may take
EXPECTED_HEADERS = ("x-request-id", "x-content-type-options")
SCRIPT = re.compile(r"""<script\b[^>]*?\bsrc=["']([^"']+)""")
OUTSIDE_THE_CACHE = ("/api/personas", "/api/destinations", "/api/health")


class Check(NamedTuple):
    """One thing that was checked, whether it holds, and what was seen."""

    name: str
    passed: bool
    seen: str


async def smoke(client: httpx.AsyncClient) -> list[Check]:
    """Check a deployment; `client` knows its base address. Raises httpx.HTTPError when it does not answer."""
    document = (await client.get("/openapi.json")).raise_for_status().json()
    checks = [await _health(client)]
    for name, request in example_requests(document, str(client.base_url)).items():
        if not request.url.path.endswith("/health"):
            checks += await _question(client, name, request)
    checks += [await _again(client), await _bad_input(client), await _admin(client)]
    return [*checks, *await _page(client, "/"), *await _page(client, "/docs")]


def example_requests(document: Json, base: str) -> dict[str, httpx.Request]:
    """Give the documented example question of every operation, by method and path."""
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


async def _health(client: httpx.AsyncClient) -> Check:
    answer = await client.get("/api/health")
    told = _json(answer)
    services = [one for one in told.get("services", ()) if one["status"] != "up"]
    down = [f"{one['name']}: {one.get('error', 'down')}" for one in services]
    status = told.get("status")
    return Check("health", status in {"healthy", "degraded"}, "; ".join([str(status), *down]))


async def _question(client: httpx.AsyncClient, name: str, request: httpx.Request) -> list[Check]:
    """Ask twice: the first answer must be good, the second must come from the cache."""
    first, ms = await _timed(client, request)
    if first.status_code == HTTPStatus.SERVICE_UNAVAILABLE and "missing" in _details(first):
        return [Check(name, passed=True, seen=f"off: {_json(first)['error']['message']}")]
    missing = [header for header in EXPECTED_HEADERS if header not in first.headers]
    good = first.status_code == HTTPStatus.OK and not missing
    without = f", without {', '.join(missing)}" if missing else ""
    checks = [Check(name, good, f"{first.status_code} in {ms} ms{without}")]
    kept = request.url.path not in OUTSIDE_THE_CACHE and "json" in first.headers.get("content-type", "")
    if not good or not kept:
        return checks
    return [*checks, _from_cache(f"{name} again", *await _timed(client, request))]


async def _timed(client: httpx.AsyncClient, request: httpx.Request) -> tuple[httpx.Response, int]:
    """Give an answer and the milliseconds that it took."""
    began = time.perf_counter()
    answer = await client.send(request)
    return answer, round((time.perf_counter() - began) * 1000)


def _from_cache(name: str, answer: httpx.Response, ms: int) -> Check:
    status = answer.headers.get("cache-status", "no Cache-Status")
    if status == "veo; fwd=miss":  # not stored: figures stand in for a live source
        return Check(name, passed=True, seen="not kept: a live source gave nothing yet")
    passed = _json(answer).get("metadata", {}).get("cached") is True
    return Check(name, passed, f"{status} in {ms} ms")


async def _again(client: httpx.AsyncClient) -> Check:
    """Ask for what the caller has already."""
    etag = (await client.get("/api/areas/E15")).headers.get("etag", "")
    answer = await client.get("/api/areas/E15", headers={"If-None-Match": etag})
    known = answer.status_code == HTTPStatus.NOT_MODIFIED
    return Check("GET /api/areas/E15 with its ETag", known, str(answer.status_code))


async def _bad_input(client: httpx.AsyncClient) -> Check:
    answer = await client.post("/api/recommendations", json={})
    told = _json(answer).get("error", {}).get("details", {}).get("errors", [])
    refused = answer.status_code == HTTPStatus.BAD_REQUEST and bool(told)
    return Check("an empty question", refused, f"{answer.status_code}: {'; '.join(told)}")


async def _admin(client: httpx.AsyncClient) -> Check:
    status = (await client.get("/admin/cache/stats")).status_code
    refused = status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}
    return Check("admin without a token", refused, str(status))


async def _page(client: httpx.AsyncClient, path: str) -> list[Check]:
    """Check a page, and the first script that it names: without it a browser shows an empty page."""
    answer = await client.get(path)
    kind = answer.headers.get("content-type", "")
    good = answer.status_code == HTTPStatus.OK
    page = Check(path, good, f"{answer.status_code} {kind}")
    return [page, await _script(client, path, answer)] if good else [page]


async def _script(client: httpx.AsyncClient, path: str, page: httpx.Response) -> Check:
    """Check the first script of a page as a browser resolves its address."""
    name, script = f"a script of {path}", SCRIPT.search(page.text)
    if script is None:
        return Check(name, passed=False, seen="the page names none")
    answer = await client.get(page.url.join(script[1]))
    good = answer.status_code == HTTPStatus.OK and "javascript" in answer.headers.get("content-type", "")
    return Check(name, good, f"{answer.status_code} {answer.url.path}")


def _json(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _details(answer: httpx.Response) -> Mapping[str, Any]:
    details: Mapping[str, Any] = _json(answer).get("error", {}).get("details", {})
    return details
