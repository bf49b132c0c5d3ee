"""Cached methods: `@cached(POLICY)` above an async method; the instance is no part of the key."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from veo.cache import Cache, CachedMethod, Policy, bind_cached_methods, cached

pytestmark = pytest.mark.anyio

AREA = Policy(family="area", key="area:{code}", fresh_for=timedelta(hours=1))


class Questions:
    """A class with one cached method."""

    def __init__(self, cache: Any, name: str = "one") -> None:
        self.cache, self.name, self.calls = cache, name, 0

    @cached(AREA)
    async def area(self, code: str) -> str:
        """Describe an area."""
        self.calls += 1
        return f"{self.name}: {code}"


class HalfDay:
    """A cache that changes every policy before it decorates."""

    def __init__(self, cache: Cache) -> None:
        self.inner = cache

    def cached(self, policy: Policy) -> Callable[[Callable[..., Awaitable[Any]]], Any]:
        return self.inner.cached(replace(policy, fresh_for=timedelta(hours=12)))


async def test_a_method_is_computed_once_for_the_same_arguments() -> None:
    questions = Questions(Cache())
    assert [await questions.area("E15"), await questions.area("E15"), questions.calls] == [
        "one: E15",
        "one: E15",
        1,
    ]


def test_the_instance_is_no_part_of_the_key() -> None:
    assert Questions(Cache()).area.key("E15") == "area:E15"


async def test_two_instances_with_one_cache_share_an_entry() -> None:
    cache = Cache()
    first, second = Questions(cache), Questions(cache, "two")
    await first.area("E15")
    assert (await second.area("E15"), second.calls) == ("one: E15", 0)


async def test_each_instance_computes_by_itself() -> None:
    cache = Cache()
    first, second = Questions(cache), Questions(cache, "two")
    await first.area("E15")
    assert await second.area("N1") == "two: N1"


async def test_two_instances_with_one_cache_share_their_counters() -> None:
    cache = Cache()
    await Questions(cache).area("E15")
    await Questions(cache).area("E15")
    assert cache.stats()["families"]["area"]["memory"] == 1


async def test_instances_with_caches_of_their_own_share_nothing() -> None:
    first, second = Questions(Cache()), Questions(Cache(), "two")
    await first.area("E15")
    assert await second.area("E15") == "two: E15"


def test_the_cached_function_of_an_instance_is_made_once() -> None:
    questions = Questions(Cache())
    assert questions.area is questions.area


def test_the_class_gives_the_method_with_its_policy() -> None:
    assert isinstance(Questions.area, CachedMethod)
    assert Questions.area.policy is AREA


def test_the_method_keeps_its_docstring() -> None:
    assert (Questions.area.__doc__, Questions(Cache()).area.__doc__) == ("Describe an area.",) * 2


def test_a_wrapper_of_a_cache_may_change_the_policy() -> None:
    inner = Cache()
    bind_cached_methods(Questions(HalfDay(inner)))
    with pytest.raises(ValueError, match="family: 'area' already belongs"):
        bind_cached_methods(Questions(inner))


def test_binding_registers_the_family_before_the_first_call() -> None:
    cache = Cache()
    bind_cached_methods(Questions(cache))
    assert set(cache.stats()["families"]) == {"area"}


def test_a_family_of_another_method_is_refused() -> None:
    class Other:
        def __init__(self, cache: Cache) -> None:
            self.cache = cache

        @cached(AREA)
        async def district(self, code: str) -> str:
            return code

    cache = Cache()
    bind_cached_methods(Questions(cache))
    with pytest.raises(ValueError, match="family: 'area' already belongs"):
        bind_cached_methods(Other(cache))


def test_a_mutable_return_type_is_refused_when_the_method_is_decorated() -> None:
    async def area(self: object, code: str) -> list[str]:
        del self
        return [code]

    with pytest.raises(TypeError, match="list"):
        cached(AREA)(area)


def test_a_key_of_unknown_arguments_is_refused_when_the_method_is_decorated() -> None:
    async def area(self: object, postcode: str) -> str:
        del self
        return postcode

    with pytest.raises(ValueError, match="code"):
        cached(AREA)(area)


def test_the_decorator_of_functions_refuses_a_method() -> None:
    async def area(self: object, code: str) -> str:
        del self
        return code

    with pytest.raises(TypeError, match="decorate a method with"):
        Cache().cached(AREA)(area)
