"""The HTTP transport for `upstash-redis`: one pooled session with a time limit.

The SDK's own transport has no timeout, sleeps three seconds on any error, ignores the HTTP status and
collapses under concurrency. This one replaces it (`redis._http`) and raises a `StoreError` for every fault.
"""

import asyncio
import json
import re
from collections.abc import Sequence
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any, Literal

import aiohttp
from pydantic_core import to_json

from veo.cache.stores.protocol import StoreError

KEEP_ALIVE_S = 55  # load balancers close an idle connection after 60 seconds
CONNECTIONS = 64  # a further call waits for one within its own time limit
MAX_ANSWER_BYTES = 16 * 1024 * 1024  # Upstash rejects a request above 10 MB, so no entry is larger
REPEATABLE = frozenset({"GET", "MGET", "MSET", "PING", "SET"})  # idempotent, with the same reply
REFUSED_WORDS = re.compile(r"^(NOAUTH|NOPERM|READONLY|WRONGPASS)\b|requests? limit exceeded")
REFUSED_STATUS = frozenset({401, 403, 429})


class ErrorReply(StoreError):
    """The database received the command and replied with an error."""


class Transport:
    """`execute` and `close` as the SDK's client calls them; raises StoreError and nothing else.

    `timeout` is the time limit of a single call in seconds, including its retry. The session is opened on
    the event loop of the first call, and again after `close` or on another loop.
    """

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._session: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def execute(
        self,
        url: str,
        headers: dict[str, str],
        command: list[Any],
        from_pipeline: bool = False,  # noqa: ARG002  # the SDK's signature; `Store` does not use pipelines
    ) -> Any:
        """Send one command and return its JSON result."""
        name = str(command[0])
        try:
            async with asyncio.timeout(self._timeout):
                status, body = await self._exchange(url, headers, command)
        except TimeoutError:
            raise StoreError(f"{name}: no answer within {self._timeout} s", "unreachable") from None
        except (aiohttp.ClientError, OSError) as error:
            # no cause: some aiohttp errors hold the request's headers, and with them the token
            raise StoreError(f"{name}: {type(error).__name__}", "unreachable") from None
        return result(name, status, body, headers["Authorization"].removeprefix("Bearer "))

    async def close(self) -> None:
        """Close the session; safe to call twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _exchange(self, url: str, headers: dict[str, str], command: list[Any]) -> tuple[int, bytearray]:
        async with await self._send(url, headers, command) as response:
            body = bytearray()
            async for chunk in response.content.iter_any():
                body += chunk
                if len(body) > MAX_ANSWER_BYTES:
                    raise StoreError(f"{command[0]}: the answer is larger than {MAX_ANSWER_BYTES} bytes")
            return response.status, body

    async def _send(self, url: str, headers: dict[str, str], command: list[Any]) -> aiohttp.ClientResponse:
        body = encoded(command)
        reused: list[bool] = []
        try:
            return await self._post(url, headers, body, reused)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            if not (reused and repeatable(command) and unanswered(error)):
                raise
        return await self._post(url, headers, body, [])

    async def _post(
        self, url: str, headers: dict[str, str], body: bytes, reused: list[bool]
    ) -> aiohttp.ClientResponse:
        return await self._open().post(
            url, headers=headers, data=body, allow_redirects=False, trace_request_ctx=reused
        )

    def _open(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._session is None or self._loop is not loop:
            trace = aiohttp.TraceConfig()
            trace.on_connection_reuseconn.append(note_reuse)
            self._loop = loop
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=KEEP_ALIVE_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers={"Content-Type": "application/json"},
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
                trace_configs=[trace],
            )
        return self._session


async def note_reuse(
    _session: aiohttp.ClientSession,
    context: SimpleNamespace,
    _parameters: aiohttp.TraceConnectionReuseconnParams,
) -> None:
    """Record that a request reuses a kept-alive connection."""
    context.trace_request_ctx.append(True)


def repeatable(command: Sequence[Any]) -> bool:
    """Check whether a command may be sent twice: a claim or a delete may reply differently."""
    return command[0] in REPEATABLE and "NX" not in command


def unanswered(error: Exception) -> bool:
    """Check whether the connection closed before any byte of the answer arrived."""
    # aiohttp puts a partial answer into `message`
    return not isinstance(error, aiohttp.ServerDisconnectedError) or isinstance(error.message, str)


def encoded(command: Sequence[Any]) -> bytes:
    """Return the command as JSON; raise StoreError if it cannot be encoded as UTF-8."""
    try:
        return to_json(command)
    except ValueError:
        raise StoreError(f"{command[0]}: the key or the value cannot be encoded as UTF-8") from None


def result(name: str, status: int, body: bytearray, token: str) -> Any:
    """Return the result of an answer; raise StoreError for an error or an undocumented form."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict) and answer.get("error"):
        message = str(answer["error"])
        raise ErrorReply(f"{name}: HTTP {status}: {redacted(message, token)}", kind(status, message))
    if status != HTTPStatus.OK:
        raise StoreError(f"{name}: HTTP {status}", kind(status, ""))
    if not isinstance(answer, dict) or "result" not in answer:
        raise StoreError(f"{name}: the answer does not have the form that Upstash documents")
    return answer["result"]


def redacted(message: str, token: str) -> str:
    """Return at most 200 characters of an error message, without the quoted command and the token."""
    return message.partition(", command was:")[0].replace(token, "***")[:200]


def kind(status: int, message: str) -> Literal["unreachable", "refused", "failed"]:
    """Return the kind of a fault by its HTTP status and error message."""
    if status in REFUSED_STATUS or REFUSED_WORDS.search(message):
        return "refused"
    return "unreachable" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "failed"
