"""The only composition root: settings in, a Runtime out. Nothing is built at import."""

import logging
from dataclasses import dataclass
from functools import cache

from pydantic import SecretStr

from veo.cache import Cache, Clock, Store
from veo.facts.sources import Sources
from veo.scoring import MortgageTerms
from veo.services.questions import Questions
from veo.services.recommend import Recommender
from veo.settings import Settings
from veo.sources.bulk.refresh import SOURCES, RefreshedTable
from veo.sources.bulk.schools import SchoolTable
from veo.sources.clients import Keys, Live, check_names, today
from veo.sources.embedded import snapshot
from veo.sources.embedded.place_resolver import Places
from veo.sources.embedded.rail import Rail
from veo.sources.embedded.snapshot import Snapshot
from veo.sources.http.client import call_counts
from veo.spend_caps import Cap, SpendCaps
from veo.tables.current import CurrentFigures, FigureSet, figure_set
from veo.tables.storage import Table

log = logging.getLogger(__name__)

LEDGER_EVERY = 60.0  # seconds of use: with invalidation sync every 30 s, three commands a minute


@dataclass(frozen=True, slots=True)
class Tables:
    """Everything computed from the embedded figures alone, once per process."""

    snapshot: Snapshot
    current: FigureSet
    rail: Rail
    places: Places


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything an entry point needs. `shared_fault` is why a configured shared tier is not in use."""

    settings: Settings
    tables: Tables
    cache: Cache
    sources: Sources
    questions: Questions
    recommender: Recommender
    shared: str | None
    shared_fault: str | None

    async def close(self) -> None:
        """Finish the pending writes, and close every connection."""
        await self.cache.close()
        if self.sources.live is not None:
            await self.sources.live.http.close()


@cache
def tables() -> Tables:
    """Load and check the embedded figures; every later call returns the same tables."""
    embedded = snapshot.load()
    return Tables(embedded, figure_set(embedded), Rail(embedded), Places(embedded))


def build(settings: Settings | None = None, clock: Clock | None = None) -> Runtime:
    """Build a runtime; a shared tier that cannot be used is logged and left out."""
    settings = settings or Settings()
    check_names(settings.upstreams)
    store, name, fault = _store(settings)
    if fault is not None:
        log.warning("memory only: %s", fault, extra={"event": "shared_tier_unusable"})
    cache_ = Cache(
        store,
        clock,
        prefix=settings.prefix,
        entries=0 if settings.cache == "off" else 1_000,
        commands_per_day=settings.commands_per_day,
        meter=call_counts,
        ledger_every=LEDGER_EVERY,
    )
    terms = MortgageTerms(
        rate=settings.mortgage_rate, years=settings.mortgage_years, deposit=settings.mortgage_deposit
    )
    sources = _sources(settings, cache_, shared=store is not None)
    cache_.ledger.sources = lambda: _source_counts(sources.live)
    questions = Questions(cache_, sources)
    return Runtime(
        settings=settings,
        tables=tables(),
        cache=cache_,
        sources=sources,
        questions=questions,
        recommender=Recommender(cache_, sources, questions, terms),
        shared=name,
        shared_fault=fault,
    )


def _sources(settings: Settings, cache_: Cache, *, shared: bool) -> Sources:
    """Build the sources; refreshed tables are stored in the shared tier, else in a folder."""
    embedded, folder = tables(), None if shared else settings.tables
    live = None
    if settings.live == "auto":
        keys = Keys(
            tfl=_plain(settings.tfl_key),
            google=_plain(settings.google_key),
            perplexity=_plain(settings.perplexity_key),
        )
        live = Live.of(keys, settings.upstreams)
    caps = {
        "google": Cap(settings.google_usd_per_day, "VEO_GOOGLE_USD_PER_DAY"),
        "perplexity": Cap(settings.perplexity_usd_per_day, "VEO_PERPLEXITY_USD_PER_DAY"),
    }
    refreshed = {
        name: Table(name, RefreshedTable, cache_, folder, flush_tags=("recommendations", "area"))
        for name in (SOURCES if live is not None else ())
    }
    return Sources(
        figures=CurrentFigures(embedded.current, refreshed),
        rail=embedded.rail,
        places=embedded.places,
        live=live,
        schools=Table("schools", SchoolTable, cache_, folder, flush_tags=("schools", "area")),
        spend_caps=SpendCaps(cache_, caps, today, fleet=shared),
        deadline=settings.deadline,
    )


def _source_counts(live: Live | None) -> dict[str, dict[str, float]]:
    """Return the calls and failures of each provider since start."""
    upstreams = () if live is None else live.http.upstreams()
    stats = {upstream.provider.name: upstream.stats for upstream in upstreams}
    return {name: {"calls": counts.calls, "failures": counts.failures} for name, counts in stats.items()}


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _store(settings: Settings) -> tuple[Store | None, str | None, str | None]:
    """Return the configured store, its name, and its configuration fault, each None if absent."""
    if settings.cache != "auto":
        return None, None, None
    try:
        if settings.upstash_url is not None or settings.upstash_token is not None:
            from veo.cache.stores.upstash import UpstashStore  # noqa: PLC0415 - imported only where it is used

            token = settings.upstash_token.get_secret_value() if settings.upstash_token else ""
            return UpstashStore(settings.upstash_url or "", token), "upstash", None
        if settings.redis_url is not None:
            from veo.cache.stores.redis import RedisStore  # noqa: PLC0415 - an optional extra

            return RedisStore(settings.redis_url.get_secret_value()), "redis", None
    except (ValueError, ImportError) as error:
        return None, None, str(error)
    return None, None, None
