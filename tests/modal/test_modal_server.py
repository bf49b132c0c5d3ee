"""The app behind a port of its own: it listens before it says so, and ends only when everything is out."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.support.gateway import Gateway
from tests.support.servers import free_port
from veo.modal_server import ServerThread
from veo.settings import Settings
from veo.web import create_app

pytestmark = pytest.mark.usefixtures("logs_as_they_were")

Scope = dict[str, Any]
HERE = "127.0.0.1"


class Slow:
    """An app whose answer waits until the test lets it go."""

    def __init__(self) -> None:
        self.arrived, self.let_go = threading.Event(), threading.Event()

    async def __call__(self, scope: Scope, receive: Callable[[], Awaitable[Any]], send: Any) -> None:
        if scope["type"] == "lifespan":
            for done in ("lifespan.startup.complete", "lifespan.shutdown.complete"):
                await receive()
                await send({"type": done})
            return
        self.arrived.set()
        await asyncio.to_thread(self.let_go.wait)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"whole"})


def test_it_answers_as_soon_as_it_has_started() -> None:
    port = free_port()
    served = ServerThread(port, HERE)
    served.start()
    try:
        assert httpx.get(f"http://{HERE}:{port}/api/health").json()["status"] == "healthy"
    finally:
        served.stop()


def test_it_does_not_listen_any_more_once_it_has_stopped() -> None:
    port = free_port()
    served = ServerThread(port, HERE)
    served.start()
    served.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://{HERE}:{port}/api/health")


def test_a_port_in_use_is_an_error_at_the_start() -> None:
    with socket.create_server((HERE, 0)) as taken:
        served = ServerThread(taken.getsockname()[1], HERE)
        with pytest.raises(RuntimeError, match="does not listen"):
            served.start()


def test_a_request_in_flight_is_answered_before_it_ends() -> None:
    port, slow = free_port(), Slow()
    served = ServerThread(port, HERE, lambda: slow)
    served.start()
    told: list[str] = []
    asking = threading.Thread(target=lambda: told.append(httpx.get(f"http://{HERE}:{port}/").text))
    asking.start()
    slow.arrived.wait(10)
    ending = threading.Thread(target=served.stop)
    ending.start()
    slow.let_go.set()
    asking.join(10)
    ending.join(10)
    assert told == ["whole"]


def test_what_waits_to_be_written_is_written_before_it_ends(database: Gateway) -> None:
    settings = Settings(upstash_url=database.url, upstash_token=database.token)
    port = free_port()
    served = ServerThread(port, HERE, lambda: create_app(settings))
    served.start()
    database.fault(times=2)  # the answer's reads and its first write go astray, so that a write waits
    httpx.get(f"http://{HERE}:{port}/api/areas/E15")
    served.stop()
    assert any(command[:2] == ["SET", "veo:v1:area:E15"] for command in database.commands)
