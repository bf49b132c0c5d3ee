"""TTL advice from the ledger: keep, lengthen or shorten a lifetime, with the reason and the expected saving.

A lifetime is too long when most refreshes change the value and many answers come from the second half of it,
and too short when few refreshes change the value. Advice needs no extra calls: the cache compares each
refresh with the value it replaces.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from math import fsum
from typing import Any, Literal, NamedTuple

from veo.cache import Policy
from veo.cache.ledger import Day, Sums
from veo.operations.savings import Prices, average_seconds, hit_rate, sums_by

Plain = dict[str, Any]
Action = Literal["keep", "lengthen", "shorten"]

MIN_REFRESHES = 20  # advise nothing on fewer
LENGTHEN_AT_MOST = 0.10  # share of refreshes that changed the value
SHORTEN_AT_LEAST = 0.50  # share of refreshes that changed the value
LATE_AT_LEAST = 0.25  # share of cached answers from the second half of their lifetime; below, keep it
FIXED = {"google": "Google's terms allow 30 days at most, stale answers included"}
"""Families whose lifetime must not grow, with the reason."""


class Observed(NamedTuple):
    """What the ledger recorded of a family in a day; shares run from 0 to 1, None without observations."""

    refreshes: int
    changed_share: float | None
    late_share: float | None
    computes: int
    miss_seconds: float | None
    calls: Mapping[str, float]  # per compute, by source

    @classmethod
    def of(cls, sums: Sums) -> "Observed":
        """Derive it from the ledger's sums."""
        changed, refreshes = sums.get("changed", 0), sums.get("changed", 0) + sums.get("unchanged", 0)
        ages = {int(tenth): count for tenth, count in sums_by(sums, "age:").items()}
        hits, computes = fsum(ages.values()), sums.get("computes", 0)
        late = fsum(count for tenth, count in ages.items() if tenth >= 5)  # noqa: PLR2004 - tenths
        calls = sums_by(sums, "made:")
        return cls(
            refreshes=int(refreshes),
            changed_share=changed / refreshes if refreshes else None,
            late_share=late / hits if hits else None,
            computes=int(computes),
            miss_seconds=average_seconds(sums, "uncached"),
            calls={source: count / computes for source, count in calls.items()} if computes else {},
        )


def advise(day: Day, policies: Iterable[Policy], prices: Prices) -> list[Plain]:
    """Return advice on the current lifetime of each family that had lookups."""
    families = day.record.get("family", {})
    return [
        _advice(policy, families[policy.family], prices)
        for policy in policies
        if any(families.get(policy.family, {}).values())
    ]


def _advice(policy: Policy, sums: Sums, prices: Prices) -> Plain:
    observed, rate = Observed.of(sums), hit_rate(sums)
    action, reason = choose_action(policy, observed)
    factor = {"keep": 1.0, "lengthen": 2.0, "shorten": 0.5}[action]
    refreshes_saved = observed.refreshes * (1 - 1 / factor)  # a day; negative when shortened
    return {
        "family": policy.family,
        "advice": action,
        "reason": reason,
        "fresh_for_s": int(policy.fresh_for.total_seconds()),
        "suggested_s": int(policy.fresh_for.total_seconds() * factor),
        "cache_hit_rate": None if rate is None else round(rate, 4),
        "refreshes": observed.refreshes,
        "changed_share": None if observed.changed_share is None else round(observed.changed_share, 4),
        "late_share": None if observed.late_share is None else round(observed.late_share, 4),
        "miss_ms": None if observed.miss_seconds is None else round(observed.miss_seconds * 1000, 3),
        "miss_usd": round(_miss_usd(observed, prices), 6),
        "expected_saving": {
            "calls": round(refreshes_saved * fsum(observed.calls.values()), 1),
            "usd": round(refreshes_saved * _miss_usd(observed, prices), 4),
            "seconds": round(refreshes_saved * (observed.miss_seconds or 0.0), 1),
        },
    }


def choose_action(policy: Policy, observed: Observed) -> tuple[Action, str]:
    """Choose what to do with a family's lifetime, and return it with the reason."""
    lifetime, changed_share, late_share = (
        _duration(policy.fresh_for),
        observed.changed_share,
        observed.late_share,
    )
    if changed_share is None or observed.refreshes < MIN_REFRESHES:
        return "keep", f"not enough data: {observed.refreshes} refreshes, at least {MIN_REFRESHES} needed"
    finding = f"{changed_share:.0%} of {observed.refreshes} refreshes changed the value"
    if changed_share <= LENGTHEN_AT_MOST:
        if policy.family in FIXED:
            return "keep", f"{finding}, but {FIXED[policy.family]}"
        return "lengthen", f"{finding}: most values stay valid for longer than {lifetime}"
    if changed_share >= SHORTEN_AT_LEAST and late_share is not None and late_share >= LATE_AT_LEAST:
        return (
            "shorten",
            f"{finding}, and {late_share:.0%} of cached answers were in the second half of {lifetime}",
        )
    return "keep", finding


def _miss_usd(observed: Observed, prices: Prices) -> float:
    return fsum(prices.of(source) * count for source, count in observed.calls.items())


def _duration(length: timedelta) -> str:
    hours = length / timedelta(hours=1)
    return f"{hours / 24:g} days" if hours >= 48 else f"{hours:g} hours"  # noqa: PLR2004 - two days
