"""The caller's deadline, and which failures are retryable within it."""

import asyncio
import math
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from http import HTTPStatus

from veo.errors import ProviderError, RateLimited

LONGEST_WAIT = 4.0  # seconds between tries: a longer Retry-After is not waited for
MIN_COUNTED_TRY = 1.0  # seconds: a timeout of a shorter try does not count toward the breaker

_RETRYABLE = frozenset({HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT})

deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)
"""When the current calls must have ended, by the running loop's clock."""


@asynccontextmanager
async def within(seconds: float) -> AsyncIterator[None]:
    """Limit the total time of all provider calls inside; a call that takes longer raises `Unavailable`."""
    until = asyncio.get_running_loop().time() + seconds
    token = deadline.set(min(until, deadline.get()))
    try:
        yield
    finally:
        deadline.reset(token)


def finite_deadline() -> float | None:
    """Return the deadline as `asyncio.timeout_at` takes it: None when there is none."""
    moment = deadline.get()
    return None if moment is math.inf else moment


def retry_delay(error: Exception, possibly_valid: frozenset[int]) -> float | bool:
    """Return whether to retry, or the seconds to wait first where the provider states them."""
    left = deadline.get() - asyncio.get_running_loop().time()
    if isinstance(error, RateLimited):
        return error.retry_after if error.retry_after <= min(LONGEST_WAIT, left - MIN_COUNTED_TRY) else False
    status = error.status if isinstance(error, ProviderError) else None
    retryable = type(error).__name__ == "ConnectError" or (
        status in _RETRYABLE and status not in possibly_valid
    )
    return retryable and left > MIN_COUNTED_TRY
