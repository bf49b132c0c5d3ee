"""One decorated function with its policy, and the signals it can give besides returning a value."""

import contextvars
from collections.abc import Awaitable, Callable, Mapping
from copy import copy
from typing import Any, NamedTuple, Self, get_type_hints

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
    """Raised by a compute whose source says that its last value still holds (HTTP 304)."""


class Revalidation:
    """What a compute needs for a conditional request to its source.

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
    """Return the codec of a type; those of classes are shared, because a schema takes long to build."""
    return _codecs.setdefault(returns, Codec(returns)) if isinstance(returns, type) else Codec(returns)


def all_tags(key: str, tags: tuple[str, ...]) -> tuple[str, ...]:
    """Return every tag that flushes an entry: all, its family, its own tags, its key."""
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
        """Return a call with its key and every tag that flushes its entry."""
        key, tags = self.keys.make(args, kwargs)
        return Call(key, all_tags(key, tags), args, kwargs)

    def for_instance_of(self, policy: Policy, function: Callable[..., Awaitable[Any]]) -> Self:
        """Return the same for another instance of the method's class: keys, codec and counters are shared.

        Raises ValueError, naming the family, for another function or policy.
        """
        method = getattr(function, "__func__", None)
        if method is None or method is not getattr(self.function, "__func__", None) or policy != self.policy:
            raise ValueError(f"family: {policy.family!r} already belongs to another function")
        other = copy(self)
        other.function = function
        return other

    def absence(self, negative: Negative) -> Exception:
        """Return a new instance of the exception that a negative entry stands for."""
        for kind in self.policy.negative_on:
            if kind.__name__ == negative.code:
                return kind(negative.message)
        return self.policy.negative_on[0](negative.message)
