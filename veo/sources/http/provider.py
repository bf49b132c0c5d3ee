"""What is known of a provider before it is asked, what it may give, and what was seen of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NamedTuple

Params = Mapping[str, str | int | float | None]

_REFUSED = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class Provider(NamedTuple):
    """What is known of a provider.

    `timeout` is in seconds for one try, `rate` so many requests in so many seconds, `at_once` the requests
    under way, `largest` the bytes of one answer. `unsure` are statuses that may as well be an answer: they
    are neither tried again nor held against it. `refusals` are those by which it refuses a key or a client,
    which asking again cannot mend.
    """

    name: str
    base: str
    timeout: float = 5.0
    rate: tuple[int, float] | None = None
    at_once: int | None = None
    largest: int = 4 * 2**20
    headers: tuple[tuple[str, str], ...] = ()
    tries: int = 3
    unsure: frozenset[int] = frozenset()
    refusals: frozenset[int] = _REFUSED


class Reply(NamedTuple):
    """A decoded JSON answer."""

    status: int
    data: Any


class Blob(NamedTuple):
    """An answer that is no JSON, such as a picture or a page."""

    content_type: str
    content: bytes


@dataclass(slots=True)
class Observed:
    """What was seen of a provider: calls, each with all its tries, and how the last one ended.

    `seconds` are those of the last good answer; `error` is None when the last call was good. A call that
    says nothing of the provider leaves both as they are.
    """

    calls: int = 0
    failures: int = 0
    seconds: float | None = None
    error: str | None = None
