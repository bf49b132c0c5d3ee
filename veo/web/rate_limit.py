"""Limits per client: a request rate, a lower one where an answer costs money, and a query length.

A request does not count while an equal one of the same client is in flight: pages send such bursts, and the
requests share one answer. Map images are the exception, since they may not be stored. Wrong admin tokens
have a rate limit of their own.
"""

import logging
from collections import Counter
from hashlib import sha256
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from veo.errors import InvalidQuestion
from veo.web.client_ip import client_address
from veo.web.sliding_window import SlidingWindow, TooManyRequests

log = logging.getLogger(__name__)

PAID_PATHS = ("/api/research/area", "/api/maps/area")
"""Prefixes of the paths where an answer may cost money."""

UNSHARED_PATHS = "/api/maps/area/"
"""Prefix of the paths where equal requests do not share an answer."""

HEALTH = "/api/health"
PAID_SHARE = 20  # one request in this many may be for a paid path
WRONG_TOKENS = 10  # per minute
MAX_QUERY_BYTES = 8_192  # bytes of path and query string
UNAUTHORIZED = 401


class LimitedRequest(NamedTuple):
    """A request: its client, the windows it counts in, and whether equal ones share its answer."""

    client: str
    windows: tuple[SlidingWindow, ...]
    shared: bool


class RateLimit:
    """Middleware that rejects a client's requests beyond `per_minute`; 0 means no limit."""

    def __init__(self, app: ASGIApp, *, per_minute: int, hops: int) -> None:
        self._app, self._hops = app, hops
        self._general_windows = (SlidingWindow(per_minute),) if per_minute else ()
        self._paid_windows = (
            (*self._general_windows, SlidingWindow(max(1, per_minute // PAID_SHARE))) if per_minute else ()
        )
        self._wrong_tokens = SlidingWindow(WRONG_TOKENS)
        self._in_flight: Counter[bytes] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on.

        Raises InvalidQuestion if path and query are too long, and TooManyRequests above the limit: for a POST
        only once its body has been read.
        """
        if scope["type"] != "http" or scope["path"] == HEALTH:  # else a monitor would see Veo as down
            await self._app(scope, receive, send)
            return
        if len(_target(scope)) > MAX_QUERY_BYTES:
            raise InvalidQuestion(f"query: path and query must be at most {MAX_QUERY_BYTES:,} bytes")
        client = client_address(scope, self._hops)
        path = scope["path"]
        windows = self._paid_windows if path.startswith(PAID_PATHS) else self._general_windows
        limited = LimitedRequest(client, windows, not path.startswith(UNSHARED_PATHS))
        send = self._limit_wrong_tokens(client, send)
        identity = f"{client} {scope['method']} ".encode() + _target(scope) + b" "
        if scope["method"] == "POST":
            await self._pass_on_with_body(limited, identity, scope, receive, send)
            return
        self._admit(limited, identity)
        try:
            await self._app(scope, receive, send)
        finally:
            self._release(identity)

    async def _pass_on_with_body(
        self, limited: LimitedRequest, head: bytes, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Pass a request on, and admit it once its whole body is read and so its identity is complete."""
        digest = sha256(head)
        admitted: list[bytes] = []

        async def hash_and_receive() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                digest.update(message.get("body", b""))
                if not admitted and not message.get("more_body", False):
                    admitted.append(self._admit(limited, digest.digest()))
            return message

        try:
            await self._app(scope, hash_and_receive, send)
        finally:
            if admitted:
                self._release(admitted[0])
            else:  # rejected for another reason before its body was read
                _count(limited)

    def _admit(self, limited: LimitedRequest, identity: bytes) -> bytes:
        if not (limited.shared and self._in_flight[identity]):
            if wait := max((window.wait(limited.client) for window in limited.windows), default=0.0):
                raise TooManyRequests(wait)
            _count(limited)
        self._in_flight[identity] += 1
        return identity

    def _release(self, identity: bytes) -> None:
        self._in_flight[identity] -= 1
        if not self._in_flight[identity]:
            del self._in_flight[identity]

    def _limit_wrong_tokens(self, client: str, send: Send) -> Send:
        """Count responses with 401, which refuse a wrong token; above the limit raise TooManyRequests."""

        async def send_limited(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == UNAUTHORIZED:
                if wait := self._wrong_tokens.wait(client):
                    raise TooManyRequests(wait)
                self._wrong_tokens.add(client)
                log.warning(
                    "refused a token of %s", client, extra={"event": "token_refused", "client": client}
                )
            await send(message)

        return send_limited


def _target(scope: Scope) -> bytes:
    path: bytes = scope.get("raw_path") or scope["path"].encode(errors="replace")
    query: bytes = scope["query_string"]
    return path + b"?" + query


def _count(limited: LimitedRequest) -> None:
    for window in limited.windows:
        window.add(limited.client)
