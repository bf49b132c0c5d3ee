"""What is made of a value is remembered for as long as the value lives."""

import gc

import pytest

from veo.identity_memo import IdentityMemo
from veo.models import Location

MADE: list[Location] = []


@pytest.fixture
def beside() -> IdentityMemo[Location, object, object]:
    MADE.clear()

    def make(value: Location, given: object) -> object:
        MADE.append(value)
        return value.lat, given

    return IdentityMemo(make)


def there(lat: float = 51.5) -> Location:
    return Location(lat=lat, lng=0.0)


def test_of_the_same_value_the_same_is_given(beside: IdentityMemo[Location, object, object]) -> None:
    value = there()
    assert beside.of(value, None) is beside.of(value, None)


def test_of_an_equal_value_it_is_made_anew(beside: IdentityMemo[Location, object, object]) -> None:
    one, other = there(), there()
    beside.of(one, None)
    beside.of(other, None)
    assert len(MADE) == 2


def test_with_something_else_it_is_made_anew(beside: IdentityMemo[Location, object, object]) -> None:
    value = there()
    assert [beside.of(value, given) for given in ("a", "b", "a")] == [(51.5, "a"), (51.5, "b"), (51.5, "a")]


def test_of_a_value_that_is_gone_nothing_is_kept() -> None:
    beside: IdentityMemo[Location, None, float] = IdentityMemo(lambda value, _: value.lat)
    kept = there(1.0)
    beside.of(kept, None)
    beside.of(there(2.0), None)
    gc.collect()
    assert len(beside) == 1
