"""What Ofsted found at state-funded schools: its monthly management information, as Ofsted words it.

https://www.gov.uk links to the newest file on https://assets.publishing.service.gov.uk, Open Government
Licence v3.0. Single-word grades ended on 2 September 2024: where Ofsted gave none, none is made up.
"""

import re
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import UTC, date, datetime
from typing import Literal, NamedTuple, TypeVar

from pydantic import Field

from veo.errors import BadAnswer
from veo.models import FrozenMap, Value, absent
from veo.sources.bulk.dates import day_of
from veo.sources.http.client import Http
from veo.sources.http.csv_stream import rows
from veo.sources.http.provider import Provider
from veo.sources.http.sanitize import plain

GOV_UK = Provider("gov-uk", "https://www.gov.uk", timeout=15.0)
OFSTED = Provider(
    "ofsted", "https://assets.publishing.service.gov.uk", timeout=30.0, largest=64 * 2**20
)  # fmt: skip

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
_ABOVE_HEADER = 10  # rows; some months have two of title
_LONGEST_OUTCOME = 80
_GRADES: Mapping[str, Grade] = {
    "exceptional": "Exceptional",
    "strong standard": "Strong standard",
    "expected standard": "Expected standard",
    "needs attention": "Needs attention",
    "urgent improvement": "Urgent improvement",
}
_LEGACY_GRADES: Mapping[str, LegacyGrade] = {"1": 1, "2": 2, "3": 3, "4": 4}
_NOTHING = {"", "null", "not judged", "not applicable", "n/a", "0", "9"}  # 0 and 9: of what a school lacks
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
    """An inspection since November 2025: a grade for each area, and none for the school."""

    date: str
    areas: FrozenMap[str, Grade]


class Graded(Value):
    """An inspection before November 2025; `overall` is None where Ofsted no longer judged it.

    Only then `areas` has the grades of its parts.
    """

    date: str
    overall: LegacyGrade | None = Field(default=None, exclude_if=absent)
    areas: FrozenMap[str, LegacyGrade] = Field(default=FrozenMap(), exclude_if=lambda areas: not areas)


class Ungraded(Value):
    """A visit that confirmed or questioned an earlier grade, such as `School remains Good`."""

    date: str
    outcome: str


class Inspection(Value):
    """What is known of a school: its report card, else its last graded and its last ungraded inspection.

    Dates are ISO: the first day of the inspection.
    """

    report_card: ReportCard | None = Field(default=None, exclude_if=absent)
    graded: Graded | None = Field(default=None, exclude_if=absent)
    ungraded: Ungraded | None = Field(default=None, exclude_if=absent)


class Inspections(NamedTuple):
    """The inspections by URN, as at a day; `unknown` cells held no grade that is documented."""

    day: date
    by_urn: dict[int, Inspection]
    unknown: int


async def read_inspections(http: Http, today: date, urns: Collection[int]) -> Inspections:
    """Give what the newest file until today has of these schools. Raises `ProviderError`."""
    page = await http.upstream(GOV_UK).blob(_PAGE, types=("application/json",))
    day, path = _newest(page.content.decode("utf-8", "replace"), today)
    reader = _Reader(urns)
    async with http.upstream(OFSTED).stream(path, largest=OFSTED.largest) as chunks:
        async for cells in _cells(rows(chunks, "latin-1")):
            reader.read(cells)
    if not reader.found:
        raise BadAnswer(OFSTED.name, "the file has no inspection of a school in London")
    return Inspections(day, reader.found, reader.unknown)


def _newest(page: str, today: date) -> tuple[date, str]:
    files = [(day_of(*match.group(2, 3, 4)), match[1]) for match in _FILE.finditer(page)]
    known = [(day, path) for day, path in files if day is not None and day <= today]
    if not known:
        raise BadAnswer(GOV_UK.name, "the page of the inspections links to no file of state-funded schools")
    return max(known)


def _day(text: str, form: str) -> date | None:
    try:
        return datetime.strptime(text, form).replace(tzinfo=UTC).date()
    except ValueError:
        return None


async def _cells(table: AsyncIterator[list[str]]) -> AsyncIterator[Cells]:
    """Give every row by the names of its columns, in lower case and without `(where applicable)`."""
    names = await _header(table)
    lacking = [name for name in _NEEDED if name not in names]
    if lacking:
        raise BadAnswer(OFSTED.name, f"the file lacks the column {lacking[0]}")
    async for row in table:
        if len(row) != len(names):
            raise BadAnswer(OFSTED.name, f"a row has {len(row)} columns, not {len(names)}")
        yield dict(zip(names, (cell.strip() for cell in row), strict=True))


async def _header(table: AsyncIterator[list[str]]) -> list[str]:
    for _ in range(_ABOVE_HEADER):
        row: list[str] = await anext(table, [])
        names = [" ".join(name.removeprefix("\xef\xbb\xbf").casefold().split()) for name in row]
        if _URN in names:
            return [name.removesuffix(_WHERE_APPLICABLE) for name in names]
    raise BadAnswer(OFSTED.name, "the file has no header with URN")


class _Reader:
    """Turns rows into inspections of the schools asked for, and counts what it does not know."""

    def __init__(self, urns: Collection[int]) -> None:
        self.found: dict[int, Inspection] = {}
        self.unknown = 0
        self._wanted = {str(urn): urn for urn in urns}

    def read(self, cells: Cells) -> None:
        """Take in one row, if it is of a school asked for and says something."""
        urn = self._wanted.get(cells[_URN])
        if urn is None:
            return
        card = self._report_card(cells)
        graded, ungraded = (None, None) if card else (self._graded(cells), self._ungraded(cells))
        if card or graded or ungraded:
            self.found[urn] = Inspection(report_card=card, graded=graded, ungraded=ungraded)

    def _report_card(self, cells: Cells) -> ReportCard | None:
        areas = self._known(_GRADES, {area: cells.get(area.casefold(), "") for area in _AREAS})
        day = _iso(cells[_STARTED])
        return ReportCard(date=day, areas=areas) if areas and day else None

    def _graded(self, cells: Cells) -> Graded | None:
        day = _iso(cells[_GRADED_ON])
        if day is None:
            return None
        overall = self._known(_LEGACY_GRADES, {"": cells[_OVERALL]}).get("")
        parts = {area: cells.get(_LEGACY + area.casefold(), "") for area in _LEGACY_AREAS}
        areas = FrozenMap[str, LegacyGrade]() if overall else self._known(_LEGACY_GRADES, parts)
        return Graded(date=day, overall=overall, areas=areas) if overall or areas else None

    def _ungraded(self, cells: Cells) -> Ungraded | None:
        outcome, day = cells[_OUTCOME], _iso(cells[_UNGRADED_ON])
        if outcome.casefold() in _NOTHING or day is None:
            return None
        return Ungraded(date=day, outcome=plain(outcome, _LONGEST_OUTCOME))

    def _known(self, grades: Mapping[str, T], cells: Cells) -> FrozenMap[str, T]:
        """Give the documented grades; whatever else a cell says counts as no grade."""
        said = {name: text.casefold() for name, text in cells.items() if text.casefold() not in _NOTHING}
        self.unknown += sum(text not in grades for text in said.values())
        return FrozenMap({name: grades[text] for name, text in said.items() if text in grades})


def _iso(text: str) -> str | None:
    """Give a day such as 31/08/2026 as ISO, None where there is none."""
    if text.casefold() in _NOTHING:
        return None
    day = _day(text, "%d/%m/%Y") or _day(text, "%Y-%m-%d")
    if day is None:
        raise BadAnswer(OFSTED.name, "the date of an inspection is not a day")
    return day.isoformat()
