"""What keeps one client from taking all: a rate, a tighter one where an answer costs money, a length.

A request that equals one of the same client's that is still under way is free: a page sends such bursts, and
they share one answer, but for pictures of maps, which nobody may keep. Of wrong admin tokens a few a minute
are judged.
"""

import logging
from collections import Counter
from hashlib import sha256
from typing import NamedTuple

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from veo.errors import InvalidQuestion
from veo.web.client_ip import client_of
from veo.web.sliding_window import SlidingWindow, TooMany

log = logging.getLogger(__name__)

PAID = ("/api/research/area", "/api/maps/area")
"""Paths below which an answer may cost money."""

EACH_PAID = "/api/maps/area/"
"""Below it equal requests share nothing."""

HEALTH = "/api/health"
PAID_SHARE = 20  # one in so many requests may be one of those
WRONG_TOKENS = 10  # a minute
LONGEST_QUERY = 8_192  # bytes of path and query string
UNAUTHORIZED = 401


class Asked(NamedTuple):
    """One request: whose, the windows that it counts in, and whether equal ones share its answer."""

    client: str
    windows: tuple[SlidingWindow, ...]
    shared: bool


class RateLimit:
    """Refuses a client that asked more than `per_minute` times within a minute; 0 is no limit."""

    def __init__(self, app: ASGIApp, *, per_minute: int, hops: int) -> None:
        self._app, self._hops = app, hops
        self._all = (SlidingWindow(per_minute),) if per_minute else ()
        self._paid = (*self._all, SlidingWindow(max(1, per_minute // PAID_SHARE))) if per_minute else ()
        self._wrong = SlidingWindow(WRONG_TOKENS)
        self._under_way: Counter[bytes] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on; raise TooMany, at the latest when its body is read, or InvalidQuestion."""
        if scope["type"] != "http" or scope["path"] == HEALTH:  # a monitor must not be told that Veo is down
            await self._app(scope, receive, send)
            return
        if len(_target(scope)) > LONGEST_QUERY:
            raise InvalidQuestion(f"query: path and query must be at most {LONGEST_QUERY:,} bytes")
        client = client_of(scope, self._hops)
        path = scope["path"]
        windows = self._paid if path.startswith(PAID) else self._all
        asked = Asked(client, windows, not path.startswith(EACH_PAID))
        send = self._watched(client, send)
        start = f"{client} {scope['method']} ".encode() + _target(scope) + b" "
        if scope["method"] == "POST":
            await self._pass_on(asked, start, scope, receive, send)
            return
        self._admit(asked, start)
        try:
            await self._app(scope, receive, send)
        finally:
            self._leave(start)

    async def _pass_on(self, asked: Asked, start: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        """Admit a request once it is known whole, with its body."""
        digest = sha256(start)
        admitted: list[bytes] = []

        async def received() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                digest.update(message.get("body", b""))
                if not admitted and not message.get("more_body", False):
                    admitted.append(self._admit(asked, digest.digest()))
            return message

        try:
            await self._app(scope, received, send)
        finally:
            if admitted:
                self._leave(admitted[0])
            else:  # refused for another reason before its body was read
                _count(asked)

    def _admit(self, asked: Asked, request: bytes) -> bytes:
        if not (asked.shared and self._under_way[request]):
            if wait := max((window.wait(asked.client) for window in asked.windows), default=0.0):
                raise TooMany(wait)
            _count(asked)
        self._under_way[request] += 1
        return request

    def _leave(self, request: bytes) -> None:
        self._under_way[request] -= 1
        if not self._under_way[request]:
            del self._under_way[request]

    def _watched(self, client: str, send: Send) -> Send:
        """Count wrong tokens by their refusal, and refuse the next ones in another way."""

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == UNAUTHORIZED:
                if wait := self._wrong.wait(client):
                    raise TooMany(wait)
                self._wrong.add(client)
                log.warning(
                    "refused a token of %s", client, extra={"event": "token_refused", "client": client}
                )
            await send(message)

        return watched


def _target(scope: Scope) -> bytes:
    path: bytes = scope.get("raw_path") or scope["path"].encode(errors="replace")
    query: bytes = scope["query_string"]
    return path + b"?" + query


def _count(asked: Asked) -> None:
    for window in asked.windows:
        window.add(asked.client)
