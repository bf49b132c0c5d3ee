"""Middleware that gives every request an id, a start time and one line in the log."""

import logging
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from veo.logs import request_id

log = logging.getLogger(__name__)

ID = b"x-request-id"
SAFE_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._~-]{1,100}")
CLIENT_CLOSED = 499  # nginx's status for a client that disconnected before its response
_STARTED, _ORIGIN = "veo.started", "veo.origin"  # keys of the scope


class RequestLog:
    """Adds the request's `X-Request-Id` to its response; replaces one that is missing or unsafe."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on under its id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope[_STARTED] = time.perf_counter()
        id_, status = _request_id(scope), CLIENT_CLOSED

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (ID, id_)]
            await send(message)

        token = request_id.set(id_.decode())
        try:
            await self._app(scope, receive, send_with_id)
        finally:
            _log(scope, status)
            request_id.reset(token)


def record_answer_origin(scope: Scope, origin: str, sources: Sequence[str], notices: Sequence[str]) -> None:
    """Store in the scope, for the log line, where the answer to a request came from."""
    scope[_ORIGIN] = {"origin": origin, "sources": list(sources), "notices": list(notices)}


def elapsed_seconds(scope: Scope) -> float:
    """Return the seconds since a request arrived."""
    started: float = scope[_STARTED]
    return time.perf_counter() - started


def escaped_path(scope: Scope) -> str:
    """Return the path, escaped and shortened so that it can forge neither a log line nor a response."""
    path: str = scope["path"]
    return path if PLAIN_PATH.fullmatch(path) else quote(path, errors="replace")[:100]


def _request_id(scope: Scope) -> bytes:
    sent = next((value for name, value in scope["headers"] if name == ID), b"")
    return sent if SAFE_ID.fullmatch(sent) else secrets.token_hex(16).encode()


def _log(scope: Scope, status: int) -> None:
    method, path, ms = scope["method"], escaped_path(scope), round(elapsed_seconds(scope) * 1000)
    answer: Mapping[str, Any] = scope.get(_ORIGIN, {})
    request = {"method": method, "path": path, "route": _route(scope), "status": status, "ms": ms}
    origin = f" {answer['origin']}" if answer else ""
    extra = {"event": "request", **request, **answer}
    if log.isEnabledFor(logging.INFO):
        line = ("%s %s %d %d ms%s", (method, path, status, ms, origin), None)
        # as `log.info`, but without its search of the stack for the caller, which is always this line
        log.handle(log.makeRecord(log.name, logging.INFO, __file__, 0, *line, extra=extra))


def _route(scope: Scope) -> str:
    """Return the path of the route as declared, by which log lines can be grouped."""
    endpoint = scope.get("endpoint")
    route: str = "-" if endpoint is None else scope["app"].state.paths.get(endpoint, "-")
    return route
