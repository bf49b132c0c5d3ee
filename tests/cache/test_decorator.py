"""What the decorator accepts, keeps and refuses."""

import gc
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any, Literal, NamedTuple, NewType

import pytest
from pydantic import BaseModel, ConfigDict, field_validator

from tests.support.chaos import ChaosStore
from tests.support.fleet import HOUR, Container, Draws, Fact, Gone, Upstream, passing, policy
from tests.support.virtual_time import FakeClock
from veo.cache import Cache, NotModified, Policy, revalidation
from veo.cache.immutability import check_frozen
from veo.models import FrozenMap, Value

pytestmark = pytest.mark.anyio

HOURLY = timedelta(hours=1)
Metres = NewType("Metres", float)


class Shallow(BaseModel):
    model_config = ConfigDict(frozen=True, allow_inf_nan=False)
    factors: dict[str, int] = {}


class Nested(Value):
    inner: tuple[Shallow, ...] = ()


class Thawed(BaseModel):
    name: str = ""


class Unbounded(BaseModel):
    model_config = ConfigDict(frozen=True)
    number: float = 0


@dataclass(frozen=True)
class Frozen:
    name: str


@dataclass
class Melting:
    name: str


class Pair(NamedTuple):
    one: int
    other: str


@pytest.mark.parametrize(
    "kind",
    [
        str,
        int | None,
        tuple[int, ...],
        frozenset[str],
        Fact,
        FrozenMap[str, Fact],
        Frozen,
        Pair,
        Literal["a"],
        Annotated[str, "x"],
        Metres,
        bytes,
        timedelta,
        None,
    ],
)
def test_an_immutable_type_is_accepted(kind: Any) -> None:
    assert check_frozen(kind) is None  # type: ignore[func-returns-value]  # it only raises


@pytest.mark.parametrize(
    ("kind", "where"),
    [
        (list[int], "return"),
        (dict[str, int], "return"),
        (set[int], "return"),
        (Shallow, "return.factors"),
        (Nested, "return.inner.factors"),
        (tuple[list[int], ...], "return"),
        (FrozenMap[str, list[int]], "return"),
        (Thawed, "return"),
        (Melting, "return"),
        (Any, "return"),
        (Mapping[str, int], "return"),
        (object, "return"),
        (Unbounded, "return"),
        (bytearray, "return"),
    ],
)
def test_a_mutable_type_is_refused_by_field(kind: Any, where: str) -> None:
    with pytest.raises(TypeError, match=f"^{where}: "):
        check_frozen(kind)


async def test_a_function_without_a_return_type_is_refused() -> None:
    with pytest.raises(TypeError, match="return: Any"):

        @Cache().cached(Policy(family="x1", key="x1:{code}", fresh_for=HOURLY))
        async def untyped(code: str):  # type: ignore[no-untyped-def]  # noqa: ANN202 - the point
            return code


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"family": "X"}, "family"),
        ({"family": "p"}, "family"),
        ({"fresh_for": timedelta(0)}, "fresh_for"),
        ({"stale_if_error": timedelta(-1)}, "stale_if_error"),
        ({"soft_timeout": timedelta(minutes=1)}, "soft_timeout"),
        ({"hard_timeout": timedelta(0), "soft_timeout": timedelta(0)}, "hard_timeout"),
        ({"jitter": 1.0}, "jitter"),
        ({"jitter": -0.1}, "jitter"),
        ({"beta": -1}, "beta"),
        ({"local_for": timedelta(hours=2)}, "local_for"),
        ({"throttle": timedelta(minutes=5)}, "throttle"),
        ({"throttle": timedelta(0)}, "throttle"),
        ({"fleet_once": True, "fresh_for": timedelta(seconds=60)}, "fresh_for"),
    ],
)
def test_an_inconsistent_policy_is_refused_by_field(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}: "):
        policy(**changes)


@pytest.mark.parametrize("name", ["key", "tags"])
async def test_a_template_with_an_unknown_argument_is_refused(name: str) -> None:
    template: Any = "fact:{outcode}" if name == "key" else ("area:{outcode}",)
    with pytest.raises(ValueError, match=f"^{name}: .*'outcode', which is not an argument"):
        Cache().cached(policy(**{name: template}))(Upstream().fetch)


@pytest.mark.parametrize(
    ("key", "message"),
    [("fact:all", "leaves out code"), ("other:{code}", "does not begin with its family, 'fact'")],
)
async def test_a_template_that_would_mix_up_answers_is_refused(key: str, message: str) -> None:
    with pytest.raises(ValueError, match=f"^key: .*{message}"):
        Cache().cached(policy(key=key))(Upstream().fetch)


async def test_a_family_belongs_to_one_function() -> None:
    cache = Cache()
    cache.cached(policy())(Upstream().fetch)

    async def other(code: str) -> Fact:
        raise NotImplementedError(code)

    with pytest.raises(ValueError, match=r"^family: 'fact' already belongs"):
        cache.cached(policy())(other)


async def test_a_template_with_two_arguments_in_one_segment_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^key: .*one \{argument\}"):
        Cache().cached(policy(key="fact:{code}{code}"))(Upstream().fetch)


async def test_none_is_cached_where_the_type_allows_it(store: ChaosStore) -> None:
    calls: list[str] = []
    cache = Cache(store, FakeClock(), rng=Draws())

    @cache.cached(Policy(family="maybe", key="maybe:{code}", fresh_for=HOURLY))
    async def maybe(code: str) -> str | None:
        calls.append(code)
        return None

    assert [await maybe("E15"), await maybe("E15"), len(calls)] == [None, None, 1]


async def test_a_sensitive_value_is_stored_nowhere(store: ChaosStore, upstream: Upstream) -> None:
    container = Container(store, upstream, policy(sensitive=True))
    await container.fact("E15")
    await container.settle()
    assert (await container.fact("E15"), store.calls) == (Fact(code="E15", number=2), [])


async def test_set_stores_no_value_of_a_sensitive_family(store: ChaosStore, upstream: Upstream) -> None:
    container = Container(store, upstream, policy(sensitive=True))
    assert not await container.cache.set("fact:E15", {"code": "E15", "number": 9}, 60)


async def test_a_value_that_the_policy_rejects_is_not_stored(store: ChaosStore, upstream: Upstream) -> None:
    container = Container(store, upstream, policy(cache_if=lambda fact: fact.number > 1))
    assert [(await container.fact("E15")).number for _ in range(3)] == [1, 2, 2]


async def test_a_value_may_shorten_its_own_life(store: ChaosStore, upstream: Upstream) -> None:
    container = Container(store, upstream, policy(lifetime=lambda _: timedelta(seconds=30)))
    await container.fact("E15")
    await passing(31)
    assert (await container.fact("E15")).number == 2


async def test_a_value_without_a_life_has_the_policy_s(store: ChaosStore, upstream: Upstream) -> None:
    container = Container(store, upstream, policy(lifetime=lambda _: None))
    await container.fact("E15")
    assert await container.cache.ttl("fact:E15") == HOUR


async def test_jitter_only_shortens(store: ChaosStore, upstream: Upstream) -> None:
    container = Container(store, upstream)
    container.draws.value = 0.5
    await container.fact("E15")
    container.draws.value = 0.0
    assert await container.cache.ttl("fact:E15") == HOUR * 0.95


async def test_a_304_keeps_the_value_and_renews_its_life(store: ChaosStore) -> None:
    cache = Cache(store, FakeClock(), rng=Draws())
    seen: list[str | None] = []

    @cache.cached(Policy(family="page", key="page:{code}", fresh_for=HOURLY))
    async def page(code: str) -> str:
        conditional = revalidation.get()
        seen.append(conditional.sent)
        if conditional.sent == "one":
            conditional.etag = "two"
            raise NotModified
        conditional.etag = "one"
        return code

    await page("E15")
    await passing(2 * HOUR)
    hit = await page.lookup("E15")
    await passing(2 * HOUR)
    await page("E15")
    assert (hit.value, hit.age, seen) == ("E15", 0, [None, "one", "two"])


async def test_a_304_without_a_cached_value_is_an_error(store: ChaosStore) -> None:
    cache = Cache(store, FakeClock(), rng=Draws())

    @cache.cached(Policy(family="page", key="page:{code}", fresh_for=HOURLY))
    async def page(code: str) -> str:
        raise NotModified(code)

    with pytest.raises(NotModified):
        await page("E15")


async def test_keyword_and_positional_arguments_make_one_key(here: Container) -> None:
    await here.fact(code="E15")  # type: ignore[call-arg]  # CachedFunction[[str], …] omits the name
    assert (await here.fact.lookup("E15")).origin == "memory"


async def test_a_default_cache_and_a_bare_policy_work() -> None:
    cache = Cache()

    @cache.cached(Policy(family="area", key="area:{code}", fresh_for=HOURLY))
    async def area(code: str) -> str:
        return code

    await area("E15")
    assert (await area.lookup("E15"))[:5] == ("E15", "memory", pytest.approx(0, abs=1), True, False)


async def test_the_key_has_no_prefix(here: Container) -> None:
    assert here.fact.key("E15") == "fact:E15"


async def test_the_decorated_function_keeps_its_documentation(here: Container) -> None:
    assert here.fact.__doc__ == Upstream.fetch.__doc__


async def test_memory_forgets_the_least_recently_used(upstream: Upstream) -> None:
    container = Container(None, upstream, entries=2)
    for code in ("A", "B", "A", "C", "A", "B"):
        await container.fact(code)
    assert upstream.calls == ["A", "B", "C", "B"]


async def test_memory_is_bounded_by_weight(upstream: Upstream) -> None:
    container = Container(None, upstream, bytes_at_most=500)
    await container.fact.many([(f"E{number}",) for number in range(20)])
    assert 0 < container.cache.stats()["memory"]["bytes"] <= 500


async def test_true_is_not_taken_for_one(store: ChaosStore) -> None:
    cache = Cache(store, FakeClock(), rng=Draws())

    @cache.cached(Policy(family="count", key="count:{number}", fresh_for=HOURLY))
    async def count(number: int) -> int:
        return number

    for _ in range(3):
        await count(1)
    with pytest.raises(TypeError, match=r"^number: "):
        await count(True)
    with pytest.raises(TypeError, match=r"^number: "):
        await count.lookup(True)  # noqa: FBT003 - the point


class NoSuchFact(Gone):
    """A closer description of an absence."""


class Moved(Exception):
    """Another absence."""


@pytest.mark.parametrize(("raised", "remembered"), [(NoSuchFact, Gone), (Moved, Moved)])
async def test_a_cached_absence_is_raised_as_an_exception_of_the_policy(
    store: ChaosStore, upstream: Upstream, raised: type[Exception], remembered: type[Exception]
) -> None:
    container = Container(store, upstream, policy(negative_on=(Gone, Moved)))
    upstream.error = raised("none")
    with pytest.raises(remembered):
        await container.fact("E15")
    with pytest.raises(remembered) as caught:
        await container.fact("E15")
    assert type(caught.value) is remembered


class Tree(Value):
    branches: tuple["Tree", ...] = ()


def test_a_recursive_type_is_accepted() -> None:
    assert check_frozen(Tree) is None  # type: ignore[func-returns-value]  # it only raises


async def test_the_keys_of_calls_with_several_numbers_are_memoised(upstream: Upstream) -> None:
    cache = Cache()

    @cache.cached(Policy(family="sum", key="sum:{one}:{other}", fresh_for=HOURLY))
    async def add(one: int, other: int) -> int:
        upstream.calls.append(f"{one}+{other}")
        return one + other

    assert [await add(1, 2) for _ in range(4)] == [3] * 4
    assert ([(await add.lookup(1, 2)).value for _ in range(2)], upstream.calls) == ([3, 3], ["1+2"])


async def test_the_key_of_an_equal_frozen_argument_is_memoised(upstream: Upstream) -> None:
    def key(question: Fact) -> tuple[str]:
        upstream.calls.append("key")
        return (question.code,)

    @Cache().cached(Policy(family="sum", key=key, fresh_for=HOURLY))
    async def twice(question: Fact) -> str:
        return question.code * 2

    assert [await twice(Fact(code="a", number=1)) for _ in range(6)] == ["aa"] * 6
    assert upstream.calls == ["key", "key"]  # for the compute, and for the first memory hit


async def test_different_frozen_arguments_have_different_answers() -> None:
    @Cache().cached(Policy(family="sum", key=lambda question: (question.code,), fresh_for=HOURLY))
    async def twice(question: Fact) -> str:
        return question.code * 2

    answers = [await twice(Fact(code=code, number=1)) for _ in range(3) for code in ("a", "b")]
    assert answers == ["aa", "bb"] * 3


class Moody(Value):
    number: int

    @field_validator("number")
    @classmethod
    def _odd(cls, number: int) -> int:
        if moods:
            raise LookupError(number)
        return number


moods: list[str] = []


async def test_a_value_whose_own_validator_fails_is_a_miss(store: ChaosStore) -> None:
    calls: list[str] = []

    async def moody(code: str) -> Moody:
        calls.append(code)
        return Moody.model_construct(number=1)

    rules = Policy(family="moody", key="moody:{code}", fresh_for=HOURLY)
    one, other = (Cache(store, FakeClock(), rng=Draws()).cached(rules)(moody) for _ in range(2))
    await one("E15")
    await passing(1)
    moods.append("bad")
    await other("E15")
    moods.clear()
    assert calls == ["E15", "E15"]


async def test_no_etag_is_sent_after_an_absence(store: ChaosStore) -> None:
    cache = Cache(store, FakeClock(), rng=Draws())
    exists, sent = True, []

    @cache.cached(Policy(family="page", key="page:{code}", fresh_for=HOURLY, negative_on=(Gone,)))
    async def page(code: str) -> str:
        conditional = revalidation.get()
        sent.append(conditional.sent)
        if not exists:
            raise Gone(code)
        conditional.etag = "one"
        return code

    await page("E15")
    exists = False
    await passing(2 * HOUR)
    with pytest.raises(Gone):
        await page("E15")
    exists = True
    await passing(60)
    assert (await page("E15"), sent) == ("E15", [None, "one", None])


async def test_a_lifetime_of_zero_caches_nothing(store: ChaosStore, upstream: Upstream) -> None:
    container = Container(store, upstream, policy(lifetime=lambda _: timedelta(0)))
    assert [(await container.fact("E15")).number for _ in range(2)] == [1, 2]


async def test_a_value_s_lifetime_is_at_most_the_policy_s(store: ChaosStore, upstream: Upstream) -> None:
    container = Container(store, upstream, policy(lifetime=lambda _: timedelta(hours=9)))
    await container.fact("E15")
    assert await container.cache.ttl("fact:E15") == HOUR


def failing(_value: object) -> timedelta:
    raise ZeroDivisionError


@pytest.mark.parametrize("part", ["lifetime", "cache_if"])
async def test_a_value_is_returned_but_not_stored_if_a_policy_function_fails(
    store: ChaosStore, upstream: Upstream, part: str
) -> None:
    container = Container(store, upstream, policy(**{part: failing}))
    assert [(await container.fact("E15")).number for _ in range(2)] == [1, 2]


async def test_a_lifetime_of_the_wrong_type_counts_as_a_failing_policy_function(
    store: ChaosStore, upstream: Upstream
) -> None:
    container = Container(store, upstream, policy(lifetime=lambda _: 30))
    assert [(await container.fact("E15")).number for _ in range(2)] == [1, 2]


async def test_an_unhashable_argument_is_refused_by_name(here: Container) -> None:
    with pytest.raises(TypeError, match=r"^code: list cannot be part of a key"):
        await here.fact(["E15"])  # type: ignore[arg-type]  # the point


async def test_lookup_refuses_an_unhashable_argument_by_name(here: Container) -> None:
    with pytest.raises(TypeError, match=r"^code: list cannot be part of a key"):
        await here.fact.lookup(["E15"])  # type: ignore[arg-type]  # the point


async def test_a_key_function_may_take_unhashable_arguments() -> None:
    cache = Cache()
    by_length = Policy(family="count", key=lambda codes: (len(codes),), fresh_for=HOURLY)

    @cache.cached(by_length)
    async def count(codes: list[str]) -> int:
        return len(codes)

    assert [await count(["E15"]), await count(["E15", "N1"])] == [1, 2]


@pytest.mark.parametrize(("length", "held"), [(100, 1), (300, 0)])
async def test_only_short_arguments_are_memoised(length: int, held: int) -> None:
    cache = Cache()

    @cache.cached(Policy(family="length", key="length:{text}", fresh_for=HOURLY))
    async def measure(text: str) -> int:
        return len(text)

    text = "".join("ab"[position % 2] for position in range(length))
    before = sys.getrefcount(text)
    await measure(text)
    gc.collect()
    assert sys.getrefcount(text) - before == held
