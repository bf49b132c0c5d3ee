"""Web requests to a function's container: HTTP in front, Modal's ASGI messages behind."""

from collections.abc import Callable
from typing import Any

from aiohttp import web
from modal._serialization import deserialize_data_format, serialize_data_format
from modal_proto import api_pb2 as pb

from tests.support.plane_calls import Call, Calls

ASGI = pb.DATA_FORMAT_ASGI


class WebGateway:
    """One listener on a free port of the loopback interface for each web function."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._runners: dict[str, web.AppRunner] = {}

    async def open(self, function_id: str) -> str:
        """Listen for a function if not yet, and return the address."""
        if function_id not in self._runners:
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", self._handler(function_id))
            runner = self._runners[function_id] = web.AppRunner(app, access_log=None)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runners[function_id].addresses[0][1]}"

    async def close(self) -> None:
        """Close every listener."""
        for runner in self._runners.values():
            await runner.cleanup()

    def _handler(self, function_id: str) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            data = serialize_data_format(((_scope(request),), {}), pb.DATA_FORMAT_PICKLE)
            given = pb.FunctionInput(args=data, data_format=pb.DATA_FORMAT_PICKLE)
            call = await self._calls.put(function_id, given)
            body = {"type": "http.request", "body": await request.read(), "more_body": False}
            chunk = pb.DataChunk(index=1, data_format=ASGI, data=serialize_data_format(body, ASGI))
            call.body.put_nowait(chunk)
            return await _respond(request, call)

        return handle


def _scope(request: web.Request) -> dict[str, Any]:
    return {
        "type": "http",
        "http_version": "1.1",
        "method": request.method,
        "scheme": "https",
        "path": request.rel_url.path,
        "query_string": request.rel_url.raw_query_string.encode(),
        "client": ("127.0.0.1", 1),
        "headers": [(name.lower(), value) for name, value in request.raw_headers],
    }


async def _respond(request: web.Request, call: Call) -> web.StreamResponse:
    """Pass the container's messages on; a failure of the function is a 500, as on Modal."""
    response = web.StreamResponse()
    while (chunk := await call.answer.get()) is not None:
        if chunk.data_format != ASGI:
            return web.Response(status=500, text=f"modal-http: internal error: {chunk.data.decode()}")
        message = deserialize_data_format(chunk.data, ASGI, None)
        if message["type"] == "http.response.start":
            response.set_status(message["status"])
            for name, value in message["headers"]:
                response.headers.add(name.decode(), value.decode())
            await response.prepare(request)
        else:
            await response.write(message.get("body", b""))
            if not message.get("more_body"):
                break
    return response
