"""What every answer tells a browser besides: to guess no type, to frame nothing, to pass on no address.

A route that sets one of them itself keeps its own. HTTPS is not demanded here: whoever serves it does that.
"""

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SECURITY = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
}
DATA_ONLY = "default-src 'none'; frame-ancestors 'none'"
"""The policy of an answer that is no page: were it shown as one, it could load and run nothing."""


class SecurityHeaders:
    """Adds them; what the admin is told may be kept nowhere."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add(MutableHeaders(scope=message), scope["path"])
            await send(message)

        await self._app(scope, receive, secured)


def _add(headers: MutableHeaders, path: str) -> None:
    for name, value in SECURITY.items():
        headers.setdefault(name, value)
    if not headers.get("content-type", "").startswith("text/html"):
        headers.setdefault("Content-Security-Policy", DATA_ONLY)
    if path.startswith("/admin/"):
        headers["Cache-Control"] = "no-store"
