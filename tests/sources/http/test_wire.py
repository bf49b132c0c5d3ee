"""Answers validated against the fields that are read."""

from typing import Any

import pytest

from veo.errors import BadAnswer
from veo.sources.http.wire import WireModel, validated


class Item(WireModel):
    item_count: int


class Answer(WireModel):
    items: list[Item]


def test_unknown_fields_are_ignored() -> None:
    data = {"items": [{"itemCount": 1, "colour": "red"}], "page": 1}
    assert validated(Answer, data, "example", 200) == Answer(items=[Item(item_count=1)])


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (["secret"], "the answer is not as documented: model_type"),
        ({}, "items is not as documented: missing"),
        ({"items": [{"itemCount": "7"}]}, "items.0.itemCount is not as documented: int_type"),
    ],
)
def test_a_bad_answer_names_the_first_bad_field(data: Any, reason: str) -> None:
    with pytest.raises(BadAnswer) as caught:
        validated(Answer, data, "example", 200)
    assert (str(caught.value), caught.value.status) == (f"example: {reason}", 200)
