"""Defaults for the parts of a request's scope that an ASGI server may leave out.

Modal's test servicer and other minimal servers send no `root_path`; the routes and the framework's
`/docs` read it without a default. https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

DEFAULTS: dict[str, Any] = {"root_path": "", "query_string": b"", "headers": ()}
"""The keys that are read without a default; the framework has defaults for the others."""


class ScopeDefaults:
    """Middleware that fills in the parts that are absent or None."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; its scope is completed in place, as outer middleware reads the same object."""
        if scope["type"] != "lifespan":
            for key, default in DEFAULTS.items():
                if scope.get(key) is None:
                    scope[key] = default
        await self._app(scope, receive, send)
