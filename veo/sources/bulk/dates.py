"""Dates in the names of publishers' files: an English month, in full or shortened, in any case."""

from datetime import date

_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august"),
    *("september", "october", "november", "december"),
)
_SHORTEST = 3  # letters: fewer are ambiguous


def month_number(name: str) -> int | None:
    """Return 1 to 12 for a month such as `Jan`, `Sept` or `september`, None for anything else."""
    start = name.casefold()
    if len(start) < _SHORTEST:
        return None
    return next((number for number, month in enumerate(_MONTHS, 1) if month.startswith(start)), None)


def day_of(day: str, month: str, year: str) -> date | None:
    """Return the date of a day, a month by name and a year, None if there is no such day."""
    number = month_number(month)
    if number is None:
        return None
    try:
        return date(int(year), number, int(day))
    except ValueError:
        return None
