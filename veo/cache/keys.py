"""Keys: from a call's arguments to one unambiguous text."""

import hashlib
import inspect
import string
from collections.abc import Callable, Mapping
from typing import Any, get_args, get_type_hints
from urllib.parse import quote, unquote

from pydantic import BaseModel

from veo.cache.policy import Parts, Policy

LONGEST = 200  # characters; longer keys end in a digest


def encode(part: str | int | None) -> str:
    """Percent-encode one part so that it can hold no separator; None is `-`, the text "-" is `%2D`."""
    if part is None:
        return "-"
    if part == "-":
        return "%2D"
    text = str(part)
    if text.isascii() and text.isalnum():  # as most are: `quote` would look at each character
        return text
    return quote(text, safe="", errors="surrogatepass")


def shorten(key: str) -> str:
    """Keep a key within 200 characters: what is too long ends in its SHA-256."""
    if len(key) <= LONGEST:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f"{key[: LONGEST - len(digest) - 1]}:{digest}"


class KeyMaker:
    """Builds the key and the tags of calls to one function under one policy.

    Arguments that make a key are str, int or None, exactly as annotated: `1`, `"1"` and `True` never
    meet in one key. Raises ValueError at construction when a template names an unknown argument, and
    TypeError at a call with an argument of another type.
    """

    def __init__(self, policy: Policy, function: Callable[..., Any]) -> None:
        self._policy = policy
        self._signature = inspect.signature(function)
        self._names = tuple(self._signature.parameters)
        self._hints = get_type_hints(function)
        self._key = self._checked(policy.key) if isinstance(policy.key, str) else policy.key
        self._tags = _tags(policy, self._signature)
        self.numbers = self._numbers()

    def _checked(self, text: str) -> "Segments":
        """Read the key's template; an argument left out, or another family's name, would mix up answers."""
        segments = _template("key", text, self._signature)
        left_out = set(self._names) - {name for _, name in segments}
        if left_out:
            raise ValueError(f"key: {text!r} leaves out {', '.join(sorted(left_out))}")
        if segments[0] != (self._policy.root, None):
            raise ValueError(f"key: {text!r} does not begin with its family, {self._policy.root!r}")
        return segments

    def _numbers(self) -> tuple[int, ...] | None:
        """Give the positions of whole numbers where all arguments are texts, numbers or frozen models.

        Keys of such calls may be remembered by their arguments: equal texts are the same text, equal models
        were validated to be, and a number needs only a look at its type, because 1, 1.0 and True are equal
        to a dict. None for other calls.
        """
        parameters = list(self._signature.parameters.values())
        kinds = [self._hints.get(parameter.name) for parameter in parameters]
        by_place = all(parameter.kind is parameter.POSITIONAL_OR_KEYWORD for parameter in parameters)
        if not by_place or not all(kind in {str, int} or _is_frozen(kind) for kind in kinds):
            return None
        return tuple(place for place, kind in enumerate(kinds) if kind is int)

    def make(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
        """Give the key and the tags of a call."""
        if not kwargs and len(args) == len(self._names):  # binding costs more than the rest together
            given = dict(zip(self._names, args, strict=True))
        else:
            bound = self._signature.bind(*args, **kwargs)
            bound.apply_defaults()
            given = bound.arguments
        if callable(self._key):
            parts: Parts = self._key(*args, **kwargs)
            key = ":".join((self._policy.root, *map(encode, parts)))
        else:
            for name, value in given.items():
                _check(name, value, self._hints.get(name))
            key = _fill(self._key, given)
        return shorten(key), self._tags(given)

    def tags_of(self, key: str) -> tuple[str, ...] | None:
        """Give the tags of a key made from the template, None when the key does not fit it."""
        if callable(self._key):
            return None if self._policy.tags else ()
        pieces = key.split(":")
        if len(pieces) != len(self._key):
            return None
        given: dict[str, str] = {}
        for (literal, name), piece in zip(self._key, pieces, strict=True):
            if name is None and literal != piece:
                return None
            if name is not None:
                given[name] = unquote(piece)
        return self._tags(given)


def _tags(policy: Policy, signature: inspect.Signature) -> Callable[[Mapping[str, Any]], tuple[str, ...]]:
    given_tags = policy.tags
    if callable(given_tags):
        make = given_tags
        return lambda given: make(*(given[name] for name in signature.parameters if name in given))
    templates = [_template("tags", tag, signature) for tag in given_tags]
    return lambda given: tuple(_fill(tag, given) for tag in templates)


def _is_frozen(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel) and bool(kind.model_config.get("frozen"))


Segments = tuple[tuple[str, str | None], ...]  # per segment: a literal text, or the argument that fills it


def _template(field: str, text: str, signature: inspect.Signature) -> Segments:
    segments: list[tuple[str, str | None]] = []
    for segment in text.split(":"):
        parsed = [(literal, name) for literal, name, _, _ in string.Formatter().parse(segment)]
        (literal, name), *rest = parsed or [("", None)]
        if rest or (name is not None and literal):
            raise ValueError(f"{field}: {text!r}: a segment is a text or one {{argument}}")
        if name is not None and name not in signature.parameters:
            raise ValueError(f"{field}: {text!r} names {name!r}, which is not an argument")
        segments.append((literal, name))
    return tuple(segments)


def _fill(segments: Segments, given: Mapping[str, Any]) -> str:
    return ":".join(literal if name is None else encode(given[name]) for literal, name in segments)


def _check(name: str, value: object, hint: Any) -> None:
    allowed = get_args(hint) or (hint,)
    if type(value) is int and int in allowed:
        return
    if value is None and (type(None) in allowed):
        return
    if type(value) is str and (str in allowed or value in allowed):
        return
    raise TypeError(f"{name}: {type(value).__name__} cannot be part of a key here; expected {hint}")
