"""Advice on lifetimes, from what the ledger saw: keep, lengthen or shorten, with the reason and the saving.

A life is too long when refreshes mostly bring something new while readers mostly get old answers, and too
short when refreshes hardly ever do. Nothing is fetched to find that out: each refresh is compared with the
value that it replaces.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from math import fsum
from typing import Any, Literal, NamedTuple

from veo.cache import Policy
from veo.cache.ledger import Day, Sums
from veo.operations.savings import Prices, average_seconds, hit_rate, sums_by

Plain = dict[str, Any]
Verdict = Literal["keep", "lengthen", "shorten"]

ENOUGH = 20  # refreshes, before which nothing is advised
SAME, NEW = 0.10, 0.50  # shares of refreshes that bring something new: at most, and at least
LATE = 0.25  # least share of cached answers from the second half of their life
BOUND = {"google": "Google's terms allow 30 days at most, stale answers included"}
"""Families whose life something else than their use decides."""


class Seen(NamedTuple):
    """What was seen of a family in a day. Shares are from 0 to 1, None where nothing was seen."""

    refreshes: int
    new: float | None
    late: float | None
    computes: int
    miss_seconds: float | None
    calls: Mapping[str, float]  # of one compute, by source

    @classmethod
    def of(cls, sums: Sums) -> "Seen":
        """Read it from the ledger's sums."""
        changed, refreshes = sums.get("changed", 0), sums.get("changed", 0) + sums.get("unchanged", 0)
        ages = {int(tenth): count for tenth, count in sums_by(sums, "age:").items()}
        hits, computes = fsum(ages.values()), sums.get("computes", 0)
        made = sums_by(sums, "made:")
        return cls(
            refreshes=int(refreshes),
            new=changed / refreshes if refreshes else None,
            late=fsum(count for tenth, count in ages.items() if tenth >= 5) / hits if hits else None,  # noqa: PLR2004 - tenths
            computes=int(computes),
            miss_seconds=average_seconds(sums, "uncached"),
            calls={source: count / computes for source, count in made.items()} if computes else {},
        )


def advise(day: Day, policies: Iterable[Policy], prices: Prices) -> list[Plain]:
    """Give the advice of each family that was asked, for its life as it is now."""
    families = day.record.get("family", {})
    return [
        _advice(policy, families[policy.family], prices)
        for policy in policies
        if any(families.get(policy.family, {}).values())
    ]


def _advice(policy: Policy, sums: Sums, prices: Prices) -> Plain:
    seen, rate = Seen.of(sums), hit_rate(sums)
    verdict, reason = judged(policy, seen)
    factor = {"keep": 1.0, "lengthen": 2.0, "shorten": 0.5}[verdict]
    spared = seen.refreshes * (1 - 1 / factor)  # refreshes a day: half of them go, or as many come
    return {
        "family": policy.family,
        "advice": verdict,
        "reason": reason,
        "fresh_for_s": int(policy.fresh_for.total_seconds()),
        "suggested_s": int(policy.fresh_for.total_seconds() * factor),
        "cache_hit_rate": None if rate is None else round(rate, 4),
        "refreshes": seen.refreshes,
        "changed_share": None if seen.new is None else round(seen.new, 4),
        "late_share": None if seen.late is None else round(seen.late, 4),
        "miss_ms": None if seen.miss_seconds is None else round(seen.miss_seconds * 1000, 3),
        "miss_usd": round(_usd(seen, prices), 6),
        "expected_saving": {
            "calls": round(spared * fsum(seen.calls.values()), 1),
            "usd": round(spared * _usd(seen, prices), 4),
            "seconds": round(spared * (seen.miss_seconds or 0.0), 1),
        },
    }


def judged(policy: Policy, seen: Seen) -> tuple[Verdict, str]:
    """Judge the life of a family by what was seen of it, and say why."""
    life = _spoken(policy.fresh_for)
    if seen.new is None or seen.refreshes < ENOUGH:
        return "keep", f"too little was seen: {seen.refreshes} refreshes, of {ENOUGH} at least"
    told = f"{seen.new:.0%} of {seen.refreshes} refreshes brought something new"
    if seen.new <= SAME:
        if policy.family in BOUND:
            return "keep", f"{told}, but {BOUND[policy.family]}"
        return "lengthen", f"{told}: {life} is shorter than what it describes lasts"
    if seen.new >= NEW and seen.late is not None and seen.late >= LATE:
        return "shorten", f"{told}, and {seen.late:.0%} of cached answers were in the second half of {life}"
    return "keep", told


def _usd(seen: Seen, prices: Prices) -> float:
    return fsum(prices.of(source) * count for source, count in seen.calls.items())


def _spoken(length: timedelta) -> str:
    hours = length / timedelta(hours=1)
    return f"{hours / 24:g} days" if hours >= 48 else f"{hours:g} hours"  # noqa: PLR2004 - two days
