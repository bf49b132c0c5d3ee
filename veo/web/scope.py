"""The parts of a request's scope that a server may leave out, completed with ASGI's defaults.

Modal's own test servicer and other minimal servers send no `root_path`; the routes and the framework's
`/docs` read it without a default. https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

DEFAULTS: dict[str, Any] = {"root_path": "", "query_string": b"", "headers": ()}
"""What is read without a default of its own; of the other keys the framework knows the defaults."""


class ScopeDefaults:
    """Fill in what is absent or None, before anything reads it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with a complete scope: the same object, which layers further out still read."""
        if scope["type"] != "lifespan":
            for key, default in DEFAULTS.items():
                if scope.get(key) is None:
                    scope[key] = default
        await self._app(scope, receive, send)
