"""The admin endpoints: who may use them, what they change, what they tell, and what they log."""

import logging
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI

from tests.support.gateway import Gateway
from tests.support.servers import free_port
from tests.support.web import ask, client, refused
from veo.operations.cache_admin import SYNC_SECONDS
from veo.runtime import Runtime, build
from veo.services.dispatch import ask as asked
from veo.settings import Settings
from veo.web import create_app
from veo.web.admin import ADMIN

pytestmark = pytest.mark.anyio

TOKEN = "a-token-of-the-tests-ünd-more"
BEARER = {b"authorization": b"Bearer " + TOKEN.encode()}
EVERY = [(e.method, e.path.replace("{key:path}", "crime:E15")) for e in ADMIN]


def settings(**more: Any) -> Settings:
    return Settings(**{"cache": "memory", "admin_token": TOKEN, **more})


@pytest.fixture
def runtime() -> Runtime:
    return build(settings())


@pytest.fixture
async def app(runtime: Runtime) -> FastAPI:
    """Give an app that has answered crime and area of E15."""
    for question, name in (("crime", "area_code"), ("area", "code")):
        await asked(runtime, question, {name: "E15"})
    return create_app(runtime=runtime)


@pytest.fixture
async def admin(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """Give a client that bears the token."""
    async with client(app) as opened:
        opened.headers = httpx.Headers(list(BEARER.items()))
        yield opened


async def data(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def test_what_the_admin_is_told_is_known_again_by_nothing(admin: httpx.AsyncClient) -> None:
    answer = await admin.get("/admin/cache/stats")
    assert (answer.headers["cache-control"], "etag" in answer.headers) == ("no-store", False)


# ---- who may -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), EVERY)
async def test_without_a_token_nobody_may(app: FastAPI, method: str, path: str) -> None:
    refused(await ask(app, method, path), 401, "UNAUTHORIZED")


@pytest.mark.parametrize(("method", "path"), EVERY)
async def test_where_no_token_is_configured_nobody_may(method: str, path: str) -> None:
    app = create_app(Settings(cache="memory"))
    refused(await ask(app, method, path, headers={"Authorization": "Bearer "}), 403, "FORBIDDEN")


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer wrong",
        b"Basic " + TOKEN.encode(),
        TOKEN.encode(),
        b"Bearer " + TOKEN.encode() + b"x",
        b"Bearer " + TOKEN.encode("latin-1"),
        b"Bearer " + TOKEN.encode()[:-1],
        b"Bearer \xff\xfe",
        b"Bearer " + b"x" * 2**20,
    ],
    ids=range(11),
)
async def test_a_wrong_token_opens_nothing(app: FastAPI, runtime: Runtime, header: bytes) -> None:
    answer = await ask(
        app, "POST", "/admin/cache/flush", json={"all": True}, headers=[(b"authorization", header)]
    )
    refused(answer, 401, "UNAUTHORIZED")
    assert await runtime.cache.exists("crime:E15")


async def test_two_tokens_are_none(app: FastAPI) -> None:
    twice = [*BEARER.items(), *BEARER.items()]
    refused(await ask(app, "GET", "/admin/cache/stats", headers=twice), 401, "UNAUTHORIZED")


async def test_a_refusal_names_the_scheme(app: FastAPI) -> None:
    answer = await ask(app, "GET", "/admin/cache/stats")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("scheme", [b"Bearer", b"bearer", b"BEARER"])
async def test_the_scheme_may_be_written_in_any_case(app: FastAPI, scheme: bytes) -> None:
    headers = [(b"authorization", scheme + b" " + TOKEN.encode())]
    assert (await ask(app, "GET", "/admin/cache/stats", headers=headers)).status_code == 200


# ---- what it tells -----------------------------------------------------------------------------------


async def test_stats_tell_the_owners_figures(admin: httpx.AsyncClient) -> None:
    told = await data(await admin.get("/admin/cache/stats"))
    assert (told["cache_hit_rate"], told["daily_api_calls_saved"], told["estimated_cost_savings"]) == (
        0.2,  # an area asks for its crimes, which are there, and for more, which is not
        0,
        0,
    )


async def test_stats_refuse_a_day_that_is_none(admin: httpx.AsyncClient) -> None:
    error = refused(await admin.get("/admin/cache/stats?day=today"), 400, "VALIDATION_ERROR")
    assert error["details"]["errors"] == ["day: must be a date such as 2026-11-24"]


async def test_an_entry_is_told_with_its_life_and_value(admin: httpx.AsyncClient) -> None:
    told = await data(await admin.get("/admin/cache/entries/crime:E15"))
    assert (told["exists"], told["freshness"], told["where"]) == (True, "fresh", "memory")
    assert 0 < told["ttl"] <= 30 * 86_400 < told["usableSeconds"]
    assert told["value"]["data"]["crimeRate"] > 0


async def test_an_entry_is_told_with_its_generations(database: Gateway) -> None:
    runtime = build(settings(cache="auto", upstash_url=database.url, upstash_token=database.token))
    await asked(runtime, "crime", {"area_code": "E15"})
    answer = await ask(create_app(runtime=runtime), "GET", "/admin/cache/entries/crime:E15", headers=BEARER)
    await runtime.cache.close()
    assert {"all", "crime", "area:E15"} <= set((await data(answer))["generations"])


async def test_a_key_without_an_entry_is_told_as_absent(admin: httpx.AsyncClient) -> None:
    told = await data(await admin.get("/admin/cache/entries/crime:E1"))
    assert told == {"key": "crime:E1", "exists": False, "freshness": "absent", "ttl": -2}


async def test_a_key_may_be_given_with_its_prefix(admin: httpx.AsyncClient) -> None:
    told = await data(await admin.get("/admin/cache/entries/veo:v1:crime:E15"))
    assert (told["key"], told["exists"]) == ("crime:E15", True)


async def test_a_key_with_encoded_parts_is_encoded_once_more(
    admin: httpx.AsyncClient, runtime: Runtime
) -> None:
    await asked(runtime, "schools", {"postcode": "E15 1AZ"})
    told = await data(await admin.get(f"/admin/cache/entries/{quote('schools:E15%201AZ')}"))
    assert told["exists"] is True


async def test_a_key_is_not_called_absent_while_the_shared_tier_is_away() -> None:
    address = f"http://127.0.0.1:{free_port()}"
    runtime = build(settings(cache="auto", upstash_url=address, upstash_token="token"))
    answer = await ask(create_app(runtime=runtime), "GET", "/admin/cache/entries/crime:E15", headers=BEARER)
    await runtime.cache.close()
    refused(answer, 502, "EXTERNAL_SERVICE_ERROR")


OUTSIDE = [
    "g:all",
    "n:usd:google:2026-11-24",
    "ledger:2026-11-24",
    "tables:figures",
    "crime:E15!",
    "crime",
    "crime:",
    "other:v1:crime:E15",
    "veo:v2:crime:E15",
    "veo:staging:v1:crime:E15",
    "*",
]


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("key", OUTSIDE)
async def test_a_key_of_no_question_is_refused(admin: httpx.AsyncClient, method: str, key: str) -> None:
    error = refused(await admin.request(method, f"/admin/cache/entries/{key}"), 400, "VALIDATION_ERROR")
    assert error["details"]["errors"][0].startswith("key: must look like area:E15")


# ---- what it changes ---------------------------------------------------------------------------------


async def test_a_deleted_key_is_gone(admin: httpx.AsyncClient, runtime: Runtime) -> None:
    done = await data(await admin.delete("/admin/cache/entries/crime:E15"))
    assert (done["deleted"], await runtime.cache.exists("crime:E15")) == (True, False)


@pytest.mark.parametrize(
    ("body", "left"),
    [
        ({"family": "crime"}, [False, True]),
        ({"family": "area"}, [True, False]),
        ({"area": "e15"}, [False, False]),
        ({"area": "E1"}, [True, True]),
        ({"all": True}, [False, False]),
        ({"all": True, "unknown": 1}, [False, False]),
    ],
)
async def test_a_flush_reaches_what_it_names(
    admin: httpx.AsyncClient, runtime: Runtime, body: dict[str, Any], left: list[bool]
) -> None:
    await data(await admin.post("/admin/cache/flush", json=body))
    assert [await runtime.cache.exists(key) for key in ("crime:E15", "area:E15")] == left


async def test_a_flush_says_within_how_many_seconds_every_container_has_followed(
    admin: httpx.AsyncClient,
) -> None:
    done = await data(await admin.post("/admin/cache/flush", json={"all": True}))
    assert (done["withinSeconds"], done["confirmed"]) == (SYNC_SECONDS, True)


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        (b"", 400, "body: is not valid JSON"),
        (b"{}", 400, "body: must hold exactly one"),
        (b"[]", 400, "body: must be a JSON object"),
        (b'{"all":false}', 400, "all: must be True"),
        (b'{"all":"true"}', 400, "all: must be True"),
        (b'{"all":true,"family":"crime"}', 400, "body: must hold exactly one"),
        (b'{"family":"everything"}', 400, "family: must be one of recommendations"),
        (b'{"family":"all"}', 400, "family: must be one of recommendations"),
        (b'{"family":7}', 400, "family: "),
        (b'{"area":""}', 404, ""),
        (b'{"area":"ZZ9"}', 404, ""),
        (b'{"area":"all"}', 404, ""),
    ],
)
async def test_a_flush_of_nothing_known_is_refused_and_flushes_nothing(
    admin: httpx.AsyncClient, runtime: Runtime, body: bytes, status: int, said: str
) -> None:
    answer = await admin.post("/admin/cache/flush", content=body)
    error = refused(answer, status, {400: "VALIDATION_ERROR", 404: "NOT_FOUND"}[status])
    assert error.get("details", {"errors": [""]})["errors"][0].startswith(said)
    assert await runtime.cache.exists("crime:E15")


async def test_warming_asks_what_is_asked_most(admin: httpx.AsyncClient) -> None:
    assert (await data(await admin.post("/admin/cache/warm")))["computed"] == 36


@pytest.mark.parametrize(("method", "path"), EVERY)
async def test_no_proxy_may_keep_what_the_admin_is_told(
    admin: httpx.AsyncClient, app: FastAPI, method: str, path: str
) -> None:
    for answer in (await admin.request(method, path), await ask(app, method, path)):
        assert answer.headers["cache-control"] == "no-store"


async def test_a_change_is_logged_with_who_and_what(
    admin: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "veo"):
        await admin.post("/admin/cache/flush", json={"family": "crime"})
    (record,) = [record for record in caplog.records if record.__dict__.get("event") == "admin"]
    assert (record.__dict__["operation"], record.__dict__["done"]["flushed"]) == ("flush", "crime")
    assert len(record.__dict__["token"]) == 8


async def test_no_line_of_the_log_holds_the_token(
    admin: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        for method, path in EVERY:
            await admin.request(method, path)
    assert TOKEN not in "".join(str(record.__dict__) for record in caplog.records)


async def test_reading_is_not_logged_as_a_change(
    admin: httpx.AsyncClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "veo"):
        await admin.get("/admin/cache/stats")
    assert not [record for record in caplog.records if record.__dict__.get("event") == "admin"]


# ---- no_cache ----------------------------------------------------------------------------------------

BOUNDARIES = "/api/boundaries/postcode?postcode=E15%201AZ"


async def test_the_admin_may_ask_past_the_cache(admin: httpx.AsyncClient) -> None:
    cached = [(await admin.get(url)).json()["metadata"]["cached"] for url in (BOUNDARIES, BOUNDARIES)]
    anew = (await admin.get(f"{BOUNDARIES}&no_cache=true")).json()["metadata"]
    assert (cached, anew["cached"]) == ([False, True], False)


async def test_an_answer_past_the_cache_is_kept(admin: httpx.AsyncClient, runtime: Runtime) -> None:
    for _ in range(2):
        await admin.get(f"{BOUNDARIES}&no_cache=true")
    assert runtime.cache.stats()["families"]["boundaries"]["computes"] == 2


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
async def test_others_get_what_is_cached_and_are_told_so(app: FastAPI, headers: dict[str, str]) -> None:
    await ask(app, "GET", BOUNDARIES)
    told = (await ask(app, "GET", f"{BOUNDARIES}&no_cache=true", headers=headers)).json()["metadata"]
    assert (told["cached"], told["notices"][-1]) == (True, "no_cache was ignored: it needs the admin token.")
