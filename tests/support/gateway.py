"""Upstash's REST interface in front of a Redis-protocol server, with faults on demand.

It answers `POST /` with one JSON command as Upstash documents it: bearer token or read-only token,
`{"result": …}` or `{"error": …}`, base64 if `Upstash-Encoding` requests it. To run it by hand:

    python -m tests.support.gateway --redis redis://127.0.0.1:6379 --port 8079 --token secret
"""

import argparse
import asyncio
import json
import socket
import struct
import threading
from base64 import b64encode
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from aiohttp import web
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ResponseError

READS = frozenset({"GET", "MGET", "TTL", "EXISTS", "PING", "TYPE", "STRLEN", "DBSIZE"})
HTML = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
Cut = Literal["close", "reset", "truncate", "reset midway"]


class Request(NamedTuple):
    """A received request: the command's words, the headers and the client's port."""

    command: list[str]
    headers: Mapping[str, str]
    port: int


@dataclass(frozen=True)
class Fault:
    """A fault of one request: a delay in seconds, then a given answer or a cut connection.

    `close` and `reset` end the connection before the first byte, `truncate` and `reset midway` within the
    body.
    """

    delay: float = 0.0
    status: int = 200
    body: bytes | None = None
    cut: Cut | None = None


class Gateway:
    """A server on a free port of the loopback interface, in a thread with its own event loop.

    `requests` lists all received requests, also those with a fault.
    """

    def __init__(self, redis_url: str, token: str = "token-of-the-tests", port: int = 0) -> None:
        self.token = token
        self.ro_token = f"{token}-read-only"
        self.requests: list[Request] = []
        self.port = port
        self._redis_url = redis_url
        self._faults: deque[Fault] = deque()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gateway", daemon=True)

    @property
    def url(self) -> str:
        """The address for UPSTASH_REDIS_REST_URL."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def commands(self) -> list[list[str]]:
        """The received commands, in order."""
        return [request.command for request in self.requests]

    def fault(
        self,
        *,
        times: int = 1,
        status: int = 200,
        error: str | None = None,
        body: bytes | None = None,
        delay: float = 0.0,
        cut: Cut | None = None,
    ) -> None:
        """Inject a fault into the next `times` requests; `error` is the message of an Upstash error body."""
        if error is not None:
            body = json.dumps({"error": error}).encode()
        self._faults.extend([Fault(delay, status, body, cut)] * times)

    def reset(self) -> None:
        """Clear faults and requests."""
        self._faults.clear()
        self.requests.clear()

    def start(self) -> None:
        """Start the thread and listen."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self.open(), self._loop).result()

    def stop(self) -> None:
        """Cancel hanging requests, close the connections and end the thread."""
        asyncio.run_coroutine_threadsafe(self.close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def open(self) -> None:
        """Listen on the running loop."""
        self._redis = Redis.from_url(self._redis_url, protocol=2)
        self._redis.response_callbacks.clear()  # keep the raw replies
        app = web.Application(client_max_size=10 * 1024 * 1024)
        app.router.add_post("/", self._answer)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        """Stop listening."""
        await self._runner.cleanup()
        await self._redis.aclose()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        command = [str(part) for part in await request.json()]
        assert request.transport is not None
        port = request.transport.get_extra_info("peername")[1]
        self.requests.append(Request(command, request.headers, port))
        fault = self._faults.popleft() if self._faults else Fault()
        await asyncio.sleep(fault.delay)
        if fault.cut is not None:
            return await cut_off(request, fault.cut)
        if fault.body is not None:
            return web.Response(status=fault.status, body=fault.body)
        return await self._run(request, command)

    async def _run(self, request: web.Request, command: list[str]) -> web.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in (self.token, self.ro_token):
            return failure(401, "WRONGPASS invalid or missing auth token")
        if token == self.ro_token and command[0] not in READS:
            return failure(
                400, f"NOPERM this user has no permissions to run the '{command[0].lower()}' command"
            )
        try:
            reply = await self._redis.execute_command(*command)  # type: ignore[no-untyped-call]  # untyped in redis-py
        except RedisConnectionError as error:
            return failure(503, f"ERR {error}")
        except ResponseError as error:
            return failure(400, f"ERR {error}")
        wrap = base64 if request.headers.get("Upstash-Encoding") == "base64" else plain
        return web.json_response({"result": json_reply(reply, wrap)})


async def cut_off(request: web.Request, cut: Cut) -> web.StreamResponse:
    """End the connection: cleanly or by a TCP reset, before the answer or within it."""
    transport = request.transport
    assert transport is not None
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    if cut in ("truncate", "reset midway"):
        await response.prepare(request)
        await response.write(b'{"result": "')
    if cut in ("reset", "reset midway"):
        linger = struct.pack("ii", 1, 0)  # closing sends RST
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
    return response


def failure(status: int, error: str) -> web.Response:
    """Return an error response as Upstash does."""
    return web.json_response({"error": error}, status=status)


def json_reply(reply: Any, wrap: Any) -> Any:
    """Return a reply as JSON data, its bytes converted by `wrap`."""
    if isinstance(reply, list):
        return [json_reply(item, wrap) for item in reply]
    if isinstance(reply, bytes):
        return wrap(reply)
    return reply


def plain(text: bytes) -> str:
    """Return bytes as text, replacing invalid UTF-8 as Upstash does."""
    return text.decode(errors="replace")


def base64(text: bytes) -> str:
    """Return bytes in base64, except for OK."""
    return "OK" if text == b"OK" else b64encode(text).decode()


async def serve(gateway: Gateway) -> None:
    """Run until interrupted."""
    await gateway.open()
    print(f"{gateway.url} token {gateway.token} read-only {gateway.ro_token}", flush=True)  # noqa: T201  # a command
    try:
        await asyncio.Event().wait()
    finally:
        await gateway.close()


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(description="Upstash's REST interface in front of a Redis server")
    parser.add_argument("--redis", required=True, help="redis://host:port of the Redis server")
    parser.add_argument("--port", type=int, default=0, help="port to listen on (default: a free one)")
    parser.add_argument("--token", default="token-of-the-tests")
    options = parser.parse_args()
    with suppress(KeyboardInterrupt):
        asyncio.run(serve(Gateway(options.redis, options.token, options.port)))


if __name__ == "__main__":
    main()
