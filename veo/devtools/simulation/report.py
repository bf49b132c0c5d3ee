"""Figures of a simulation: the sample's counts scaled to the full load, and their cost."""

from typing import Any

from veo.cache.l2_guard import USABLE_SHARE
from veo.devtools.simulation.demand import Demand
from veo.devtools.simulation.fleet import OUTCOMES, Outcome, Plan
from veo.devtools.simulation.prices import MONTH, upstash_usd
from veo.devtools.simulation.upstream import cost_of
from veo.operations.savings import Prices

Plain = dict[str, Any]
PROVIDERS = ("tfl", "google", "perplexity")  # all others are free
COUNTED = (*OUTCOMES, "coalesced", "throttled", "early_refreshes")


def report(plan: Plan, outcome: Outcome, prices: Prices) -> Plain:
    """Return all figures as JSON data; figures per day are means over all days, cold start included."""
    families = [_family(plan, outcome, family) for family in _simulated(plan)]
    lookups, hits = (sum(row[name] for row in families) for name in ("asked", "hits"))
    commands = _commands(plan, outcome) / plan.days
    return {
        "days": plan.days,
        "requests": round(plan.demand.requests_a_day * plan.days),
        "simulated": outcome.requests,
        "notices": _notices(plan, outcome),
        "containers": plan.containers,
        "containerStarts": outcome.starts,
        "edge": plan.edge,
        "seed": plan.seed,
        "skew": plan.demand.skew,
        "hitRate": _share(hits, lookups),
        "upstreamCallsADay": round(sum(row["upstreamCalls"] for row in families) / plan.days, 1),
        "coalescedCallers": sum(row["coalesced"] for row in families),
        "staleServed": sum(row["stale"] for row in families),
        "oldestStaleHours": round(outcome.oldest_stale / 3600, 1),
        "failed": sum(row["failed"] for row in families),
        "commandsADay": round(commands),
        "commandsAMonth": round(commands * MONTH),
        "families": families,
        "bill": _bill(plan, outcome, prices, commands),
    }


def _simulated(plan: Plan) -> list[str]:
    with_policy = {policy.family for policy in plan.policies}
    return [family for family in plan.demand.asks if family in with_policy]


def _family(plan: Plan, outcome: Outcome, family: str) -> Plain:
    """Scale the counts of a family; lookups that the sample leaves out beyond that count as hits."""
    counts, weight = outcome.counts[family], plan.demand.weight(family, plan.every)
    scaled = {name: round(counts[name] * weight) for name in COUNTED}
    if plan.every > 1:
        expected, nearest = round(plan.demand.lookups_a_day(family) * plan.days), _nearest_tier(plan)
        scaled[nearest] = max(0, expected - sum(scaled[name] for name in OUTCOMES if name != nearest))
    lookups = sum(scaled[name] for name in OUTCOMES)
    hits = lookups - scaled["source"] - scaled["failed"]
    return {
        "family": family,
        "asked": lookups,
        "hits": hits,
        "hitRate": _share(hits, lookups),
        **scaled,
        "provider": cost_of(family).provider,
        "upstreamCalls": round(outcome.calls[family] * weight),
    }


def _nearest_tier(plan: Plan) -> str:
    """Return the tier that serves the most popular questions."""
    return "edge" if plan.edge else "memory"


def _commands(plan: Plan, outcome: Outcome, *, edge: bool = True) -> float:
    """Return the commands of the full load, the edge's included unless `edge` is False.

    Invalidation sync and the ledger depend on time alone, and are not scaled. At an edge every request is
    one command, also those that the sample leaves out.
    """
    demand, families = plan.demand, _simulated(plan)
    different = sum(demand.different(family) for family in families)
    sampled = sum(len(demand.sampled(family, plan.every)) for family in families)
    weight = different / max(1, sampled)
    by_containers = sum(count for kind, count in outcome.commands.items() if kind not in {"sync", "edge"})
    at_edge = float(outcome.commands["edge"])
    if plan.edge and plan.every > 1:
        at_edge = demand.requests_a_day * plan.days
    return by_containers * weight + outcome.commands["sync"] + (at_edge if edge else 0.0)


def _notices(plan: Plan, outcome: Outcome) -> list[str]:
    """Return notices on what the figures leave out, and on sampling."""
    return [*_scope_notices(plan, outcome), *(_sample_notices(plan, outcome) if plan.every > 1 else ())]


def _scope_notices(plan: Plan, outcome: Outcome) -> list[str]:
    absent = [family for family in plan.demand.asks if family not in _simulated(plan)]
    notices = [f"{family}: not a family of Veo, so it is not simulated." for family in absent]
    if "recommendations" in plan.demand.asks:
        notices.append(
            "A new recommendation also requests up to 20 commutes from TfL, each at most once a week for the "
            "whole fleet; these are not simulated."
        )
    if plan.every == 1 and outcome.skipped and plan.faults.tier_away == (0.0, 0.0):
        notices.append(
            f"VEO_COMMANDS_PER_DAY ({plan.commands:,}) was reached: {outcome.skipped:,} commands were not "
            "sent, and containers used only their memory. Raise it for a higher hit rate."
        )
    return notices


def _sample_notices(plan: Plan, outcome: Outcome) -> list[str]:
    notices = []
    if plan.faults.failing or plan.faults.sources_away != (0.0, 0.0):
        notices.append(
            "Requests outside the sample count as hits, even while sources fail: simulate fewer requests or "
            "days to see the effect of an outage."
        )
    notices.append(
        f"Sampled: one question in {plan.every} was simulated, {outcome.requests:,} requests of "
        f"{round(plan.demand.requests_a_day * plan.days):,}, and the figures are scaled from these. "
        "Commands and shared computations are lower bounds: the sample omits the most popular questions."
    )
    per_container = _commands(plan, outcome, edge=False) / plan.days / plan.containers
    if plan.commands is not None and per_container > plan.commands * USABLE_SHARE:
        notices.append(
            f"{per_container:,.0f} commands a day and container exceed VEO_COMMANDS_PER_DAY "
            f"({plan.commands:,}), which a sample does not model: raise it, or containers will use only "
            "their memory."
        )
    return notices


def _bill(plan: Plan, outcome: Outcome, prices: Prices, commands: float) -> Plain:
    """Compare the cost of one call per question with that of the fleet, in calls and US dollars a day."""
    rows = [_provider(plan, outcome, name, prices.of(name)) for name in PROVIDERS]
    requests, invocations = plan.demand.requests_a_day, _invocations(plan, outcome)
    before_modal, after_modal = ((count, count * prices.modal) for count in (requests, invocations))
    rows.append(_row("modal", before_modal, after_modal))
    rows.append(_row("upstash", (0, 0), (commands, upstash_usd(commands * MONTH) / MONTH)))
    before, after = (sum(row[column] for row in rows) for column in ("usdBefore", "usdAfter"))
    return {
        "rows": [row for row in rows if row["callsBefore"] or row["callsAfter"]],
        "beforeADay": round(before, 2),
        "afterADay": round(after, 2),
        "beforeAMonth": round(before * MONTH, 2),
        "afterAMonth": round(after * MONTH, 2),
    }


def _invocations(plan: Plan, outcome: Outcome) -> float:
    """Return the Modal invocations a day: all requests except those that the edge serves."""
    requests = plan.demand.requests_a_day
    if not plan.edge:
        return requests
    if plan.every == 1:
        return requests * outcome.invocations / max(1, outcome.requests)
    rows = [_family(plan, outcome, family) for family in _simulated(plan)]  # one question per request
    return float(sum(row["asked"] - row["edge"] for row in rows)) / plan.days


def _provider(plan: Plan, outcome: Outcome, name: str, price: float) -> Plain:
    demand: Demand = plan.demand
    families = [family for family in demand.asks if cost_of(family).provider == name]
    before = sum(demand.lookups_a_day(family) for family in families)
    calls = sum(outcome.calls[family] * demand.weight(family, plan.every) for family in families)
    after = calls / plan.days
    return _row(name, (before, before * price), (after, after * price))


def _row(name: str, before: tuple[float, float], after: tuple[float, float]) -> Plain:
    return {
        "name": name,
        "callsBefore": round(before[0], 1),
        "usdBefore": round(before[1], 4),
        "callsAfter": round(after[0], 1),
        "usdAfter": round(after[1], 4),
    }


def _share(part: float, total: float) -> float:
    return round(part / total, 4) if total else 0.0
