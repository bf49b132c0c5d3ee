"""Methods on messages as grpclib serves them: under the names of Modal's RPCs.

A method `app_create` implements the RPC `AppCreate`, and so on; grpclib refuses an RPC without a method as
not implemented. The protocol is private to the pinned minor release of modal.
"""

import re
from collections.abc import Callable
from typing import Any, cast

from grpclib.const import Cardinality, Handler
from modal_proto.api_grpc import ModalClientBase


class Names:
    """Returns every attribute's own name, so that the generated table yields the names of its RPCs."""

    def __getattr__(self, name: str) -> str:
        """Return the name."""
        return name


class Service:
    """A grpclib service: the methods of some objects under the names of Modal's RPCs."""

    def __init__(self, *parts: object) -> None:
        self._parts = parts

    def __mapping__(self) -> dict[str, Handler]:
        """Return the handler of every RPC that a part implements, by its path."""
        rpcs = ModalClientBase.__mapping__(cast("ModalClientBase", Names()))
        return {
            path: Handler(_streamed(method, rpc.cardinality), *rpc[1:])
            for path, rpc in rpcs.items()
            if (method := self._method(rpc.func)) is not None
        }

    def _method(self, rpc: str) -> Callable[[Any], Any] | None:
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", rpc).lower()
        return next((getattr(part, name) for part in self._parts if hasattr(part, name)), None)


def _streamed(method: Callable[[Any], Any], cardinality: Cardinality) -> Callable[[Any], Any]:
    """Wrap a method on messages as grpclib calls it: with a stream."""

    async def once(stream: Any) -> None:
        await stream.send_message(await method(await stream.recv_message()))

    async def many(stream: Any) -> None:
        async for message in method(await stream.recv_message()):
            await stream.send_message(message)

    return many if cardinality is Cardinality.UNARY_STREAM else once
