"""Cache warm-up: fill memory at start-up, and the shared tier before the busy hours of the day.

The ledger names the most popular questions; a new deployment starts with those of the frontend's form.
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
"""The commute destinations that the frontend offers."""

COMMON_BUDGETS: tuple[tuple[Persona, Tenure, tuple[int, ...]], ...] = (
    ("student", "rent", (800, 1_000, 1_200)),
    ("parent", "rent", (1_500, 2_000, 2_500)),
    ("developer", "buy", (2_000, 3_000, 4_000)),
)
"""The most popular budgets, in GBP a month: the frontend's form has no other unit."""

QUERY_PARTS = ("persona", "budget", "location_type", "destination", "home")
"""The parts of a recommendations key after its family: a key has the first three or all five."""

REFRESH_WITHIN = 1800.0  # seconds: refresh answers that go stale sooner than this
COMMANDS = 1_000  # limit on shared-tier commands per warm-up: a tenth of the free plan's daily limit
SECONDS = 240.0  # start no question later than this: a Modal function may take 300 s
CONCURRENCY = 4  # questions at a time, each with up to 20 journeys


def common_requests() -> list[RecommendationRequest]:
    """Return the requests that the frontend's form makes most often."""
    return [
        RecommendationRequest(persona=persona, budget=budget, location_type=tenure, destination=university)
        for persona, tenure, budgets in COMMON_BUDGETS
        for budget in budgets
        for university in UNIVERSITIES
    ]


async def popular_queries(runtime: Runtime) -> list[Query]:
    """Return the fleet's most popular queries of today, or of yesterday if today has none yet."""
    today = datetime.now(UTC).date()
    for date in (today, today - timedelta(days=1)):
        day = await runtime.cache.ledger.fleet(date.isoformat())
        queries = [] if day is None else [query_of(entry["key"]) for entry in popular(day)]
        if readable := [query for query in queries if query is not None]:
            return readable
    return []


def query_of(key: str) -> Query | None:
    """Parse the query from a recommendations key; return None for any other key or one with a digest."""
    family, *parts = key.split(":")
    fields = dict(zip(QUERY_PARTS, (None if part == "-" else unquote(part) for part in parts), strict=False))
    if family != "recommendations" or len(parts) not in (3, len(QUERY_PARTS)):
        return None
    try:
        return Query.model_validate(fields)
    except ValidationError:
        return None  # written by an older version


async def preload(runtime: Runtime) -> int:
    """Copy the answers to common requests from the shared tier into memory, and return how many it had.

    This is one read, and calls no source. It also opens the connection to the shared tier.
    """
    if runtime.shared is None:
        return 0
    queries = [runtime.recommender.query(request) for request in common_requests()]
    return await runtime.recommender.ranking.preload((query,) for query in queries)


async def warm(runtime: Runtime, commands: int = COMMANDS, seconds: float = SECONDS) -> dict[str, Any]:
    """Compute popular answers that are missing or about to go stale, and return the counts.

    Stop after `commands` shared-tier commands or `seconds`. This is free: recommendations call only TfL.
    """
    began, commands_before = time.monotonic(), _commands_sent(runtime)
    common = [runtime.recommender.query(request) for request in common_requests()]
    queries = list(dict.fromkeys([*common, *await popular_queries(runtime)]))
    await runtime.recommender.ranking.preload((query,) for query in queries)
    counts: Counter[str] = Counter()
    failures: set[str] = set()
    for start in range(0, len(queries), CONCURRENCY):
        if _commands_sent(runtime) - commands_before >= commands or time.monotonic() - began >= seconds:
            break
        batch = queries[start : start + CONCURRENCY]
        for outcome in await asyncio.gather(
            *(_warm_one(runtime, query) for query in batch), return_exceptions=True
        ):
            counts["asked"] += 1
            if isinstance(outcome, str):
                counts[outcome] += 1
            else:
                failures.add(str(outcome))
    await runtime.cache.drain()
    return {
        **{name: counts[name] for name in ("asked", "computed", "refreshed", "alreadyCached")},
        "leftOut": len(queries) - counts["asked"],
        "failures": sorted(failures),
        "commands": _commands_sent(runtime) - commands_before,
        "seconds": round(time.monotonic() - began, 1),
    }


async def _warm_one(runtime: Runtime, query: Query) -> str:
    """Look one query up, refresh an answer that is about to go stale, and return the outcome."""
    hit = await runtime.recommender.ranking.lookup(query)
    if not hit.cached:
        return "computed"
    if hit.fresh - time.time() > REFRESH_WITHIN:
        return "alreadyCached"
    renewed = await runtime.recommender.ranking.renew(query)
    return "alreadyCached" if renewed.stale else "refreshed"


def _commands_sent(runtime: Runtime) -> int:
    """Return how many commands this process has sent to the shared tier."""
    shared = runtime.cache.stats()["shared"]
    return 0 if shared is None else int(shared["commands"])
