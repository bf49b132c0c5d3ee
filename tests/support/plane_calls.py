"""Calls of functions between their callers and the containers that serve them, and the RPCs of both sides.

One container serves a function, from its first call on; nothing is retried.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

from google.protobuf.empty_pb2 import Empty  # type: ignore[import-untyped]  # it comes without types
from modal._serialization import deserialize_data_format, serialize_data_format
from modal_proto import api_pb2 as pb

SUCCESS = pb.GenericResult.GENERIC_STATUS_SUCCESS
FAILURE = pb.GenericResult.GENERIC_STATUS_FAILURE


class RemoteError(Exception):
    """What a call raised in its container."""


class Call:
    """One input of a function, its output, and the streamed parts of a request body and of a response.

    The response ends with None, or with a chunk of another format that holds an error.
    """

    def __init__(self, call_id: str, function_id: str, given: pb.FunctionInput) -> None:
        self.id = call_id
        self.function_id = function_id
        self.input = pb.FunctionGetInputsItem(input_id=f"in-{call_id}", input=given, function_call_id=call_id)
        self.output: asyncio.Future[pb.FunctionGetOutputsItem] = asyncio.get_running_loop().create_future()
        self.body: asyncio.Queue[pb.DataChunk] = asyncio.Queue()
        self.answer: asyncio.Queue[pb.DataChunk | None] = asyncio.Queue()

    def finish(self, result: pb.GenericResult, data_format: "pb.DataFormat.ValueType") -> None:
        """Set the output; later ones are ignored."""
        if not self.output.done():
            item = pb.FunctionGetOutputsItem(
                input_id=self.input.input_id, result=result, data_format=data_format
            )
            self.output.set_result(item)
            failed = None if result.status == SUCCESS else pb.DataChunk(data=result.exception.encode())
            self.answer.put_nowait(failed)


class Calls:
    """All calls. `ensure` starts the container of a function unless it runs; `restored` ends a snapshot."""

    def __init__(self) -> None:
        self.ensure: Callable[[str], Any]
        self.restored: Callable[[str], Any]
        self._calls: dict[str, Call] = {}
        self._waiting: defaultdict[str, asyncio.Queue[pb.FunctionGetInputsItem]] = defaultdict(asyncio.Queue)

    async def put(self, function_id: str, given: pb.FunctionInput) -> Call:
        """Queue an input for a function's container."""
        call = Call(f"fc-{len(self._calls) + 1}", function_id, given)
        self._calls[call.id] = call
        self._waiting[function_id].put_nowait(call.input)
        await self.ensure(function_id)
        return call

    async def invoke(self, function_id: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Call a function as a schedule or another app does; raises RemoteError."""
        data = serialize_data_format((args, kwargs), pb.DATA_FORMAT_PICKLE)
        given = pb.FunctionInput(args=data, data_format=pb.DATA_FORMAT_PICKLE)
        item = await (await self.put(function_id, given)).output
        if item.result.status != SUCCESS:
            raise RemoteError(item.result.exception)
        return deserialize_data_format(item.result.data, item.data_format, None)

    def stop(self, function_id: str) -> None:
        """Ask a function's container to shut down."""
        self._waiting[function_id].put_nowait(pb.FunctionGetInputsItem(kill_switch=True))

    def fail(self, function_id: str, why: str) -> None:
        """Fail the calls that still wait for a container that has ended."""
        self._waiting.pop(function_id, None)
        for call in self._calls.values():
            if call.function_id == function_id:
                call.finish(pb.GenericResult(status=FAILURE, exception=why), pb.DATA_FORMAT_PICKLE)

    # ---- a caller's side -----------------------------------------------------------------------------

    async def function_map(self, request: pb.FunctionMapRequest) -> pb.FunctionMapResponse:
        """Begin a call."""
        (item,) = request.pipelined_inputs
        call = await self.put(request.function_id, item.input)
        queued = pb.FunctionPutInputsResponseItem(idx=item.idx, input_id=call.input.input_id)
        return pb.FunctionMapResponse(
            function_call_id=call.id, function_call_jwt=call.id, pipelined_inputs=[queued]
        )

    async def function_get_outputs(
        self, request: pb.FunctionGetOutputsRequest
    ) -> pb.FunctionGetOutputsResponse:
        """Wait for the output of a call, as long as the caller does."""
        output = self._calls[request.function_call_id].output
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(output), request.timeout)
        if not output.done():
            return pb.FunctionGetOutputsResponse(last_entry_id="0-0", num_unfinished_inputs=1)
        return pb.FunctionGetOutputsResponse(outputs=[output.result()], last_entry_id="1-0")

    # ---- a container's side --------------------------------------------------------------------------

    async def container_hello(self, request: Empty) -> Empty:
        """Accept a container's greeting."""
        del request
        return Empty()

    async def container_heartbeat(
        self, request: pb.ContainerHeartbeatRequest
    ) -> pb.ContainerHeartbeatResponse:
        """Accept a heartbeat."""
        del request
        return pb.ContainerHeartbeatResponse()

    async def container_checkpoint(self, request: pb.ContainerCheckpointRequest) -> Empty:
        """Take the snapshot (nothing is frozen) and let the container go on as if restored."""
        self.restored(request.checkpoint_id)
        return Empty()

    async def task_result(self, request: pb.TaskResultRequest) -> Empty:
        """Accept that a container could not load the app; its log has the reason."""
        del request
        return Empty()

    async def function_get_inputs(self, request: pb.FunctionGetInputsRequest) -> pb.FunctionGetInputsResponse:
        """Return the next input."""
        item = await self._waiting[request.function_id].get()
        return pb.FunctionGetInputsResponse(inputs=[item])

    async def function_put_outputs(self, request: pb.FunctionPutOutputsRequest) -> Empty:
        """Accept outputs."""
        for item in request.outputs:
            self._calls[item.input_id.removeprefix("in-")].finish(item.result, item.data_format)
        return Empty()

    async def function_call_put_data_out(self, request: pb.FunctionCallPutDataRequest) -> Empty:
        """Accept parts of a response."""
        for chunk in request.data_chunks:
            self._calls[request.function_call_id].answer.put_nowait(chunk)
        return Empty()

    async def function_call_get_data_in(
        self, request: pb.FunctionCallGetDataRequest
    ) -> AsyncIterator[pb.DataChunk]:
        """Yield the parts of a request body."""
        call = self._calls[request.function_call_id]
        while True:
            yield await call.body.get()
