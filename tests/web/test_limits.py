"""How often a client may ask, who a client is, and how long a question may be."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.support.web import refused
from veo.settings import Settings
from veo.web import create_app
from veo.web.client_ip import client_address
from veo.web.rate_limit import MAX_QUERY_BYTES, PAID_PATHS, PAID_SHARE, WRONG_TOKENS
from veo.web.routes import PUBLIC
from veo.web.sliding_window import MAX_CLIENTS, SlidingWindow

pytestmark = pytest.mark.anyio

LIMIT = 3
PEER = "203.0.113.7"
TOKEN = "a-token-of-the-tests"


def made(**more: Any) -> FastAPI:
    return create_app(Settings(**{"cache": "memory", "rate_limit": LIMIT, **more}))


def of(app: FastAPI, peer: str = PEER) -> httpx.AsyncClient:
    """Give a client at an address."""
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, client=(peer, 1)), base_url="http://veo")


@pytest.fixture
async def web() -> AsyncIterator[httpx.AsyncClient]:
    """Give a client that may ask three times a minute."""
    async with of(made()) as opened:
        yield opened


async def statuses(web: httpx.AsyncClient, times: int, url: str = "/api/personas", **more: Any) -> list[int]:
    return [(await web.get(url, **more)).status_code for _ in range(times)]


# ---- the rate ----------------------------------------------------------------------------------------


async def test_a_client_may_ask_as_often_as_the_limit_says(web: httpx.AsyncClient) -> None:
    assert await statuses(web, LIMIT + 1) == [200] * LIMIT + [429]


async def test_a_refusal_has_the_shape_of_the_contract_and_says_when_to_come_back(
    web: httpx.AsyncClient,
) -> None:
    await statuses(web, LIMIT)
    answer = await web.get("/api/personas")
    wait = refused(answer, 429, "RATE_LIMIT_EXCEEDED")["details"]["retryAfter"]
    assert (answer.headers["retry-after"], 0 < wait <= 120) == (str(wait), True)


async def test_another_client_is_not_held_up() -> None:
    app = made()
    async with of(app) as one, of(app, "203.0.113.8") as other:
        await statuses(one, LIMIT + 1)
        assert await statuses(other, 1) == [200]


async def test_zero_is_no_limit() -> None:
    async with of(made(rate_limit=0)) as web:
        assert set(await statuses(web, 50)) == {200}


async def test_questions_with_a_body_count_too(web: httpx.AsyncClient) -> None:
    body = {"origin": "E15", "destination": "UCL"}
    asked = [(await web.post("/api/commute/calculate", json=body)).status_code for _ in range(LIMIT + 1)]
    assert asked == [200] * LIMIT + [429]


@pytest.mark.parametrize(
    "bad",
    [
        {"url": "/api/unknown"},
        {"url": "/api/commute/calculate", "content": b"{"},
        {"url": "/api/commute/calculate", "content": b"x" * 100_000},
        {"url": "/api/commute/calculate", "headers": {"content-type": "text/plain"}, "content": b"x"},
    ],
    ids=["unknown path", "no JSON", "too long", "another type"],
)
async def test_questions_that_are_refused_count_too(web: httpx.AsyncClient, bad: dict[str, Any]) -> None:
    for _ in range(LIMIT):
        await web.post(**bad)
    assert await statuses(web, 1) == [429]


async def test_what_costs_money_may_be_asked_less_often() -> None:
    async with of(made(rate_limit=2 * PAID_SHARE)) as web:
        assert await statuses(web, 3, "/api/research/area?area_code=E15") == [503, 503, 429]
        assert await statuses(web, 1) == [200]


@pytest.mark.parametrize("path", PAID_PATHS)
def test_what_costs_money_is_a_route(path: str) -> None:
    assert any(endpoint.path.startswith(path) for endpoint in PUBLIC)


async def test_a_preflight_is_free() -> None:
    async with of(made(cors_origins=("https://veo.example",))) as web:
        headers = {"Origin": "https://veo.example", "Access-Control-Request-Method": "POST"}
        for _ in range(LIMIT + 1):
            assert (await web.options("/api/recommendations", headers=headers)).status_code == 200


# ---- equal questions under way -----------------------------------------------------------------------


async def test_equal_questions_under_way_are_free() -> None:
    async with of(made()) as web:
        body = {"persona": "student", "budget": 1000, "locationType": "rent"}
        burst = [web.post("/api/recommendations", json=body) for _ in range(20)]
        assert {answer.status_code for answer in await asyncio.gather(*burst)} == {200}


async def test_equal_questions_one_after_the_other_are_not_free(web: httpx.AsyncClient) -> None:
    assert (await statuses(web, LIMIT + 1))[-1] == 429


async def test_different_questions_at_once_are_not_free() -> None:
    async with of(made()) as web:
        body = {"persona": "student", "locationType": "rent"}
        burst = [web.post("/api/recommendations", json={**body, "budget": 1000 + n}) for n in range(20)]
        answers = [answer.status_code for answer in await asyncio.gather(*burst)]
        assert (answers.count(200), answers.count(429)) == (LIMIT, 20 - LIMIT)


# ---- who a client is ---------------------------------------------------------------------------------


def scope(peer: str, *forwarded: str) -> dict[str, Any]:
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    return {"type": "http", "client": (peer, 1), "headers": headers}


@pytest.mark.parametrize(
    ("hops", "forwarded", "client"),
    [
        (0, ("198.51.100.1",), PEER),
        (1, ("198.51.100.1",), "198.51.100.1"),
        (1, ("6.6.6.6, 198.51.100.1",), "198.51.100.1"),
        (1, ("6.6.6.6", "198.51.100.1"), "198.51.100.1"),
        (2, ("6.6.6.6, 198.51.100.1, 10.0.0.1",), "198.51.100.1"),
        (2, ("198.51.100.1",), PEER),
        (1, (), PEER),
        (1, ("",), PEER),
        (1, ("198.51.100.1, nobody",), PEER),
        (1, ("2001:db8:1:2:3:4:5:6",), "2001:db8:1:2::/64"),
        (1, ("::ffff:198.51.100.1",), "198.51.100.1"),
    ],
)
def test_only_what_trusted_proxies_say_counts(hops: int, forwarded: tuple[str, ...], client: str) -> None:
    assert client_address(scope(PEER, *forwarded), hops) == client


@pytest.mark.parametrize("peer", ["2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:db8:1:2::1%eth0"])
def test_addresses_of_one_ipv6_network_are_one_client(peer: str) -> None:
    assert client_address(scope(peer), 0) == "2001:db8:1:2::/64"


@pytest.mark.parametrize("client", [None, ("", 0), ("a-socket", 0)])
def test_a_peer_without_an_address_is_a_client_all_the_same(client: tuple[str, int] | None) -> None:
    assert client_address({**scope(PEER), "client": client}, 0) == (client[0] if client else "")


async def test_a_forged_header_does_not_help(web: httpx.AsyncClient) -> None:
    asked = [
        (await web.get("/api/personas", headers={"X-Forwarded-For": f"198.51.100.{n}"})).status_code
        for n in range(LIMIT + 1)
    ]
    assert asked[-1] == 429


async def test_a_forged_entry_before_a_proxys_does_not_help() -> None:
    async with of(made(trusted_proxy_hops=1)) as web:
        asked = [
            (
                await web.get("/api/personas", headers={"X-Forwarded-For": f"198.51.100.{n}, 192.0.2.1"})
            ).status_code
            for n in range(LIMIT + 1)
        ]
    assert asked[-1] == 429


# ---- wrong tokens ------------------------------------------------------------------------------------


async def test_a_thousand_wrong_tokens_are_refused_and_flush_nothing() -> None:
    app = made(rate_limit=0, admin_token=TOKEN)
    async with of(app) as web:
        await web.get("/api/crime/E15")
        answers = [
            await web.post(
                "/admin/cache/flush", json={"all": True}, headers={"Authorization": f"Bearer wrong-{n}"}
            )
            for n in range(1_000)
        ]
    assert [a.status_code for a in answers] == [401] * WRONG_TOKENS + [429] * (1_000 - WRONG_TOKENS)
    assert await app.state.runtime.cache.exists("crime:E15")


async def test_the_right_token_is_taken_after_many_wrong_ones() -> None:
    async with of(made(rate_limit=0, admin_token=TOKEN)) as web:
        await statuses(web, 20, "/admin/cache/stats", headers={"Authorization": "Bearer wrong"})
        right = {"Authorization": f"Bearer {TOKEN}"}
        assert await statuses(web, 1, "/admin/cache/stats", headers=right) == [200]


# ---- length ------------------------------------------------------------------------------------------


async def test_a_question_that_is_too_long_is_refused(web: httpx.AsyncClient) -> None:
    answer = await web.get("/api/personas", params={"x": "y" * MAX_QUERY_BYTES})
    error = refused(answer, 400, "VALIDATION_ERROR")
    assert error["details"]["errors"] == ["query: path and query must be at most 8,192 bytes"]


# ---- the moving minute -------------------------------------------------------------------------------


class Clock:
    now = 600.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_the_minute_moves(clock: Clock) -> None:
    window = SlidingWindow(10, clock)
    clock.now += 59
    for _ in range(10):
        window.add("one")
    clock.now += 2  # another minute by the clock, the same moving one
    assert window.wait("one") > 0


@pytest.mark.parametrize("passed", [0.0, 20.0, 59.9])
@pytest.mark.parametrize("asked", [10, 25])
def test_after_the_wait_there_is_room_again(clock: Clock, passed: float, asked: int) -> None:
    window = SlidingWindow(10, clock)
    clock.now += passed
    for _ in range(asked):
        window.add("one")
    clock.now += window.wait("one") + 1e-6
    assert window.wait("one") == 0


@pytest.mark.parametrize("passed", [0.0, 20.0, 59.9])
def test_before_the_wait_is_over_there_is_no_room(clock: Clock, passed: float) -> None:
    window = SlidingWindow(10, clock)
    clock.now += passed
    for _ in range(10):
        window.add("one")
    clock.now += window.wait("one") - 0.1
    assert window.wait("one") > 0


def test_a_limit_of_one_is_one_a_minute(clock: Clock) -> None:
    window = SlidingWindow(1, clock)
    window.add("one")
    clock.now += window.wait("one") + 1e-6
    assert (window.wait("one"), clock.now) == (0, pytest.approx(720.0))


def test_two_quiet_minutes_forget_everything(clock: Clock) -> None:
    window = SlidingWindow(1, clock)
    window.add("one")
    clock.now += 120
    assert window.wait("one") == 0


def test_the_client_that_asked_longest_ago_is_forgotten_first(clock: Clock) -> None:
    window = SlidingWindow(1, clock)
    for number in range(MAX_CLIENTS + 1):
        window.add(str(number))
    assert (window.wait("0"), window.wait("1") > 0) == (0, True)
