"""What every Modal function does around its question: this container's runtime, its last writes, its line."""

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
"""What is imported when a store is built: too late, where secrets come after the snapshot."""


def preload() -> None:
    """Do before a memory snapshot what no secret and no connection is needed for.

    All of it stays: looking for garbage among it would take an eighth of the start, and of every later look.
    """
    gc.disable()
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # its command line, and with it all of rich
    for name in ("veo.web", *SHARED_TIER):
        import_module(name)
    client.preload()
    tables()
    gc.freeze()
    gc.enable()


async def answer(question: str, **fields: Any) -> dict[str, Any]:
    """Ask, print the answer as one JSON line (`modal run` shows no return value), and give it.

    Raises InvalidQuestion, NotFound or VeoError, each with one line, and TimeoutError.
    """
    return say(await ask(question, fields))


async def ask(question: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Do the same without printing."""
    return await _within(lambda runtime: dispatch.ask(runtime, question, fields))


async def operate(operation: str, argument: str) -> dict[str, Any]:
    """Do one operation on the cache."""
    return await _within(lambda runtime: cache_admin.operate(runtime, operation, argument))


async def warm() -> dict[str, Any]:
    """Warm the cache, and print what that did."""
    return say(await _within(cache_warmup.warm))


def say(done: dict[str, Any]) -> dict[str, Any]:
    """Print one JSON line, and pass on what it says."""
    print(json.dumps(done), flush=True)  # noqa: T201 - the function's output in `modal run` and in the logs
    return done


async def refresh() -> dict[str, Any]:
    """Check the embedded figures, renew what live sources have of newer ones, and print what that did.

    Raises VeoError when a part renewed nothing, after printing, so that the call counts as failed.
    """
    checked = cache_admin.check()
    done = say({**checked, **await _within(_renewed)})
    table_refresh.check(done)
    return done


async def _renewed(runtime: Runtime) -> dict[str, Any]:
    if runtime.sources.live is None:
        return {"notice": "Nothing was renewed: live sources are off."}
    return await table_refresh.renew(runtime)


async def _within(work: Callable[[Runtime], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """Work with this container's runtime; nothing waits to be written when the container may be frozen."""
    runtime = _runtime(asyncio.get_running_loop())
    try:
        return await work(runtime)
    except (VeoError, UpstreamThrottled) as error:
        raise plain(error) from None
    finally:
        await runtime.cache.drain()


@lru_cache(maxsize=1)
def _runtime(loop: asyncio.AbstractEventLoop) -> Runtime:
    """Build one runtime per event loop, at the first question: secrets come after a snapshot's restore."""
    del loop  # a cache belongs to one loop, so the loop is the key
    settings = Settings()
    # `modal run` shows the log beside the answer: it is kept to what went wrong unless more is asked for
    asked_for = "log_level" in settings.model_fields_set
    level = settings.log_level if asked_for else "WARNING"
    logs.configure(level, settings.log_format, secrets=settings.secrets())
    return build(settings)


def plain(error: Exception) -> VeoError:
    """Give an error of a kind that survives pickling: its constructor takes the one line it says."""
    kind = next((kind for kind in (InvalidQuestion, NotFound) if isinstance(error, kind)), VeoError)
    return kind(str(error))
