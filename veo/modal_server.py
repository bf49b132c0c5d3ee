"""The same app behind a port of its own, for a platform that routes requests to ports instead of functions.

Why: a Modal web function is reached through us-east wherever its container runs; a server is reached through
the region it names. `docs/deploy.md` has the arithmetic.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import uvicorn

from veo.web import create_app

PORT = 8_000
READY = 25.0  # seconds to listen within; a platform that waits 30 then says what it waited for
GRACE = 20  # seconds that requests in flight get to end; what waits to be written follows


class Served:
    """A server in a thread: `start` returns when it listens, `stop` when every answer and write is out."""

    def __init__(self, port: int = PORT, host: str = "0.0.0.0", app: Callable[[], Any] = create_app) -> None:  # noqa: S104 - the platform's proxy comes from outside
        config = uvicorn.Config(
            app,
            factory=True,
            host=host,
            port=port,
            access_log=False,  # the app writes its own line per request
            timeout_graceful_shutdown=GRACE,
            timeout_keep_alive=75,  # seconds: longer than the proxy in front keeps its connections
            proxy_headers=False,  # who asks is for VEO_TRUSTED_PROXY_HOPS to say
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="veo-edge", daemon=True)

    def start(self) -> None:
        """Listen; raises RuntimeError when that fails or takes too long."""
        self._thread.start()
        wait = threading.Event()
        for _ in range(round(READY / 0.01)):
            if self._server.started:
                return
            if not self._thread.is_alive():
                break
            wait.wait(0.01)
        raise RuntimeError("the server does not listen")

    def _run(self) -> None:
        with suppress(SystemExit):  # how uvicorn ends when it cannot listen, having said why
            self._server.run()

    def stop(self) -> None:
        """Take no more requests, end those in flight, and write what waits; safe to call twice."""
        self._server.should_exit = True
        self._thread.join(GRACE + 5)
