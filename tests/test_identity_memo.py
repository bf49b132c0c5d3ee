"""A derived value is memoised by the identity of its input, for as long as the input lives."""

import gc

import pytest

from veo.identity_memo import IdentityMemo
from veo.models import Location

INPUTS: list[Location] = []
"""The value of each call of `derive`."""


@pytest.fixture
def memo() -> IdentityMemo[Location, object, object]:
    INPUTS.clear()

    def derive(value: Location, context: object) -> object:
        INPUTS.append(value)
        return value.lat, context

    return IdentityMemo(derive)


def location(lat: float = 51.5) -> Location:
    return Location(lat=lat, lng=0.0)


def test_the_same_value_gets_the_same_result(memo: IdentityMemo[Location, object, object]) -> None:
    value = location()
    assert memo.get(value, None) is memo.get(value, None)


def test_an_equal_value_is_derived_from_again(memo: IdentityMemo[Location, object, object]) -> None:
    one, other = location(), location()
    memo.get(one, None)
    memo.get(other, None)
    assert len(INPUTS) == 2


def test_another_context_derives_again(memo: IdentityMemo[Location, object, object]) -> None:
    value = location()
    results = [memo.get(value, context) for context in ("a", "b", "a")]
    assert results == [(51.5, "a"), (51.5, "b"), (51.5, "a")]


def test_a_collected_value_is_dropped_from_the_memo() -> None:
    memo: IdentityMemo[Location, None, float] = IdentityMemo(lambda value, _: value.lat)
    held = location(1.0)
    memo.get(held, None)
    memo.get(location(2.0), None)
    gc.collect()
    assert len(memo) == 1
