"""Memoise a derived value by the identity of its input, for as long as the input lives.

Memory hands the same immutable object to every caller, so identity is enough to recognise it; comparing or
hashing a large value would cost more. The memo holds only weak references: when the input is collected, its
entry is dropped, so the memo needs no bound.
"""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar
from weakref import ref

V = TypeVar("V")
C = TypeVar("C")
D = TypeVar("D")


class Derived(NamedTuple, Generic[C, D]):
    """A derived value with the context it was derived in."""

    reference: object  # a weak reference to the input; its callback drops the entry
    context: C
    derived: D


class IdentityMemo(Generic[V, C, D]):
    """A memo of `derive(value, context)`; the derived value must not hold the input itself."""

    def __init__(self, derive: Callable[[V, C], D]) -> None:
        self._derive = derive
        self._entries: dict[int, Derived[C, D]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, value: V, context: C) -> D:
        """Return the derived value; derive it again when the value or the context is another object."""
        identity = id(value)
        entry = self._entries.get(identity)
        if entry is not None and entry.context is context:
            return entry.derived
        derived = self._derive(value, context)
        drop = self._entries.pop
        self._entries[identity] = Derived(ref(value, lambda _: drop(identity, None)), context, derived)
        return derived
