"""Schools near a postcode or of a district: the refreshed register, else the counts of the district."""

from collections.abc import Mapping
from typing import Any, Literal

from veo.facts.sources import Located, pick, sources_of
from veo.models import Answer, District, FrozenMap
from veo.schemas.responses import School, SchoolsData
from veo.sources.bulk.ofsted import Inspection, LegacyGrade
from veo.sources.bulk.schools import PRIMARY_KM, SECONDARY_KM, NearbySchool, SchoolTable, near

NAMES = ("schools_count", "primary_count", "secondary_count", "schools_rated", "outstanding_share")
REGISTERS = ("DfE Get Information about Schools", "Ofsted management information")
LEGACY = "Grades are legacy overall grades, which ended in September 2024."


GRADES: Mapping[LegacyGrade, str] = {
    1: "Outstanding",
    2: "Good",
    3: "Requires improvement",
    4: "Inadequate",
}
STATE: tuple[Literal["state-funded"], ...] = ("state-funded",)
"""Ofsted's file is of these alone."""


def nearby_schools(table: SchoolTable, place: Located, district: District) -> Answer[SchoolsData]:
    """Give the schools near a place, from the register."""
    found = near(table, place.place.location, sectors=STATE)
    reach = f"{PRIMARY_KM:g} km (primary) and {SECONDARY_KM:g} km (secondary)"
    inspections = f"inspections as at {table.ofsted_vintage}" if table.ofsted_vintage else "no inspections"
    as_of = f"register of {table.gias_vintage}, {inspections}"
    return Answer(
        data=SchoolsData(
            count=found.count,
            primary_count=found.primary_count,
            secondary_count=found.secondary_count,
            outstanding=found.outstanding if table.ofsted_vintage else None,
            good=found.good if table.ofsted_vintage else None,
            schools=tuple(_school(one) for one in found.schools),
            figures=recorded(district).figures,
        ),
        sources=(*REGISTERS, *sources_of(recorded(district).figures.values())),
        notices=(
            f"State-funded schools within {reach} of {place.place.code} in a straight line: {as_of}.",
            LEGACY,
            *place.notices,
            *table.gaps,
        ),
        partial=place.partial,
    )


def embedded_schools(district: District) -> Answer[SchoolsData]:
    """Give the dated counts of a district."""
    known = recorded(district)
    return Answer(
        data=known,
        sources=sources_of(known.figures.values()),
        notices=(f"Counts are of {district.code} as a whole; no single schools are at hand.", LEGACY),
    )


def recorded(district: District) -> SchoolsData:
    """Count graded schools back from their shares, which are published to three decimals."""
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


def _school(found: NearbySchool) -> School:
    school = found.school
    known = school.low_age is not None and school.high_age is not None
    ages = f"{school.low_age} to {school.high_age}" if known else None
    return School(
        name=school.name,
        stages=found.stages,
        type=school.type,
        ages=ages,
        distance=found.distance_km,
        **({} if school.inspection is None else _inspected(school.inspection)),
    )


def _inspected(inspection: Inspection) -> dict[str, Any]:
    """Tell the newest thing Ofsted said, in its own words."""
    card, graded, ungraded = inspection.report_card, inspection.graded, inspection.ungraded
    if card is not None:
        return {"report_card": FrozenMap[str, str](dict(card.areas)), "inspected": card.date}
    rating = None if graded is None or graded.overall is None else GRADES[graded.overall]
    newest = max((found.date for found in (graded, ungraded) if found is not None), default=None)
    return {"rating": rating, "outcome": ungraded and ungraded.outcome, "inspected": newest}
