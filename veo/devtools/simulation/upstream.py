"""The sources, simulated: how long each takes, how large its answers are, whose call it is, when it fails."""

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

DISTRICTS = 267


class Source(NamedTuple):
    """What a family's answers cost: seconds, bytes as JSON; `provider` is None where Veo computes itself.

    `different` is how many different questions are asked of the family.
    """

    seconds: float
    size: int
    provider: str | None
    different: int


SOURCES: Mapping[str, Source] = {
    "recommendations": Source(0.03, 41_500, None, 2_000),
    "personal": Source(0.03, 41_500, None, 2_000),
    "area": Source(0.01, 8_200, None, DISTRICTS),
    "commute": Source(0.8, 950, "tfl", 2_000),
    "crime": Source(1.0, 1_000, "police.uk", DISTRICTS),
    "schools": Source(0.01, 1_100, None, 2_000),
    "boundaries": Source(0.3, 500, "postcodes.io", 2_000),
    "maps": Source(2.0, 1_250, "overpass", DISTRICTS),
    "google": Source(0.2, 250, "google", DISTRICTS),
    "research": Source(8.0, 3_000, "perplexity", DISTRICTS * (len(PERSONAS) + 1)),
}
"""Sizes as measured on the embedded figures; times are those of a usual answer, and assumptions."""

UNKNOWN = Source(1.0, 1_000, "other", 500)
"""For a family that joined the table after this one was written."""


class Fact(Value):
    """An answer of the right size that says nothing."""

    text: str


class Asked(NamedTuple):
    """A recommendation query of which only the key matters."""

    rank: int

    def key_parts(self) -> tuple[str | int | None, ...]:
        """Give the parts of the cache key."""
        return ("student", self.rank, "rent")


_ARGUMENTS: Mapping[str, Callable[[int], Any]] = {
    "query": Asked,
    "code": lambda rank: f"D{rank % DISTRICTS}",
    "area_code": lambda rank: f"D{rank % DISTRICTS}",
    "origin": lambda rank: f"D{rank % DISTRICTS}",
    "destination": lambda rank: f"P{rank // DISTRICTS}",
    "postcode": lambda rank: f"D{rank % DISTRICTS} {rank}",
    "persona": lambda rank: (None, *PERSONAS)[rank // DISTRICTS % (len(PERSONAS) + 1)],
}


def source_of(family: str) -> Source:
    """Give what is known of a family's source."""
    return SOURCES.get(family, UNKNOWN)


def arguments(policy: Policy, rank: int) -> tuple[Any, ...]:
    """Give the arguments of the question that is asked most but for `rank` others."""
    named = _signature(policy).parameters.values()
    return tuple(
        _ARGUMENTS.get(parameter.name, f"{parameter.name}{{}}".format)(rank)
        for parameter in named
        if parameter.name in _ARGUMENTS or parameter.default is parameter.empty
    )


def function(policy: Policy, ask: Callable[[str], Coroutine[Any, Any, Fact]]) -> Callable[..., Any]:
    """Give a coroutine function with the arguments that the policy's key is made of."""
    signature = _signature(policy)

    async def fetch(*_args: Any) -> Fact:
        return await ask(policy.family)

    fetch.__signature__ = signature  # type: ignore[attr-defined]  # what inspect.signature then gives
    fetch.__annotations__ = {
        **{name: parameter.annotation for name, parameter in signature.parameters.items()},
        "return": Fact,
    }
    return fetch


def _signature(policy: Policy) -> inspect.Signature:
    if callable(policy.key):
        given = list(inspect.signature(policy.key).parameters.values())
    else:
        names = [name for _, name, _, _ in string.Formatter().parse(policy.key) if name]
        given = [inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD) for name in names]
    return inspect.Signature([one.replace(annotation=_kind(one)) for one in given])


def _kind(parameter: inspect.Parameter) -> Any:
    if parameter.name == "query":
        return Asked
    return str | None if parameter.default is None else str


class Upstream:
    """All sources. `calls` counts what each family asked of its provider, also what failed.

    `failing` is the share of calls that fail at random; `down` tells whether every provider is away.
    What Veo computes itself does not fail.
    """

    def __init__(self, rng: Random, failing: float = 0.0, down: Callable[[], bool] = lambda: False) -> None:
        self._rng, self._failing, self._down = rng, failing, down
        self.calls: Counter[str] = Counter()
        self._texts = {family: "x" * source.size for family, source in SOURCES.items()}

    async def ask(self, family: str) -> Fact:
        """Answer for a family after its time; raises Unavailable when its provider fails."""
        source = source_of(family)
        if source.provider is not None:
            self.calls[family] += 1
        await asyncio.sleep(source.seconds)
        if source.provider is not None and (self._down() or self._rng.random() < self._failing):
            raise Unavailable(source.provider, "simulated outage", 503)
        return Fact(text=self._texts.get(family, "x" * source.size))
