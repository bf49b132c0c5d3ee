"""The schools of London with their locations, ages and Ofsted inspections, and those near a point.

The table holds open state-funded and independent schools of Greater London and up to 5 km around it, so that
places at the edge have the schools on both sides. Ofsted's file covers the state-funded ones only.
"""

from collections.abc import Collection, Iterator
from datetime import date
from math import hypot
from typing import Literal, get_args

from pydantic import Field

from veo.errors import BadAnswer, ProviderError
from veo.models import Location, Value, absent
from veo.sources.bulk.gias import GIAS, Phase, Register, Sector, read_register
from veo.sources.bulk.ofsted import OFSTED, Inspection, Inspections, LegacyGrade, read_inspections
from veo.sources.embedded.walking import point
from veo.sources.http.client import Http

FEWEST = 2_000
"""Open schools with a location in London; a register with fewer is rejected."""

LEAST_COVERAGE = 0.8
"""The share of the inspected schools that a newer file must cover as well."""

PRIMARY_KM = 2.0
SECONDARY_KM = 5.0
MOST = 10
"""How many schools of each stage are listed."""

Stage = Literal["primary", "secondary"]
SECTORS: tuple[Sector, ...] = get_args(Sector)

_REACH: dict[Stage, float] = {"primary": PRIMARY_KM, "secondary": SECONDARY_KM}
_STAGES: dict[Phase, tuple[Stage, ...]] = {
    "Primary": ("primary",),
    "Middle deemed primary": ("primary",),
    "Middle deemed secondary": ("secondary",),
    "Secondary": ("secondary",),
    "All-through": ("primary", "secondary"),
}
_PRIMARY_YEARS, _SECONDARY_YEARS = (5, 11), (11, 16)  # ages, of compulsory schooling
_SOME_PRIMARY, _SOME_SECONDARY = (
    2,
    3,
)  # years: an infant school has two; a prep school up to 13 is no secondary school


class School(Value):
    """One open school. Ages are in years; `inspection` is None where Ofsted's file has none."""

    urn: int
    name: str
    phase: Phase
    type: str
    sector: Sector
    low_age: int | None = Field(default=None, exclude_if=absent)
    high_age: int | None = Field(default=None, exclude_if=absent)
    religious_character: str | None = Field(default=None, exclude_if=absent)
    postcode: str | None = Field(default=None, exclude_if=absent)
    location: Location
    inspection: Inspection | None = Field(default=None, exclude_if=absent)

    @property
    def legacy_grade(self) -> LegacyGrade | None:
        """Return the last overall grade, None if Ofsted gave none."""
        graded = None if self.inspection is None else self.inspection.graded
        return None if graded is None else graded.overall

    def stages(self) -> tuple[Stage, ...]:
        """Return the stages that the school counts for: by its phase, or an independent one by its ages.

        Special and alternative schools, nurseries and sixth forms count for neither.
        """
        if self.phase in _STAGES:
            return _STAGES[self.phase]
        if (
            self.phase != "Not applicable"
            or self.sector != "independent"
            or "special" in self.type.casefold()
        ):
            return ()
        return tuple(self._by_age())

    def _by_age(self) -> Iterator[Stage]:
        if self._years(_PRIMARY_YEARS) >= _SOME_PRIMARY:
            yield "primary"
        if self._years(_SECONDARY_YEARS) >= _SOME_SECONDARY:
            yield "secondary"

    def _years(self, ages: tuple[int, int]) -> int:
        if self.low_age is None or self.high_age is None:
            return 0
        return min(self.high_age, ages[1]) - max(self.low_age, ages[0])


class SchoolTable(Value):
    """The schools, in the order of their URNs; `gaps` describes what is missing.

    `made_at` and the vintages are ISO dates. `ofsted_vintage` is None if no inspections were available;
    `unknown_grades` counts the undocumented grades left out of that file.
    """

    made_at: str
    gias_vintage: str
    ofsted_vintage: str | None
    unknown_grades: int = Field(default=0, exclude_if=lambda count: not count)
    gaps: tuple[str, ...] = ()
    schools: tuple[School, ...]


class NearbySchool(Value):
    """A school within reach, at a straight-line distance; `stages` lists those that it is in reach for."""

    school: School
    distance_km: float
    stages: tuple[Stage, ...]


class SchoolsNearby(Value):
    """The nearest schools: up to `MOST` primaries and `MOST` secondaries, and the counts of all in reach.

    `count` has each all-through school once; `outstanding` and `good` count the schools whose last overall
    grade, a legacy one, was that.
    """

    schools: tuple[NearbySchool, ...]
    count: int
    primary_count: int
    secondary_count: int
    outstanding: int
    good: int


async def read_schools(
    http: Http, today: date, earlier: SchoolTable | None = None, *, fewest: int = FEWEST
) -> SchoolTable:
    """Return the schools of the newest register, with the newest inspections.

    If no valid newer inspections are available, those of the `earlier` table stay, with their date. Raises
    `ProviderError` without a register, and for one that is older than the earlier table's or has fewer than
    `fewest` schools in London.
    """
    register = await read_register(http, today, fewest)
    if earlier is not None and register.day.isoformat() < earlier.gias_vintage:
        raise BadAnswer(
            GIAS.name, f"the register of {register.day} is older than that of {earlier.gias_vintage}"
        )
    inspections, gap = await _inspections(http, today, register, earlier)
    gaps = [gap] if gap else []
    if register.unplaced:
        gaps.insert(0, f"{register.unplaced} open schools of London have no location there.")
    if inspections is not None and inspections.unknown:
        gaps.append(f"{inspections.unknown} of Ofsted's grades are undocumented and left out.")
    return _table(register, inspections, today, gaps)


async def _inspections(
    http: Http, today: date, register: Register, earlier: SchoolTable | None
) -> tuple[Inspections | None, str | None]:
    """Return the newest valid inspections, and why no newer ones are available."""
    urns = {entry.urn for entry in register.entries}
    kept = _kept(earlier, urns)
    try:
        newest = await read_inspections(http, today, urns)
        _check(newest, kept)
    except ProviderError as error:
        still = "No inspections" if kept is None else f"The inspections are still those as at {kept.day}"
        return kept, f"{still}: {error}."
    return newest, None


def _kept(earlier: SchoolTable | None, urns: Collection[int]) -> Inspections | None:
    """Return the inspections of an earlier table, without schools that the register no longer has."""
    if earlier is None or earlier.ofsted_vintage is None:
        return None
    by_urn = {
        school.urn: school.inspection
        for school in earlier.schools
        if school.inspection is not None and school.urn in urns
    }
    return Inspections(date.fromisoformat(earlier.ofsted_vintage), by_urn, earlier.unknown_grades)


def _check(newest: Inspections, kept: Inspections | None) -> None:
    """Raise `BadAnswer` for inspections that are older than the kept ones, or lack many of their schools."""
    if kept is None:
        return
    if newest.day < kept.day:
        raise BadAnswer(OFSTED.name, f"the newest file is as at {newest.day}")
    again = sum(urn in newest.by_urn for urn in kept.by_urn)
    if again < LEAST_COVERAGE * len(kept.by_urn):
        reason = f"inspections of {again:,} of the {len(kept.by_urn):,} schools that had one"
        raise BadAnswer(OFSTED.name, f"the file as at {newest.day} has {reason}, below {LEAST_COVERAGE:.0%}")


def _table(
    register: Register, inspections: Inspections | None, today: date, gaps: Collection[str]
) -> SchoolTable:
    by_urn = {} if inspections is None else inspections.by_urn
    return SchoolTable(
        made_at=today.isoformat(),
        gias_vintage=register.day.isoformat(),
        ofsted_vintage=None if inspections is None else inspections.day.isoformat(),
        unknown_grades=0 if inspections is None else inspections.unknown,
        gaps=tuple(gaps),
        schools=tuple(
            School(**entry._asdict(), inspection=by_urn.get(entry.urn)) for entry in register.entries
        ),
    )


def near(
    table: SchoolTable, location: Location, *, sectors: Collection[Sector] = SECTORS, most: int = MOST
) -> SchoolsNearby:
    """Return the primaries within `PRIMARY_KM` and the secondaries within `SECONDARY_KM`, nearest first."""
    within = sorted(
        _within(table, location, sectors), key=lambda nearby: (nearby.distance_km, nearby.school.urn)
    )
    stages = {stage: [nearby for nearby in within if stage in nearby.stages] for stage in _REACH}
    listed = {nearby.school.urn for ranked in stages.values() for nearby in ranked[:most]}
    grades = [nearby.school.legacy_grade for nearby in within]
    return SchoolsNearby(
        schools=tuple(nearby for nearby in within if nearby.school.urn in listed),
        count=len(within),
        primary_count=len(stages["primary"]),
        secondary_count=len(stages["secondary"]),
        outstanding=grades.count(1),
        good=grades.count(2),
    )


def _within(table: SchoolTable, location: Location, sectors: Collection[Sector]) -> Iterator[NearbySchool]:
    centre = point(location)
    for school in table.schools:
        position = point(school.location)
        km = hypot(position.x - centre.x, position.y - centre.y)
        if km <= SECONDARY_KM and school.sector in sectors:
            stages = tuple(stage for stage in school.stages() if km <= _REACH[stage])
            if stages:
                yield NearbySchool(school=school, distance_km=round(km, 2), stages=stages)
