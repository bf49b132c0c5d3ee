"""Simulated sources: the time, the size and the provider of each answer, and when providers fail."""

import asyncio
import inspect
import string
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from random import Random
from typing import Any, NamedTuple

from veo.cache import Policy
from veo.errors import Unavailable
from veo.models import PERSONAS, Value
from veo.services.registry import COSTS, DISTRICTS, Cost

UNKNOWN = Cost(1.0, 1_000, "other", 500)
"""The cost of a family that is not in the registry."""


class Fact(Value):
    """An answer of the right size, filled with meaningless text."""

    text: str


class SimulatedQuery(NamedTuple):
    """A recommendation query of which only the key matters."""

    rank: int

    def key_parts(self) -> tuple[str | int | None, ...]:
        """Return the parts of the cache key."""
        return ("student", self.rank, "rent")


_ARGUMENTS: Mapping[str, Callable[[int], Any]] = {
    "query": SimulatedQuery,
    "code": lambda rank: f"D{rank % DISTRICTS}",
    "area_code": lambda rank: f"D{rank % DISTRICTS}",
    "origin": lambda rank: f"D{rank % DISTRICTS}",
    "destination": lambda rank: f"P{rank // DISTRICTS}",
    "postcode": lambda rank: f"D{rank % DISTRICTS} {rank}",
    "persona": lambda rank: (None, *PERSONAS)[rank // DISTRICTS % (len(PERSONAS) + 1)],
}


def cost_of(family: str) -> Cost:
    """Return the cost of one answer of a family."""
    return COSTS.get(family, UNKNOWN)


def arguments(policy: Policy, rank: int) -> tuple[Any, ...]:
    """Return the arguments of the question with a rank by popularity, from 0."""
    parameters = _signature(policy).parameters.values()
    return tuple(
        _ARGUMENTS.get(parameter.name, f"{parameter.name}{{}}".format)(rank)
        for parameter in parameters
        if parameter.name in _ARGUMENTS or parameter.default is parameter.empty
    )


def function(policy: Policy, ask: Callable[[str], Coroutine[Any, Any, Fact]]) -> Callable[..., Any]:
    """Return a coroutine function with the parameters that the policy's key names."""
    signature = _signature(policy)

    async def fetch(*_args: Any) -> Fact:
        return await ask(policy.family)

    fetch.__signature__ = signature  # type: ignore[attr-defined]  # inspect.signature reads it
    fetch.__annotations__ = {
        **{name: parameter.annotation for name, parameter in signature.parameters.items()},
        "return": Fact,
    }
    return fetch


def _signature(policy: Policy) -> inspect.Signature:
    if callable(policy.key):
        parameters = list(inspect.signature(policy.key).parameters.values())
    else:
        names = [name for _, name, _, _ in string.Formatter().parse(policy.key) if name]
        parameters = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    return inspect.Signature(
        [parameter.replace(annotation=_annotation(parameter)) for parameter in parameters]
    )


def _annotation(parameter: inspect.Parameter) -> Any:
    if parameter.name == "query":
        return SimulatedQuery
    return str | None if parameter.default is None else str


class Upstream:
    """All sources. `calls` counts the calls that each family made to its provider, including failed ones.

    `failing` is the share of calls that fail at random; while `down()` is true, every call fails. Answers
    that Veo computes itself do not fail.
    """

    def __init__(self, rng: Random, failing: float = 0.0, down: Callable[[], bool] = lambda: False) -> None:
        self._rng, self._failing, self._down = rng, failing, down
        self.calls: Counter[str] = Counter()
        self._texts = {family: "x" * cost.size for family, cost in COSTS.items()}

    async def ask(self, family: str) -> Fact:
        """Answer for a family after the time that takes. Raises Unavailable if its provider fails."""
        cost = cost_of(family)
        if cost.provider is not None:
            self.calls[family] += 1
        await asyncio.sleep(cost.seconds)
        if cost.provider is not None and (self._down() or self._rng.random() < self._failing):
            raise Unavailable(cost.provider, "simulated outage", 503)
        return Fact(text=self._texts.get(family, "x" * cost.size))
