"""How long a caller can wait, and when asking again can help within that time."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from http import HTTPStatus

from veo.errors import ProviderError, RateLimited

LONGEST_WAIT = 4.0  # seconds between tries: who asks for more is not asked again for this caller
TELLING = 1.0  # seconds: a try that was given less says nothing of the provider

_AGAIN = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})

deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)
"""When what is asked must be answered, by the running loop's clock."""


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Let what is asked of providers inside take so long in all; what has no answer then is `Unavailable`."""
    until = asyncio.get_running_loop().time() + seconds
    token = deadline.set(min(until, deadline.get()))
    try:
        yield
    finally:
        deadline.reset(token)


def until() -> float | None:
    """Give the deadline as asyncio takes it."""
    moment = deadline.get()
    return None if moment is math.inf else moment


def next_wait(error: Exception, unsure: frozenset[int]) -> float | bool:
    """Tell whether to try again, or after how many seconds the provider wishes it."""
    left = deadline.get() - asyncio.get_running_loop().time()
    if isinstance(error, RateLimited):
        return error.retry_after if error.retry_after <= min(LONGEST_WAIT, left - TELLING) else False
    status = error.status if isinstance(error, ProviderError) else None
    mendable = type(error).__name__ == "ConnectError" or (status in _AGAIN and status not in unsure)
    return mendable and left > TELLING
