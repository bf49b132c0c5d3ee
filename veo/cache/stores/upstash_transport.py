"""What carries the commands of `upstash-redis`: one pooled HTTP session with a time limit.

The SDK's own transport has no timeout, sleeps three seconds on any error, never looks at the HTTP
status and collapses under concurrency. This one stands in its place (`redis._http`) and turns every
fault into one `StoreError`.
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

KEEP_ALIVE_S = 55  # load balancers close an idle connection after 60
CONNECTIONS = 64  # a call beyond them waits inside its own time limit
MAX_ANSWER_BYTES = 16 * 1024 * 1024  # Upstash refuses a request above 10 MB: no entry can be larger
REPEATABLE = frozenset(
    {"GET", "MGET", "MSET", "PING", "PTTL", "SET"}
)  # a second run leaves and tells the same
REFUSED_WORDS = re.compile(r"^(NOAUTH|NOPERM|READONLY|WRONGPASS)\b|requests? limit exceeded")
REFUSED_STATUS = frozenset({401, 403, 429})


class ErrorReply(StoreError):
    """The database read the command and answered with an error."""


class Transport:
    """`execute` and `close` as the SDK's client calls them; raises StoreError and nothing else.

    `timeout` in seconds is a ceiling for one call, retry included. The session is opened on the event
    loop of the first call, and again after `close` or on another loop.
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
        from_pipeline: bool = False,  # noqa: ARG002  # the seam's signature; `Store` has no use for pipelines
    ) -> Any:
        """Send one command and give its result as the JSON has it."""
        name = str(command[0])
        try:
            async with asyncio.timeout(self._timeout):
                status, body = await self._exchange(url, headers, command)
        except TimeoutError:
            raise StoreError(f"{name}: no answer within {self._timeout} s", "unreachable") from None
        except (aiohttp.ClientError, OSError) as error:
            # the cause is cut off: aiohttp keeps the request's headers, and so the token, in some of them
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
    """Mark a request that travels on a connection kept alive."""
    context.trace_request_ctx.append(True)


def repeatable(command: Sequence[Any]) -> bool:
    """Tell whether a second run changes nothing and gives the same answer: a claim or a delete does not."""
    return command[0] in REPEATABLE and "NX" not in command


def unanswered(error: Exception) -> bool:
    """Tell whether the connection closed before any byte of the answer (aiohttp hands over what came)."""
    return not isinstance(error, aiohttp.ServerDisconnectedError) or isinstance(error.message, str)


def encoded(command: Sequence[Any]) -> bytes:
    """Give the command as JSON; raise StoreError for what UTF-8 cannot carry."""
    try:
        return to_json(command)
    except ValueError:
        raise StoreError(f"{command[0]}: the key or the value cannot be encoded as UTF-8") from None


def result(name: str, status: int, body: bytearray, token: str) -> Any:
    """Give the result of an answer, or raise the StoreError that it amounts to."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict) and answer.get("error"):
        said = str(answer["error"])
        raise ErrorReply(f"{name}: HTTP {status}: {quotable(said, token)}", kind(status, said))
    if status != HTTPStatus.OK:
        raise StoreError(f"{name}: HTTP {status}", kind(status, ""))
    if not isinstance(answer, dict) or "result" not in answer:
        raise StoreError(f"{name}: the answer is not of the form that Upstash documents")
    return answer["result"]


def quotable(said: str, token: str) -> str:
    """Leave out what must not reach a log: the command with its value, the token, great length."""
    return said.partition(", command was:")[0].replace(token, "***")[:200]


def kind(status: int, said: str) -> Literal["unreachable", "refused", "failed"]:
    """Sort a fault by its HTTP status and the words of its error."""
    if status in REFUSED_STATUS or REFUSED_WORDS.search(said):
        return "refused"
    return "unreachable" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "failed"
