"""What keeps the cache and the figures in order: operations by key, and the check of the tables."""

import re
import time
from datetime import UTC, date, datetime
from typing import Any

from veo.errors import InvalidQuestion, NotFound, SourceError
from veo.operations.savings import Prices, price_table, report
from veo.operations.ttl_advice import advise
from veo.runtime import Runtime, tables
from veo.services.questions import POLICIES

FOLLOW = 30
"""Seconds within which every other container in use has seen a deletion or a flush."""


ROOTS = tuple(dict.fromkeys(policy.root for policy in POLICIES))
KEY = re.compile(r"[a-z]+(:[\w.~%-]+)+", re.ASCII)  # its parts are percent-encoded

FAMILIES = tuple(policy.family for policy in POLICIES)


OWNERS = (
    "cache_hit_rate",
    "cache_hit_rate_text",
    "avg_cache_response_ms",
    "avg_uncached_response_ms",
    "daily_api_calls_saved",
    "estimated_cost_savings",
    "currency",
)
"""The figures that are told first."""


async def stats(runtime: Runtime, day: str | None = None, prices: Prices | None = None) -> dict[str, Any]:
    """Make contact with the shared tier and give the figures of a day, by default today (UTC).

    The first ones are the fleet's, or where it cannot be read those of this process; `families`, `memory`
    and `shared` are the counters of this process since its start. Raises InvalidQuestion for no date.
    """
    if day is not None and not _is_date(day):
        raise InvalidQuestion("day: must be a date such as 2026-11-24")
    await runtime.cache.preload()
    counted = runtime.cache.stats()
    shared = counted["shared"]
    prices = prices or price_table(runtime.settings)
    read, own = await runtime.cache.ledger.fleet(day), runtime.cache.ledger.today()
    fleet, here = None if read is None else report(read, prices), report(own, prices)
    first = here if fleet is None else fleet
    return {
        "store": runtime.shared,
        "fault": runtime.shared_fault,
        "reachable": None if shared is None else shared["last"] == "up",
        "of": "this process" if fleet is None else "fleet",
        **{name: first[name] for name in OWNERS},
        "fleet": fleet,
        "here": here,
        "advice": advise(own if read is None else read, POLICIES, prices),
        "prices": prices.model_dump(),
        **counted,
    }


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


async def get(runtime: Runtime, key: str) -> dict[str, Any]:
    """Give the entry under a key (`area:E15`), its age and its remaining life in seconds.

    Raises NotFound when there is none and SourceError when the shared tier cannot tell.
    """
    left = await runtime.cache.ttl(key)
    peek = await runtime.cache.peek(key)
    if peek is None:
        if left == -1:
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
    """Tell all about the entry under a key, also that there is none; times in seconds.

    Raises InvalidQuestion for what is no key, and SourceError when the shared tier cannot tell.
    """
    key = checked_key(runtime, key)
    left, peek = await runtime.cache.ttl(key), await runtime.cache.peek(key)
    if peek is None:
        if left == -1:
            raise SourceError("cache", "the shared tier cannot be reached")
        return {"key": key, "exists": False, "freshness": "absent", "ttl": left}
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
        "generations": dict(peek.stamps),
        "value": peek.value,
    }


def checked_key(runtime: Runtime, key: str) -> str:
    """Give a key without its prefix; raise InvalidQuestion for one that no question makes."""
    bare = key.removeprefix(f"{runtime.settings.prefix}v1:")
    if bare.split(":", 1)[0] not in ROOTS or not KEY.fullmatch(bare):
        raise InvalidQuestion(f"key: must be such as area:E15, and begin with one of {', '.join(ROOTS)}")
    return bare


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


async def delete(runtime: Runtime, key: str) -> dict[str, Any]:
    """Remove a key everywhere. `confirmed` is False while the shared tier has not taken it."""
    _check_tier(runtime)
    before = _faults(runtime)
    had = await runtime.cache.delete(key)
    return {"key": key, "deleted": had, **_reach(runtime, confirmed=_faults(runtime) == before)}


async def flush(runtime: Runtime, what: str) -> dict[str, Any]:
    """Make `all`, a family (`crime`) or an area (`area:E15`) unreachable everywhere.

    Raises InvalidQuestion or NotFound for anything else.
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
    """Do one operation by its name; raises InvalidQuestion for a name that is none."""
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
    """Load and validate the embedded figures, and count them.

    Raises what the loader raises for figures that do not hold together.
    """
    snapshot = tables().snapshot
    return {
        "districts": len(snapshot.districts),
        "stations": len(snapshot.stations),
        "destinations": len(snapshot.destinations),
    }


def _reach(runtime: Runtime, *, confirmed: bool) -> dict[str, Any]:
    """Tell how far a change reaches: `store` is None where there is only this process's memory."""
    within = FOLLOW if confirmed else None  # else as soon as the shared tier is back
    return {"store": runtime.shared, "confirmed": confirmed, "withinSeconds": within}


def _check_tier(runtime: Runtime) -> None:
    """Raise SourceError where a shared tier is configured but cannot be used: others would not follow."""
    if runtime.shared_fault is not None:
        raise SourceError("cache", f"the shared tier cannot be used: {runtime.shared_fault}")


def _faults(runtime: Runtime) -> int:
    shared = runtime.cache.stats()["shared"]
    return 0 if shared is None else shared["faults"] + shared["skipped"]
