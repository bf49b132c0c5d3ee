"""The ASGI app: its routes, its middleware and its lifespan."""

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
from veo.web.errors import ErrorHandler, on_http_error
from veo.web.html_pages import page_routes
from veo.web.rate_limit import RateLimit
from veo.web.request_log import RequestLog
from veo.web.routes import PUBLIC, home
from veo.web.scope import ScopeDefaults
from veo.web.security_headers import SecurityHeaders

log = logging.getLogger(__name__)


def create_app(settings: Settings | None = None, runtime: Runtime | None = None) -> FastAPI:
    """Create the app; `settings` default to the environment and are unused when a runtime is given."""
    runtime = runtime or build(settings)
    app = FastAPIOffline(
        title="Veo",
        version=__version__,
        redoc_url=None,
        redirect_slashes=False,  # a redirect behind a rewrite would name the wrong host
        lifespan=_lifespan,
        middleware=_middleware(runtime.settings),
        exception_handlers={HTTPException: on_http_error},
        telemetry=_telemetry(runtime.settings),
    )
    app.state.runtime, app.state.started = runtime, time.monotonic()
    app.add_route("/api", home, methods=["GET"])
    app.router.routes.extend(page_routes(runtime))
    for route in app.routes:
        if isinstance(route, Route) and route.methods == {"GET"}:  # such as the framework's /docs
            route.methods.add("HEAD")
    endpoints = (Route(e.path, e.handler, methods=[e.method]) for e in (*PUBLIC, *ADMIN))
    app.router.routes[:0] = endpoints  # the router tries routes in order, so the busiest come first
    app.state.paths = {route.endpoint: route.path for route in app.routes if isinstance(route, Route)}
    app.openapi = _openapi_document  # type: ignore[method-assign]  # FastAPI's documented seam
    return app


@cache
def _openapi_document() -> dict[str, Any]:
    from veo.web.openapi import document  # noqa: PLC0415  # few processes ever serve it

    return document(PUBLIC)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Configure logging, connect to L2 before the first request, and close the runtime at shutdown."""
    runtime: Runtime = app.state.runtime
    _configure_logging(runtime.settings)
    await runtime.cache.preload()
    await cache_warmup.preload(runtime)
    try:
        yield
    finally:
        await runtime.close()


def _telemetry(settings: Settings) -> TelemetryConfig:
    """Trace each request if an endpoint is set and the extra `veo[otel]` is installed.

    The framework creates, batches and sends the spans. Its log records stay off: they carry stack traces.
    """
    tracing = settings.otel_endpoint is not None
    if tracing and find_spec("opentelemetry.sdk") is None:
        log.warning(
            "OTEL_EXPORTER_OTLP_ENDPOINT is set but the extra veo[otel] is missing: no spans are sent",
            extra={"event": "spans_unavailable"},
        )
        tracing = False
    return {
        "tracing": tracing,
        "auto_configure": tracing,
        "operation_spans": False,
        "metrics": False,
        "logs": False,
    }


def _configure_logging(settings: Settings) -> None:
    logs.configure(settings.log_level, settings.log_format, secrets=settings.secrets())


def _middleware(settings: Settings) -> list[Middleware]:
    """Return the middleware, outermost first: those that add headers also wrap error responses."""
    cors = Middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=("GET", "POST"),
        allow_headers=("Content-Type", "X-Request-Id"),
        expose_headers=("X-Request-Id", "Retry-After"),
    )
    optional = [cors] if settings.cors_origins else []  # without it no other origin can read answers
    limits = Middleware(RateLimit, per_minute=settings.rate_limit, hops=settings.trusted_proxy_hops)
    outer = [Middleware(ScopeDefaults), Middleware(RequestLog), Middleware(SecurityHeaders)]
    return [*outer, *optional, Middleware(ErrorHandler), limits]
