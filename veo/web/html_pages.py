"""The pages that people look at: `/`, `/areas/{code}` and `/admin`, and their files under `/pages/…`.

They ask the API like anybody else; only `london.json`, what the map is drawn from, is made here.
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
    "Cache-Control": "no-cache",  # asked again each time, answered 304: a page never meets old scripts
}
"""What a browser is told with every page and every file of one, besides what every answer says."""


def pages(runtime: Runtime) -> list[BaseRoute]:
    """Give the routes of the pages; they are no part of the API's contract."""
    files = StaticFiles(directory=FOLDER)
    around = [Middleware(Guarded), Middleware(GZipMiddleware)]  # not around the API, which answers at once

    missing = (FOLDER / "missing.html").read_text(encoding="utf-8")

    async def explorer(request: Request) -> Response:
        return await files.get_response("explorer.html", request.scope)

    async def operations(request: Request) -> Response:
        return await files.get_response("admin.html", request.scope)  # its data need the token, it does not

    async def area(request: Request) -> Response:
        try:
            runtime.tables.places.canonical_area(request.path_params["code"])
        except NotFound:
            return HTMLResponse(missing, 404)
        return await files.get_response("area.html", request.scope)

    handlers: dict[str, Callable[[Request], Awaitable[Response]]] = {
        "/": explorer,
        "/areas/{code}": area,
        "/admin": operations,
        "/pages/london.json": _london(runtime.tables.snapshot),
    }
    routes = [Route(path, handler, methods=["GET"], middleware=around) for path, handler in handlers.items()]
    return [*routes, Mount("/pages", files, middleware=around)]


class Guarded:
    """Adds `HEADERS` to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back with the headers."""

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        await self._app(scope, receive, guarded)


def _london(snapshot: Snapshot) -> Callable[[Request], Awaitable[Response]]:
    """Give the handler of the map's data, which is the same for as long as the process runs."""
    body = json.dumps(london(snapshot), separators=(",", ":"))

    async def handler(request: Request) -> Response:
        del request
        return Response(body, media_type=JSON)

    return handler


def london(snapshot: Snapshot) -> dict[str, Any]:
    """Give what the map shows: the districts with centre (WGS84) and size (km²), and the stations."""
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
