"""What a caller sent: a JSON body of bounded size, or a query string."""

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import TypeVar

from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request

from veo.errors import InvalidQuestion
from veo.sources.embedded.place_resolver import Places

MOST_BYTES = 64 * 1024
MOST_SECONDS = 10
JSON = "application/json"
REMEMBERED, SHORT = 1_024, 512  # questions, and bytes of the longest: nobody can fill the memory with them
R = TypeVar("R")


async def json_body(request: Request, within: float = MOST_SECONDS) -> bytes:
    """Read a body, no more of it than `MOST_BYTES` and for no longer than `within` seconds.

    No content type at all counts as JSON. Raises HTTPException: 415 for another type, 413 for too much; and
    InvalidQuestion for a body that does not arrive in time.
    """
    kind = request.headers.get("content-type") or JSON
    if kind.partition(";")[0].strip().lower() != JSON:
        raise HTTPException(415, f"The body must be {JSON}")
    try:
        async with asyncio.timeout(within):
            return await _all(request)
    except TimeoutError:
        raise InvalidQuestion(f"body: did not arrive within {within:g} s") from None


async def _all(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        if len(body) + len(chunk) > MOST_BYTES:
            raise HTTPException(413, f"The body must be at most {MOST_BYTES:,} bytes")
        body += chunk
    return bytes(body)


def query(request: Request) -> dict[str, str]:
    """Give the parameters of the query string."""
    return parameters(request.scope["query_string"])


def parameters(text: bytes) -> dict[str, str]:
    """Give the parameters of a query string; an empty one was left empty in a form, so it is absent.

    Raises InvalidQuestion for one that is given twice.
    """
    given = QueryParams(text)
    if len(given.multi_items()) > len(given):
        twice = [name for name in given if len(given.getlist(name)) > 1]
        raise InvalidQuestion(*(f"{name[:40]}: must be given once" for name in twice))
    return {name: value for name, value in given.items() if value}


def remembered(read: Callable[[bytes, Places], R]) -> Callable[[bytes, Places], R]:
    """Read short questions that were read before no more: reading one takes as long as finding its answer."""
    known = lru_cache(maxsize=REMEMBERED)(read)
    return lambda sent, places: (known if len(sent) <= SHORT else read)(sent, places)
