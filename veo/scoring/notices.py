"""What a reader is told of an answer: where a budget was relaxed, where a limit left too little."""

from collections import Counter
from collections.abc import Sequence
from math import ceil

from veo.scoring.constraints import NEAREST, RELAXATIONS, ROOM_ASSUMPTION, Budget, pounds
from veo.scoring.rank import Criteria, Ranked, Ranking
from veo.scoring.words import area_name, plural


def notices(ranking: Ranking, criteria: Criteria, asked: int) -> tuple[str, ...]:
    """Say what the first `asked` areas of a ranking owe to a relaxed budget or lack through a limit."""
    items = ranking.items[:asked]
    return (*_shortfall(ranking, criteria, len(items), asked), *_relaxation(items, criteria))


def assumptions(ranking: Ranking, criteria: Criteria) -> tuple[str, ...]:
    """Say what an answer takes for granted: mortgage terms, the rent of a room, areas without a cost."""
    room = (ROOM_ASSUMPTION,) if criteria.home == "room" and criteria.budget.tenure == "rent" else ()
    figure = "rent figure" if criteria.budget.tenure == "rent" else "median price (too few sales)"
    left = ranking.without_cost
    verb = "is" if left == 1 else "are"
    out = (f"{plural(left, 'area')} without a {figure} {verb} left out.",) if left else ()
    return (*criteria.budget.assumptions, *room, *out)


def _relaxation(items: Sequence[Ranked], criteria: Criteria) -> tuple[str, ...]:
    """Say how far over budget the areas that keep the limits go, tier by tier."""
    budget, limits = criteria.budget, _limits(criteria)
    tiers = Counter(item.tier for item in items)
    beyond = [tier for tier in sorted(tiers) if tier > 0]
    if not beyond:
        return ()
    dearest = max(item.cost.value for item in items)
    if not tiers[0]:
        none = " ".join(filter(None, (f"No areas under {pounds(budget.limit)}", " and ".join(limits))))
        return (f"{none}. Showing up to {pounds(ceil(dearest))}{_beyond(tiers)}.",)
    within = " and ".join((f"{plural(tiers[0], 'area')} within {pounds(budget.limit)}{budget.per}", *limits))
    return ("; ".join((within, *(_over(tier, tiers[tier], budget, dearest) for tier in beyond))) + ".",)


def _beyond(tiers: Counter[int]) -> str:
    """Say which of the areas over budget stand by their cost, whatever they score."""
    if tiers[NEAREST] < 2:  # noqa: PLR2004  # one area has no order
        return ""
    return ", cheapest first" if len(tiers) == 1 else f"; beyond {RELAXATIONS[-1]}% over, cheapest first"


def _over(tier: int, count: int, budget: Budget, dearest: float) -> str:
    """Say how many areas a tier adds and what they cost."""
    more = f"{count} more {'costs' if count == 1 else 'cost'}"
    if tier == NEAREST:
        return f"{more} up to {pounds(ceil(dearest))}{', cheapest first' if count > 1 else ''}"
    percent = RELAXATIONS[tier]
    return f"{more} up to {percent}% over ({pounds(budget.limit * (100 + percent) / 100)})"


def _shortfall(ranking: Ranking, criteria: Criteria, found: int, asked: int) -> tuple[str, ...]:
    """Say which limit, never relaxed, leaves too few areas, and what comes closest to it."""
    if found >= asked:
        return ()
    wanted = " and ".join(_limits(criteria)) or "with figures for enough of the chosen weights"
    count = f"Only {plural(found, 'area')}" if found else "No areas"
    return (f"{count} {wanted}.", *_misses(ranking))


def _limits(criteria: Criteria) -> tuple[str, ...]:
    """Say the limits that are never relaxed."""
    late, unsafe = criteria.max_commute, criteria.min_safety
    commute = () if late is None else (f"within {_minutes(late)}",)
    return commute if unsafe is None else (*commute, f"with a safety score of at least {unsafe:g}")


def _minutes(count: float) -> str:
    return f"{count:g} {'minute' if count == 1 else 'minutes'}"


def _misses(ranking: Ranking) -> tuple[str, ...]:
    """Name the closest miss of each limit."""
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
