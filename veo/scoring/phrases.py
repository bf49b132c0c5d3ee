"""One phrase per factor, built from the figures of an area and their vintages."""

from collections.abc import Callable
from dataclasses import dataclass

from veo.models import FactorName, Figure, Home, Journey
from veo.scoring.boroughs import Boroughs
from veo.scoring.constraints import pounds
from veo.scoring.factors import Reference, venues_censored
from veo.scoring.rank import Criteria, Ranked
from veo.scoring.words import lines_of, listed, plural

NEAREST_CENTRE = "the nearest main job centre"
HOMES: dict[Home, str] = {
    "room": "Rooms cost about",
    "1bed": "One-bed rents average",
    "2bed": "Two-bed rents average",
    "3bed": "Three-bed rents average",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """An area and the context of its phrases; `place` is the display name of the journey's end."""

    item: Ranked
    criteria: Criteria
    reference: Reference
    journey: Journey | None = None
    place: str = NEAREST_CENTRE

    @property
    def boroughs(self) -> Boroughs:
        """Return the averages of the boroughs."""
        return self.reference.boroughs

    def find(self, column: str) -> Figure | None:
        """Return the figure to show, which may be the borough's mean."""
        return self.boroughs.figure(self.item.district, column)

    def figure(self, column: str) -> Figure:
        """Return a figure that the score of a factor requires."""
        figure = self.find(column)
        if figure is None:
            raise KeyError(column)
        return figure

    def uses_borough_mean(self, factor: FactorName) -> bool:
        """Check whether a factor rests on the borough's mean."""
        return self.boroughs.uses_borough_mean(self.item.district, factor)

    def standing(self, factor: FactorName, ahead: str, behind: str) -> str:
        """Compare a factor with London: `ahead` of the share that is lower, or `behind` the share above."""
        lower, higher = self.reference.shares(self.item.district, factor)
        is_high = self.item.scores[factor] >= 50  # noqa: PLR2004  # the middle of London
        word, share = (ahead, lower) if is_high else (behind, higher)
        return f"{word} {int(share)}% of London districts"


def phrase(factor: FactorName, subject: Subject) -> str:
    """Return the phrase on one scored factor of an area."""
    return PHRASES[factor](subject)


def _affordability(subject: Subject) -> str:
    """Compare the cost with the budget."""
    if subject.item.over > 0:
        return _over_budget(subject)
    cost, budget = subject.item.cost, subject.criteria.budget
    start = "The median price is" if budget.tenure == "buy" else HOMES[subject.criteria.home]
    gap = round(100 * (1 - cost.value / budget.limit))
    against = f"{gap}% under budget" if gap > 0 else "on budget"
    return f"{start} {pounds(cost.value)}{budget.period}, {against} ({_basis(subject)})"


def _over_budget(subject: Subject) -> str:
    """Return by how many pounds and per cent the cost exceeds the budget."""
    cost, budget, percent = subject.item.cost, subject.criteria.budget, round(subject.item.over)
    amount = pounds(max(1, round(cost.value) - round(budget.limit)))  # the difference of the amounts shown
    start = "the median price is" if budget.tenure == "buy" else HOMES[subject.criteria.home].lower()
    share = f"{percent}%" if percent else "under 1%"
    excess = (
        f"{amount}{budget.period} over budget ({share}): {start} {pounds(cost.value)} ({_basis(subject)})"
    )
    if budget.payment is None:
        return excess
    return f"{excess}; {pounds(budget.payment)} a month pays for {pounds(budget.limit)}"


def _basis(subject: Subject) -> str:
    """Return the basis of the cost, for the brackets after it."""
    room = subject.criteria.budget.tenure == "rent" and subject.criteria.home == "room"
    return f"{'estimate: a third of a three-bed, ' if room else ''}{_tag(subject.item.cost)}"


def _commute(subject: Subject) -> str:
    """State the door-to-door minutes and the lines."""
    journey, minutes = subject.journey, subject.item.minutes
    if journey is None:
        return f"{minutes:.0f} min to {subject.place} (modelled)"
    lines = lines_of(journey)
    by = f"by {lines}" if lines else "on foot"
    return f"{journey.minutes:.0f} min to {subject.place} {by} ({journey.source})"


def _safety(subject: Subject) -> str:
    named = {"imd_crime_decile": "crime deprivation", "burglaries_per_1000": "burglary"}
    figures = [(word, subject.find(column)) for column, word in named.items()]
    on = [f"{word} ({figure.vintage})" for word, figure in figures if figure]
    return f"{subject.standing('safety', 'Safer than', 'Less safe than')} on {listed(on)}"


def _schools(subject: Subject) -> str:
    """State the share of legacy grades and the count; a borough's share allows no comparison."""
    count = subject.find("schools_count")
    counted = [f"{plural(round(count.value), 'state school')} ({count.vintage})"] if count else []
    share, rated = subject.find("outstanding_share"), subject.item.district.number("schools_rated") or 0
    if share and subject.uses_borough_mean("schools"):
        borough = f"{share.value:.1%} of legacy Ofsted grades are outstanding across the borough"
        return _sentence(f"{borough} ({share.vintage})", "none in the district", *counted)
    grades = plural(round(rated), "legacy Ofsted grade")
    graded = [f"{share.value:.1%} of {grades} outstanding ({share.vintage})"] if share else []
    return (
        f"{subject.standing('schools', 'Schools ahead of', 'Schools behind')}: {'; '.join(graded + counted)}"
    )


def _amenities(subject: Subject) -> str:
    """Count venues and stations; a censored count allows no comparison with London."""
    stations = subject.find("stations_within_1km")
    near = f"{plural(round(stations.value), 'station')} within 1 km of its centre" if stations else ""
    if venues_censored(subject.item.district):
        return _sentence(near, _few_venues(subject))
    density = subject.find("food_venues_per_km2")
    venues = f"{density.value:,.1f} food venues per km² ({density.vintage})" if density else ""
    standing = subject.standing("amenities", "More amenities than", "Fewer amenities than")
    return f"{standing}: {listed([part for part in (venues, near) if part])}"


def _nightlife(subject: Subject) -> str:
    """Count pubs and bars; a censored count allows no comparison with London."""
    if venues_censored(subject.item.district):
        return _sentence(_few_venues(subject), "pubs and bars not listed")
    density, count = subject.find("pubs_bars_per_km2"), subject.find("pubs_bars")
    per_km2 = [f"{density.value:,.1f} per km² ({density.vintage})"] if density else []
    counted = [f"{count.value:,g} pubs and bars"] if count else []
    standing = subject.standing("nightlife", "More pubs and bars than", "Fewer pubs and bars than")
    return f"{standing}: {', '.join(counted + per_km2)}"


def _green_spaces(subject: Subject) -> str:
    figure = subject.figure("open_space_pct")
    share = f"{figure.value:.1f}% of the land ({figure.vintage})"
    if subject.uses_borough_mean("green_spaces"):
        return f"Open space across the borough: {share}; no figure for the district"
    return f"{subject.standing('green_spaces', 'More open space than', 'Less open space than')}: {share}"


def _property_prices(subject: Subject) -> str:
    figure = subject.figure("median_price")
    price = f"{pounds(figure.value)} ({figure.vintage})"
    if subject.uses_borough_mean("property_prices"):
        return f"The borough's average price is {price}; too few sales in the district"
    return (
        f"{subject.standing('property_prices', 'Cheaper to buy than', 'Dearer to buy than')}: median {price}"
    )


def _development(subject: Subject) -> str:
    """List growth, yield and sales, as far as there are figures."""
    district = subject.item.district
    price, rent = subject.find("price_growth_5y_pct"), subject.find("rent_growth_1y_pct")
    facts = [f"prices {_change(price)} in five years ({_tag(price)})"] if price else []
    facts += [f"rents {_change(rent)} in a year ({_tag(rent)})"] if rent else []
    monthly, median = district.number("rent_all"), district.number("median_price")
    facts += [f"gross yield {12 * monthly / median:.1%}"] if monthly and median else []
    sales = subject.find("sales_12m")
    facts += [f"{plural(round(sales.value), 'sale')} in 12 months"] if sales else []
    standing = subject.standing(
        "development", "Growth, yield and sales ahead of", "Growth, yield and sales behind"
    )
    return f"{standing}: {'; '.join(facts)}"


def _change(growth: Figure) -> str:
    """Describe a growth in per cent as up or down."""
    return f"{'down' if growth.value < 0 else 'up'} {abs(growth.value):.1f}%"


def _few_venues(subject: Subject) -> str:
    venues = subject.item.district.figures["food_venues"]
    return f"fewer than {venues.value:g} food venues ({venues.vintage})"


def _tag(figure: Figure) -> str:
    """Return the vintage of a figure, and what it describes unless that is the district."""
    level = {"district": "", "borough": "borough average, ", "modelled": "modelled, "}[figure.level]
    return f"{level}{figure.vintage}"


def _sentence(*parts: str) -> str:
    """Join the parts that are not empty, and begin with a capital."""
    joined = "; ".join(part for part in parts if part)
    return joined[:1].upper() + joined[1:]


PHRASES: dict[FactorName, Callable[[Subject], str]] = {
    "affordability": _affordability,
    "commute": _commute,
    "safety": _safety,
    "schools": _schools,
    "amenities": _amenities,
    "nightlife": _nightlife,
    "green_spaces": _green_spaces,
    "property_prices": _property_prices,
    "development": _development,
}
