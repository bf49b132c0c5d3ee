"""Recorded crime of an area: live counts around its centre beside the dated rates of its residents."""

from veo.facts.sources import group_notice, pick, sources_of
from veo.models import Answer, District
from veo.schemas.responses import CrimeData
from veo.sources.clients import Live
from veo.sources.providers import police
from veo.sources.providers.police import CrimeYear

NAMES = ("crimes_per_1000", "violent_crimes_per_1000", "imd_crime_decile", "burglaries_per_1000")
RATE_OF_BOROUGH = "crimeRate is the borough's, not the district's."


async def live_crime(live: Live, district: District) -> Answer[CrimeData]:
    """Count the crimes of a year around the centre. Raises provider errors."""
    year = await live.police.crime(district.location)
    known = recorded(district)
    trend = {"trend": year.trend.direction, "trend_pct": year.trend.change_pct} if year.trend else {}
    return Answer(
        data=known.model_copy(
            update={
                "total_crimes": year.total,
                "antisocial": year.antisocial,
                "breakdown": year.breakdown,
                "period": year.vintage,
                "lag_weeks": year.lag_weeks,
                "radius_miles": year.radius_miles,
                **trend,
            }
        ),
        sources=tuple(dict.fromkeys((police.SOURCE, *sources_of(known.figures.values())))),
        notices=(*_of_counts(year, district), *_of_rate(district), *group_notice(district)),
    )


def embedded_crime(district: District) -> Answer[CrimeData]:
    """Give the dated rates alone."""
    known = recorded(district)
    return Answer(
        data=known,
        sources=sources_of(known.figures.values()),
        notices=(
            "No live counts, mix or trend of offences: only dated rates.",
            *_of_rate(district),
            *group_notice(district),
        ),
    )


def recorded(district: District) -> CrimeData:
    """Give the embedded figures of an area."""
    return CrimeData(crime_rate=district.number("crimes_per_1000"), figures=pick(district, NAMES))


def _of_counts(year: CrimeYear, district: District) -> tuple[str, ...]:
    """Say what the counts are of, and which months are not there."""
    counted = (
        f"Counts are of {year.vintage}, within {year.radius_miles} mile of the centre of {district.code}: "
        "a circle, not the district. Anti-social behaviour is counted apart."
    )
    lag = f"The newest month ended {year.lag_weeks} weeks ago: data.police.uk publishes late."
    months = f"Not published for this place: {', '.join(year.missing)}."
    return (counted, lag, *((months,) if year.missing else ()))


def _of_rate(district: District) -> tuple[str, ...]:
    """Say it where the rate is the borough's; of a group it is modelled."""
    rate = district.figures.get("crimes_per_1000")
    return (RATE_OF_BOROUGH,) if rate is not None and rate.level == "borough" else ()
