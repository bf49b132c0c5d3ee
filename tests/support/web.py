"""A client of the real app in this process, and the example questions of its documentation."""

from typing import Any

import httpx
from fastapi import FastAPI

from veo.devtools import smoke

Json = dict[str, Any]


def example_requests(document: Json) -> dict[str, httpx.Request]:
    """Give the documented example question of every operation, by method and path."""
    return smoke.example_requests(document, "http://veo")


def client(app: FastAPI) -> httpx.AsyncClient:
    """Give a client; no lifespan runs, and what escapes the app is raised here."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://veo")


async def ask(app: FastAPI, method: str, url: str, **more: Any) -> httpx.Response:
    """Ask the app once."""
    async with client(app) as web:
        return await web.request(method, url, **more)


def refused(answer: httpx.Response, status: int, code: str) -> Any:
    """Check the shape of a refusal, and give its error."""
    told = answer.json()
    assert (answer.status_code, told["error"]["code"]) == (status, code), answer.text
    assert told.keys() == {"success", "error", "metadata"}
    assert told["success"] is False
    assert told["metadata"].keys() == {"timestamp", "executionTimeMs", "sourcesUsed"}
    return told["error"]
