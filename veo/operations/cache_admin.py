"""Cache administration: statistics, operations by key, flushes, and a check of the embedded figures."""

import re
import time
from datetime import UTC, date, datetime
from typing import Any

from veo.errors import InvalidQuestion, NotFound, SourceError
from veo.operations.savings import Prices, price_table, report
from veo.operations.ttl_advice import advise
from veo.runtime import Runtime, tables
from veo.services.registry import POLICIES

SYNC_SECONDS = 30
"""A deletion or flush reaches every other active container within this time."""

FAMILIES = tuple(policy.family for policy in POLICIES)
KEY_ROOTS = tuple(dict.fromkeys(policy.root for policy in POLICIES))
KEY = re.compile(r"[a-z]+(:[\w.~%-]+)+", re.ASCII)  # parts are percent-encoded

HEADLINES = (
    "cache_hit_rate",
    "cache_hit_rate_text",
    "avg_cache_response_ms",
    "avg_uncached_response_ms",
    "daily_api_calls_saved",
    "estimated_cost_savings",
    "currency",
)
"""The figures at the top level of the statistics."""


async def stats(runtime: Runtime, day: str | None = None, prices: Prices | None = None) -> dict[str, Any]:
    """Connect to the shared tier and return the figures of one day, by default today (UTC).

    The headline figures cover the fleet, or this process when the fleet's ledger cannot be read. `families`,
    `memory` and `shared` are this process's counters since its start. Raise InvalidQuestion for a bad day.
    """
    if day is not None and not _is_date(day):
        raise InvalidQuestion("day: must be a date such as 2026-11-24")
    await runtime.cache.preload()
    counters = runtime.cache.stats()
    shared = counters["shared"]
    prices = prices or price_table(runtime.settings)
    fleet_day, local_day = await runtime.cache.ledger.fleet(day), runtime.cache.ledger.today()
    fleet = None if fleet_day is None else report(fleet_day, prices)
    here = report(local_day, prices)
    headlines = here if fleet is None else fleet
    return {
        "store": runtime.shared,
        "fault": runtime.shared_fault,
        "reachable": None if shared is None else shared["last"] == "up",
        "of": "this process" if fleet is None else "fleet",
        **{name: headlines[name] for name in HEADLINES},
        "fleet": fleet,
        "here": here,
        "advice": advise(local_day if fleet_day is None else fleet_day, POLICIES, prices),
        "prices": prices.model_dump(),
        **counters,
    }


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


async def get(runtime: Runtime, key: str) -> dict[str, Any]:
    """Return the entry under a key (`area:E15`), its age and its remaining life in seconds.

    Raise NotFound if there is no entry, and SourceError if the shared tier cannot be reached.
    """
    ttl = await runtime.cache.ttl(key)
    peek = await runtime.cache.peek(key)
    if peek is None:
        if ttl == -1:
            raise SourceError("cache", "the shared tier cannot be reached")
        raise NotFound(f"{key[:200]}: no entry")
    now = time.time()
    return {
        "key": key,
        "where": peek.where,
        "ageSeconds": round(now - peek.computed),
        "freshSeconds": max(0, round(peek.fresh - now)),
        "usableSeconds": round(peek.usable - now),
        "negative": peek.negative,
        "value": peek.value,
    }


async def entry(runtime: Runtime, key: str) -> dict[str, Any]:
    """Describe the entry under a key, or report it absent; times are in seconds.

    Raise InvalidQuestion for a malformed key, and SourceError if the shared tier cannot be reached.
    """
    key = checked_key(runtime, key)
    ttl, peek = await runtime.cache.ttl(key), await runtime.cache.peek(key)
    if peek is None:
        if ttl == -1:
            raise SourceError("cache", "the shared tier cannot be reached")
        return {"key": key, "exists": False, "freshness": "absent", "ttl": ttl}
    now = time.time()
    return {
        "key": key,
        "exists": True,
        "freshness": "fresh" if now < peek.fresh else "stale",
        "ttl": max(0, round(peek.fresh - now)),
        "usableUntil": _iso(peek.usable),
        "usableSeconds": round(peek.usable - now),
        "computedAt": _iso(peek.computed),
        "ageSeconds": round(now - peek.computed),
        "where": peek.where,
        "negative": peek.negative,
        "generations": dict(peek.versions),
        "value": peek.value,
    }


def checked_key(runtime: Runtime, key: str) -> str:
    """Return a key without its prefix; raise InvalidQuestion unless it belongs to a cached question."""
    bare = key.removeprefix(f"{runtime.settings.prefix}v1:")
    if bare.split(":", 1)[0] not in KEY_ROOTS or not KEY.fullmatch(bare):
        raise InvalidQuestion(f"key: must look like area:E15 and start with one of {', '.join(KEY_ROOTS)}")
    return bare


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


async def delete(runtime: Runtime, key: str) -> dict[str, Any]:
    """Remove a key from every container; `confirmed` is False if the shared tier did not accept it."""
    _check_tier(runtime)
    faults_before = _faults(runtime)
    existed = await runtime.cache.delete(key)
    return {"key": key, "deleted": existed, **_reach(runtime, confirmed=_faults(runtime) == faults_before)}


async def flush(runtime: Runtime, what: str) -> dict[str, Any]:
    """Invalidate `all`, a family (`crime`) or an area (`area:E15`) in every container.

    Raise InvalidQuestion or NotFound for anything else.
    """
    _check_tier(runtime)
    if what.startswith("area:"):
        tag = f"area:{runtime.tables.places.canonical_area(what.removeprefix('area:'))}"
        confirmed = await runtime.cache.flush(tag=tag)
    elif what == "all":
        confirmed = await runtime.cache.flush(all=True)
    elif what in FAMILIES:
        confirmed = await runtime.cache.flush(family=what)
    else:
        raise InvalidQuestion(f"flush: must be all, area:<code> or one of {', '.join(FAMILIES)}")
    return {"flushed": what, **_reach(runtime, confirmed=confirmed)}


async def operate(runtime: Runtime, operation: str, argument: str = "") -> dict[str, Any]:
    """Run one operation by its name; raise InvalidQuestion for an unknown name."""
    match operation:
        case "stats":
            return await stats(runtime)
        case "get":
            return await get(runtime, argument)
        case "delete":
            return await delete(runtime, argument)
        case "flush":
            return await flush(runtime, argument)
    raise InvalidQuestion("operation: must be stats, get, delete or flush")


def check() -> dict[str, Any]:
    """Load and validate the embedded figures, and return their counts.

    Raise the loader's errors for inconsistent figures.
    """
    snapshot = tables().snapshot
    return {
        "districts": len(snapshot.districts),
        "stations": len(snapshot.stations),
        "destinations": len(snapshot.destinations),
    }


def _reach(runtime: Runtime, *, confirmed: bool) -> dict[str, Any]:
    """Return how far a change reaches; `store` is None when only this process's memory is used."""
    within = SYNC_SECONDS if confirmed else None  # unconfirmed: once the shared tier is back
    return {"store": runtime.shared, "confirmed": confirmed, "withinSeconds": within}


def _check_tier(runtime: Runtime) -> None:
    """Raise SourceError for a configured but unusable shared tier: other containers would miss the change."""
    if runtime.shared_fault is not None:
        raise SourceError("cache", f"the shared tier cannot be used: {runtime.shared_fault}")


def _faults(runtime: Runtime) -> int:
    shared = runtime.cache.stats()["shared"]
    return 0 if shared is None else shared["faults"] + shared["skipped"]
