"""The check that a return type is deeply immutable, made once when a function is decorated."""

import dataclasses
import datetime as dt
import decimal
import enum
import types
import uuid
from collections.abc import Mapping, MutableMapping
from typing import Annotated, Any, Literal, NewType, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel

_SCALARS = (
    str, int, float, bool, bytes, type(None), enum.Enum, decimal.Decimal, uuid.UUID,
    dt.date, dt.time, dt.timedelta,
)  # fmt: skip


def check_frozen(annotation: Any, path: str = "return") -> None:
    """Raise TypeError, naming the field, unless the type is deeply immutable.

    All callers share the object in memory, and a frozen model is only shallowly immutable: one caller could
    change a dict in a field for all others. Models must also forbid inf and NaN, which JSON cannot represent.
    """
    _walk(annotation, path, set())


def _walk(annotation: Any, path: str, seen: set[Any]) -> None:
    if isinstance(annotation, NewType):
        annotation = annotation.__supertype__
    kind, args = get_origin(annotation) or annotation, get_args(annotation)
    if kind is Annotated:
        return _walk(args[0], path, seen)
    if kind in (None, Literal) or (isinstance(kind, type) and issubclass(kind, _SCALARS)):
        return None
    if kind in (Union, types.UnionType, tuple, frozenset) or _is_frozen_mapping(kind):
        for arg in args:
            if arg is not Ellipsis:
                _walk(arg, path, seen)
    elif annotation not in seen:
        seen.add(annotation)
        for name, field in _fields(annotation, path).items():
            _walk(field, f"{path}.{name}", seen)
    return None


def _fields(kind: Any, path: str) -> dict[str, Any]:
    if not isinstance(kind, type):
        raise TypeError(f"{path}: {_name(kind)} is not an immutable type")
    if issubclass(kind, BaseModel) and kind.model_config.get("frozen"):
        if kind.model_config.get("allow_inf_nan", True):
            raise TypeError(f"{path}: {_name(kind)} must set allow_inf_nan=False: JSON has no inf or NaN")
        return {name: field.annotation for name, field in kind.model_fields.items()}
    frozen_dataclass = dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen  # type: ignore[attr-defined]  # typeshed hides it
    if frozen_dataclass or (issubclass(kind, tuple) and hasattr(kind, "_fields")):
        return get_type_hints(kind)
    raise TypeError(f"{path}: {_name(kind)} is not an immutable type")


def _is_frozen_mapping(kind: Any) -> bool:
    return (
        isinstance(kind, type)
        and issubclass(kind, Mapping)
        and not issubclass(kind, MutableMapping)
        and kind.__hash__ is not None
    )


def _name(annotation: Any) -> str:
    return getattr(annotation, "__name__", None) or repr(annotation)
