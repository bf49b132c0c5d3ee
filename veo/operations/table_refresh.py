"""What is too large or too rationed for a request: prices, rents, schools and a year of crimes everywhere.

A scheduled job renews them for all containers. Each part is by itself: what one fails at is said, and what
was there before stays.
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
AT_ONCE = 3  # districts of twelve requests each: enough to use up what data.police.uk allows in a second
FAILED = (SourceError, UpstreamThrottled, OSError)

Told = Callable[[int, int], None]
"""Is told how many districts of how many are done."""


async def renew(runtime: Runtime, parts: Iterable[str] = PARTS, told: Told | None = None) -> dict[str, Any]:
    """Renew some of `PARTS`, and tell what was renewed and what failed, and why.

    Raises SourceUnavailable where live sources are off.
    """
    live, wanted = runtime.sources.live, set(parts)
    if live is None:
        raise SourceUnavailable("a live source", "VEO_LIVE=auto")
    done: dict[str, Any] = {}
    if "figures" in wanted:
        done["figures"] = await _figures(runtime, live)
    if "schools" in wanted:
        done["schools"] = await _schools(runtime, live)
    if "crime" in wanted:
        done["crime"] = await _crime(runtime, told)
    return done


def check(done: Mapping[str, Any]) -> None:
    """Raise VeoError where a part of what `renew` returned renewed nothing."""
    idle = [part for part in PARTS if part in done and not done[part]["renewed"]]
    if idle:
        raise VeoError(f"nothing was renewed for: {', '.join(idle)}")


async def _figures(runtime: Runtime, live: Live) -> dict[str, Any]:
    """Bring newer prices, their growth and rents, each only if they are believed."""
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


async def _columns(shelf: Table[RefreshedTable], table: RefreshedTable, failures: list[str]) -> list[str]:
    """Keep the columns of a table that are not older than the kept ones, and return their names."""
    try:
        merged = merge(table, await shelf.stored())
        failures.extend(f"{table.name}: {reason}" for reason in merged.reasons)
        if merged.renewed:
            await shelf.put(merged.table)
    except (SourceError, OSError) as error:
        failures.append(str(error))
        return []
    return list(merged.renewed)


async def _schools(runtime: Runtime, live: Live) -> dict[str, Any]:
    """Bring the register of schools and what Ofsted found."""
    shelf = runtime.sources.schools
    try:
        table = await read_schools(live.http, today(), await shelf.stored())
        await shelf.put(table)
    except (SourceError, OSError) as error:
        return {"renewed": 0, "failures": [str(error)]}
    await _flush(runtime, "schools", "area")
    return {"renewed": len(table.schools), "failures": list(table.gaps)}


async def _crime(runtime: Runtime, told: Told | None) -> dict[str, Any]:
    """Ask for the crimes around every district's centre, a few districts at a time."""
    codes, turns = list(runtime.tables.snapshot.districts), asyncio.Semaphore(AT_ONCE)
    failures: list[str] = []
    done = 0

    async def one(code: str) -> None:
        nonlocal done
        async with turns:
            try:
                if (await runtime.questions.cached_crime.renew(code)).stale:
                    failures.append(f"{code}: no answer, what was known stays")
            except FAILED as error:
                failures.append(f"{code}: {error}")
            done += 1
            if told is not None:
                told(done, len(codes))

    await asyncio.gather(*map(one, codes))
    if len(failures) < len(codes):
        await _flush(runtime, "area")
    return {"renewed": len(codes) - len(failures), "failures": failures}


async def _flush(runtime: Runtime, *families: str) -> None:
    """Let every container compose its answers anew: they rest on what was renewed."""
    for family in families:
        await runtime.cache.flush(family=family)
