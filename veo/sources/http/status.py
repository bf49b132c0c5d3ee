"""What an answer stands for: its JSON, or the failure that its status tells."""

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

from pydantic_core import from_json

from veo.errors import UNSTATED_REST, BadAnswer, NotFoundThere, ProviderError, RateLimited, Unavailable

LONGEST_STATED = 999_999.0  # seconds, some eleven days: whoever asks for more has made a mistake

_GONE = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
_HUGE = re.compile(rb"[eE]\+?0*[1-9]\d\d|\d{300}")  # what a number beyond every float has in it


def decoded(content: bytes) -> Any:
    """Give what JSON says; raise ValueError for what is none, or holds a number that no float can."""
    data = from_json(content, allow_inf_nan=False)
    if _HUGE.search(content):  # `from_json` reads 1e999 as infinite
        json.dumps(data, allow_nan=False)
    return data


def failure(name: str, status: int, retry_after: str | None) -> ProviderError:
    """Give what an HTTP status stands for."""
    reason = f"HTTP {status}"
    if status in _GONE:
        return NotFoundThere(name, reason, status)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimited(name, reason, status, _rest((retry_after or "").strip(), datetime.now(UTC)))
    return (Unavailable if status >= HTTPStatus.INTERNAL_SERVER_ERROR else BadAnswer)(name, reason, status)


def _rest(retry_after: str, now: datetime) -> float:
    """Return the seconds that a Retry-After header asks for (RFC 9110, section 10.2.3).

    `UNSTATED_REST` where it names no time to come: asked again at once, a provider would refuse again.
    """
    if re.fullmatch(r"\d{1,10}", retry_after, re.ASCII):
        seconds = float(retry_after)
    else:
        seconds = _seconds_until(retry_after, now)
    return seconds if 0 < seconds <= LONGEST_STATED else UNSTATED_REST


def _seconds_until(date: str, now: datetime) -> float:
    """Return the seconds from `now` to an HTTP date; 0 for a text that is none."""
    try:
        return (parsedate_to_datetime(date) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):  # TypeError: a date without a time zone
        return 0.0
