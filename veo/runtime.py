"""The only composition root: settings in, a Runtime out. Nothing is built at import."""

import logging
from dataclasses import dataclass
from functools import cache

from veo.cache import Cache, Store
from veo.questions import Questions
from veo.recommend import Recommender
from veo.scoring import MortgageTerms
from veo.settings import Settings
from veo.sources import embedded
from veo.sources.embedded import Snapshot
from veo.sources.places import Places
from veo.sources.rail import Rail

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tables:
    """What is computed from the embedded figures alone, once per process."""

    snapshot: Snapshot
    rail: Rail
    places: Places


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything an entry point needs. `shared_fault` says why a configured shared tier is not in use."""

    settings: Settings
    tables: Tables
    cache: Cache
    questions: Questions
    recommender: Recommender
    shared: str | None
    shared_fault: str | None


@cache
def tables() -> Tables:
    """Load and check the embedded figures; every later call gives the same ones."""
    snapshot = embedded.load()
    return Tables(snapshot, Rail(snapshot), Places(snapshot))


def build(settings: Settings | None = None) -> Runtime:
    """Wire one runtime. A shared tier that cannot be used is said in the log and left out."""
    settings = settings or Settings()
    store, name, fault = _store(settings)
    if fault is not None:
        log.warning("memory only: %s", fault, extra={"event": "shared_tier_unusable"})
    cache_ = Cache(
        store,
        prefix=settings.prefix,
        entries=0 if settings.cache == "off" else 1_000,
        commands_per_day=settings.commands_per_day,
    )
    known = tables()
    terms = MortgageTerms(
        rate=settings.mortgage_rate, years=settings.mortgage_years, deposit=settings.mortgage_deposit
    )
    return Runtime(
        settings=settings,
        tables=known,
        cache=cache_,
        questions=Questions(cache_, known.snapshot, known.rail, known.places),
        recommender=Recommender(cache_, known.snapshot, known.rail, known.places, terms),
        shared=name,
        shared_fault=fault,
    )


def _store(settings: Settings) -> tuple[Store | None, str | None, str | None]:
    """Give the configured store, its name, and what is wrong with it."""
    if settings.cache != "auto":
        return None, None, None
    try:
        if settings.upstash_url is not None or settings.upstash_token is not None:
            from veo.cache.upstash import UpstashStore  # noqa: PLC0415 - imported only where it is used

            token = settings.upstash_token.get_secret_value() if settings.upstash_token else ""
            return UpstashStore(settings.upstash_url or "", token), "upstash", None
        if settings.redis_url is not None:
            from veo.cache.redis import RedisStore  # noqa: PLC0415 - an optional extra

            return RedisStore(settings.redis_url.get_secret_value()), "redis", None
    except (ValueError, ImportError) as error:
        return None, None, str(error)
    return None, None, None
