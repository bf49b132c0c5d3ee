"""Reading a request: a JSON body of bounded size, or a query string."""

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request

from veo.errors import InvalidQuestion
from veo.sources.embedded.place_resolver import Places

MAX_BYTES = 64 * 1024
MAX_SECONDS = 10
JSON = "application/json"
MEMO_SIZE, MEMO_MAX_BYTES = 1_024, 512  # requests, and bytes of the longest: they bound the memory in use
R = TypeVar("R")


async def json_body(request: Request, within: float = MAX_SECONDS) -> bytes:
    """Read a body of at most `MAX_BYTES` within `within` seconds; a missing content type means JSON.

    Raises HTTPException for another content type (415) or a longer body (413), and InvalidQuestion if the
    body does not arrive in time.
    """
    content_type = request.headers.get("content-type") or JSON
    if content_type.partition(";")[0].strip().lower() != JSON:
        raise HTTPException(415, f"The body must be {JSON}")
    try:
        async with asyncio.timeout(within):
            return await _read_bounded(request)
    except TimeoutError:
        raise InvalidQuestion(f"body: did not arrive within {within:g} s") from None


async def _read_bounded(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        if len(body) + len(chunk) > MAX_BYTES:
            raise HTTPException(413, f"The body must be at most {MAX_BYTES:,} bytes")
        body += chunk
    return bytes(body)


def query_parameters(request: Request) -> dict[str, str]:
    """Return the parameters of a request's query string."""
    return parse_query(request.scope["query_string"])


def parse_query(text: bytes) -> dict[str, str]:
    """Return the parameters of a query string without empty ones, which are blank fields of a form.

    Raises InvalidQuestion if a parameter is repeated.
    """
    parameters = QueryParams(text)
    if len(parameters.multi_items()) > len(parameters):
        repeated = [name for name in parameters if len(parameters.getlist(name)) > 1]
        raise InvalidQuestion(*(f"{name[:40]}: must be given once" for name in repeated))
    return {name: value for name, value in parameters.items() if value}


def memoised(read: Callable[[bytes, Places], R]) -> Callable[[bytes, Places], R]:
    """Memoise a parser for short requests: parsing takes as long as finding the answer in memory."""
    memo = lru_cache(maxsize=MEMO_SIZE)(read)
    return lambda sent, places: (memo if len(sent) <= MEMO_MAX_BYTES else read)(sent, places)
