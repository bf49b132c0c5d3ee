"""The cache over HTTP, for the bearer of the admin token. Every change is logged: who, what and when."""

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
from veo.web.body import json_body, query
from veo.web.envelope import answered, of_the_moment
from veo.web.routes import Endpoint, Handler

log = logging.getLogger(__name__)

Plain = dict[str, Any]
Work = Callable[[Request, Runtime], Awaitable[Plain]]

LONGEST_WARMING = 15.0  # seconds to begin questions in, of at most six each: a proxy cuts at 30


class FlushRequest(requests.Request):
    """What to make unreachable: one of the three."""

    family: str | None = None
    area: str | None = None
    all: Literal[True] | None = None


def _endpoint(method: str, path: str) -> Callable[[Work], Endpoint]:
    """Let a coroutine answer the admin under a path; changes are logged, nothing may be kept by a proxy."""

    def made(work: Work) -> Endpoint:
        @wraps(work)
        async def handler(request: Request) -> Response:
            require_admin(request)
            runtime = cast("Runtime", request.app.state.runtime)
            done = await work(request, runtime)
            if method != "GET":
                _log_change(runtime, work.__name__, done)
            return answered(request, of_the_moment(done))

        return Endpoint(method, path, cast("Handler", handler))

    return made


@_endpoint("GET", "/admin/cache/stats")
async def stats(request: Request, runtime: Runtime) -> Plain:
    """Tell what the cache does and saves, today or on a `day`."""
    return await cache_admin.stats(runtime, query(request).get("day"))


@_endpoint("GET", "/admin/cache/entries/{key:path}")
async def entry(request: Request, runtime: Runtime) -> Plain:
    """Tell what stands under a key."""
    return await cache_admin.entry(runtime, request.path_params["key"])


@_endpoint("DELETE", "/admin/cache/entries/{key:path}")
async def delete(request: Request, runtime: Runtime) -> Plain:
    """Remove a key everywhere."""
    return await cache_admin.delete(runtime, cache_admin.checked_key(runtime, request.path_params["key"]))


@_endpoint("POST", "/admin/cache/flush")
async def flush(request: Request, runtime: Runtime) -> Plain:
    """Make a family, an area or everything unreachable."""
    asked = requests.read_json(FlushRequest, await json_body(request))
    chosen = asked.model_dump(exclude_none=True)
    if len(chosen) != 1:
        raise InvalidQuestion("body: must hold exactly one of family, area and all")
    if asked.family is not None and asked.family not in cache_admin.FAMILIES:
        raise InvalidQuestion(f"family: must be one of {', '.join(cache_admin.FAMILIES)}")
    return await cache_admin.flush(runtime, asked.family or ("all" if asked.all else f"area:{asked.area}"))


@_endpoint("POST", "/admin/cache/warm")
async def warm(request: Request, runtime: Runtime) -> Plain:
    """Ask what is asked most, so that it is in the cache."""
    del request
    return await cache_warmup.warm(runtime, seconds=LONGEST_WARMING)


ADMIN = (stats, entry, delete, flush, warm)
"""Every route of the admin, in the order of the documentation."""


def _log_change(runtime: Runtime, operation: str, done: Plain) -> None:
    told = {name: done[name] for name in ("key", "deleted", "flushed", "asked", "confirmed") if name in done}
    who = fingerprint(runtime.settings)
    extra = {"event": "admin", "operation": operation, "token": who, "done": told}
    log.warning("admin %s %s by token %s", operation, told, who, extra=extra)
