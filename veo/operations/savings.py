"""What the cache saves: the ledger's sums as the figures that an owner asks for. Nothing is estimated upward.

A call is saved when an answer was given that would have taken it, and it was not made: refreshes ahead of
time and failures count against the cache. Times are those of the lookup, without the network between reader
and container; percentiles come from buckets that are 25 % wide. What nothing was seen of is null.
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
"""The counters of a family that are told as they are."""


class Prices(Value):
    """US dollars for one call of a provider, and for one invocation of Modal; other providers are free."""

    tfl: float = 0.0
    google: float = 0.005
    perplexity: float = 0.01
    modal: float = 0.002

    def of(self, source: str) -> float:
        """Give the price of one call of a provider; of `google-geocoding` it is Google's."""
        prices = {"tfl": self.tfl, "google": self.google, "perplexity": self.perplexity}
        return prices.get(source.partition("-")[0], 0.0)


def price_table(settings: Settings) -> Prices:
    """Give the prices that are set."""
    return Prices(
        tfl=settings.price_tfl_usd,
        google=settings.price_google_usd,
        perplexity=settings.price_perplexity_usd,
        modal=settings.price_modal_usd,
    )


class Saved(NamedTuple):
    """What the answers of one or more families took less than without a cache."""

    calls: Mapping[str, int]  # by source
    seconds: float
    computes: int

    def usd(self, prices: Prices) -> float:
        """Give what that would have cost."""
        calls = fsum(prices.of(source) * count for source, count in self.calls.items())
        return calls + self.computes * prices.modal


def saved(sums: Sums) -> Saved:
    """Give what one family saved."""
    needed, made = _by_source(sums, "needed:"), _by_source(sums, "made:")
    calls = {source: max(0, count - made.get(source, 0)) for source, count in needed.items()}
    seconds = max(0.0, sums.get("needed_s", 0.0) - sums.get("spent_s", 0.0))
    return Saved(calls, seconds, int(sums.get("spared", 0)))


def report(day: Day, prices: Prices) -> Plain:
    """Give the figures of a day: in all, by family and by source, and the keys that are asked most."""
    families = {name: sums for name, sums in day.record.get("family", {}).items() if any(sums.values())}
    savings = [saved(sums) for sums in families.values()]
    everything = _totals(families.values())
    container = day.record.get("container", {}).get("", {})
    return {
        "day": day.day,
        "containers": day.containers,
        **_figures(everything, savings, prices),
        "commands_sent": int(container.get("commands", 0)),
        "families": {name: _family(sums, prices) for name, sums in families.items()},
        "sources": _sources(day, savings, prices),
        "popular": popular(day),
    }


def popular(day: Day) -> list[Plain]:
    """Give the keys that were asked most, with how often."""
    keys = day.record.get("key", {})
    asked = [(key, int(count)) for sums in keys.values() for key, count in sums.items()]
    return [{"key": key, "asked": count} for key, count in sorted(asked, key=lambda one: (-one[1], one[0]))]


def hit_rate(sums: Sums) -> float | None:
    """Give the share of lookups that were answered from the cache, from 0 to 1."""
    asked = fsum(sums.get(name, 0) for name in (*HITS, "source", "failed"))
    return fsum(sums.get(name, 0) for name in HITS) / asked if asked else None


def average_seconds(sums: Sums, kind: str) -> float | None:
    """Give the mean time of answers, `cached` or `uncached`, in seconds."""
    count = sum(_buckets(sums, kind).values())
    return sums.get(f"{kind}_s", 0.0) / count if count else None


def percentile(sums: Sums, kind: str, percent: int) -> float | None:
    """Give the time in seconds within which so many percent of answers came, up to a quarter too long."""
    buckets = _buckets(sums, kind)
    wanted, seen = sum(buckets.values()) * percent / 100, 0.0
    for number in sorted(buckets):
        seen += buckets[number]
        if seen >= wanted:
            return bucket_end(number)
    return None


def _figures(sums: Sums, savings: list[Saved], prices: Prices) -> Plain:
    rate = hit_rate(sums)
    known = rate is not None
    return {
        "cache_hit_rate": None if rate is None else round(rate, 4),
        "cache_hit_rate_text": None if rate is None else f"{int(rate * 100)}%",
        "avg_cache_response_ms": _ms(average_seconds(sums, "cached")),
        "avg_uncached_response_ms": _ms(average_seconds(sums, "uncached")),
        "daily_api_calls_saved": sum(sum(one.calls.values()) for one in savings) if known else None,
        "estimated_cost_savings": round(fsum(one.usd(prices) for one in savings), 4) if known else None,
        "currency": "USD",
        "compute_seconds_saved": round(fsum(one.seconds for one in savings), 3) if known else None,
        "computes_saved": sum(one.computes for one in savings) if known else None,
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
    """Give calls, failures and cost by source; also calls that were made for no cached answer."""
    seen = day.record.get("source", {})
    names = sorted({*seen, *(source for one in savings for source in one.calls)})
    told = {}
    for name in names:
        calls = int(seen.get(name, {}).get("calls", 0))
        spared = sum(one.calls.get(name, 0) for one in savings)
        told[name] = {
            "calls": calls,
            "failures": int(seen.get(name, {}).get("failures", 0)),
            "cost_usd": round(calls * prices.of(name), 4),
            "calls_saved": spared,
            "saved_usd": round(spared * prices.of(name), 4),
        }
    return told


def _totals(families: Any) -> Sums:
    total: dict[str, float] = {}
    for sums in families:
        for what, amount in sums.items():
            total[what] = total.get(what, 0) + amount
    return total


def sums_by(sums: Sums, prefix: str) -> dict[str, float]:
    """Give the sums whose name begins with a prefix, by the rest of it."""
    return {name.removeprefix(prefix): amount for name, amount in sums.items() if name.startswith(prefix)}


def _by_source(sums: Sums, prefix: str) -> dict[str, int]:
    return {source: int(count) for source, count in sums_by(sums, prefix).items() if count}


def _buckets(sums: Sums, kind: str) -> dict[int, float]:
    named = sums_by(sums, f"{kind}:").items()
    return {int(number): count for number, count in named if number.isdecimal()}


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
