"""Values to JSON and back, with a fingerprint of their schema."""

import hashlib
import json
from functools import cached_property
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

NO_SCHEMA = "json"  # the fingerprint of values that were set without a type


class Unserialisable(Exception):
    """A value that JSON cannot hold, or that would not come back as it was."""


class Codec:
    """Turns values of one type into JSON text and validates them back; built lazily, at first use."""

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
        """Give a short digest of the schema without its titles and descriptions."""
        schema = _bare(self._adapter.json_schema(mode="serialization"))
        return hashlib.sha256(json.dumps(schema, sort_keys=True).encode()).hexdigest()[:12]

    def dump(self, value: Any) -> str:
        """Give compact JSON; raise Unserialisable for what JSON cannot hold."""
        try:
            text = self._adapter.dump_json(value, warnings="error").decode()
        except Exception as error:  # pydantic and custom serialisers raise many kinds
            raise Unserialisable(f"{type(error).__name__}: {error}") from error
        if "NaN" in text or "Infinity" in text:
            _refuse_constants(text)
        return text

    def load(self, payload: str) -> Any:
        """Give the value back; raise ValueError for a payload of another shape."""
        return self._adapter.validate_json(payload, strict=True)

    def plain(self, value: Any) -> Any:
        """Give the value as plain JSON data."""
        return self._adapter.dump_python(value, mode="json")


class PlainCodec(Codec):
    """Keeps JSON text as it is: for values that were set by key, without a type."""

    fingerprint = NO_SCHEMA

    def __init__(self) -> None:
        super().__init__(None)

    def dump(self, value: str) -> str:
        """Give the text itself."""
        return value

    def load(self, payload: str) -> str:
        """Give the payload itself, once it is known to be JSON."""
        json.loads(payload)
        return payload

    def plain(self, value: str) -> Any:
        """Give a private copy of the data."""
        return json.loads(value)


def to_json(value: Any) -> str:
    """Give any JSON-like value as text; raise Unserialisable for what JSON cannot hold."""
    try:
        return json.dumps(value, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise Unserialisable(str(error)) from error


def _refuse_constants(text: str) -> None:
    def refuse(constant: str) -> float:
        raise Unserialisable(f"JSON cannot hold {constant}")

    json.loads(text, parse_constant=refuse)


def _bare(schema: Any) -> Any:
    if isinstance(schema, dict):
        return {
            k: _bare(v)
            for k, v in schema.items()
            if k not in ("title", "description") or not isinstance(v, str)
        }
    if isinstance(schema, list):
        return [_bare(item) for item in schema]
    return schema
