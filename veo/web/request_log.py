"""Every request has an id, a starting time and one line in the log."""

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
SANE_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
PLAIN_PATH = re.compile(r"[A-Za-z0-9/._~-]{1,100}")
CLIENT_LEFT = 499  # as nginx counts a client that went away before its answer
_BEGAN, _TOLD = "veo.began", "veo.told"


class RequestLog:
    """Takes the caller's `X-Request-Id` when it is sane, makes one otherwise, and gives it back."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on under its id."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope[_BEGAN] = time.perf_counter()
        identity, status = _identity(scope), CLIENT_LEFT

        async def stamped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (ID, identity)]
            await send(message)

        token = request_id.set(identity.decode())
        try:
            await self._app(scope, receive, stamped)
        finally:
            _log(scope, status)
            request_id.reset(token)


def tell(scope: Scope, origin: str, sources: Sequence[str], notices: Sequence[str]) -> None:
    """Leave for the log how the answer to a request came about."""
    scope[_TOLD] = {"origin": origin, "sources": list(sources), "notices": list(notices)}


def elapsed(scope: Scope) -> float:
    """Give the seconds since a request came in."""
    began: float = scope[_BEGAN]
    return time.perf_counter() - began


def shown_path(scope: Scope) -> str:
    """Give the path in a form that forges no log line and no answer."""
    path: str = scope["path"]
    return path if PLAIN_PATH.fullmatch(path) else quote(path, errors="replace")[:100]


def _identity(scope: Scope) -> bytes:
    given = next((value for name, value in scope["headers"] if name == ID), b"")
    return given if SANE_ID.fullmatch(given) else secrets.token_hex(16).encode()


def _log(scope: Scope, status: int) -> None:
    method, path, ms = scope["method"], shown_path(scope), round(elapsed(scope) * 1000)
    told: Mapping[str, Any] = scope.get(_TOLD, {})
    request = {"method": method, "path": path, "route": _route(scope), "status": status, "ms": ms}
    origin = f" {told['origin']}" if told else ""
    extra = {"event": "request", **request, **told}
    if log.isEnabledFor(logging.INFO):
        line = ("%s %s %d %d ms%s", (method, path, status, ms, origin), None)
        # what `log.info` does but for the walk up the stack, whose end is always here
        log.handle(log.makeRecord(log.name, logging.INFO, __file__, 0, *line, extra=extra))


def _route(scope: Scope) -> str:
    """Give the path of the route as it is declared: lines of one route can be counted together."""
    endpoint = scope.get("endpoint")
    declared: str = "-" if endpoint is None else scope["app"].state.paths.get(endpoint, "-")
    return declared
