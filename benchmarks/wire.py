"""A client with prepared requests, which costs less than any server."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

CONNECTIONS = 8


async def waits(wires: Sequence["Wire"]) -> list[float]:
    """Return how many seconds one user waits for each response, on its own connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", wires[0].port)
    waited = []
    for wire in wires:
        began = time.perf_counter()
        await wire.ask(reader, writer)
        waited.append(time.perf_counter() - began)
    writer.close()
    return waited


class Wire(NamedTuple):
    """One request to a port of the loopback interface, as bytes."""

    port: int
    sent: bytes

    @classmethod
    def of(cls, port: int, path: str, body: Mapping[str, Any] | None = None) -> "Wire":
        """Prepare a request: a POST if it has a body."""
        content = b"" if body is None else json.dumps(body).encode()
        kind = f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n" if body else ""
        head = f"{'POST' if body else 'GET'} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{kind}\r\n"
        return cls(port, head.encode() + content)

    async def once(self) -> bytes:
        """Return the body of one response."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        body = await self.ask(reader, writer)
        writer.close()
        return body

    async def seconds(self, times: int) -> float:
        """Return the seconds for a number of responses over `CONNECTIONS` connections."""
        opened = [await asyncio.open_connection("127.0.0.1", self.port) for _ in range(CONNECTIONS)]

        async def some(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            for _ in range(times // CONNECTIONS):
                await self.ask(reader, writer)

        began = time.perf_counter()
        await asyncio.gather(*(some(*pair) for pair in opened))
        taken = time.perf_counter() - began
        for _, writer in opened:
            writer.close()
        return taken

    async def ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
        """Return the body of one response on an open connection; it must be a 200."""
        writer.write(self.sent)
        head = await reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200"), head
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        return await reader.readexactly(int(length))
