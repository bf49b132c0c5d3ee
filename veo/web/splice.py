"""Answers as JSON, put together from parts: of a cached value each part is written once.

What memory hands out is immutable and the same object for every caller. So its JSON is made when it is first
asked for and remembered for as long as the object lives, at about a tenth of its weight; only the metadata are
written anew for each request. What comes out equals the models `Success` and `Recommended` written as a whole.
"""

from collections.abc import Callable
from typing import Any, Generic, NamedTuple, TypeVar
from weakref import ref

from pydantic import BaseModel
from pydantic_core import to_json

from veo.listing import Recommendations

V = TypeVar("V")
G = TypeVar("G")
M = TypeVar("M")


class Made(NamedTuple, Generic[G, M]):
    """What was made of a value, and what was given besides."""

    value: object  # a weak reference, whose end makes this forgotten
    given: G
    made: M


class Beside(Generic[V, G, M]):
    """Remembers what is made of a value, by its identity and for as long as it lives.

    Equality would be a walk through the whole value. What is made may not hold the value itself.
    """

    def __init__(self, make: Callable[[V, G], M]) -> None:
        self._make = make
        self._known: dict[int, Made[G, M]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, value: V, given: G) -> M:
        """Give what is made of a value and, by its identity too, of something else."""
        identity = id(value)
        known = self._known.get(identity)
        if known is not None and known.given is given:
            return known.made
        made = self._make(value, given)
        self._known[identity] = Made(ref(value, lambda _: self._known.pop(identity, None)), given, made)
        return made


def success(data: Any, metadata: BaseModel) -> bytes:
    """Give the JSON of `Success`."""
    return b'{"success":true,"data":%b,"metadata":%b}' % (_data(data), _written(metadata))


def recommended(data: Recommendations, most: int, metadata: BaseModel) -> bytes:
    """Give the JSON of `Recommended` with the first `most` areas."""
    head, areas = _PARTS.of(data, None)
    return b'%b%b],"metadata":%b}' % (head, b",".join(areas[:most]), _written(metadata))


def _data(data: Any) -> bytes:
    """Give the JSON of data; what is no model was made for one request."""
    return _JSON.of(data, None) if isinstance(data, BaseModel) else _written(data)


def _written(value: object) -> bytes:
    return to_json(value, by_alias=True, inf_nan_mode="null")


def _parts(data: Recommendations, given: None) -> tuple[bytes, tuple[bytes, ...]]:
    """Give what stands before the areas, and each area."""
    del given
    persona, budget = _written(data.persona), data.budget
    head = b'{"success":true,"persona":%b,"budget":%d,"recommendations":[' % (persona, budget)
    return head, tuple(map(_written, data.recommendations))


_JSON: Beside[BaseModel, None, bytes] = Beside(lambda data, _: _written(data))
_PARTS: Beside[Recommendations, None, tuple[bytes, tuple[bytes, ...]]] = Beside(_parts)
