"""A provider on the loopback interface, which answers as its subclass or a test defines."""

import asyncio
import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

from aiohttp import web

from tests.support.gateway import cut_off


class Received(NamedTuple):
    """One request: its path is decoded, and its header names are in lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: Mapping[str, str]
    body: bytes


class Answered(NamedTuple):
    """One answer. A body that is neither text nor bytes is sent as JSON; `cut` truncates it.

    `delay` is the time before the first byte, in seconds.
    """

    status: int = 200
    body: Any = None
    content_type: str = "application/json"
    headers: Mapping[str, str] = {}
    delay: float = 0.0
    cut: bool = False


class LoopbackProvider:
    """A server on a free port, in a thread with its own event loop; `requests` lists those received.

    `provider_names` lists the providers it stands for, by their names in `VEO_UPSTREAMS`.
    `damage` changes the JSON of documented answers before they are sent.
    """

    provider_names: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.delay = 0.0
        self.damage: Callable[[Any], Any] | None = None
        self.port = 0
        self._queue: deque[Answered] = deque()
        self._always: Answered | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=type(self).__name__, daemon=True)

    @property
    def url(self) -> str:
        """The base address for `Http`."""
        return f"http://127.0.0.1:{self.port}"

    def answer(self, request: Received) -> Answered:
        """Answer as the provider documents."""
        raise NotImplementedError

    def queue(self, *answers: Answered) -> None:
        """Send these answers next, in order."""
        self._queue.extend(answers)

    def always(self, answer: Answered | None) -> None:
        """Send this answer to every request; with None, send documented answers again."""
        self._always = answer

    def reset(self) -> None:
        """Clear the received requests and the answers that tests have set."""
        self.requests.clear()
        self._queue.clear()
        self._always, self.delay, self.damage = None, 0.0, None

    def start(self) -> None:
        """Start the thread and listen."""
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()

    def stop(self) -> None:
        """Cancel open requests, close connections and end the thread."""
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> None:
        app = web.Application(client_max_size=2**20)
        app.router.add_route("*", "/{path:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port).start()
        self.port = self._runner.addresses[0][1]

    def _documented(self, received: Received) -> Answered:
        answer = self.answer(received)
        if self.damage is None or isinstance(answer.body, str | bytes):
            return answer
        return answer._replace(body=self.damage(answer.body))

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        received = Received(
            request.method,
            unquote(request.rel_url.raw_path),
            dict(request.query),
            {name.lower(): value for name, value in request.headers.items()},
            await request.read(),
        )
        self.requests.append(received)
        queued = self._queue.popleft() if self._queue else None
        answer = queued or self._always or self._documented(received)
        await asyncio.sleep(answer.delay or self.delay)
        if answer.cut:
            return await cut_off(request, "truncate")
        return web.Response(
            status=answer.status,
            body=_encoded(answer.body),
            headers={"Content-Type": answer.content_type, **answer.headers},
        )


def _encoded(body: Any) -> bytes:
    if isinstance(body, bytes):
        return body
    return (body if isinstance(body, str) else json.dumps(body)).encode()
