"""Response times with live sources, and the calls that the cache saves; providers run in another process."""

import asyncio
import itertools
import random
import statistics
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from pydantic import SecretStr

from benchmarks.measure import table
from benchmarks.providers import providers
from tests.support.providers import google, perplexity, tfl
from tests.support.servers import free_port
from veo.runtime import Runtime, build
from veo.settings import Settings
from veo.sources.providers.tfl import WITH_KEY
from veo.web import create_app

SLOW, HUNG = 0.3, 60.0  # seconds
PERSONAS, TENURES = ("student", "parent", "developer"), ("rent", "buy")
DESTINATIONS = ("UCL", "Imperial", "KCL", "LSE", "")
BUDGETS = range(500, 5_001, 50)
DRAWN, DISTINCT = 1_000, 60
SHORTLIST = 20
HANGING = {
    "tfl": "/api/areas/E15?destination=UCL",
    "police.uk": "/api/areas/E15",
    "overpass": "/api/areas/E15",
    "postcodes.io": "/api/areas/E15?destination=E1 6AN",
    "ons-geography": "/api/areas/E15?destination=E1 6AN",
}
Row = tuple[str, str, str]
Question = dict[str, Any]


class Site(NamedTuple):
    """A container and a client of its app."""

    runtime: Runtime
    web: httpx.AsyncClient

    async def took(self, path: str, **query: Any) -> float:
        """Return the seconds of one response, which must be a 200."""
        began = time.perf_counter()
        answer = await self.web.get(path, params=query or None)
        assert answer.status_code == httpx.codes.OK, answer.text
        return time.perf_counter() - began

    def calls(self) -> int:
        """Return the number of calls to all providers."""
        live = self.runtime.sources.live
        return 0 if live is None else sum(upstream.stats.calls for upstream in live.http.upstreams())


@asynccontextmanager
async def site(addresses: Mapping[str, str] | None) -> AsyncIterator[Site]:
    """Open a container with every key, or without live sources."""
    keys = {
        "tfl_key": SecretStr(tfl.KEY),
        "google_key": SecretStr(google.KEY),
        "perplexity_key": SecretStr(perplexity.KEY),
    }
    live: dict[str, Any] = (
        {"live": "auto", "upstreams": dict(addresses), **keys} if addresses else {"live": "off"}
    )
    settings = Settings(cache="memory", rate_limit=0, tables=Path("/nonexistent"), **live)
    runtime = build(settings)
    transport = httpx.ASGITransport(create_app(runtime=runtime))
    async with httpx.AsyncClient(transport=transport, base_url="http://veo") as web:
        yield Site(runtime, web)
    await runtime.close()


def main() -> None:
    """Print the table."""
    table("Live sources", asyncio.run(measured()))


async def measured() -> list[Row]:
    """Run all measurements, one after the other."""
    with providers(SLOW) as addresses:
        rows = await slow(addresses)
    rows += await hanging()
    rows += await down()
    with providers(0) as addresses:
        rows += await replayed(addresses)
    return rows


async def slow(addresses: Mapping[str, str]) -> list[Row]:
    """Measure cold answers while every source is slow."""
    question = form_question("student", "rent", 1000, "UCL")
    lists, repeats, areas = [], [], []
    for _ in range(5):
        async with site(addresses) as one:
            lists.append(await one.took("/api/recommendations", **question))
            repeats.append(await one.took("/api/recommendations", **question))
            areas.append(await one.took("/api/areas/E15"))
    return [
        ("every source at 300 ms: cold recommendation", f"{statistics.median(lists):.2f} s", "≤ 1.5 s"),
        ("the same again", f"{statistics.median(repeats) * 1e3:.1f} ms", "≤ 20 ms"),
        ("every source at 300 ms: cold area", f"{statistics.median(areas):.2f} s", "≤ 2.5 s"),
    ]


async def hanging() -> list[Row]:
    """Measure answers while one source hangs, relative to the deadline."""
    rows = []
    for name, path in HANGING.items():
        with providers(HUNG, name) as addresses:
            async with site(addresses) as one:
                began = time.perf_counter()
                answer = await one.web.get(path)
                seconds = time.perf_counter() - began
                has_notices = len(answer.json()["metadata"]["notices"]) > 0
        rows.append(
            (
                f"{name} hangs, deadline 6 s: area",
                f"{seconds:.2f} s{'' if has_notices else ', no notice'}",
                "≤ 6.5 s",
            )
        )
    return rows


async def down() -> list[Row]:
    """Compare new questions behind open breakers with the same ones without live sources."""
    nowhere = dict.fromkeys(
        ("tfl", "police.uk", "postcodes.io", "ons-geography", "overpass", "fsa"),
        f"http://127.0.0.1:{free_port()}",
    )
    taken: dict[str, list[float]] = {"live": [], "embedded": []}
    async with site(nowhere) as live, site(None) as embedded:
        for number in range(45):
            question = form_question("student", "rent", 700 + number, "UCL")
            taken["live"].append(await live.took("/api/recommendations", **question))
            taken["embedded"].append(await embedded.took("/api/recommendations", **question))
    medians = {name: statistics.median(times[5:]) for name, times in taken.items()}
    ratio = medians["live"] / medians["embedded"]
    return [
        ("every source down, breakers open: cold recommendation ÷ embedded", f"{ratio:.2f}", "≤ 1.2"),
        ("the same, embedded", f"{medians['embedded'] * 1e3:.1f} ms", ""),
    ]


async def replayed(addresses: Mapping[str, str]) -> list[Row]:
    """Count the source calls of many questions, compared with twenty calls for each."""
    form = [form_question(*parts) for parts in itertools.product(PERSONAS, TENURES, BUDGETS, DESTINATIONS)]
    dice = random.Random(1)  # noqa: S311 - the same questions every time
    questions = dice.sample(form, DISTINCT)
    drawn = dice.choices(questions, [1 / rank for rank in range(1, DISTINCT + 1)], k=DRAWN)
    some, every = await counted(addresses, drawn), await counted(addresses, form)
    saved = [100 * (1 - calls / (SHORTLIST * total)) for calls, total in ((some, DRAWN), (every, len(form)))]
    return [
        (
            f"{DRAWN:,} questions drawn from {DISTINCT} (Zipf): calls saved",
            f"{saved[0]:.1f} % ({some:,})",
            "≥ 90 %",
        ),
        (f"the whole form, {len(form):,} questions: calls saved", f"{saved[1]:.1f} % ({every:,})", ""),
    ]


async def counted(addresses: Mapping[str, str], questions: list[Question]) -> int:
    """Return the calls that some questions cause, without the rate limit that a short run would exceed."""
    async with site(addresses) as one:
        assert one.runtime.sources.live is not None
        one.runtime.sources.live.http.upstream(WITH_KEY).provider = WITH_KEY._replace(rate=None)
        for question in questions:
            await one.took("/api/recommendations", **question)
        return one.calls()


def form_question(persona: str, tenure: str, budget: int, destination: str) -> Question:
    """Return one question of the frontend's form."""
    return {"persona": persona, "locationType": tenure, "budget": budget, "destination": destination}
