"""Keys: distinct arguments make distinct keys, and none can forge a separator."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from veo.cache.keys import LONGEST, KeyMaker, encode, shorten
from veo.cache.policy import Policy

HOUR = timedelta(hours=1)


async def two(one: str, other: str | None = None) -> str:
    return f"{one}{other}"


async def mixed(persona: str, budget: int) -> str:
    return f"{persona}{budget}"


def maker(function: Callable[..., Awaitable[Any]], key: Any, tags: Any = ()) -> KeyMaker:
    """Return the key maker of a function."""
    return KeyMaker(Policy(family="fact", key=key, fresh_for=HOUR, tags=tags), function)


TWO = maker(two, "fact:{one}:{other}")
MIXED = maker(mixed, "fact:{persona}:{budget}")


@given(
    st.tuples(st.text(), st.one_of(st.text(), st.none())),
    st.tuples(st.text(), st.one_of(st.text(), st.none())),
)
def test_distinct_arguments_make_distinct_keys(
    one: tuple[str, str | None], other: tuple[str, str | None]
) -> None:
    assert (TWO.make(one, {})[0] == TWO.make(other, {})[0]) == (one == other)


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_no_text_can_forge_a_separator(text: str) -> None:
    assert ":" not in encode(text)


@given(st.text(alphabet=st.characters(exclude_categories=())))
def test_every_key_is_printable_ascii(text: str) -> None:
    key, _ = TWO.make((text,), {})
    assert key.isascii()
    assert key.isprintable()


@given(st.text(min_size=300, max_size=400), st.text(min_size=300, max_size=400))
def test_long_keys_stay_distinct_and_within_bounds(one: str, other: str) -> None:
    keys = [TWO.make((text,), {})[0] for text in (one, other)]
    assert (keys[0] == keys[1]) == (one == other)
    assert max(map(len, keys)) <= LONGEST


@pytest.mark.parametrize("length", [LONGEST - 1, LONGEST])
def test_a_key_that_just_fits_is_unchanged(length: int) -> None:
    assert shorten("k" * length) == "k" * length


def test_a_key_that_is_one_too_long_ends_in_its_digest() -> None:
    key = "k" * (LONGEST + 1)
    assert shorten(key) == "k" * (LONGEST - 65) + ":" + sha256(key.encode()).hexdigest()


@pytest.mark.parametrize(
    ("part", "text"), [(None, "-"), ("-", "%2D"), ("", ""), ("E1 6AN", "E1%206AN"), (7, "7")]
)
def test_a_part_is_encoded_as(part: str | int | None, text: str) -> None:
    assert encode(part) == text


@pytest.mark.parametrize("budget", ["1000", True, 1000.0, None])
def test_an_argument_of_another_type_is_refused_by_name(budget: object) -> None:
    with pytest.raises(TypeError, match=r"^budget: "):
        MIXED.make(("student", budget), {})


@pytest.mark.parametrize("persona", [1, None, b"student", ["student"]])
def test_a_str_argument_must_be_a_str(persona: object) -> None:
    with pytest.raises(TypeError, match=r"^persona: "):
        MIXED.make((persona, 1000), {})


def test_a_missing_argument_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="budget"):
        MIXED.make(("student",), {})


def test_a_function_may_make_the_parts() -> None:
    assert maker(two, lambda one, other=None: (one, other)).make(("a", "b"), {})[0] == "fact:a:b"


def test_tags_are_filled_like_keys() -> None:
    assert maker(two, "fact:{one}:{other}", ("area:{one}",)).make(("E1 6AN", None), {})[1] == (
        "area:E1%206AN",
    )


def test_a_function_may_make_the_tags() -> None:
    tags = maker(two, "fact:{one}:{other}", lambda one, other: (f"area:{one}", f"area:{other}"))
    assert tags.make(("a", "b"), {})[1] == ("area:a", "area:b")


def test_the_tags_of_a_key_are_read_back_from_it() -> None:
    made = maker(two, "fact:{one}:{other}", ("area:{one}",))
    assert made.tags_of(made.make(("E1 6AN", "x"), {})[0]) == ("area:E1%206AN",)


@pytest.mark.parametrize("key", ["fact:E15", "fact:E15:x:y", "other:E15:x"])
def test_a_key_that_does_not_match_the_template_has_no_tags(key: str) -> None:
    assert maker(two, "fact:{one}:{other}", ("area:{one}",)).tags_of(key) is None


def test_the_tags_of_a_key_made_by_a_function_are_unknown() -> None:
    assert maker(two, lambda one, _other=None: (one,), ("area:{one}",)).tags_of("fact:E15") is None


def test_a_key_made_by_a_function_without_tags_has_none() -> None:
    assert maker(two, lambda one, _other=None: (one,)).tags_of("fact:E15") == ()


def test_the_positions_of_int_arguments_are_recognised() -> None:
    async def texts(one: str, other: str) -> str:
        return one + other

    assert [maker(texts, "fact:{one}:{other}").int_positions, MIXED.int_positions, TWO.int_positions] == [
        (),
        (1,),
        None,
    ]


class Question(BaseModel):
    model_config = ConfigDict(frozen=True)
    budget: int


class Draft(BaseModel):
    budget: int


def test_keys_of_frozen_models_may_be_memoised() -> None:
    async def frozen(question: Question) -> str:
        return str(question.budget)

    async def thawed(question: Draft) -> str:
        return str(question.budget)

    parts = [maker(function, lambda question: (question.budget,)) for function in (frozen, thawed)]
    assert [part.int_positions for part in parts] == [(), None]


def test_a_whole_number_is_part_of_a_key() -> None:
    assert MIXED.make(("student", 1000), {})[0] == "fact:student:1000"
