"""Dates in the names of publishers' files."""

from datetime import date

import pytest

from veo.sources.bulk.dates import day_of, month_number

MONTHS = [f"{date(2026, number, 1):%B}" for number in range(1, 13)]


@pytest.mark.parametrize("letters", [3, 4, 9])
def test_a_month_is_known_in_full_and_shortened(letters: int) -> None:
    assert [month_number(month[:letters]) for month in MONTHS] == list(range(1, 13))


@pytest.mark.parametrize("name", ["SEP", "sept", "September"])
def test_a_month_is_known_in_any_case(name: str) -> None:
    assert month_number(name) == 9


@pytest.mark.parametrize("name", ["", "Ju", "Brumaire", "Januar1", "Mayo", "Januaryish"])
def test_what_is_no_month_is_none(name: str) -> None:
    assert month_number(name) is None


@pytest.mark.parametrize(
    "parts", [("31", "Feb", "2026"), ("0", "Jan", "2026"), ("1", "Ju", "2026"), ("1", "Jan", "0000")]
)
def test_a_day_that_no_calendar_has_is_none(parts: tuple[str, str, str]) -> None:
    assert day_of(*parts) is None


def test_a_leap_day_is_a_day() -> None:
    assert day_of("29", "Feb", "2028") == date(2028, 2, 29)
