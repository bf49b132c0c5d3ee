"""From counts to figures: what the whole load would have made of what the sample did, and what it costs."""

from typing import Any

from veo.cache.l2_guard import NEAR_BUDGET
from veo.devtools.simulation.demand import Demand
from veo.devtools.simulation.fleet import OUTCOMES, Outcome, Plan
from veo.devtools.simulation.prices import MONTH, upstash_usd
from veo.devtools.simulation.upstream import source_of
from veo.operations.savings import Prices

Plain = dict[str, Any]
PROVIDERS = ("tfl", "google", "perplexity")  # all others that Veo asks are free
COUNTED = (*OUTCOMES, "coalesced", "throttled", "early_refreshes")


def report(plan: Plan, outcome: Outcome, prices: Prices) -> Plain:
    """Give every figure as JSON data; per day they are means over the days, the cold start included."""
    families = [_family(plan, outcome, family) for family in _simulated(plan)]
    asked, hits = (sum(row[name] for row in families) for name in ("asked", "hits"))
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
        "hitRate": _share(hits, asked),
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
    known = {policy.family for policy in plan.policies}
    return [family for family in plan.demand.asks if family in known]


def _family(plan: Plan, outcome: Outcome, family: str) -> Plain:
    """Scale what was counted of a family; what the sample leaves out beyond that was a hit."""
    counts, weight = outcome.ends[family], plan.demand.weight(family, plan.every)
    scaled = {name: round(counts[name] * weight) for name in COUNTED}
    if plan.every > 1:
        asked, nearest = round(plan.demand.asked_a_day(family) * plan.days), _nearest(plan)
        scaled[nearest] = max(0, asked - sum(scaled[name] for name in OUTCOMES if name != nearest))
    asked = sum(scaled[name] for name in OUTCOMES)
    hits = asked - scaled["source"] - scaled["failed"]
    return {
        "family": family,
        "asked": asked,
        "hits": hits,
        "hitRate": _share(hits, asked),
        **scaled,
        "provider": source_of(family).provider,
        "upstreamCalls": round(outcome.calls[family] * weight),
    }


def _nearest(plan: Plan) -> str:
    """Give where what is asked most finds its answer."""
    return "edge" if plan.edge else "memory"


def _commands(plan: Plan, outcome: Outcome, *, edge: bool = True) -> float:
    """Give the commands of the whole load; keeping in step depends on time alone, and is not scaled.

    Behind an edge each request is a command, also of what the sample leaves out.
    """
    demand, families = plan.demand, _simulated(plan)
    everything = sum(demand.different(family) for family in families)
    sampled = sum(len(demand.sampled(family, plan.every)) for family in families)
    weight = everything / max(1, sampled)
    by_containers = sum(count for kind, count in outcome.commands.items() if kind not in {"sync", "edge"})
    at_edge = float(outcome.commands["edge"])
    if plan.edge and plan.every > 1:
        at_edge = demand.requests_a_day * plan.days
    return by_containers * weight + outcome.commands["sync"] + (at_edge if edge else 0.0)


def _notices(plan: Plan, outcome: Outcome) -> list[str]:
    """Say what the figures leave out, or were scaled from."""
    absent = [family for family in plan.demand.asks if family not in _simulated(plan)]
    said = [f"{family}: not in the table of questions, so Veo asks nobody for it." for family in absent]
    if "recommendations" in plan.demand.asks:
        said.append(
            "A new recommendation also asks TfL for up to 20 commutes, each at most once a week for the "
            "whole fleet; these are not simulated."
        )
    if plan.every == 1 and outcome.skipped and plan.faults.tier_away == (0.0, 0.0):
        said.append(
            f"VEO_COMMANDS_PER_DAY ({plan.commands:,}) was spent: {outcome.skipped:,} commands were not "
            "sent, and memory alone answered meanwhile. Raise it for a higher hit rate."
        )
    if plan.every > 1 and (plan.faults.failing or plan.faults.sources_away != (0.0, 0.0)):
        said.append(
            "What the sample leaves out is counted as hits, also where the sources fail: ask for fewer "
            "requests or days to see an outage as it is."
        )
    if plan.every > 1:
        said.append(
            f"Sampled: one question in {plan.every} was simulated, {outcome.requests:,} requests of "
            f"{round(plan.demand.requests_a_day * plan.days):,}, and the figures are scaled from these. "
            "Commands and stampedes avoided are lower bounds: the questions asked most are not among them."
        )
        each = _commands(plan, outcome, edge=False) / plan.days / plan.containers
        if plan.commands is not None and each > plan.commands * NEAR_BUDGET:
            said.append(
                f"{each:,.0f} commands a day and container are more than VEO_COMMANDS_PER_DAY allows "
                f"({plan.commands:,}), which a sample does not model: raise it, or memory alone will answer."
            )
    return said


def _bill(plan: Plan, outcome: Outcome, prices: Prices, commands: float) -> Plain:
    """Set one call per question beside what this fleet came to, in calls and US dollars a day."""
    rows = [_provider(plan, outcome, name, prices.of(name)) for name in PROVIDERS]
    requests, invoked = plan.demand.requests_a_day, _invocations(plan, outcome)
    rows.append(_row("modal", (requests, requests * prices.modal), (invoked, invoked * prices.modal)))
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
    """Give the invocations of Modal a day: every request, but for those that the edge answers."""
    requests = plan.demand.requests_a_day
    if not plan.edge:
        return requests
    if plan.every == 1:
        return requests * outcome.invocations / max(1, outcome.requests)
    rows = [_family(plan, outcome, family) for family in _simulated(plan)]  # one question a request
    return float(sum(row["asked"] - row["edge"] for row in rows)) / plan.days


def _provider(plan: Plan, outcome: Outcome, name: str, price: float) -> Plain:
    demand: Demand = plan.demand
    families = [family for family in demand.asks if source_of(family).provider == name]
    before = sum(demand.asked_a_day(family) for family in families)
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


def _share(part: float, whole: float) -> float:
    return round(part / whole, 4) if whole else 0.0
