"""What the cache saves: hit rates, response times, calls and cost, derived from the ledger's sums.

Savings are never overstated: a call counts as saved when an answer needed it and it was not made, so early
refreshes and failures count against the cache. Times cover the lookup, not the network to the container;
percentiles come from buckets that are 25 % wide. A figure without observations is null.
"""

from collections.abc import Mapping
from math import fsum
from typing import Any, NamedTuple

from veo.cache.ledger import Day, Sums
from veo.cache.usage import bucket_end
from veo.models import Value
from veo.settings import Settings

Plain = dict[str, Any]

PERCENTILES = (50, 95, 99)
HITS = ("memory", "shared", "stale")
COUNTED = (
    "memory",
    "shared",
    "stale",
    "source",
    "failed",
    "negative",
    "early_refreshes",
    "coalesced",
    "throttled",
    "computes",
    "compute_failures",
    "commands",
)
"""The counters of a family that are reported unchanged."""


class Prices(Value):
    """US dollars per call of a provider and per Modal invocation; other providers are free."""

    tfl: float = 0.0
    google: float = 0.005
    perplexity: float = 0.01
    modal: float = 0.002

    def of(self, source: str) -> float:
        """Return the price of one call of a source; `google-geocoding` has Google's."""
        prices = {"tfl": self.tfl, "google": self.google, "perplexity": self.perplexity}
        return prices.get(source.partition("-")[0], 0.0)


def price_table(settings: Settings) -> Prices:
    """Return the configured prices."""
    return Prices(
        tfl=settings.price_tfl_usd,
        google=settings.price_google_usd,
        perplexity=settings.price_perplexity_usd,
        modal=settings.price_modal_usd,
    )


class Saved(NamedTuple):
    """Calls, compute seconds and computes that the cache saved."""

    calls: Mapping[str, int]  # by source
    seconds: float
    computes: int

    def usd(self, prices: Prices) -> float:
        """Return the saved cost in US dollars."""
        calls_usd = fsum(prices.of(source) * count for source, count in self.calls.items())
        return calls_usd + self.computes * prices.modal


def saved(sums: Sums) -> Saved:
    """Return what the cache saved for one family."""
    needed, made = _by_source(sums, "needed:"), _by_source(sums, "made:")
    calls = {source: max(0, count - made.get(source, 0)) for source, count in needed.items()}
    seconds = max(0.0, sums.get("needed_s", 0.0) - sums.get("spent_s", 0.0))
    return Saved(calls, seconds, int(sums.get("spared", 0)))


def report(day: Day, prices: Prices) -> Plain:
    """Return the figures of a day: in total, by family and by source, and the most popular keys."""
    families = {name: sums for name, sums in day.record.get("family", {}).items() if any(sums.values())}
    savings = [saved(sums) for sums in families.values()]
    totals = _totals(families.values())
    container = day.record.get("container", {}).get("", {})
    return {
        "day": day.day,
        "containers": day.containers,
        **_figures(totals, savings, prices),
        "commands_sent": int(container.get("commands", 0)),
        "families": {name: _family(sums, prices) for name, sums in families.items()},
        "sources": _sources(day, savings, prices),
        "popular": popular(day),
    }


def popular(day: Day) -> list[Plain]:
    """Return the most popular keys with their number of lookups, the most popular first."""
    families = day.record.get("key", {})
    counts = [(key, int(count)) for sums in families.values() for key, count in sums.items()]
    return [
        {"key": key, "asked": count} for key, count in sorted(counts, key=lambda item: (-item[1], item[0]))
    ]


def hit_rate(sums: Sums) -> float | None:
    """Return the share of lookups answered from the cache, from 0 to 1."""
    lookups = fsum(sums.get(name, 0) for name in (*HITS, "source", "failed"))
    return fsum(sums.get(name, 0) for name in HITS) / lookups if lookups else None


def average_seconds(sums: Sums, kind: str) -> float | None:
    """Return the mean response time of `cached` or `uncached` answers, in seconds."""
    count = sum(_buckets(sums, kind).values())
    return sums.get(f"{kind}_s", 0.0) / count if count else None


def percentile(sums: Sums, kind: str, percent: int) -> float | None:
    """Return a percentile of the response time in seconds, overstated by up to 25 %."""
    buckets = _buckets(sums, kind)
    threshold, cumulative = sum(buckets.values()) * percent / 100, 0.0
    for number in sorted(buckets):
        cumulative += buckets[number]
        if cumulative >= threshold:
            return bucket_end(number)
    return None


def _figures(sums: Sums, savings: list[Saved], prices: Prices) -> Plain:
    rate = hit_rate(sums)
    has_lookups = rate is not None
    return {
        "cache_hit_rate": None if rate is None else round(rate, 4),
        "cache_hit_rate_text": None if rate is None else f"{int(rate * 100)}%",
        "avg_cache_response_ms": _ms(average_seconds(sums, "cached")),
        "avg_uncached_response_ms": _ms(average_seconds(sums, "uncached")),
        "daily_api_calls_saved": sum(sum(item.calls.values()) for item in savings) if has_lookups else None,
        "estimated_cost_savings": round(fsum(item.usd(prices) for item in savings), 4)
        if has_lookups
        else None,
        "currency": "USD",
        "compute_seconds_saved": round(fsum(item.seconds for item in savings), 3) if has_lookups else None,
        "computes_saved": sum(item.computes for item in savings) if has_lookups else None,
        **{
            f"{kind}_p{percent}_ms": _ms(percentile(sums, kind, percent))
            for kind in ("cached", "uncached")
            for percent in PERCENTILES
        },
    }


def _family(sums: Sums, prices: Prices) -> Plain:
    return {
        **_figures(sums, [saved(sums)], prices),
        **{name: int(sums.get(name, 0)) for name in COUNTED},
        "calls_made": _by_source(sums, "made:"),
        "calls_saved": saved(sums).calls,
    }


def _sources(day: Day, savings: list[Saved], prices: Prices) -> Plain:
    """Return calls, failures and cost by source, including calls made outside cached answers."""
    recorded = day.record.get("source", {})
    names = sorted({*recorded, *(source for item in savings for source in item.calls)})
    figures = {}
    for name in names:
        calls = int(recorded.get(name, {}).get("calls", 0))
        calls_saved = sum(item.calls.get(name, 0) for item in savings)
        figures[name] = {
            "calls": calls,
            "failures": int(recorded.get(name, {}).get("failures", 0)),
            "cost_usd": round(calls * prices.of(name), 4),
            "calls_saved": calls_saved,
            "saved_usd": round(calls_saved * prices.of(name), 4),
        }
    return figures


def _totals(families: Any) -> Sums:
    totals: dict[str, float] = {}
    for sums in families:
        for name, amount in sums.items():
            totals[name] = totals.get(name, 0) + amount
    return totals


def sums_by(sums: Sums, prefix: str) -> dict[str, float]:
    """Return the sums whose names start with a prefix, keyed by the rest of the name."""
    return {name.removeprefix(prefix): amount for name, amount in sums.items() if name.startswith(prefix)}


def _by_source(sums: Sums, prefix: str) -> dict[str, int]:
    return {source: int(count) for source, count in sums_by(sums, prefix).items() if count}


def _buckets(sums: Sums, kind: str) -> dict[int, float]:
    items = sums_by(sums, f"{kind}:").items()
    return {int(number): count for number, count in items if number.isdecimal()}


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
