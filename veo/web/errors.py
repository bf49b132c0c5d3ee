"""The one place where an exception becomes an HTTP response."""

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
from veo.web.request_log import elapsed_seconds, escaped_path
from veo.web.sliding_window import TooManyRequests

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
"""The error code for each status that Veo answers with."""

BUG = 500


class Problem(NamedTuple):
    """An error as it is shown to the caller."""

    status: int
    message: str
    details: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = None


def describe(error: Exception, scope: Scope) -> Problem:  # noqa: PLR0911  # one return per kind of error
    """Return what the caller learns of an exception: no details of an unexpected one, which is logged."""
    match error:
        case HTTPException():
            return _describe_http(error, scope)
        case ClientDisconnect():
            return Problem(400, "The body ended early")
        case InvalidQuestion():
            return Problem(400, "The request is not valid", {"errors": list(error.errors)})
        case NotFound():
            return Problem(404, str(error))
        case SourceUnavailable() | CapReached():
            return Problem(503, str(error), {"service": error.service, "missing": error.missing})
        case SourceError():  # its message may quote the upstream
            return Problem(502, f"{error.service} failed to answer", {"service": error.service})
        case UpstreamThrottled():
            wait = ceil(error.retry_after)
            return Problem(503, str(error), {"retryAfter": wait}, {"Retry-After": str(wait)})
        case TooManyRequests():
            wait = ceil(error.retry_after)
            return Problem(429, "Too many requests", {"retryAfter": wait}, {"Retry-After": str(wait)})
        case TimeoutError():
            operation, waited = f"{scope['method']} {escaped_path(scope)}", round(elapsed_seconds(scope), 1)
            return Problem(504, "There was no answer in time", {"operation": operation, "timeout": waited})
        case _:
            return Problem(BUG, "Something went wrong here; the log has the details under the request id")


def error_response(error: Exception, scope: Scope) -> Response:
    """Return the response to an exception, and log it unless the caller is at fault."""
    problem = describe(error, scope)
    if problem.status == BUG:
        log.error("%s", type(error).__name__, exc_info=error, extra={"event": "bug"})
    elif problem.status > BUG:
        log.warning("%s: %s", type(error).__name__, error, extra={"event": "no_answer"})
    details = {} if problem.details is None else {"details": problem.details}
    body = {
        "success": False,
        "error": {"code": CODES[problem.status], "message": problem.message, **details},
        "metadata": {"timestamp": timestamp(), "executionTimeMs": elapsed_ms(scope), "sourcesUsed": []},
    }
    # the standard library escapes to ASCII, so lone surrogates, which UTF-8 cannot encode, do no harm
    return Response(json.dumps(body), problem.status, problem.headers, JSON)


async def on_http_error(request: Request, error: Exception) -> Response:
    """Respond to what the framework rejects itself: unknown paths and methods."""
    return error_response(error, request.scope)


class ErrorHandler:
    """Middleware that turns every exception of a route into a response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; re-raise an exception if the response has already started."""
        started = False

        async def note_start(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, note_start)
        except Exception as error:
            if started or scope["type"] != "http":
                raise
            await error_response(error, scope)(scope, receive, send)


def _describe_http(error: HTTPException, scope: Scope) -> Problem:
    if error.status_code == 404:  # noqa: PLR2004  # raised by the router
        return Problem(404, f"{escaped_path(scope)} not found")
    if error.status_code == 405:  # noqa: PLR2004  # likewise; the router names only one route's methods
        allowed = _allowed_methods(scope)
        return Problem(405, f"{escaped_path(scope)} answers {allowed}", headers={"Allow": allowed})
    return Problem(error.status_code, error.detail, headers=error.headers)


def _allowed_methods(scope: Scope) -> str:
    routes = [route for route in scope["app"].routes if isinstance(route, Route)]
    methods = {m for r in routes if r.matches(scope)[0] is not Match.NONE for m in r.methods or ()}
    return ", ".join(sorted(methods))
