"""Answers as JSON, assembled from fragments: those of a cached value are serialised once.

The JSON of a value in memory is memoised by the value's identity, at about a tenth of the value's size; only
the metadata that differ between requests are serialised each time. The result equals that of the models
`Success` and `Recommended`, from which the documentation is generated.
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


class PerRequest(NamedTuple):
    """The metadata that differ between requests."""

    timestamp: str
    execution_time_ms: int
    cached: bool
    stale: bool
    age_seconds: int


PER_REQUEST_NAMES = tuple(map(to_camel, PerRequest._fields))


class RecommendationsJson(NamedTuple):
    """Recommendations as JSON: everything before the areas, and each area."""

    head: bytes
    areas: tuple[bytes, ...]


def success(data: Any, metadata: bytes) -> bytes:
    """Return the JSON of `Success`; only models are memoised, as other data belong to one request."""
    data_json = _DATA.get(data, None) if isinstance(data, BaseModel) else _json(data)
    return b'{"success":true,"data":%b,"metadata":%b}' % (data_json, metadata)


def recommended(data: Recommendations, most: int, metadata: bytes) -> bytes:
    """Return the JSON of `Recommended` with the first `most` areas."""
    head, areas = _RECOMMENDATIONS.get(data, None)
    return b'%b%b],"metadata":%b}' % (head, b",".join(areas[:most]), metadata)


def metadata(per_request: PerRequest, answer: Answer[Any], first: Texts, last: Texts) -> bytes:
    """Return the JSON of `Metadata`: `first` and `last` are notices before and after the answer's own."""
    # not memoised with a notice of staleness, whose text changes with the answer's age
    constant = _constant_metadata(answer, last, first) if first else _CONSTANT_METADATA.get(answer, last)
    return b"%b,%b" % (_json(dict(zip(PER_REQUEST_NAMES, per_request, strict=True)))[:-1], constant)


def _constant_metadata(answer: Answer[Any], last: Texts, first: Iterable[str] = ()) -> bytes:
    """Return the fields that are the same for every request, without the opening brace."""
    lists = {
        "sourcesUsed": answer.sources,
        "notices": (*first, *answer.notices, *last),
        "assumptions": answer.assumptions,
        "attribution": answer.attribution,
    }
    return _json(lists)[1:]


def _recommendations(data: Recommendations) -> RecommendationsJson:
    head = b'{"success":true,"persona":%b,"budget":%d,"recommendations":['
    return RecommendationsJson(
        head % (_json(data.persona), data.budget), tuple(map(_json, data.recommendations))
    )


def _json(value: object) -> bytes:
    return to_json(value, by_alias=True, inf_nan_mode="null")


_DATA: IdentityMemo[BaseModel, None, bytes] = IdentityMemo(lambda data, _: _json(data))
_RECOMMENDATIONS: IdentityMemo[Recommendations, None, RecommendationsJson] = IdentityMemo(
    lambda data, _: _recommendations(data)
)
_CONSTANT_METADATA: IdentityMemo[Answer[Any], Texts, bytes] = IdentityMemo(_constant_metadata)
