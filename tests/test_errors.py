"""Errors name what is wrong, and survive pickling to another process."""

import pickle

import pytest

from veo.errors import InvalidQuestion, NotFound, SourceError, SourceUnavailable, UnknownPlace, VeoError


@pytest.mark.parametrize(
    "error",
    [
        InvalidQuestion("budget: is required", "persona: is required"),
        UnknownPlace("origin", "Bnk", ("Bank", "Barking")),
        NotFound("no entry"),
        SourceError("tfl", "tfl is away"),
        SourceUnavailable("perplexity", "PERPLEXITY_API_KEY"),
    ],
)
def test_an_error_comes_back_from_another_process_as_it_was(error: VeoError) -> None:
    back = pickle.loads(pickle.dumps(error))  # noqa: S301  # made by this test
    assert (type(back), str(back), vars(back)) == (type(error), str(error), vars(error))


def test_bad_fields_are_listed_one_after_another() -> None:
    assert str(InvalidQuestion("a: x", "b: y")) == "a: x; b: y"


def test_an_unknown_place_suggests_the_nearest() -> None:
    assert str(UnknownPlace("origin", "Bnk", ("Bank", "Barking"))) == (
        "origin: 'Bnk' is not a London destination, postcode district or postcode; "
        "did you mean Bank, Barking?"
    )


def test_a_source_error_has_its_own_message() -> None:
    assert str(SourceError("tfl", "tfl is away")) == "tfl is away"


def test_a_source_without_its_setting_names_it() -> None:
    assert str(SourceUnavailable("tfl", "TFL_APP_KEY")) == "tfl is not configured: TFL_APP_KEY is not set"
