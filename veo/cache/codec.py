"""Encoding of values to JSON and back, with a fingerprint of their schema."""

import hashlib
import json
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

NO_SCHEMA = "json"  # the fingerprint of values set by key without a type


class Unserialisable(Exception):
    """A value that JSON cannot represent or that would not survive a round trip."""


class Codec:
    """A codec between values of one type and JSON text, which it validates; built lazily, at first use."""

    def __init__(self, annotation: Any) -> None:
        self._annotation = annotation

    @cached_property
    def _adapter(self) -> TypeAdapter[Any]:
        if isinstance(self._annotation, type) and issubclass(self._annotation, BaseModel):
            return TypeAdapter(self._annotation)  # a model brings its own configuration
        return TypeAdapter(
            self._annotation, config=ConfigDict(allow_inf_nan=False, ser_json_inf_nan="constants")
        )

    @cached_property
    def fingerprint(self) -> str:
        """Return a short digest of the schema, ignoring titles and descriptions."""
        schema = _without_texts(self._adapter.json_schema(mode="serialization"))
        return hashlib.sha256(json.dumps(schema, sort_keys=True).encode()).hexdigest()[:12]

    def dump(self, value: Any) -> str:
        """Return compact JSON; raise Unserialisable for a value JSON cannot represent."""
        try:
            text = self._adapter.dump_json(value, warnings="error").decode()
        except Exception as error:  # pydantic and custom serialisers raise many kinds
            raise Unserialisable(f"{type(error).__name__}: {error}") from error
        if "NaN" in text or "Infinity" in text:
            _reject_constants(text)
        return text

    def load(self, payload: str) -> Any:
        """Return the value of a payload; raise ValueError when it does not match the schema."""
        return self._adapter.validate_json(payload, strict=True)

    def plain(self, value: Any) -> Any:
        """Return the value as plain JSON data."""
        return self._adapter.dump_python(value, mode="json")


class PlainCodec(Codec):
    """A codec that keeps JSON text as it is, for values set by key without a type."""

    fingerprint = NO_SCHEMA

    def __init__(self) -> None:
        super().__init__(None)

    def dump(self, value: str) -> str:
        """Return the text unchanged."""
        return value

    def load(self, payload: str) -> str:
        """Return the payload unchanged; raise ValueError when it is not JSON."""
        json.loads(payload)
        return payload

    def plain(self, value: str) -> Any:
        """Return a private copy of the data."""
        return json.loads(value)


def to_json(value: Any) -> str:
    """Return a JSON-like value as compact text; raise Unserialisable for one JSON cannot represent."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise Unserialisable(str(error)) from error


def _reject_constants(text: str) -> None:
    def reject(constant: str) -> float:
        raise Unserialisable(f"JSON cannot represent {constant}")

    json.loads(text, parse_constant=reject)


def _without_texts(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            k: _without_texts(v)
            for k, v in schema.items()
            if k not in ("title", "description") or not isinstance(v, str)
        }
    if isinstance(schema, list):
        return [_without_texts(item) for item in schema]
    return schema
