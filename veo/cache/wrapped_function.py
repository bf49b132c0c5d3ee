"""One decorated function with its policy, and what the function may say besides returning a value."""

import contextvars
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, get_type_hints

from veo.cache.codec import Codec
from veo.cache.counters import Counters
from veo.cache.immutability import check_frozen
from veo.cache.keys import KeyMaker
from veo.cache.policy import Policy
from veo.cache.single_flight import Call
from veo.cache.tag_versions import key_tag
from veo.cache.usage import Usage


class Negative(NamedTuple):
    """A remembered "there is none": the name of the policy's exception, and its message."""

    code: str
    message: str


class NotModified(Exception):
    """The source says that the value it gave before still holds (HTTP 304)."""


class Revalidation:
    """What a compute may ask of the source conditionally.

    `sent` is the validator of the value in hand, for the question; `etag` is to be set from the answer.
    """

    __slots__ = ("etag", "sent")

    def __init__(self, sent: str | None) -> None:
        self.sent = sent
        self.etag: str | None = None


revalidation: contextvars.ContextVar[Revalidation] = contextvars.ContextVar("revalidation")

NEGATIVE = Codec(Negative)
_codecs: dict[type, Codec] = {}


def _codec(returns: Any) -> Codec:
    """Give the one codec of a class, whose schema takes a while to build; each other type has its own."""
    return _codecs.setdefault(returns, Codec(returns)) if isinstance(returns, type) else Codec(returns)


def all_tags(key: str, tags: tuple[str, ...]) -> tuple[str, ...]:
    """Give everything by which an entry can be flushed: all, its family, its own tags, its key."""
    return ("all", key.split(":", 1)[0], *tags, key_tag(key))


class WrappedFunction:
    """A function under a policy.

    Raises TypeError for a return type that is not deeply immutable, ValueError for a key template that
    names an unknown argument.
    """

    def __init__(self, policy: Policy, function: Callable[..., Awaitable[Any]]) -> None:
        returns = get_type_hints(function, include_extras=True).get("return", Any)
        check_frozen(returns)
        self.policy, self.function = policy, function
        self.codec, self.negative = _codec(returns), NEGATIVE
        self.keys = KeyMaker(policy, function)
        self.counters, self.usage = Counters(), Usage()

    def call(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Call:
        """Give a call with its key and everything by which its entry can be flushed."""
        key, tags = self.keys.make(args, kwargs)
        return Call(key, all_tags(key, tags), args, kwargs)

    def absence(self, negative: Negative) -> Exception:
        """Give a new instance of the exception that a negative entry stands for."""
        for kind in self.policy.negative_on:
            if kind.__name__ == negative.code:
                return kind(negative.message)
        return self.policy.negative_on[0](negative.message)
