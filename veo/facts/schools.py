"""Schools near a postcode or of a district: from the refreshed register, else the embedded counts."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field

from veo.facts.sources import Located, pick, sources_of
from veo.models import Answer, District, Figures, FrozenMap, Value, absent
from veo.sources.bulk.ofsted import Inspection, LegacyGrade
from veo.sources.bulk.schools import PRIMARY_KM, SECONDARY_KM, NearbySchool, SchoolTable, near

NAMES = ("schools_count", "primary_count", "secondary_count", "schools_rated", "outstanding_share")
REGISTERS = ("DfE Get Information about Schools", "Ofsted management information")
LEGACY = "Grades are Ofsted's overall grades, which it stopped awarding in September 2024."
GRADES: Mapping[LegacyGrade, str] = {
    1: "Outstanding",
    2: "Good",
    3: "Requires improvement",
    4: "Inadequate",
}
STATE: tuple[Literal["state-funded"], ...] = ("state-funded",)
"""The only sector in Ofsted's file."""


class School(Value):
    """One school; `distance` in km in a straight line.

    `rating` is an overall grade, which Ofsted stopped awarding in September 2024. Since then, its
    `report_card` grades each evaluation area, and no grade covers the whole school. `inspected` is the ISO
    date of the newest inspection.
    """

    name: str
    stages: tuple[str, ...] = ()
    type: str | None = Field(default=None, exclude_if=absent)
    ages: str | None = Field(default=None, exclude_if=absent)
    rating: str | None = Field(default=None, exclude_if=absent)
    report_card: FrozenMap[str, str] | None = Field(default=None, exclude_if=absent)
    outcome: str | None = Field(default=None, exclude_if=absent)
    inspected: str | None = Field(default=None, exclude_if=absent)
    distance: float | None = Field(default=None, exclude_if=absent)


class SchoolsData(Value):
    """State-funded schools. `outstanding` and `good` count overall grades from before September 2024.

    With `schools`, the counts cover the schools within reach of a point, otherwise the whole district.
    """

    count: int | None = Field(default=None, exclude_if=absent)
    primary_count: int | None = Field(default=None, exclude_if=absent)
    secondary_count: int | None = Field(default=None, exclude_if=absent)
    average_rating: str | None = Field(default=None, exclude_if=absent)
    outstanding: int | None = Field(default=None, exclude_if=absent)
    good: int | None = Field(default=None, exclude_if=absent)
    schools: tuple[School, ...] | None = Field(default=None, exclude_if=absent)
    figures: Figures = FrozenMap()


def nearby_schools(table: SchoolTable, place: Located, district: District) -> Answer[SchoolsData]:
    """Return the schools near a place, from the register."""
    nearby = near(table, place.place.location, sectors=STATE)
    embedded = _embedded_counts(district).figures
    reach = f"{PRIMARY_KM:g} km (primary) and {SECONDARY_KM:g} km (secondary)"
    inspections = f"inspections as at {table.ofsted_vintage}" if table.ofsted_vintage else "no inspections"
    as_of = f"register of {table.gias_vintage}, {inspections}"
    return Answer(
        data=SchoolsData(
            count=nearby.count,
            primary_count=nearby.primary_count,
            secondary_count=nearby.secondary_count,
            outstanding=nearby.outstanding if table.ofsted_vintage else None,
            good=nearby.good if table.ofsted_vintage else None,
            schools=tuple(map(_school, nearby.schools)),
            figures=embedded,
        ),
        sources=(*REGISTERS, *sources_of(embedded.values())),
        notices=(
            f"State-funded schools within {reach} of {place.place.code} in a straight line: {as_of}.",
            LEGACY,
            *place.notices,
            *table.gaps,
        ),
        partial=place.partial,
    )


def embedded_schools(district: District) -> Answer[SchoolsData]:
    """Return the embedded counts of a district."""
    counts = _embedded_counts(district)
    return Answer(
        data=counts,
        sources=sources_of(counts.figures.values()),
        notices=(f"Counts are for {district.code} as a whole; individual schools are not available.", LEGACY),
    )


def _embedded_counts(district: District) -> SchoolsData:
    """Recover the counts of graded schools from their shares, which are published to three decimals."""
    count, rated = district.number("schools_count"), district.number("schools_rated")
    best, at_least_good = district.number("outstanding_share"), district.number("good_or_outstanding_share")
    outstanding = round(rated * best) if rated and best is not None else None
    good = round(rated * at_least_good) if rated and at_least_good is not None else None
    return SchoolsData(
        count=None if count is None else int(count),
        outstanding=outstanding,
        good=None if good is None or outstanding is None else good - outstanding,
        figures=pick(district, NAMES),
    )


def _school(nearby: NearbySchool) -> School:
    school = nearby.school
    has_ages = school.low_age is not None and school.high_age is not None
    return School(
        name=school.name,
        stages=nearby.stages,
        type=school.type,
        ages=f"{school.low_age} to {school.high_age}" if has_ages else None,
        distance=nearby.distance_km,
        **({} if school.inspection is None else _newest_result(school.inspection)),
    )


def _newest_result(inspection: Inspection) -> dict[str, Any]:
    """Return the fields of the newest inspection, in Ofsted's terms."""
    card, graded, ungraded = inspection.report_card, inspection.graded, inspection.ungraded
    if card is not None:
        return {"report_card": FrozenMap[str, str](dict(card.areas)), "inspected": card.date}
    rating = None if graded is None or graded.overall is None else GRADES[graded.overall]
    newest = max((result.date for result in (graded, ungraded) if result is not None), default=None)
    return {"rating": rating, "outcome": ungraded and ungraded.outcome, "inspected": newest}
