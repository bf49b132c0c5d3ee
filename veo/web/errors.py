"""The one place where what is raised becomes an HTTP answer."""

import json
import logging
from collections.abc import Mapping
from math import ceil
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from veo.cache import UpstreamThrottled
from veo.errors import CapReached, InvalidQuestion, NotFound, SourceError, SourceUnavailable
from veo.web.body import JSON
from veo.web.envelope import elapsed_ms, timestamp
from veo.web.request_log import elapsed, shown_path
from veo.web.sliding_window import TooMany

log = logging.getLogger(__name__)

CODES = {
    400: "VALIDATION_ERROR",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "RATE_LIMIT_EXCEEDED",
    500: "INTERNAL_ERROR",
    502: "EXTERNAL_SERVICE_ERROR",
    503: "SERVICE_UNAVAILABLE",
    504: "TIMEOUT",
}
"""The contract's code of every status that Veo answers with."""


BUG = 500


class Problem(NamedTuple):
    """What is told of an error."""

    status: int
    message: str
    details: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = None


def problem(error: Exception, scope: Scope) -> Problem:  # noqa: PLR0911  # one return a kind of error
    """Tell what an exception means to a caller; what was not foreseen is not told, only logged."""
    match error:
        case HTTPException():
            return _http(error, scope)
        case ClientDisconnect():
            return Problem(400, "The body ended early")
        case InvalidQuestion():
            return Problem(400, "The request is not valid", {"errors": list(error.errors)})
        case NotFound():
            return Problem(404, str(error))
        case SourceUnavailable() | CapReached():
            return Problem(503, str(error), {"service": error.service, "missing": error.missing})
        case SourceError():  # its own words may quote the upstream
            return Problem(502, f"{error.service} failed to answer", {"service": error.service})
        case UpstreamThrottled():
            wait = ceil(error.retry_after)
            return Problem(503, str(error), {"retryAfter": wait}, {"Retry-After": str(wait)})
        case TooMany():
            wait = ceil(error.retry_after)
            return Problem(429, "Too many requests", {"retryAfter": wait}, {"Retry-After": str(wait)})
        case TimeoutError():
            operation, waited = f"{scope['method']} {shown_path(scope)}", round(elapsed(scope), 1)
            return Problem(504, "There was no answer in time", {"operation": operation, "timeout": waited})
        case _:
            return Problem(BUG, "Something went wrong here; the request id finds it in the log")


def respond(error: Exception, scope: Scope) -> Response:
    """Give the answer to an exception, and log what is not the caller's fault."""
    told = problem(error, scope)
    if told.status == BUG:
        log.error("%s", type(error).__name__, exc_info=error, extra={"event": "bug"})
    elif told.status > BUG:
        log.warning("%s: %s", type(error).__name__, error, extra={"event": "no_answer"})
    details = {} if told.details is None else {"details": told.details}
    answer = {
        "success": False,
        "error": {"code": CODES[told.status], "message": told.message, **details},
        "metadata": {"timestamp": timestamp(), "executionTimeMs": elapsed_ms(scope), "sourcesUsed": []},
    }
    # the standard library writes any text as ASCII, also one that UTF-8 cannot hold
    return Response(json.dumps(answer), told.status, told.headers, JSON)


async def on_http_error(request: Request, error: Exception) -> Response:
    """Answer what the framework refuses by itself: unknown paths and methods."""
    return respond(error, request.scope)


class Errors:
    """Answers everything that a route raises, inside of what adds headers to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; an answer that has begun can only be broken off."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            if started or scope["type"] != "http":
                raise
            await respond(error, scope)(scope, receive, send)


def _http(error: HTTPException, scope: Scope) -> Problem:
    if error.status_code == 404:  # noqa: PLR2004  # by the router
        return Problem(404, f"{shown_path(scope)} not found")
    if error.status_code == 405:  # noqa: PLR2004  # likewise; it knows only one of the path's routes
        allowed = _allowed(scope)
        return Problem(405, f"{shown_path(scope)} answers {allowed}", headers={"Allow": allowed})
    return Problem(error.status_code, error.detail, headers=error.headers)


def _allowed(scope: Scope) -> str:
    routes = [route for route in scope["app"].routes if isinstance(route, Route)]
    methods = {m for r in routes if r.matches(scope)[0] is not Match.NONE for m in r.methods or ()}
    return ", ".join(sorted(methods))
