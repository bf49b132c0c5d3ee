"""Ofsted's inspections of state-funded schools, from its monthly management information.

https://www.gov.uk links to the newest file on https://assets.publishing.service.gov.uk, Open Government
Licence v3.0. Grades keep Ofsted's wording. Single-word grades ended on 2 September 2024; none is derived
where Ofsted gave none.
"""

import re
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import UTC, date, datetime
from typing import Literal, NamedTuple, TypeVar

from pydantic import Field

from veo.errors import BadAnswer
from veo.models import FrozenMap, Value, absent
from veo.sources.bulk.csv_table import checked_rows, column_indices, column_names
from veo.sources.bulk.dates import day_of
from veo.sources.http.client import Http
from veo.sources.http.csv_stream import rows
from veo.sources.http.provider import Provider
from veo.sources.http.sanitize import plain

GOV_UK = Provider(
    "gov-uk",
    "https://www.gov.uk",
    purpose="the monthly refresh: the address of the inspections",
    timeout=15.0,
)
OFSTED = Provider(
    "ofsted",
    "https://assets.publishing.service.gov.uk",
    purpose="the monthly refresh: inspections of schools",
    timeout=30.0,
    max_bytes=64 * 2**20,
)

Grade = Literal[
    "Exceptional", "Strong standard", "Expected standard", "Needs attention", "Urgent improvement"
]
LegacyGrade = Literal[1, 2, 3, 4]
"""1 Outstanding, 2 Good, 3 Requires improvement, 4 Inadequate."""

_PAGE = (
    "/api/content/government/statistical-data-sets/"
    "monthly-management-information-ofsteds-school-inspections-outcomes"
)
_FILE = re.compile(
    rf"{re.escape(OFSTED.base)}(/media/[\w-]{{1,64}}/[\w.-]{{0,80}}state-funded[\w.-]{{0,80}}latest_inspections_as_at_"
    r"(\d{1,2})_([A-Za-z]{3,9})_(\d{4})[\w.-]{0,40}\.csv)\b",
    re.ASCII,
)
_ABOVE_HEADER = 10  # rows; some months have two title rows
_LONGEST_OUTCOME = 80
_GRADES: Mapping[str, Grade] = {
    "exceptional": "Exceptional",
    "strong standard": "Strong standard",
    "expected standard": "Expected standard",
    "needs attention": "Needs attention",
    "urgent improvement": "Urgent improvement",
}
_LEGACY_GRADES: Mapping[str, LegacyGrade] = {"1": 1, "2": 2, "3": 3, "4": 4}
_NO_GRADE = {"", "null", "not judged", "not applicable", "n/a", "0", "9"}  # 0, 9: the school has no such part
_AREAS = (
    *("Inclusion", "Curriculum and teaching", "Achievement", "Attendance and behaviour"),
    *("Personal development and wellbeing", "Early years", "Post-16 provision", "Leadership and governance"),
)
_LEGACY_AREAS = (
    *("Quality of education", "Behaviour and attitudes", "Personal development"),
    *("Effectiveness of leadership and management", "Early years provision", "Sixth form provision"),
)
_LEGACY = "latest oeif "
_WHERE_APPLICABLE = " (where applicable)"
_URN, _STARTED = "urn", "inspection start date"
_OVERALL, _GRADED_ON = f"{_LEGACY}overall effectiveness", f"{_STARTED} of {_LEGACY}graded inspection"
_OUTCOME, _UNGRADED_ON = "ungraded inspection overall outcome", "date of latest ungraded inspection"
_NEEDED = (_URN, _STARTED, _OVERALL, _GRADED_ON, _OUTCOME, _UNGRADED_ON)

Cells = Mapping[str, str]
T = TypeVar("T")


class ReportCard(Value):
    """An inspection since November 2025: a grade for each area, but none for the school as a whole."""

    date: str
    areas: FrozenMap[str, Grade]


class Graded(Value):
    """An inspection before November 2025.

    Where Ofsted gave no `overall` grade, `areas` has the grades of its parts; else `areas` is empty.
    """

    date: str
    overall: LegacyGrade | None = Field(default=None, exclude_if=absent)
    areas: FrozenMap[str, LegacyGrade] = Field(default=FrozenMap(), exclude_if=lambda areas: not areas)


class Ungraded(Value):
    """A visit that confirmed or questioned an earlier grade, such as `School remains Good`."""

    date: str
    outcome: str


class Inspection(Value):
    """The newest inspections of a school: its report card, else its last graded and last ungraded one.

    Dates are in ISO format: the first day of the inspection.
    """

    report_card: ReportCard | None = Field(default=None, exclude_if=absent)
    graded: Graded | None = Field(default=None, exclude_if=absent)
    ungraded: Ungraded | None = Field(default=None, exclude_if=absent)


class Inspections(NamedTuple):
    """The inspections by URN, as at a day; `unknown` counts the cells with an undocumented grade."""

    day: date
    by_urn: dict[int, Inspection]
    unknown: int


async def read_inspections(http: Http, today: date, urns: Collection[int]) -> Inspections:
    """Return the inspections of some schools, from the newest file up to today. Raises `ProviderError`."""
    page = await http.upstream(GOV_UK).blob(_PAGE, types=("application/json",))
    day, path = _newest(page.content.decode("utf-8", "replace"), today)
    reader = _Reader(urns)
    async with http.upstream(OFSTED).stream(path, max_bytes=OFSTED.max_bytes) as chunks:
        async for cells in _cells(rows(chunks, "latin-1")):
            reader.read(cells)
    if not reader.by_urn:
        raise BadAnswer(OFSTED.name, "the file has no inspection of a school in London")
    return Inspections(day, reader.by_urn, reader.unknown)


def _newest(page: str, today: date) -> tuple[date, str]:
    files = [(day_of(*match.group(2, 3, 4)), match[1]) for match in _FILE.finditer(page)]
    published = [(day, path) for day, path in files if day is not None and day <= today]
    if not published:
        raise BadAnswer(GOV_UK.name, "the page of the inspections links to no file of state-funded schools")
    return max(published)


def _day(text: str, form: str) -> date | None:
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC).date()
    except ValueError:
        return None


async def _cells(table: AsyncIterator[list[str]]) -> AsyncIterator[Cells]:
    """Yield every row by column name, in lower case and without `(where applicable)`."""
    names = await _header(table)
    column_indices(names, _NEEDED, OFSTED.name)
    async for row in checked_rows(table, len(names), OFSTED.name):
        yield dict(zip(names, (cell.strip() for cell in row), strict=True))


async def _header(table: AsyncIterator[list[str]]) -> list[str]:
    for _ in range(_ABOVE_HEADER):
        row: list[str] = await anext(table, [])
        names = [" ".join(name.casefold().split()) for name in column_names(row)]
        if _URN in names:
            return [name.removesuffix(_WHERE_APPLICABLE) for name in names]
    raise BadAnswer(OFSTED.name, "the file has no header with URN")


class _Reader:
    """Collects the inspections of the requested schools, and counts undocumented grades."""

    def __init__(self, urns: Collection[int]) -> None:
        self.by_urn: dict[int, Inspection] = {}
        self.unknown = 0
        self._requested = {str(urn): urn for urn in urns}

    def read(self, cells: Cells) -> None:
        """Read one row, unless it is of another school or holds no inspection."""
        urn = self._requested.get(cells[_URN])
        if urn is None:
            return
        card = self._report_card(cells)
        graded, ungraded = (None, None) if card else (self._graded(cells), self._ungraded(cells))
        if card or graded or ungraded:
            self.by_urn[urn] = Inspection(report_card=card, graded=graded, ungraded=ungraded)

    def _report_card(self, cells: Cells) -> ReportCard | None:
        areas = self._grades(_GRADES, {area: cells.get(area.casefold(), "") for area in _AREAS})
        day = _iso(cells[_STARTED])
        return ReportCard(date=day, areas=areas) if areas and day else None

    def _graded(self, cells: Cells) -> Graded | None:
        day = _iso(cells[_GRADED_ON])
        if day is None:
            return None
        overall = self._grades(_LEGACY_GRADES, {"": cells[_OVERALL]}).get("")
        parts = {area: cells.get(_LEGACY + area.casefold(), "") for area in _LEGACY_AREAS}
        areas = FrozenMap[str, LegacyGrade]() if overall else self._grades(_LEGACY_GRADES, parts)
        return Graded(date=day, overall=overall, areas=areas) if overall or areas else None

    def _ungraded(self, cells: Cells) -> Ungraded | None:
        outcome, day = cells[_OUTCOME], _iso(cells[_UNGRADED_ON])
        if outcome.casefold() in _NO_GRADE or day is None:
            return None
        return Ungraded(date=day, outcome=plain(outcome, _LONGEST_OUTCOME))

    def _grades(self, grades: Mapping[str, T], cells: Cells) -> FrozenMap[str, T]:
        """Return the documented grades by area, and count the other texts as unknown."""
        texts = {name: text.casefold() for name, text in cells.items() if text.casefold() not in _NO_GRADE}
        self.unknown += sum(text not in grades for text in texts.values())
        return FrozenMap({name: grades[text] for name, text in texts.items() if text in grades})


def _iso(text: str) -> str | None:
    """Return a day such as 31/08/2026 in ISO format, None if the cell holds none."""
    if text.casefold() in _NO_GRADE:
        return None
    day = _day(text, "%d/%m/%Y") or _day(text, "%Y-%m-%d")
    if day is None:
        raise BadAnswer(OFSTED.name, "the date of an inspection is not a day")
    return day.isoformat()
