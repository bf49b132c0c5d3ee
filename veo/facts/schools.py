"""Schools near a postcode or of a district: the refreshed register, else the counts of the district."""

from veo.answers import SchoolsData
from veo.facts.sources import pick, sources_of
from veo.models import Answer, District

NAMES = ("schools_count", "primary_count", "secondary_count", "schools_rated", "outstanding_share")
LEGACY = "Grades are legacy overall grades, which ended in September 2024."


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
