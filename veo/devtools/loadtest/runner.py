"""Asks the questions over HTTP, a few at a time, and takes down what came of each."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import httpx

from veo.devtools.loadtest.plan import Question
from veo.errors import Unavailable

LONGEST = 30.0  # seconds for one answer
HEALTH = Question("health", "/api/health")
IN_A_ROW = 20  # failures after which the server is taken to be gone


class Sample(NamedTuple):
    """One answer: its seconds; `error` is the kind of failure, None for an answer of Veo."""

    kind: str
    seconds: float
    cached: bool = False
    stale: bool = False
    error: str | None = None


class Runner:
    """Asks a plan: `concurrency` requests at a time, at most `rate` a second when it is given."""

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
        """Give a sample per question; fewer when the server stops answering at all, or on an interrupt.

        Raises Unavailable when there is no Veo to begin with.
        """
        await self._meet()
        began = asyncio.get_running_loop().time()
        numbered = iter(enumerate(questions))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._concurrency):
                    group.create_task(self._work(numbered, began))
        except asyncio.CancelledError:  # how asyncio tells of Ctrl-C: what was measured is not lost
            self.interrupted = True
        return self._samples

    async def _meet(self) -> None:
        """Ask for the health of the server, which is not counted."""
        sample = await self._ask(HEALTH)
        if sample.error is not None:
            raise Unavailable(
                str(self._client.base_url).rstrip("/"), f"no Veo answers there ({sample.error})"
            )

    async def _work(self, numbered: Iterator[tuple[int, Question]], began: float) -> None:
        loop = asyncio.get_running_loop()
        for number, question in numbered:
            if self._rate is not None:
                await asyncio.sleep(began + number / self._rate - loop.time())
            if self._failures >= IN_A_ROW:
                return
            sample = await self._ask(question)
            self._failures = 0 if sample.error is None else self._failures + 1
            self._samples.append(sample)
            self._progress(len(self._samples))

    async def _ask(self, question: Question) -> Sample:
        loop = asyncio.get_running_loop()
        began = loop.time()
        found, error = await self._answer(question)
        return Sample(
            question.kind,
            loop.time() - began,
            cached=bool(found.get("cached")),
            stale=bool(found.get("stale")),
            error=error,
        )

    async def _answer(self, question: Question) -> tuple[Mapping[str, Any], str | None]:
        """Give the metadata of an answer, or what kind of failure there was."""
        method = "GET" if question.body is None else "POST"
        try:
            async with asyncio.timeout(LONGEST):
                answer = await self._client.request(method, question.path, json=question.body)
        except (TimeoutError, httpx.TimeoutException):
            return {}, f"no answer within {LONGEST:g} s"
        except httpx.HTTPError as error:
            return {}, type(error).__name__
        return _metadata(answer, question)


def _metadata(answer: httpx.Response, question: Question) -> tuple[Mapping[str, Any], str | None]:
    if answer.status_code != httpx.codes.OK:
        return {}, f"HTTP {answer.status_code}"
    try:
        content = answer.json()
    except ValueError:
        return {}, "not JSON"
    found = content.get("metadata") if isinstance(content, dict) else None
    if question == HEALTH and isinstance(content, dict) and "status" in content:
        return {}, None
    return (found, None) if isinstance(found, dict) else ({}, "JSON, but not Veo's")
