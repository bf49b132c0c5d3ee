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
from veo.sources.clients import Keys, Live, today
from veo.sources.embedded import snapshot
from veo.sources.embedded.place_resolver import Places
from veo.sources.embedded.rail import Rail
from veo.sources.embedded.snapshot import Snapshot
from veo.sources.http.client import made
from veo.spend_caps import Cap, SpendCaps
from veo.tables.current import CurrentFigures, FigureSet, figure_set
from veo.tables.storage import Table

log = logging.getLogger(__name__)

LEDGER_EVERY = 60.0  # seconds of use: with keeping in step every 30 s, three commands a minute


@dataclass(frozen=True, slots=True)
class Tables:
    """What is computed from the embedded figures alone, once per process."""

    snapshot: Snapshot
    current: FigureSet
    rail: Rail
    places: Places


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything an entry point needs. `shared_fault` says why a configured shared tier is not in use."""

    settings: Settings
    tables: Tables
    cache: Cache
    sources: Sources
    questions: Questions
    recommender: Recommender
    shared: str | None
    shared_fault: str | None

    async def close(self) -> None:
        """Write what waits, and give back every connection."""
        await self.cache.close()
        if self.sources.live is not None:
            await self.sources.live.http.close()


@cache
def tables() -> Tables:
    """Load and check the embedded figures; every later call gives the same ones."""
    shipped = snapshot.load()
    return Tables(shipped, figure_set(shipped), Rail(shipped), Places(shipped))


def build(settings: Settings | None = None, clock: Clock | None = None) -> Runtime:
    """Wire one runtime. A shared tier that cannot be used is said in the log and left out."""
    settings = settings or Settings()
    store, name, fault = _store(settings)
    if fault is not None:
        log.warning("memory only: %s", fault, extra={"event": "shared_tier_unusable"})
    cache_ = Cache(
        store,
        clock,
        prefix=settings.prefix,
        entries=0 if settings.cache == "off" else 1_000,
        commands_per_day=settings.commands_per_day,
        meter=made,
        ledger_every=LEDGER_EVERY,
    )
    terms = MortgageTerms(
        rate=settings.mortgage_rate, years=settings.mortgage_years, deposit=settings.mortgage_deposit
    )
    sources = _sources(settings, cache_, shared=store is not None)
    cache_.ledger.sources = lambda: _observed(sources.live)
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
    """Wire what answers are made of; the refreshed tables stand in the shared tier, else in a folder."""
    known, folder = tables(), None if shared else settings.tables
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
        name: Table(name, RefreshedTable, cache_, folder, follows=("recommendations", "area"))
        for name in (SOURCES if live is not None else ())
    }
    return Sources(
        figures=CurrentFigures(known.current, refreshed),
        rail=known.rail,
        places=known.places,
        live=live,
        schools=Table("schools", SchoolTable, cache_, folder, follows=("schools", "area")),
        spend_caps=SpendCaps(cache_, caps, today, fleet=shared),
        deadline=settings.deadline,
    )


def _observed(live: Live | None) -> dict[str, dict[str, float]]:
    """Give the calls and failures of each provider since start."""
    seen = {} if live is None else {one.provider.name: one.seen for one in live.http.upstreams()}
    return {name: {"calls": one.calls, "failures": one.failures} for name, one in seen.items()}


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


def _store(settings: Settings) -> tuple[Store | None, str | None, str | None]:
    """Give the configured store, its name, and what is wrong with it."""
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
