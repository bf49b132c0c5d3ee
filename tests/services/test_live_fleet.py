"""Two served processes on one shared tier call a live source once, even if it fails."""

import asyncio
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

import httpx
import pytest

from tests.support.environment import settings_variables
from tests.support.gateway import Gateway
from tests.support.provider import Answered
from tests.support.providers import google, perplexity, tfl
from tests.support.servers import Valkey
from tests.support.upstreams import Upstreams

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

CALLERS = 100
YEAR = 13  # requests: the list of months, and each of them
FAILED = Answered(500, {}, delay=0.05)  # not retried
FAILING = "/api/research/area?area_code=N3"


class Fleet(NamedTuple):
    """The addresses of two containers, and their providers."""

    addresses: tuple[str, ...]
    upstreams: Upstreams

    async def ask(self, path: str, callers: int = CALLERS) -> list[httpx.Response]:
        """Send the same request from many callers at once, to both containers in turn."""
        limits = httpx.Limits(max_connections=callers)
        async with httpx.AsyncClient(timeout=30, limits=limits, trust_env=False) as web:
            urls = (self.addresses[number % 2] + path for number in range(callers))
            return await asyncio.gather(*map(web.get, urls))


@pytest.fixture(scope="module")
def containers(providers: Upstreams, gateway: Gateway, valkey: Valkey) -> Iterator[tuple[str, ...]]:
    """Two processes with every key and no other variable."""
    valkey.flush()  # other modules leave answers behind
    inherited = {name: value for name, value in os.environ.items() if name not in settings_variables()}
    environment = {
        **inherited,
        "VEO_LIVE": "auto",
        "VEO_LOG_LEVEL": "ERROR",
        "VEO_UPSTREAMS": json.dumps(providers.addresses),
        "UPSTASH_REDIS_REST_URL": gateway.url,
        "UPSTASH_REDIS_REST_TOKEN": gateway.token,
        "TFL_APP_KEY": tfl.KEY,
        "GOOGLE_MAPS_API_KEY": google.KEY,
        "PERPLEXITY_API_KEY": perplexity.KEY,
    }
    command = [sys.executable, "-m", "veo", "serve", "--port", "0"]
    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own program
        for _ in range(2)
    ]
    try:
        yield tuple(_address(process) for process in running)
    finally:
        for process in running:
            process.terminate()
            process.communicate(timeout=30)


def _address(process: "subprocess.Popen[str]") -> str:
    """Read a process's address from the first line that it prints."""
    assert process.stdout is not None
    return process.stdout.readline().split()[3]


@pytest.fixture
def fleet(containers: tuple[str, ...], upstreams: Upstreams) -> Fleet:
    return Fleet(containers, upstreams)


def statuses(answers: list[httpx.Response]) -> Counter[int]:
    return Counter(answer.status_code for answer in answers)


@pytest.mark.parametrize(
    ("path", "provider", "calls"),
    [
        pytest.param("/api/areas/E15?destination=UCL", "tfl", 1, id="commute"),
        pytest.param("/api/crime/E20", "police.uk", YEAR, id="crime"),
        pytest.param("/api/research/area?area_code=E15", "perplexity", 1, id="research"),
    ],
)
async def test_equal_questions_to_two_processes_call_a_source_once(
    fleet: Fleet, path: str, provider: str, calls: int
) -> None:
    fleet.upstreams.servers[provider].delay = 0.05  # so that all callers overlap with the call
    answers = await fleet.ask(path)
    assert (statuses(answers), fleet.upstreams.request_count(provider)) == ({200: CALLERS}, calls)


@pytest.mark.parametrize(
    ("path", "provider", "notice"),
    [
        pytest.param("/api/areas/N1?destination=UCL", "tfl", "TfL", id="commute"),
        pytest.param("/api/crime/N2", "police.uk", "data.police.uk", id="crime"),
    ],
)
async def test_a_source_that_fails_is_called_once_and_the_others_answer_without_it(
    fleet: Fleet, path: str, provider: str, notice: str
) -> None:
    fleet.upstreams.servers[provider].always(FAILED)
    answers = [*await fleet.ask(path), *await fleet.ask(path, 10)]
    without = [notice in " ".join(answer.json()["metadata"]["notices"]) for answer in answers]
    assert (statuses(answers), all(without)) == ({200: CALLERS + 10}, True)
    assert fleet.upstreams.request_count(provider) == 1


async def test_research_that_fails_is_called_once_and_the_others_get_retry_after(
    fleet: Fleet,
) -> None:
    fleet.upstreams.perplexity.always(FAILED)
    await fleet.ask(FAILING)
    answers = await fleet.ask(FAILING, 10)
    assert statuses(answers) == {503: 10}
    assert all(0 < int(answer.headers["Retry-After"]) <= 15 for answer in answers)
    assert fleet.upstreams.request_count("perplexity") == 1
