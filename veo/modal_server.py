"""A server for the app in a thread, for a platform that routes requests to ports instead of functions.

A Modal web function is reached through us-east wherever its container runs; a server is reached through the
region that it names. `docs/deploy.md` has the latencies.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import uvicorn

from veo.web import create_app

PORT = 8_000
START_TIMEOUT = 25.0  # seconds: below the platform's 30, so that the error here is the one reported
GRACE = 20  # seconds for requests in flight at shutdown; the queued cache writes follow


class ServerThread:
    """A server in a thread: `start` returns once it listens, `stop` once responses and writes are done."""

    def __init__(self, port: int = PORT, host: str = "0.0.0.0", app: Callable[[], Any] = create_app) -> None:  # noqa: S104 - the platform's proxy connects from outside
        config = uvicorn.Config(
            app,
            factory=True,
            host=host,
            port=port,
            access_log=False,  # the app logs each request itself
            timeout_graceful_shutdown=GRACE,
            timeout_keep_alive=75,  # seconds: longer than the proxy keeps its connections open
            proxy_headers=False,  # VEO_TRUSTED_PROXY_HOPS decides who the client is
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="veo-server", daemon=True)

    def start(self) -> None:
        """Start listening; raise RuntimeError if that fails or takes too long."""
        self._thread.start()
        wait = threading.Event()
        for _ in range(round(START_TIMEOUT / 0.01)):
            if self._server.started:
                return
            if not self._thread.is_alive():
                break
            wait.wait(0.01)
        raise RuntimeError("the server does not listen")

    def _run(self) -> None:
        with suppress(SystemExit):  # uvicorn exits so if it cannot listen, after logging the reason
            self._server.run()

    def stop(self) -> None:
        """Accept no more requests, finish those in flight and the queued writes; safe to call twice."""
        self._server.should_exit = True
        self._thread.join(GRACE + 5)
