"""A family may store its entries under the keys of another: they are flushed together, and do not mix."""

from datetime import timedelta

import pytest

from tests.support.chaos import ChaosStore
from tests.support.fleet import Fact
from tests.support.virtual_time import FakeClock
from veo.cache import Cache, CachedFunction, Policy
from veo.models import Value

pytestmark = pytest.mark.anyio

HOURLY = timedelta(hours=1)
PLACE = Policy(family="place", key="place:{code}", fresh_for=HOURLY)
POINT = Policy(family="point", key="place:{code}:point", fresh_for=HOURLY, under="place")


class Point(Value):
    """A value whose type differs from that of the other family."""

    lat: float


class Places:
    """Two functions whose entries share a family's keys."""

    def __init__(self, store: ChaosStore | None = None) -> None:
        self.cache, self.point_calls = Cache(store, FakeClock()), 0
        self.place: CachedFunction[[str], Fact] = self.cache.cached(PLACE)(self._place)
        self.point: CachedFunction[[str], Point] = self.cache.cached(POINT)(self._point)

    async def _place(self, code: str) -> Fact:
        return Fact(code=code, number=1)

    async def _point(self, code: str) -> Point:
        del code
        self.point_calls += 1
        return Point(lat=51.5)


async def test_a_key_begins_with_the_other_family() -> None:
    assert Places().point.key("E15") == "place:E15:point"


async def test_a_flush_of_the_family_includes_the_entries_under_it() -> None:
    places = Places()
    await places.point("E15")
    await places.cache.flush(family="place")
    await places.point("E15")
    assert places.point_calls == 2


@pytest.mark.parametrize("key", ["place:E15", "place:E15:point"])
async def test_each_entry_is_decoded_with_its_own_type(key: str) -> None:
    store = ChaosStore(FakeClock().now)
    places = Places(store)
    await places.place("E15")
    await places.point("E15")
    await places.cache.drain()
    shown = {"place:E15": {"code": "E15", "number": 1}, "place:E15:point": {"lat": 51.5}}
    assert await Places(store).cache.get(key) == shown[key]


async def test_a_key_that_no_function_makes_is_not_set_in_the_family() -> None:
    assert await Places().cache.set("place:E15:other", {"lat": 51.5}, 60) is False


def test_a_key_that_begins_with_its_own_family_is_refused() -> None:
    policy = Policy(family="point", key="point:{code}", fresh_for=HOURLY, under="place")

    async def point(code: str) -> Point:
        raise NotImplementedError(code)

    with pytest.raises(ValueError, match="does not begin with its family, 'place'"):
        Cache().cached(policy)(point)


def test_an_invalid_family_name_is_refused() -> None:
    with pytest.raises(ValueError, match="under: 'Place'"):
        Policy(family="point", key="place:{code}", fresh_for=HOURLY, under="Place")
