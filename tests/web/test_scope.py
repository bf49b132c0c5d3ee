"""A request whose scope a server has left incomplete, as ASGI allows, is answered like any other."""

import re
from typing import Any

import anyio
import pytest
from fastapi import FastAPI

pytestmark = pytest.mark.anyio

FROM_MODAL = {  # what Modal's own test servicer sends, but for the path
    "type": "http",
    "method": "GET",
    "headers": {},
    "query_string": b"arg=space",
    "http_version": "2",
}
WHOLE = {
    "type": "http",
    "asgi": {"version": "3.0", "spec_version": "2.4"},
    "http_version": "1.1",
    "method": "GET",
    "scheme": "http",
    "root_path": "",
    "query_string": b"",
    "headers": [],
    "client": ("192.0.2.1", 1),
    "server": ("veo.example", 80),
    "extensions": {},
    "state": {},
}
PATHS = (
    "/",
    "/docs",
    "/openapi.json",
    "/areas/E15",
    "/pages/explorer.js",
    "/static-offline-docs/favicon.png",
)


async def answered(app: FastAPI, scope: dict[str, Any]) -> tuple[int, bytes]:
    """Give the status and the body of the answer to a scope."""
    body = iter([{"type": "http.request", "body": b"", "more_body": False}])
    messages: list[Any] = []

    async def receive() -> dict[str, Any]:
        for message in body:
            return message
        await anyio.sleep_forever()  # the caller stays until the answer is whole
        raise AssertionError

    async def send(message: Any) -> None:
        messages.append(message)

    await app(scope, receive, send)
    return messages[0]["status"], b"".join(message["body"] for message in messages[1:])


def links(page: bytes) -> list[str]:
    """Give the addresses that the page of the documentation names."""
    return re.findall(r"""(?:href=|src=|url: )["']([^"']+)""", page.decode())


async def test_the_documentation_asked_through_modal_names_its_files_from_the_root(app: FastAPI) -> None:
    _, page = await answered(app, {**FROM_MODAL, "path": "/docs"})
    assert [link.startswith("/") for link in links(page)] == [True] * 4, links(page)


@pytest.mark.parametrize("path", PATHS)
async def test_every_page_is_answered_through_modal(app: FastAPI, path: str) -> None:
    assert (await answered(app, {**FROM_MODAL, "path": path}))[0] == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("key", sorted(WHOLE.keys() - {"type", "method"}))
async def test_an_absent_part_of_a_scope_changes_no_answer(app: FastAPI, path: str, key: str) -> None:
    partial = {name: value for name, value in WHOLE.items() if name != key}
    whole = await answered(app, {**WHOLE, "path": path})
    assert await answered(app, {**partial, "path": path}) == whole


@pytest.mark.parametrize("key", ["root_path", "client", "server", "raw_path"])
async def test_a_part_that_is_none_counts_as_absent(app: FastAPI, key: str) -> None:
    whole = await answered(app, {**WHOLE, "path": "/docs"})
    assert await answered(app, {**WHOLE, "path": "/docs", key: None}) == whole


async def test_a_root_path_that_a_server_sends_is_kept(app: FastAPI) -> None:
    _, page = await answered(app, {**WHOLE, "root_path": "/veo", "path": "/veo/docs"})
    assert {link.startswith("/veo/") for link in links(page)} == {True}
