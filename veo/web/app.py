"""The ASGI app: routes, what stands around them, and what it holds while it runs."""

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from importlib.util import find_spec
from typing import Any

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route

from veo import __version__, logs
from veo.operations import cache_warmup
from veo.runtime import Runtime, build
from veo.settings import Settings
from veo.web.admin import ADMIN
from veo.web.errors import Errors, on_http_error
from veo.web.html_pages import pages
from veo.web.rate_limit import RateLimit
from veo.web.request_log import RequestLog
from veo.web.routes import PUBLIC, home
from veo.web.scope import ScopeDefaults
from veo.web.security_headers import SecurityHeaders

log = logging.getLogger(__name__)


def create_app(settings: Settings | None = None, runtime: Runtime | None = None) -> FastAPI:
    """Give the app; `settings` are read from the environment, and not at all when a runtime is given."""
    runtime = runtime or build(settings)
    app = FastAPIOffline(
        title="Veo",
        version=__version__,
        redoc_url=None,
        redirect_slashes=False,  # a redirect behind a rewrite would name the wrong host
        lifespan=_lifespan,
        middleware=_around(runtime.settings),
        exception_handlers={HTTPException: on_http_error},
        telemetry=_spans(runtime.settings),
    )
    app.state.runtime, app.state.started = runtime, time.monotonic()
    app.add_route("/api", home, methods=["GET"])
    app.router.routes.extend(pages(runtime))
    for route in app.routes:
        if isinstance(route, Route) and route.methods == {"GET"}:  # the framework's own: /docs
            route.methods.add("HEAD")
    asked = (Route(e.path, e.handler, methods=[e.method]) for e in (*PUBLIC, *ADMIN))
    app.router.routes[:0] = asked  # routes are tried one by one: what is asked most comes first
    app.state.paths = {route.endpoint: route.path for route in app.routes if isinstance(route, Route)}
    app.openapi = _document  # type: ignore[method-assign]  # FastAPI's documented seam
    return app


@cache
def _document() -> dict[str, Any]:
    from veo.web.openapi import document  # noqa: PLC0415  # few processes are ever asked for it

    return document(PUBLIC)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Log as configured; meet the shared tier before the first request, and take leave of it at the end."""
    runtime: Runtime = app.state.runtime
    _log(runtime.settings)
    await runtime.cache.preload()
    await cache_warmup.preload(runtime)
    try:
        yield
    finally:
        await runtime.close()


def _spans(settings: Settings) -> TelemetryConfig:
    """Send a span of each request where an endpoint is set and `veo[otel]` is there, and else nothing.

    The framework makes, batches and sends them. Its own log records carry stack traces: they stay off.
    """
    wanted = settings.otel_endpoint is not None
    if wanted and find_spec("opentelemetry.sdk") is None:
        log.warning(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set but the extra veo[otel] is missing: no spans are sent",
            extra={"event": "spans_unavailable"},
        )
        wanted = False
    return {
        "tracing": wanted,
        "auto_configure": wanted,
        "operation_spans": False,
        "metrics": False,
        "logs": False,
    }


def _log(settings: Settings) -> None:
    logs.configure(settings.log_level, settings.log_format, secrets=settings.secrets())


def _around(settings: Settings) -> list[Middleware]:
    """Give what stands around the routes, outermost first: errors are answered inside of all headers."""
    cors = Middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=("GET", "POST"),
        allow_headers=("Content-Type", "X-Request-Id"),
        expose_headers=("X-Request-Id", "Retry-After"),
    )
    others = [cors] if settings.cors_origins else []  # no other origin may ask: nothing is said of any
    limits = Middleware(RateLimit, per_minute=settings.rate_limit, hops=settings.trusted_proxy_hops)
    outer = [Middleware(ScopeDefaults), Middleware(RequestLog), Middleware(SecurityHeaders)]
    return [*outer, *others, Middleware(Errors), limits]
