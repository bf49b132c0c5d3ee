"""Recorded crime of an area: live counts around its centre, and the embedded rates per resident."""

from pydantic import Field

from veo.facts.sources import group_notice, pick, sources_of
from veo.models import Answer, District, Figures, FrozenMap, Value, absent
from veo.sources.clients import Live
from veo.sources.providers import police
from veo.sources.providers.police import CrimeYear

NAMES = ("crimes_per_1000", "violent_crimes_per_1000", "imd_crime_decile", "burglaries_per_1000")
RATE_OF_BOROUGH = "crimeRate is the borough's, not the district's."


class CrimeData(Value):
    """Recorded crime: live counts, in total and by category, and `crime_rate` per 1,000 residents a year.

    Counts cover the months of `period` within `radius_miles` of the centre. `antisocial` incidents are not
    crimes and are counted separately. `trend_pct` compares the last six months with the six before.
    """

    total_crimes: int | None = Field(default=None, exclude_if=absent)
    antisocial: int | None = Field(default=None, exclude_if=absent)
    crime_rate: float | None = Field(default=None, exclude_if=absent)
    breakdown: FrozenMap[str, int] | None = Field(default=None, exclude_if=absent)
    trend: str | None = Field(default=None, exclude_if=absent)
    trend_pct: float | None = Field(default=None, exclude_if=absent)
    period: str | None = Field(default=None, exclude_if=absent)
    lag_weeks: int | None = Field(default=None, exclude_if=absent)
    radius_miles: int | None = Field(default=None, exclude_if=absent)
    figures: Figures = FrozenMap()


async def live_crime(live: Live, district: District) -> Answer[CrimeData]:
    """Count the crimes of a year around the centre. Raises provider errors."""
    year = await live.police.crime(district.location)
    rates = _embedded_rates(district)
    trend = {"trend": year.trend.direction, "trend_pct": year.trend.change_pct} if year.trend else {}
    return Answer(
        data=rates.model_copy(
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
        sources=tuple(dict.fromkeys((police.SOURCE, *sources_of(rates.figures.values())))),
        notices=(*_count_notices(year, district), *_rate_notice(district), *group_notice(district)),
    )


def embedded_crime(district: District) -> Answer[CrimeData]:
    """Return the embedded rates alone."""
    rates = _embedded_rates(district)
    return Answer(
        data=rates,
        sources=sources_of(rates.figures.values()),
        notices=(
            "No live counts, categories or trend of offences: only the rates of an earlier period.",
            *_rate_notice(district),
            *group_notice(district),
        ),
    )


def _embedded_rates(district: District) -> CrimeData:
    return CrimeData(crime_rate=district.number("crimes_per_1000"), figures=pick(district, NAMES))


def _count_notices(year: CrimeYear, district: District) -> tuple[str, ...]:
    """Return what the counts cover, and which months are missing."""
    coverage = (
        f"Counts cover {year.vintage}, within {year.radius_miles} mile of the centre of {district.code}: "
        "a circle, not the district. Anti-social behaviour is counted separately."
    )
    lag = f"The latest month ended {year.lag_weeks} weeks ago: data.police.uk publishes with a delay."
    missing = f"Not published for this place: {', '.join(year.missing)}."
    return (coverage, lag, *((missing,) if year.missing else ()))


def _rate_notice(district: District) -> tuple[str, ...]:
    """Return a notice if the rate is the borough's; that of a group is modelled."""
    rate = district.figures.get("crimes_per_1000")
    return (RATE_OF_BOROUGH,) if rate is not None and rate.level == "borough" else ()
