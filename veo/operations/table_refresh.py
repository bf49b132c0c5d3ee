"""Table refresh: prices, rents, schools and a year of crimes, too large or rate-limited for a request.

A scheduled job refreshes them for all containers. The parts are independent: a failing part reports its
failures and keeps its previous data.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from veo.cache import UpstreamThrottled
from veo.errors import SourceError, SourceUnavailable, VeoError
from veo.runtime import Runtime, tables
from veo.sources.bulk.refresh import RefreshedTable, merge, refresh_tables
from veo.sources.bulk.schools import read_schools
from veo.sources.clients import Live, today
from veo.tables.storage import Table

PARTS = ("figures", "schools", "crime")
CONCURRENCY = 3  # districts of twelve requests each: enough to saturate the rate limit of data.police.uk
FAILURES = (SourceError, UpstreamThrottled, OSError)

Progress = Callable[[int, int], None]
"""Called with the number of finished districts and of all districts."""


async def renew(
    runtime: Runtime, parts: Iterable[str] = PARTS, progress: Progress | None = None
) -> dict[str, Any]:
    """Refresh some of `PARTS`, and return for each what was renewed and what failed.

    Raise SourceUnavailable if live sources are off.
    """
    live, selected = runtime.sources.live, set(parts)
    if live is None:
        raise SourceUnavailable("a live source", "VEO_LIVE=auto")
    outcome: dict[str, Any] = {}
    if "figures" in selected:
        outcome["figures"] = await _figures(runtime, live)
    if "schools" in selected:
        outcome["schools"] = await _schools(runtime, live)
    if "crime" in selected:
        outcome["crime"] = await _crime(runtime, progress)
    return outcome


def check(outcome: Mapping[str, Any]) -> None:
    """Raise VeoError if a part of the outcome of `renew` renewed nothing."""
    idle = [part for part in PARTS if part in outcome and not outcome[part]["renewed"]]
    if idle:
        raise VeoError(f"nothing was renewed for: {', '.join(idle)}")


async def _figures(runtime: Runtime, live: Live) -> dict[str, Any]:
    """Fetch newer prices, price growth and rents, and store those that pass the plausibility checks."""
    refreshed = await refresh_tables(live.http, tables().snapshot, today())
    failures = [f"{failure.source}: {failure.reason}" for failure in refreshed.failures]
    renewed: dict[str, list[str]] = {}
    for table in refreshed.tables:
        columns = await _columns(runtime.sources.figures.tables[table.name], table, failures)
        if columns:
            renewed[table.name] = columns
    if renewed:
        await _flush(runtime, "recommendations", "personal", "area")
    return {"renewed": renewed, "failures": failures}


async def _columns(storage: Table[RefreshedTable], table: RefreshedTable, failures: list[str]) -> list[str]:
    """Store the columns that are not older than the stored ones, and return their names."""
    try:
        merged = merge(table, await storage.stored())
        failures.extend(f"{table.name}: {reason}" for reason in merged.reasons)
        if merged.renewed:
            await storage.put(merged.table)
    except (SourceError, OSError) as error:
        failures.append(str(error))
        return []
    return list(merged.renewed)


async def _schools(runtime: Runtime, live: Live) -> dict[str, Any]:
    """Fetch and store the register of schools with Ofsted's inspection results."""
    storage = runtime.sources.schools
    try:
        table = await read_schools(live.http, today(), await storage.stored())
        await storage.put(table)
    except (SourceError, OSError) as error:
        return {"renewed": 0, "failures": [str(error)]}
    await _flush(runtime, "schools", "area")
    return {"renewed": len(table.schools), "failures": list(table.gaps)}


async def _crime(runtime: Runtime, progress: Progress | None) -> dict[str, Any]:
    """Refresh the crimes around every district's centre, a few districts at a time."""
    codes, slots = list(runtime.tables.snapshot.districts), asyncio.Semaphore(CONCURRENCY)
    failures: list[str] = []
    finished = 0

    async def renew_one(code: str) -> None:
        nonlocal finished
        async with slots:
            try:
                if (await runtime.questions.cached.crime.renew(code)).stale:
                    failures.append(f"{code}: no answer; the previous data stays")
            except FAILURES as error:
                failures.append(f"{code}: {error}")
            finished += 1
            if progress is not None:
                progress(finished, len(codes))

    await asyncio.gather(*map(renew_one, codes))
    if len(failures) < len(codes):
        await _flush(runtime, "area")
    return {"renewed": len(codes) - len(failures), "failures": failures}


async def _flush(runtime: Runtime, *families: str) -> None:
    """Invalidate families whose answers include the renewed data, in every container."""
    for family in families:
        await runtime.cache.flush(family=family)
