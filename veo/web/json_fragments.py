"""Answers as JSON, put together from parts: of a cached value each part is written once.

Of what memory hands out again and again the JSON is remembered beside it, at about a tenth of its weight;
only what differs each time is written for each request. The whole means the same as the models `Success` and
`Recommended`, which the documentation is made from.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from pydantic_core import to_json

from veo.identity_memo import IdentityMemo
from veo.models import Answer
from veo.schemas.recommendations import Recommendations

Texts = tuple[str, ...]


class Moment(NamedTuple):
    """What of the metadata differs each time: the time as text, milliseconds and seconds."""

    timestamp: str
    execution_time_ms: int
    cached: bool
    stale: bool
    age_seconds: int


MOMENT = tuple(map(to_camel, Moment._fields))


class List(NamedTuple):
    """Recommendations as JSON: what stands before the areas, and each area."""

    head: bytes
    areas: tuple[bytes, ...]


def success(data: Any, metadata: bytes) -> bytes:
    """Give the JSON of `Success`; data that is no model was made for one request."""
    written = _DATA.of(data, None) if isinstance(data, BaseModel) else _json(data)
    return b'{"success":true,"data":%b,"metadata":%b}' % (written, metadata)


def recommended(data: Recommendations, most: int, metadata: bytes) -> bytes:
    """Give the JSON of `Recommended` with the first `most` areas."""
    head, areas = _LISTS.of(data, None)
    return b'%b%b],"metadata":%b}' % (head, b",".join(areas[:most]), metadata)


def metadata(moment: Moment, answer: Answer[Any], first: Texts, last: Texts) -> bytes:
    """Give the JSON of `Metadata`: `first` and `last` are notices before and after the answer's own."""
    # what is said of a stale answer differs with its age
    lasting = _lasting(answer, last, first) if first else _LASTING.of(answer, last)
    return b"%b,%b" % (_json(dict(zip(MOMENT, moment, strict=True)))[:-1], lasting)


def _lasting(answer: Answer[Any], last: Texts, first: Iterable[str] = ()) -> bytes:
    """Give the end of the metadata."""
    lists = {
        "sourcesUsed": answer.sources,
        "notices": (*first, *answer.notices, *last),
        "assumptions": answer.assumptions,
        "attribution": answer.attribution,
    }
    return _json(lists)[1:]


def _list(data: Recommendations) -> List:
    head = b'{"success":true,"persona":%b,"budget":%d,"recommendations":['
    return List(head % (_json(data.persona), data.budget), tuple(map(_json, data.recommendations)))


def _json(value: object) -> bytes:
    return to_json(value, by_alias=True, inf_nan_mode="null")


_DATA: IdentityMemo[BaseModel, None, bytes] = IdentityMemo(lambda data, _: _json(data))
_LISTS: IdentityMemo[Recommendations, None, List] = IdentityMemo(lambda data, _: _list(data))
_LASTING: IdentityMemo[Answer[Any], Texts, bytes] = IdentityMemo(_lasting)
