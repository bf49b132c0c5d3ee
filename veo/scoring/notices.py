"""The notices and assumptions of an answer: areas over budget, limits that leave too few areas."""

from collections.abc import Sequence
from math import ceil

from veo.scoring.constraints import ROOM_ASSUMPTION, pounds
from veo.scoring.rank import Criteria, Ranked, Ranking
from veo.scoring.words import area_name, plural


def notices(ranking: Ranking, criteria: Criteria, count: int) -> tuple[str, ...]:
    """Return the notices on the first `count` areas: too few within a limit, or some over budget."""
    items = ranking.items[:count]
    missing = _shortfall(ranking, criteria, len(items), count)
    return (*missing, *_over_budget(items, criteria, ranking.within))


def assumptions(ranking: Ranking, criteria: Criteria) -> tuple[str, ...]:
    """Return the assumptions of an answer: mortgage terms, the rent of a room, areas left out."""
    room = (ROOM_ASSUMPTION,) if criteria.home == "room" and criteria.budget.tenure == "rent" else ()
    figure = "rent figure" if criteria.budget.tenure == "rent" else "median price (too few sales)"
    left_out = {"sale in 12 months": ranking.without_homes, figure: ranking.without_cost}
    omissions = (_left_out(count, missing) for missing, count in left_out.items() if count)
    return (*criteria.budget.assumptions, *room, *omissions)


def _left_out(count: int, missing: str) -> str:
    return f"{plural(count, 'area')} without a {missing} {'is' if count == 1 else 'are'} left out."


def _over_budget(items: Sequence[Ranked], criteria: Criteria, within: int) -> tuple[str, ...]:
    """Return how many of the areas are over budget, and the highest cost; `within` areas are not."""
    budget, over = criteria.budget, [item for item in items if item.over > 0]
    if not over:
        return ()
    dearest = pounds(ceil(max(item.cost.value for item in over)))
    if not within:
        none = " ".join((f"No areas under {pounds(budget.limit)}", " and ".join(_limits(criteria)))).rstrip()
        return (f"{none}. Showing up to {dearest}.",)
    verb = "is" if len(over) == 1 else "are"
    limit = f"{pounds(budget.limit)}{budget.period}"
    counted = "The area" if len(items) == 1 else f"{len(over)} of {len(items)} areas"
    return (f"{counted} {verb} over {limit}: up to {dearest}.",)


def _shortfall(ranking: Ranking, criteria: Criteria, shown: int, count: int) -> tuple[str, ...]:
    """Return which limits leave fewer than `count` areas, and what comes closest to meeting them."""
    if shown >= count:
        return ()
    limits = " and ".join(_limits(criteria)) or "with figures for enough of the chosen weights"
    areas = f"Only {plural(shown, 'area')}" if shown else "No areas"
    return (f"{areas} {limits}.", *_misses(ranking))


def _limits(criteria: Criteria) -> tuple[str, ...]:
    """Return the limits that are never relaxed, in words."""
    late, unsafe = criteria.max_commute, criteria.min_safety
    commute = () if late is None else (f"within {_minutes(late)}",)
    return commute if unsafe is None else (*commute, f"with a safety score of at least {unsafe:g}")


def _minutes(count: float) -> str:
    return f"{count:g} {'minute' if count == 1 else 'minutes'}"


def _misses(ranking: Ranking) -> tuple[str, ...]:
    """Return a sentence on the closest miss of each limit."""
    late, unsafe = ranking.nearest_commute, ranking.nearest_safety
    commute = (
        [f"The closest miss is {_named(late)}: {_minutes(round(late.minutes))}."]
        if late and late.minutes is not None
        else []
    )
    safety = [f"The closest miss is {_named(unsafe)}: safety {unsafe.safety:.1f}."] if unsafe else []
    return (*commute, *safety)


def _named(item: Ranked) -> str:
    return f"{item.district.code} ({area_name(item.district)})"
