"""The decorator on methods: one cached function per instance, whose keys never contain the instance."""

from collections.abc import Awaitable, Callable
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, Self, TypeVar, overload

from veo.cache.decorator import CachedFunction
from veo.cache.policy import Policy
from veo.cache.wrapped_function import WrappedFunction

S = TypeVar("S")
P = ParamSpec("P")
T = TypeVar("T")


class Decorator(Protocol):
    """What a class with cached methods keeps in `cache`: a `veo.cache.Cache`, or a wrapper around one."""

    def cached(self, policy: Policy) -> Callable[[Callable[P, Awaitable[T]]], CachedFunction[P, T]]:
        """Decorate an async function with a policy."""
        ...


class CachedMethod(Generic[P, T]):
    """A method that an instance's `cache` wraps at first access, or in `bind_cached_methods`."""

    def __init__(self, policy: Policy, method: Callable[..., Awaitable[T]]) -> None:
        WrappedFunction(policy, MethodType(method, object()))  # reports a bad policy or return type here
        self.policy, self._method = policy, method
        self.__doc__ = method.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        """Remember the attribute under which an instance keeps its cached function."""
        self._name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...

    @overload
    def __get__(self, instance: object, owner: type) -> CachedFunction[P, T]: ...

    def __get__(self, instance: Any, owner: type) -> Any:
        """Return the cached function of an instance; later accesses find it in the instance itself."""
        if instance is None:
            return self
        cache: Decorator = instance.cache
        function: CachedFunction[..., T] = cache.cached(self.policy)(MethodType(self._method, instance))
        vars(instance)[self._name] = function
        return function


def cached(policy: Policy) -> Callable[[Callable[Concatenate[S, P], Awaitable[T]]], CachedMethod[P, T]]:
    """Decorate an async method with a policy; its class keeps a `Cache` in the attribute `cache`.

    Instances that share a cache share its entries. Raises TypeError for a mutable return type and ValueError
    for a policy that does not fit the method; both name the field.
    """

    def decorate(method: Callable[Concatenate[S, P], Awaitable[T]]) -> CachedMethod[P, T]:
        return CachedMethod(policy, method)

    return decorate


def bind_cached_methods(instance: object) -> None:
    """Register every cached method with the instance's cache, so that statistics and flushes include them.

    Call it in the constructor. Raises ValueError for a family that another function has.
    """
    for owner in reversed(type(instance).__mro__):
        for name, attribute in vars(owner).items():
            if isinstance(attribute, CachedMethod):
                getattr(instance, name)
