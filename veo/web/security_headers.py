"""Security headers of every response: no type sniffing, no framing, no referrer.

A route that sets one of them keeps its own value. HSTS is left to the server that terminates TLS.
"""

from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Pair = tuple[bytes, bytes]  # undecoded: this runs for every response, and decoding headers costs time

SECURITY: tuple[Pair, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
DATA_ONLY: Pair = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
"""The policy of data: shown as a page, they could neither load nor run anything."""


class SecurityHeaders:
    """Middleware that adds them, and forbids every cache to store an admin response."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and add the headers to its response."""

        async def send_secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = with_security_headers(message.get("headers", ()), scope["path"])
            await send(message)

        await self._app(scope, receive, send_secured)


def with_security_headers(headers: Iterable[Pair], path: str) -> list[Pair]:
    """Return the headers of a response with the missing ones added."""
    admin = path.startswith("/admin/")
    pairs = [pair for pair in headers if not (admin and pair[0] == b"cache-control")]
    present = dict(pairs)
    page = present.get(b"content-type", b"").startswith(b"text/html")
    defaults = SECURITY if page else (*SECURITY, DATA_ONLY)
    caching = ((b"cache-control", b"no-store"),) if admin else ()
    return [*pairs, *(pair for pair in defaults if pair[0] not in present), *caching]
