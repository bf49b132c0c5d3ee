"""The cache over HTTP, for requests with the admin token. Every change is logged: who, what and when."""

import logging
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any, Literal, cast

from starlette.requests import Request
from starlette.responses import Response

from veo.errors import InvalidQuestion
from veo.operations import cache_admin, cache_warmup
from veo.runtime import Runtime
from veo.schemas import requests
from veo.web.auth import fingerprint, require_admin
from veo.web.body import json_body, query_parameters
from veo.web.envelope import success_response, uncacheable_hit
from veo.web.routes import Endpoint, Handler

log = logging.getLogger(__name__)

Plain = dict[str, Any]
Operation = Callable[[Request, Runtime], Awaitable[Plain]]

WARM_UP_SECONDS = 15.0  # starts no further question after this; each takes up to 6 s and proxies cut at 30


class FlushRequest(requests.Request):
    """The entries to invalidate: exactly one of the fields is set."""

    family: str | None = None
    area: str | None = None
    all: Literal[True] | None = None


def _endpoint(method: str, path: str) -> Callable[[Operation], Endpoint]:
    """Make a coroutine an admin endpoint: it requires the token, logs changes and is never cacheable."""

    def decorate(operation: Operation) -> Endpoint:
        @wraps(operation)
        async def handler(request: Request) -> Response:
            require_admin(request)
            runtime = cast("Runtime", request.app.state.runtime)
            result = await operation(request, runtime)
            if method != "GET":
                _log_change(runtime, operation.__name__, result)
            return success_response(request, uncacheable_hit(result))

        return Endpoint(method, path, cast("Handler", handler))

    return decorate


@_endpoint("GET", "/admin/cache/stats")
async def stats(request: Request, runtime: Runtime) -> Plain:
    """Return the cache's statistics and savings, for today or a given `day`."""
    return await cache_admin.stats(runtime, query_parameters(request).get("day"))


@_endpoint("GET", "/admin/cache/entries/{key:path}")
async def entry(request: Request, runtime: Runtime) -> Plain:
    """Return the entry of a key."""
    return await cache_admin.entry(runtime, request.path_params["key"])


@_endpoint("DELETE", "/admin/cache/entries/{key:path}")
async def delete(request: Request, runtime: Runtime) -> Plain:
    """Remove a key everywhere."""
    return await cache_admin.delete(runtime, cache_admin.checked_key(runtime, request.path_params["key"]))


@_endpoint("POST", "/admin/cache/flush")
async def flush(request: Request, runtime: Runtime) -> Plain:
    """Invalidate a family, an area or everything."""
    flush_request = requests.read_json(FlushRequest, await json_body(request))
    targets = flush_request.model_dump(exclude_none=True)
    if len(targets) != 1:
        raise InvalidQuestion("body: must hold exactly one of family, area and all")
    family, area = flush_request.family, flush_request.area
    if family is not None and family not in cache_admin.FAMILIES:
        raise InvalidQuestion(f"family: must be one of {', '.join(cache_admin.FAMILIES)}")
    return await cache_admin.flush(runtime, family or ("all" if flush_request.all else f"area:{area}"))


@_endpoint("POST", "/admin/cache/warm")
async def warm(request: Request, runtime: Runtime) -> Plain:
    """Fill the cache with the answers to the most frequent questions."""
    del request
    return await cache_warmup.warm(runtime, seconds=WARM_UP_SECONDS)


ADMIN = (stats, entry, delete, flush, warm)
"""Every admin route, in the order of the documentation."""


def _log_change(runtime: Runtime, operation: str, result: Plain) -> None:
    shown = ("key", "deleted", "flushed", "asked", "confirmed")
    summary = {name: result[name] for name in shown if name in result}
    token = fingerprint(runtime.settings)
    extra = {"event": "admin", "operation": operation, "token": token, "done": summary}
    log.warning("admin %s %s by token %s", operation, summary, token, extra=extra)
