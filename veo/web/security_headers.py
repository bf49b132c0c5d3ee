"""What every answer tells a browser besides: to guess no type, to frame nothing, to pass on no address.

A route that sets one of them itself keeps its own. HTTPS is not demanded here: whoever serves it does that.
"""

from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

Pair = tuple[bytes, bytes]  # as they are sent: every answer passes here, and to decode headers takes its time

SECURITY: tuple[Pair, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
DATA_ONLY: Pair = (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'")
"""The policy of an answer that is no page: were it shown as one, it could load and run nothing."""


class SecurityHeaders:
    """Adds them; what the admin is told may be kept nowhere."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = secure(message.get("headers", ()), scope["path"])
            await send(message)

        await self._app(scope, receive, secured)


def secure(headers: Iterable[Pair], path: str) -> list[Pair]:
    """Give the headers of an answer with what is missing."""
    admin = path.startswith("/admin/")
    given = [pair for pair in headers if not (admin and pair[0] == b"cache-control")]
    known = dict(given)
    page = known.get(b"content-type", b"").startswith(b"text/html")
    added = SECURITY if page else (*SECURITY, DATA_ONLY)
    kept = ((b"cache-control", b"no-store"),) if admin else ()
    return [*given, *(pair for pair in added if pair[0] not in known), *kept]
