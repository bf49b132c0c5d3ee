"""Cache keys: one unambiguous text for the arguments of a call."""

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
    """Percent-encode one part, so that it contains no separator; None becomes `-` and the text "-" `%2D`."""
    if part is None:
        return "-"
    if part == "-":
        return "%2D"
    text = str(part)
    if text.isascii() and text.isalnum():  # the common case; `quote` would check each character
        return text
    return quote(text, safe="", errors="surrogatepass")


def shorten(key: str) -> str:
    """Limit a key to 200 characters: the end of a longer one is replaced by its SHA-256."""
    if len(key) <= LONGEST:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()
    return f"{key[: LONGEST - len(digest) - 1]}:{digest}"


class KeyMaker:
    """A builder of the keys and tags of calls to one function under one policy.

    Arguments that are part of a key are str, int or None, exactly as annotated: `1`, `"1"` and `True` never
    share a key. Raises ValueError at construction when a template names an unknown argument, and
    TypeError at a call with an argument of another type.
    """

    def __init__(self, policy: Policy, function: Callable[..., Any]) -> None:
        self._policy = policy
        self._signature = inspect.signature(function)
        self._names = tuple(self._signature.parameters)
        self._hints = get_type_hints(function)
        self._key = self._parse_key_template(policy.key) if isinstance(policy.key, str) else policy.key
        self._tags = _tags(policy, self._signature)
        self.int_positions = self._int_positions()

    def _parse_key_template(self, text: str) -> "Segments":
        """Parse the key's template, which must contain every argument and begin with its own family."""
        segments = _template("key", text, self._signature)
        missing = set(self._names) - {name for _, name in segments}
        if missing:
            raise ValueError(f"key: {text!r} leaves out {', '.join(sorted(missing))}")
        if segments[0] != (self._policy.root, None):
            raise ValueError(f"key: {text!r} does not begin with its family, {self._policy.root!r}")
        return segments

    def _int_positions(self) -> tuple[int, ...] | None:
        """Return the positions of int arguments, or None unless all are str, int or frozen models.

        The keys of such calls may be memoised by their arguments, because equal arguments make equal keys.
        Only the type of an int has to be checked, as 1, 1.0 and True are the same key of a dict.
        """
        parameters = list(self._signature.parameters.values())
        kinds = [self._hints.get(parameter.name) for parameter in parameters]
        positional = all(parameter.kind is parameter.POSITIONAL_OR_KEYWORD for parameter in parameters)
        if not positional or not all(kind in {str, int} or _is_frozen(kind) for kind in kinds):
            return None
        return tuple(position for position, kind in enumerate(kinds) if kind is int)

    def make(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
        """Return the key and the tags of a call."""
        if not kwargs and len(args) == len(self._names):  # `bind` takes longer than all the rest
            arguments: Mapping[str, Any] = dict(zip(self._names, args, strict=True))
        else:
            bound = self._signature.bind(*args, **kwargs)
            bound.apply_defaults()
            arguments = bound.arguments
        if callable(self._key):
            parts: Parts = self._key(*args, **kwargs)
            key = ":".join((self._policy.root, *map(encode, parts)))
        else:
            for name, value in arguments.items():
                _check(name, value, self._hints.get(name))
            key = _fill(self._key, arguments)
        return shorten(key), self._tags(arguments)

    def tags_of(self, key: str) -> tuple[str, ...] | None:
        """Return the tags of a key made from the template, or None if the key does not match it."""
        if callable(self._key):
            return None if self._policy.tags else ()
        parts = key.split(":")
        if len(parts) != len(self._key):
            return None
        arguments: dict[str, str] = {}
        for (literal, name), part in zip(self._key, parts, strict=True):
            if name is None and literal != part:
                return None
            if name is not None:
                arguments[name] = unquote(part)
        return self._tags(arguments)


def _tags(policy: Policy, signature: inspect.Signature) -> Callable[[Mapping[str, Any]], tuple[str, ...]]:
    tags = policy.tags
    if callable(tags):
        make = tags
        return lambda arguments: make(
            *(arguments[name] for name in signature.parameters if name in arguments)
        )
    templates = [_template("tags", tag, signature) for tag in tags]
    return lambda arguments: tuple(_fill(template, arguments) for template in templates)


def _is_frozen(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel) and bool(kind.model_config.get("frozen"))


Segments = tuple[tuple[str, str | None], ...]  # for each segment a literal text, or the name of an argument


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


def _fill(segments: Segments, arguments: Mapping[str, Any]) -> str:
    return ":".join(literal if name is None else encode(arguments[name]) for literal, name in segments)


def _check(name: str, value: object, hint: Any) -> None:
    allowed = get_args(hint) or (hint,)
    if type(value) is int and int in allowed:
        return
    if value is None and (type(None) in allowed):
        return
    if type(value) is str and (str in allowed or value in allowed):
        return
    raise TypeError(f"{name}: {type(value).__name__} cannot be part of a key here; expected {hint}")
