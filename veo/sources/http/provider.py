"""A provider's configuration, the answers it can return, and the statistics of its calls."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple

Params = Mapping[str, str | int | float | None]

_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class Provider(NamedTuple):
    """The configuration of a provider.

    `purpose` (what Veo takes from it) and `key` (the setting that holds its key) are for docs/sources.md.
    `timeout` is the time limit of one try in seconds, `rate` a number of requests per number of seconds,
    `max_concurrent` the limit of concurrent requests, `max_bytes` the size limit of one answer.
    `possibly_valid` statuses may be a legitimate answer: they are not retried and do not count toward the
    breaker. `refusals` are the statuses that reject a key or a client, which a retry cannot fix.
    """

    name: str
    base: str
    purpose: str
    key: str = "none"
    timeout: float = 5.0
    rate: tuple[int, float] | None = None
    max_concurrent: int | None = None
    max_bytes: int = 4 * 2**20
    headers: tuple[tuple[str, str], ...] = ()
    tries: int = 3
    possibly_valid: frozenset[int] = frozenset()
    refusals: frozenset[int] = _REFUSED


class JsonAnswer(NamedTuple):
    """A decoded JSON answer."""

    status: int
    data: Any


class Blob(NamedTuple):
    """An answer that is not JSON, such as an image or a page."""

    content_type: str
    content: bytes


@dataclass(slots=True)
class CallStats:
    """Counts of calls, each with all its tries, and the outcome of the last one.

    `seconds` is the duration of the last successful call; `error` is None when the last call succeeded.
    A call whose failure does not count toward the breaker changes neither.
    """

    calls: int = 0
    failures: int = 0
    seconds: float | None = None
    error: str | None = None
