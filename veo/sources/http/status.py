"""Decode JSON answers, and turn HTTP statuses into errors."""

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from pydantic_core import from_json

from veo.errors import DEFAULT_RETRY_AFTER, BadAnswer, NotFoundThere, ProviderError, RateLimited, Unavailable

MAX_STATED_RETRY_AFTER = 999_999.0  # seconds, some eleven days: a longer Retry-After is taken for a mistake

_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_HUGE = re.compile(rb"[eE]\+?0*[1-9]\d\d|\d{300}")  # matches every number too large for a float


def decode_json(content: bytes) -> Any:
    """Decode JSON; raise `ValueError` for invalid JSON or a number too large for a float."""
    data = from_json(content, allow_inf_nan=False)
    if _HUGE.search(content):  # `from_json` reads 1e999 as infinite
        json.dumps(data, allow_nan=False)
    return data


def error_for_status(name: str, status: int, retry_after: str | None) -> ProviderError:
    """Return the error that an HTTP status stands for."""
    reason = f"HTTP {status}"
    if status in _GONE:
        return NotFoundThere(name, reason, status)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        seconds = _retry_after_seconds((retry_after or "").strip(), datetime.now(UTC))
        return RateLimited(name, reason, status, seconds)
    return (Unavailable if status >= HTTPStatus.INTERNAL_SERVER_ERROR else BadAnswer)(name, reason, status)


def _retry_after_seconds(retry_after: str, now: datetime) -> float:
    """Return the seconds that a Retry-After header asks for (RFC 9110, section 10.2.3).

    `DEFAULT_RETRY_AFTER` when it names no future time: an immediate retry would be refused again.
    """
    if re.fullmatch(r"\d{1,10}", retry_after, re.ASCII):
        seconds = float(retry_after)
    else:
        seconds = _seconds_until(retry_after, now)
    return seconds if 0 < seconds <= MAX_STATED_RETRY_AFTER else DEFAULT_RETRY_AFTER


def _seconds_until(date: str, now: datetime) -> float:
    """Return the seconds from `now` to an HTTP date; 0 for a text that is not one."""
    try:
        return (parsedate_to_datetime(date) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):  # TypeError: a date without a time zone
        return 0.0
