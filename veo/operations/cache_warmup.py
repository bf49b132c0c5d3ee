"""Asking ahead of readers: memory is filled at the start, and the shared tier before the day's busy hours.

What is asked most is learned from the ledger; a fresh deployment begins with what the frontend's form offers.
"""

import asyncio
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from pydantic import ValidationError

from veo.models import Persona, Tenure
from veo.operations.savings import popular
from veo.runtime import Runtime
from veo.schemas.requests import RecommendationRequest
from veo.services.recommend import Query

UNIVERSITIES = ("UCL", "Imperial", "KCL", "LSE")
"""The places to commute to that the frontend offers."""

USUAL: tuple[tuple[Persona, Tenure, tuple[int, ...]], ...] = (
    ("student", "rent", (800, 1_000, 1_200)),
    ("parent", "rent", (1_500, 2_000, 2_500)),
    ("developer", "buy", (2_000, 3_000, 4_000)),
)
"""The budgets asked for most, in GBP a month: the frontend's form has no other unit."""

QUERY_PARTS = ("persona", "budget", "location_type", "destination", "home")
"""What stands in a key of recommendations after its family: the first three, or all."""

SOON = 1800.0  # seconds: what goes stale within them is asked again; what is fresher lasts until it is used
COMMANDS = 1_000  # of the shared tier that one warming may send: a tenth of the free plan's day
SECONDS = 240.0  # that one warming may begin to ask in: a function may take 300
AT_ONCE = 4  # questions, each of up to twenty journeys


def wanted() -> list[RecommendationRequest]:
    """Give the questions that are asked most."""
    return [
        RecommendationRequest(persona=persona, budget=budget, location_type=tenure, destination=university)
        for persona, tenure, budgets in USUAL
        for budget in budgets
        for university in UNIVERSITIES
    ]


async def learned(runtime: Runtime) -> list[Query]:
    """Give what the fleet was asked most, today or, while that is nothing yet, yesterday."""
    today = datetime.now(UTC).date()
    for day in (today, today - timedelta(days=1)):
        read = await runtime.cache.ledger.fleet(day.isoformat())
        asked = [] if read is None else [query_of(one["key"]) for one in popular(read)]
        if found := [query for query in asked if query is not None]:
            return found
    return []


def query_of(key: str) -> Query | None:
    """Give the question behind a key of recommendations; None for another key, or one with a digest."""
    family, *parts = key.split(":")
    named = dict(zip(QUERY_PARTS, (None if part == "-" else unquote(part) for part in parts), strict=False))
    if family != "recommendations" or len(parts) not in (3, len(QUERY_PARTS)):
        return None
    try:
        return Query.model_validate(named)
    except ValidationError:
        return None  # of an older version


async def preload(runtime: Runtime) -> int:
    """Fill memory with what the shared tier has of the questions asked most, in one read; ask no source.

    Gives how many there were; the first contact with the shared tier is made in any case.
    """
    if runtime.shared is None:
        return 0
    queries = [runtime.recommender.query(request) for request in wanted()]
    return await runtime.recommender.cached.preload((query,) for query in queries)


async def warm(runtime: Runtime, commands: int = COMMANDS, seconds: float = SECONDS) -> dict[str, Any]:
    """Ask what is asked most and is not there or about to go stale, and tell what that did.

    Stops asking when it has sent `commands` to the shared tier or `seconds` are over. Nothing that costs
    money is asked: a recommendation asks TfL alone.
    """
    began, sent = time.monotonic(), _sent(runtime)
    usual = [runtime.recommender.query(request) for request in wanted()]
    queries = list(dict.fromkeys([*usual, *await learned(runtime)]))
    await runtime.recommender.cached.preload((query,) for query in queries)
    done: Counter[str] = Counter()
    failures: set[str] = set()
    for start in range(0, len(queries), AT_ONCE):
        if _sent(runtime) - sent >= commands or time.monotonic() - began >= seconds:
            break
        some = queries[start : start + AT_ONCE]
        for outcome in await asyncio.gather(
            *(_warmed(runtime, query) for query in some), return_exceptions=True
        ):
            done["asked"] += 1
            if isinstance(outcome, str):
                done[outcome] += 1
            else:
                failures.add(str(outcome))
    await runtime.cache.drain()
    return {
        **{name: done[name] for name in ("asked", "computed", "refreshed", "alreadyCached")},
        "leftOut": len(queries) - done["asked"],
        "failures": sorted(failures),
        "commands": _sent(runtime) - sent,
        "seconds": round(time.monotonic() - began, 1),
    }


async def _warmed(runtime: Runtime, query: Query) -> str:
    """Ask one question, again where its answer is about to go stale; tell what had to be done."""
    hit = await runtime.recommender.cached.lookup(query)
    if not hit.cached:
        return "computed"
    if hit.fresh - time.time() > SOON:
        return "alreadyCached"
    renewed = await runtime.recommender.cached.renew(query)
    return "alreadyCached" if renewed.stale else "refreshed"


def _sent(runtime: Runtime) -> int:
    """Give the commands that this process has sent to the shared tier."""
    shared = runtime.cache.stats()["shared"]
    return 0 if shared is None else int(shared["commands"])
