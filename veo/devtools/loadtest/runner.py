"""Sends the requests of a load test over HTTP with bounded concurrency, and records a sample of each."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import httpx

from veo.devtools.loadtest.plan import Question
from veo.errors import Unavailable

TIMEOUT = 30.0  # seconds per response
HEALTH = Question("health", "/api/health")
MAX_CONSECUTIVE_FAILURES = 20  # then the server counts as gone


class Sample(NamedTuple):
    """One response and its duration; `error` is the kind of failure, None for a response of Veo."""

    kind: str
    seconds: float
    cached: bool = False
    stale: bool = False
    error: str | None = None


class Runner:
    """Sends a plan: `concurrency` requests at a time, and at most `rate` a second if set."""

    def __init__(
        self,
        client: httpx.AsyncClient,
        concurrency: int,
        rate: float | None = None,
        progress: Callable[[int], None] = lambda _done: None,
    ) -> None:
        self._client, self._concurrency, self._rate, self._progress = client, concurrency, rate, progress
        self._samples: list[Sample] = []
        self._failures = 0
        self.interrupted = False

    async def run(self, questions: Sequence[Question]) -> list[Sample]:
        """Return a sample per question, or fewer if the server goes away or the run is interrupted.

        Raise Unavailable if no Veo responds at the start.
        """
        await self._check_health()
        began = asyncio.get_running_loop().time()
        numbered = iter(enumerate(questions))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._concurrency):
                    group.create_task(self._work(numbered, began))
        except asyncio.CancelledError:  # Ctrl-C, as asyncio delivers it: keep the samples so far
            self.interrupted = True
        return self._samples

    async def _check_health(self) -> None:
        """Check that a Veo responds; this request is not part of the samples."""
        sample = await self._ask(HEALTH)
        if sample.error is not None:
            raise Unavailable(
                str(self._client.base_url).rstrip("/"), f"no Veo responds there ({sample.error})"
            )

    async def _work(self, numbered: Iterator[tuple[int, Question]], began: float) -> None:
        loop = asyncio.get_running_loop()
        for number, question in numbered:
            if self._rate is not None:
                await asyncio.sleep(began + number / self._rate - loop.time())
            if self._failures >= MAX_CONSECUTIVE_FAILURES:
                return
            sample = await self._ask(question)
            self._failures = 0 if sample.error is None else self._failures + 1
            self._samples.append(sample)
            self._progress(len(self._samples))

    async def _ask(self, question: Question) -> Sample:
        loop = asyncio.get_running_loop()
        began = loop.time()
        metadata, error = await self._send(question)
        return Sample(
            question.kind,
            loop.time() - began,
            cached=bool(metadata.get("cached")),
            stale=bool(metadata.get("stale")),
            error=error,
        )

    async def _send(self, question: Question) -> tuple[Mapping[str, Any], str | None]:
        """Send a request, and return the metadata of its response or the kind of failure."""
        method = "GET" if question.body is None else "POST"
        try:
            async with asyncio.timeout(TIMEOUT):
                response = await self._client.request(method, question.path, json=question.body)
        except (TimeoutError, httpx.TimeoutException):
            return {}, f"no answer within {TIMEOUT:g} s"
        except httpx.HTTPError as error:
            return {}, type(error).__name__
        return _metadata(response, question)


def _metadata(response: httpx.Response, question: Question) -> tuple[Mapping[str, Any], str | None]:
    if response.status_code != httpx.codes.OK:
        return {}, f"HTTP {response.status_code}"
    try:
        content = response.json()
    except ValueError:
        return {}, "not JSON"
    metadata = content.get("metadata") if isinstance(content, dict) else None
    if question == HEALTH and isinstance(content, dict) and "status" in content:
        return {}, None
    return (metadata, None) if isinstance(metadata, dict) else ({}, "JSON, but not Veo's")
