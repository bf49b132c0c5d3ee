"""The work of the Modal functions: use the container's runtime, finish its writes, print the result."""

import asyncio
import gc
import json
import sys
from collections.abc import Awaitable, Callable
from functools import lru_cache
from importlib import import_module
from typing import Any

from veo import logs
from veo.cache import UpstreamThrottled
from veo.errors import InvalidQuestion, NotFound, VeoError
from veo.operations import cache_admin, cache_warmup, table_refresh
from veo.runtime import Runtime, build, tables
from veo.services import dispatch
from veo.settings import Settings
from veo.sources.http import client

SHARED_TIER = (
    "veo.cache.stores.upstash",
    "veo.cache.stores.upstash_transport",
    "upstash_redis.asyncio",
    "httpcore",
    "certifi",
)
"""Modules that building a store imports; secrets, and so the store, come only after the snapshot."""


def preload() -> None:
    """Import and load before a memory snapshot whatever needs no secret and no connection.

    All of it stays in memory, so it is frozen: to collect garbage in it would take an eighth of the start,
    and slow down every later collection.
    """
    gc.disable()
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # httpx's command line, which imports all of rich
    for name in ("veo.web", *SHARED_TIER):
        import_module(name)
    client.preload()
    tables()
    gc.freeze()
    gc.enable()


async def answer(question: str, **fields: Any) -> dict[str, Any]:
    """Answer a question, and print the answer as one JSON line, as `modal run` shows no return value.

    Raises InvalidQuestion, NotFound or VeoError, each with a message of one line, and TimeoutError.
    """
    return print_result(await ask(question, fields))


async def ask(question: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Answer a question without printing; raises the errors of `answer`."""
    return await _within(lambda runtime: dispatch.ask(runtime, question, fields))


async def operate(operation: str, argument: str) -> dict[str, Any]:
    """Run one operation on the cache."""
    return await _within(lambda runtime: cache_admin.operate(runtime, operation, argument))


async def warm() -> dict[str, Any]:
    """Warm the cache, and print the outcome."""
    return print_result(await _within(cache_warmup.warm))


def print_result(result: dict[str, Any]) -> dict[str, Any]:
    """Print a result as one JSON line, and return it."""
    print(json.dumps(result), flush=True)  # noqa: T201 - the function's output in `modal run` and in the logs
    return result


async def refresh() -> dict[str, Any]:
    """Check the embedded figures, refresh the tables from live sources, and print the outcome.

    Raises VeoError after printing if a part refreshed nothing, so that the call counts as failed.
    """
    outcome = print_result({**cache_admin.check(), **await _within(_refresh)})
    table_refresh.check(outcome)
    return outcome


async def _refresh(runtime: Runtime) -> dict[str, Any]:
    if runtime.sources.live is None:
        return {"notice": "Nothing was renewed: live sources are off."}
    return await table_refresh.renew(runtime)


async def _within(work: Callable[[Runtime], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """Run work with this container's runtime, and finish all writes before the container may be frozen."""
    runtime = _runtime(asyncio.get_running_loop())
    try:
        return await work(runtime)
    except (VeoError, UpstreamThrottled) as error:
        raise picklable(error) from None
    finally:
        await runtime.cache.drain()


@lru_cache(maxsize=1)
def _runtime(loop: asyncio.AbstractEventLoop) -> Runtime:
    """Build one runtime per event loop, at its first use: secrets are set only after a restore."""
    del loop  # a cache belongs to one loop, so the loop is the key
    settings = Settings()
    # `modal run` shows the log with the answer, so only warnings are logged unless a level is set
    is_set = "log_level" in settings.model_fields_set
    level = settings.log_level if is_set else "WARNING"
    logs.configure(level, settings.log_format, secrets=settings.secrets())
    return build(settings)


def picklable(error: Exception) -> VeoError:
    """Return an equivalent error that can be pickled: its constructor takes its message alone."""
    kind = next((kind for kind in (InvalidQuestion, NotFound) if isinstance(error, kind)), VeoError)
    return kind(str(error))
