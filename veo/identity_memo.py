"""What is made of a value that never changes, remembered for as long as the value lives.

Memory hands the same object to every caller, so its identity is enough to know it by; to compare or to hash
it would be a walk through the whole of it. Nothing is kept alive and nothing has to be bounded: what memory
lets go is forgotten with it.
"""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar
from weakref import ref

V = TypeVar("V")
G = TypeVar("G")
M = TypeVar("M")


class Made(NamedTuple, Generic[G, M]):
    """What was made of a value, and what was given besides."""

    value: object  # a weak reference, whose end makes this forgotten
    given: G
    made: M


class IdentityMemo(Generic[V, G, M]):
    """Makes something of a value once; what is made may not hold the value itself."""

    def __init__(self, make: Callable[[V, G], M]) -> None:
        self._make = make
        self._known: dict[int, Made[G, M]] = {}

    def __len__(self) -> int:
        return len(self._known)

    def of(self, value: V, given: G) -> M:
        """Give what is made of a value and of something else; anew when that is another object."""
        identity = id(value)
        known = self._known.get(identity)
        if known is not None and known.given is given:
            return known.made
        made = self._make(value, given)
        forget = self._known.pop
        self._known[identity] = Made(ref(value, lambda _: forget(identity, None)), given, made)
        return made
