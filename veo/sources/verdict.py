"""What an answer stands for: its JSON, or the failure that its status tells."""

import json
import re
from http import HTTPStatus
from typing import Any

from pydantic_core import from_json

from veo.errors import BadAnswer, NotFoundThere, ProviderError, RateLimited, Unavailable

REST = 30.0  # seconds for which a provider rests that limits us without saying for how long
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
        seconds = re.fullmatch(r"\d{1,6}", (retry_after or "").strip(), re.ASCII)
        return RateLimited(name, reason, status, (float(seconds[0]) if seconds else 0.0) or REST)
    return (Unavailable if status >= HTTPStatus.INTERNAL_SERVER_ERROR else BadAnswer)(name, reason, status)
