"""The pages that people look at: `/`, `/areas/{code}` and `/admin`, and their files under `/pages/…`.

They call the public API; only `london.json`, the data of the map, is made here.
"""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from veo.errors import NotFound
from veo.runtime import Runtime
from veo.scoring import is_business
from veo.sources.embedded.snapshot import Snapshot
from veo.web.body import JSON

FOLDER = Path(__file__).with_name("pages")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'"  # no text can become markup
    ),
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",  # revalidated each time (304), so a page never runs old scripts
}
"""Headers of every page and its files, in addition to the security headers of every response."""


def page_routes(runtime: Runtime) -> list[BaseRoute]:
    """Return the routes of the pages, which are not part of the API's contract."""
    files = StaticFiles(directory=FOLDER)
    middleware = [
        Middleware(PageHeaders),
        Middleware(GZipMiddleware),
    ]  # for the API it costs time

    not_found = (FOLDER / "missing.html").read_text(encoding="utf-8")

    async def explorer(request: Request) -> Response:
        return await files.get_response("explorer.html", request.scope)

    async def operations(request: Request) -> Response:
        return await files.get_response("admin.html", request.scope)  # public; its data are not

    async def area(request: Request) -> Response:
        try:
            runtime.tables.places.canonical_area(request.path_params["code"])
        except NotFound:
            return HTMLResponse(not_found, 404)
        return await files.get_response("area.html", request.scope)

    handlers: dict[str, Callable[[Request], Awaitable[Response]]] = {
        "/": explorer,
        "/areas/{code}": area,
        "/admin": operations,
        "/pages/london.json": _map_data_handler(runtime.tables.snapshot),
    }
    routes = [
        Route(path, handler, methods=["GET"], middleware=middleware) for path, handler in handlers.items()
    ]
    return [*routes, Mount("/pages", files, middleware=middleware)]


class PageHeaders:
    """Middleware that adds `HEADERS` to every response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and add the headers to its response."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, send_with_headers)


def _map_data_handler(snapshot: Snapshot) -> Callable[[Request], Awaitable[Response]]:
    """Return the handler of the map's data, which is serialised once per process."""
    body = json.dumps(map_data(snapshot), separators=(",", ":"))

    async def handler(request: Request) -> Response:
        del request
        return Response(body, media_type=JSON)

    return handler


def map_data(snapshot: Snapshot) -> dict[str, Any]:
    """Return what the map shows: districts with centre (WGS84) and area (km²), and stations."""
    return {
        "districts": [
            {
                "code": district.code,
                "name": district.name,
                "lat": district.location.lat,
                "lng": district.location.lng,
                "km2": district.number("area_km2"),
                "business": is_business(district),
            }
            for district in snapshot.districts.values()
        ],
        "stations": {
            station.name: (station.location.lat, station.location.lng)
            for station in snapshot.stations.values()
        },
    }
