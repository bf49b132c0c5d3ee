"""Values shared between layers: deeply immutable, finite, and camelCase in JSON.

The memory tier returns the same object to every caller, so no value may change in place: models are
frozen, sequences are tuples and mappings are `FrozenMap`.
"""

from collections.abc import Iterator, Mapping
from operator import attrgetter
from typing import Any, Generic, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic_core import CoreSchema, core_schema

K = TypeVar("K")
V = TypeVar("V")

Persona = Literal["student", "parent", "developer"]
Tenure = Literal["rent", "buy"]
Home = Literal["room", "1bed", "2bed", "3bed"]
Level = Literal["district", "borough", "modelled"]
Mode = Literal[
    "walk",
    "tube",
    "overground",
    "elizabeth-line",
    "dlr",
    "national-rail",
    "tram",
    "bus",
    "river-bus",
    "cable-car",
    "coach",
]
FactorName = Literal[
    "affordability",
    "commute",
    "safety",
    "schools",
    "amenities",
    "nightlife",
    "green_spaces",
    "property_prices",
    "development",
]
PERSONAS: tuple[Persona, ...] = get_args(Persona)
FACTORS: tuple[FactorName, ...] = get_args(FactorName)


class FrozenMap(Mapping[K, V]):
    """A read-only, hashable mapping that keeps its order and serialises to a JSON object."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[K, V] = {}) -> None:
        self._items = dict(items)

    def __getitem__(self, key: K) -> V:
        return self._items[key]

    def __iter__(self) -> Iterator[K]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return f"FrozenMap({self._items!r})"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate as a dict of the given types, store as a `FrozenMap`, serialise as an object."""
        key, value = get_args(source) or (Any, Any)
        as_dict = handler.generate_schema(dict[key, value])  # type: ignore[valid-type]  # types known at run time
        return core_schema.no_info_before_validator_function(
            lambda given: dict(given) if isinstance(given, FrozenMap) else given,
            core_schema.no_info_after_validator_function(cls, as_dict),
            serialization=core_schema.plain_serializer_function_ser_schema(_ITEMS, return_schema=as_dict),
        )


_ITEMS = attrgetter("_items")  # no copy: an answer holds dozens of maps


class Value(BaseModel):
    """The base of all values: frozen, without unknown fields, never infinite or NaN."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        alias_generator=to_camel,
        populate_by_name=True,
        serialize_by_alias=True,
        defer_build=True,  # build validators at first use, not at import
    )


def absent(value: object) -> bool:
    """Check whether an optional field is None, so that JSON leaves it out."""
    return value is None


class SnakeValue(Value):
    """A value whose JSON names are snake_case, as its contract has them."""

    model_config = ConfigDict(alias_generator=None)


class Figure(Value):
    """One number and its source.

    `value` is in `unit`; `level` says what it describes (the district, its borough, or a model's
    estimate); `vintage` is the date or period that the source states. `censored` marks an upper bound: the
    true number is below `value`.
    """

    value: int | float
    unit: str
    level: Level
    source: str
    vintage: str
    live: bool = False
    censored: Literal["below"] | None = Field(default=None, exclude_if=absent)


Figures = FrozenMap[str, Figure]


class Location(Value):
    """A point in WGS84 degrees."""

    lat: float = Field(ge=-90, le=90)
    lng: float = Field(ge=-180, le=180)


class District(Value):
    """One postcode district, or a group of districts, with its figures.

    `figures` is keyed by the column of the embedded table; a missing key means no source. `boroughs` is the
    share of the population by borough (shares of at least 2 %).
    """

    code: str
    name: str
    neighbourhoods: tuple[str, ...] = ()
    borough: str
    boroughs: FrozenMap[str, float]
    location: Location
    population: int
    area_km2: float
    nearest_station: str | None = None
    members: tuple[str, ...] = ()
    figures: Figures

    def number(self, name: str) -> float | None:
        """Return the value of a figure, None if there is no source."""
        figure = self.figures.get(name)
        return None if figure is None else figure.value


class Station(Value):
    """A station or stop of the embedded rail graph."""

    name: str
    location: Location
    zone: str
    lines: tuple[str, ...]
    modes: tuple[Mode, ...]


class Destination(Value):
    """A place people travel to: a university, a work or leisure hub, an airport."""

    id: str
    name: str
    kind: Literal["university", "work", "airport", "leisure"]
    location: Location


class Place(Value):
    """One end of a journey, resolved from typed text.

    `code` is canonical (a destination's id, an outcode, a group or a full postcode) and part of cache
    keys; `label` is its display name.
    """

    code: str
    label: str
    location: Location
    kind: Literal["destination", "district", "group", "postcode"]


class Leg(Value):
    """One part of a journey; its minutes include the wait to board."""

    mode: Mode
    line: str | None = Field(default=None, exclude_if=absent)
    start: str
    end: str
    minutes: float


class Journey(Value):
    """A journey from door to door, in minutes."""

    minutes: float
    legs: tuple[Leg, ...]
    source: str = "modelled"

    def rounded(self) -> tuple[Leg, ...]:
        """Return the legs with their minutes rounded to tenths."""
        return tuple(leg.model_copy(update={"minutes": round(leg.minutes, 1)}) for leg in self.legs)


T = TypeVar("T")


class Answer(Value, Generic[T]):
    """The answer to a question: data, its sources, notices on what is missing, and assumptions.

    `attribution` is what the licences require to be shown. `partial` marks an answer without a part that may
    be available soon; it is cached only briefly.
    """

    data: T
    sources: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()
    attribution: tuple[str, ...] = ()
    partial: bool = False
