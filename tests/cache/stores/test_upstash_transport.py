"""The transport below the SDK: what it sends, when it retries, and the error of each fault."""

import asyncio
import gc
import inspect
import subprocess
import sys
import traceback
from collections.abc import AsyncIterator
from typing import Any

import pytest
import upstash_redis
from upstash_redis.asyncio import Redis
from upstash_redis.http import AsyncHttpClient

from tests.support.gateway import HTML, Cut, Gateway
from tests.support.servers import Valkey, free_port, scripted
from veo.cache.stores.protocol import StoreError
from veo.cache.stores.upstash import UpstashStore
from veo.cache.stores.upstash_transport import MAX_ANSWER_BYTES, Transport

pytestmark = pytest.mark.anyio

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n{"result":"PONG"}'


@pytest.fixture
async def store(database: Gateway) -> AsyncIterator[UpstashStore]:
    """Return a store that has no connection yet."""
    store = UpstashStore(database.url, database.token)
    yield store
    await store.close()


@pytest.fixture
async def connected(store: UpstashStore, database: Gateway) -> UpstashStore:
    """Return a store whose next call reuses its connection."""
    await store.ping()
    database.reset()
    return store


async def error_of(store: UpstashStore) -> StoreError:
    """Return the error that a read of one key raises."""
    with pytest.raises(StoreError) as caught:
        await store.mget(["k"])
    return caught.value


# the replaced transport of the SDK


def test_the_sdk_has_the_version_whose_transport_is_replaceable() -> None:
    assert upstash_redis.__version__.startswith("1.8.")


@pytest.mark.parametrize("method", ["execute", "close"])
def test_the_transport_has_the_signatures_of_the_one_it_replaces(method: str) -> None:
    def parameters(owner: type) -> list[tuple[str, Any]]:
        signature = inspect.signature(getattr(owner, method))
        return [(parameter.name, parameter.default) for parameter in signature.parameters.values()]

    assert parameters(Transport) == parameters(AsyncHttpClient)


async def test_an_sdk_with_its_own_transport_reads_what_the_store_wrote(
    store: UpstashStore, database: Gateway
) -> None:
    await store.set("k", "v 🏙")
    async with Redis(database.url, database.token, rest_retries=0) as plain:
        assert await plain.get("k") == "v 🏙"


# what is sent


async def test_a_write_is_one_command(store: UpstashStore, database: Gateway) -> None:
    await store.set("k", "v", px=1000)
    assert database.commands == [["SET", "k", "v", "PX", "1000"]]


async def test_a_read_of_several_keys_is_one_command(store: UpstashStore, database: Gateway) -> None:
    await store.mget(["a", "b"])
    assert database.commands == [["MGET", "a", "b"]]


async def test_a_read_of_no_keys_is_no_command(store: UpstashStore, database: Gateway) -> None:
    await store.mget([])
    assert database.commands == []


async def test_a_claim_is_one_command(store: UpstashStore, database: Gateway) -> None:
    await store.claim("k", "v", px=1000)
    assert database.commands == [["SET", "k", "v", "NX", "GET", "PX", "1000"]]


async def test_a_write_of_several_values_is_one_command(store: UpstashStore, database: Gateway) -> None:
    await store.mset({"a": "1", "b": "2"})
    assert database.commands == [["MSET", "a", "1", "b", "2"]]


async def test_a_write_of_no_values_is_no_command(store: UpstashStore, database: Gateway) -> None:
    await store.mset({})
    assert database.commands == []


async def test_no_header_requests_base64_or_sends_telemetry(store: UpstashStore, database: Gateway) -> None:
    await store.ping()
    assert [name for name in database.requests[0].headers if name.startswith("Upstash")] == []


async def test_consecutive_calls_share_a_connection(store: UpstashStore, database: Gateway) -> None:
    for _ in range(3):
        await store.ping()
    assert len({request.port for request in database.requests}) == 1


async def test_a_proxy_in_the_environment_is_not_used(
    store: UpstashStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("NO_PROXY", "")
    await store.ping()


async def test_a_trailing_slash_of_the_url_is_removed(database: Gateway) -> None:
    store = UpstashStore(f"{database.url}/", database.token)
    await store.ping()
    await store.close()


async def write_and_close(store: UpstashStore) -> None:
    await store.set("k", "v")
    await store.close()


def test_a_store_works_on_a_second_event_loop_after_it_was_closed(database: Gateway) -> None:
    store = UpstashStore(database.url, database.token)
    asyncio.run(write_and_close(store))
    asyncio.run(write_and_close(store))
    assert len(database.commands) == 2


# the sockets of a closed loop cannot be closed any more: collect them here, so that the warning appears here
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_store_that_was_left_open_works_on_a_second_event_loop(database: Gateway) -> None:
    store = UpstashStore(database.url, database.token)
    asyncio.run(store.ping())
    asyncio.run(write_and_close(store))
    gc.collect()
    assert len(database.commands) == 2


# the claim on a server that does not accept NX with GET


async def test_a_rejected_combination_is_claimed_in_two_commands(
    store: UpstashStore, database: Gateway
) -> None:
    database.fault(status=400, error="ERR syntax error")
    assert await store.claim("k", "mine") is None
    assert database.commands[1:] == [["SET", "k", "mine", "NX"]]


async def test_a_claim_in_two_commands_returns_the_existing_value(
    store: UpstashStore, database: Gateway
) -> None:
    await store.set("k", "theirs")
    database.fault(status=400, error="ERR syntax error")
    assert await store.claim("k", "mine") == "theirs"


async def test_a_claim_in_two_commands_expires_after_its_px(
    store: UpstashStore, database: Gateway, valkey: Valkey
) -> None:
    database.fault(status=400, error="ERR syntax error")
    await store.claim("k", "mine", px=60_000)
    assert 50_000 < int(valkey.client.pttl("k")) <= 60_000


async def test_a_claim_in_two_commands_fails_when_the_existing_value_expires_in_between(
    store: UpstashStore, database: Gateway
) -> None:
    database.fault(status=400, error="ERR syntax error")
    database.fault(times=2, body=b'{"result":null}')
    with pytest.raises(StoreError, match="expired before"):
        await store.claim("k", "mine")


@pytest.mark.parametrize(
    ("status", "body"),
    [(400, b'{"error":"NOPERM no right to set"}'), (200, b'{"result":'), (502, HTML)],
    ids=["refused", "garbage", "bad gateway"],
)
async def test_a_claim_is_sent_once_on_any_other_fault(
    store: UpstashStore, database: Gateway, status: int, body: bytes
) -> None:
    database.fault(status=status, body=body)
    with pytest.raises(StoreError):
        await store.claim("k", "mine")
    assert len(database.commands) == 1


# retries


@pytest.mark.parametrize("cut", ["close", "reset"])
async def test_a_read_on_a_connection_that_was_closed_while_idle_is_sent_again(
    connected: UpstashStore, database: Gateway, cut: Cut
) -> None:
    database.fault(cut=cut)
    assert await connected.mget(["k"]) == [None]
    assert len(database.commands) == 2


async def test_a_write_on_a_connection_that_was_closed_while_idle_is_sent_again(
    connected: UpstashStore, database: Gateway
) -> None:
    database.fault(cut="close")
    await connected.set("k", "v")
    assert await connected.mget(["k"]) == ["v"]


async def test_every_idempotent_command_is_sent_again(connected: UpstashStore, database: Gateway) -> None:
    for call in (connected.ping, lambda: connected.mset({"k": "v"})):
        database.fault(cut="close")
        await call()
    assert [command[0] for command in database.commands] == ["PING"] * 2 + ["MSET"] * 2


async def test_a_read_is_sent_again_only_once(connected: UpstashStore, database: Gateway) -> None:
    database.fault(cut="close", times=3)
    assert (await error_of(connected)).kind == "unreachable"
    assert len(database.commands) == 2


@pytest.mark.parametrize("cut", ["close", "reset"])
async def test_nothing_is_sent_again_when_a_new_connection_is_closed(
    store: UpstashStore, database: Gateway, cut: Cut
) -> None:
    database.fault(cut=cut)
    assert (await error_of(store)).kind == "unreachable"
    assert len(database.commands) == 1


@pytest.mark.parametrize("cut", ["truncate", "reset midway"])
async def test_nothing_is_sent_again_once_an_answer_has_begun(
    connected: UpstashStore, database: Gateway, cut: Cut
) -> None:
    database.fault(cut=cut)
    assert (await error_of(connected)).kind == "unreachable"
    assert len(database.commands) == 1


async def test_nothing_is_sent_again_when_a_part_of_the_headers_came() -> None:
    async with scripted(ANSWER, b"HTTP/1.1 200 OK\r\nContent-") as server:
        store = UpstashStore(f"http://127.0.0.1:{server.port}", "token")
        await store.ping()
        assert (await error_of(store)).kind == "unreachable"
        await store.close()
    assert server.connections == 1


async def test_a_claim_is_never_sent_again(connected: UpstashStore, database: Gateway) -> None:
    database.fault(cut="close")
    with pytest.raises(StoreError):
        await connected.claim("k", "v")
    assert len(database.commands) == 1


async def test_a_delete_is_never_sent_again(connected: UpstashStore, database: Gateway) -> None:
    database.fault(cut="close")
    with pytest.raises(StoreError):
        await connected.delete("k")
    assert len(database.commands) == 1


# the error of each fault


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (429, "ERR too many requests", "refused"),
        (400, "ERR max requests limit exceeded. Limit: 500000, Usage: 500000.", "refused"),
        (400, "ERR max daily request limit exceeded. Limit: 10000, Usage: 10000.", "refused"),
        (503, "ERR max requests limit exceeded. Limit: 500000, Usage: 500000.", "refused"),
        (401, "ERR who are you", "refused"),
        (403, "ERR not from this address", "refused"),
        (400, "WRONGPASS invalid or missing auth token", "refused"),
        (400, "NOAUTH authentication required", "refused"),
        (400, "READONLY you cannot write against a read only replica", "refused"),
        (503, "ERR the database is loading", "unreachable"),
        (500, "ERR internal", "unreachable"),
        (400, "ERR max request size exceeded. Limit: 10485760 bytes, Actual: 10485761 bytes.", "failed"),
        (400, "WRONGTYPE operation against a key holding the wrong kind of value", "failed"),
        (200, "ERR any", "failed"),
    ],
)
async def test_an_error_reply_has_a_kind(
    store: UpstashStore, database: Gateway, status: int, error: str, kind: str
) -> None:
    database.fault(status=status, error=error)
    assert (await error_of(store)).kind == kind


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (502, HTML, "unreachable"),
        (500, b"", "unreachable"),
        (401, HTML, "refused"),
        (429, HTML, "refused"),
        (404, HTML, "failed"),
        (302, b"", "failed"),
        (404, b'{"result":["v"]}', "failed"),
        (200, HTML, "failed"),
        (200, b"", "failed"),
        (200, b'{"result":', "failed"),
        (200, b"\xff\xfe", "failed"),
        (200, b"null", "failed"),
        (200, b"{}", "failed"),
        (200, b'[{"result":["v"]}]', "failed"),
        (200, b'{"result":"v"}', "failed"),
        (200, b'{"result":[]}', "failed"),
        (200, b'{"result":[1]}', "failed"),
        (200, b'{"result":null}', "failed"),
        (200, b"[" * 100_000, "failed"),
    ],
)
async def test_an_invalid_answer_has_a_kind(
    store: UpstashStore, database: Gateway, status: int, body: bytes, kind: str
) -> None:
    database.fault(status=status, body=body)
    assert (await error_of(store)).kind == kind


@pytest.mark.parametrize("method", ["set", "claim", "mset", "delete", "hset", "hgetall", "ping"])
async def test_an_answer_of_another_type_is_a_fault(
    store: UpstashStore, database: Gateway, method: str
) -> None:
    calls = {
        "set": lambda: store.set("k", "v"),
        "claim": lambda: store.claim("k", "v"),
        "mset": lambda: store.mset({"k": "v"}),
        "delete": lambda: store.delete("k"),
        "hset": lambda: store.hset("k", "f", "v", 1),
        "hgetall": lambda: store.hgetall("k"),
        "ping": store.ping,
    }
    database.fault(body=b'{"result":true}')
    with pytest.raises(StoreError) as caught:
        await calls[method]()
    assert caught.value.kind == "failed"


@pytest.mark.parametrize("body", ['{"result":["f"]}', '{"result":["f",1]}', '{"result":[["f"],"v"]}'])
async def test_a_hash_of_another_shape_is_a_fault(store: UpstashStore, database: Gateway, body: str) -> None:
    database.fault(body=body.encode())
    with pytest.raises(StoreError):
        await store.hgetall("k")


async def test_a_hash_whose_expiry_cannot_be_set_is_a_fault(store: UpstashStore, database: Gateway) -> None:
    database.fault(body=b'{"result":1}')
    with pytest.raises(StoreError, match="PEXPIRE"):
        await store.hset("absent", "f", "v", 1)


async def test_a_redirect_is_not_followed(database: Gateway) -> None:
    elsewhere = f"HTTP/1.1 307 Moved\r\nLocation: {database.url}\r\nContent-Length: 0\r\n\r\n"
    async with scripted(elsewhere.encode()) as server:
        store = UpstashStore(f"http://127.0.0.1:{server.port}", database.token)
        assert (await error_of(store)).kind == "failed"
        await store.close()
    assert database.commands == []


async def test_an_answer_that_is_not_http_is_unreachable() -> None:
    async with scripted(b"-ERR not here\r\n\r\n") as server:
        store = UpstashStore(f"http://127.0.0.1:{server.port}", "token")
        assert (await error_of(store)).kind == "unreachable"
        await store.close()


async def test_an_answer_beyond_the_size_limit_is_rejected(store: UpstashStore, database: Gateway) -> None:
    database.fault(body=b" " * (MAX_ANSWER_BYTES + 1))
    assert "larger than" in str(await error_of(store))


async def test_a_wrong_token_is_refused(database: Gateway) -> None:
    store = UpstashStore(database.url, "wrong")
    assert (await error_of(store)).kind == "refused"
    await store.close()


async def test_a_write_with_the_read_only_token_is_refused(database: Gateway) -> None:
    store = UpstashStore(database.url, database.ro_token)
    with pytest.raises(StoreError) as caught:
        await store.set("k", "v")
    await store.close()
    assert caught.value.kind == "refused"


async def test_a_stalled_answer_is_unreachable_after_the_time_limit(database: Gateway) -> None:
    store = UpstashStore(database.url, database.token, timeout=0.05)
    database.fault(delay=3600)
    assert (await error_of(store)).kind == "unreachable"
    await store.close()


async def test_an_error_names_the_command_the_status_and_the_message(
    store: UpstashStore, database: Gateway
) -> None:
    database.fault(status=400, error="ERR no such thing")
    assert str(await error_of(store)) == "MGET: HTTP 400: ERR no such thing"


# secrets and limits of error messages


async def test_a_token_that_the_server_repeats_is_redacted(store: UpstashStore, database: Gateway) -> None:
    database.fault(status=400, error=f"ERR bad token {database.token}")
    assert str(await error_of(store)) == "MGET: HTTP 400: ERR bad token ***"


async def test_a_command_that_the_server_repeats_is_removed(store: UpstashStore, database: Gateway) -> None:
    database.fault(status=400, error='ERR odd, command was: ["MGET","k"]')
    assert str(await error_of(store)) == "MGET: HTTP 400: ERR odd"


async def test_a_long_error_is_cut(store: UpstashStore, database: Gateway) -> None:
    database.fault(status=400, error="x" * 10_000)
    assert len(str(await error_of(store))) < 300


async def test_an_error_has_no_cause_that_holds_the_token() -> None:
    async with scripted(b"-ERR not here\r\n\r\n") as server:
        store = UpstashStore(f"http://127.0.0.1:{server.port}", "token-of-mine")
        error = await error_of(store)
        await store.close()
    assert "ClientResponseError:" not in "".join(traceback.format_exception(error))


def test_the_repr_does_not_show_the_token() -> None:
    assert "token-of-mine" not in repr(UpstashStore("https://x.upstash.io", "token-of-mine"))


# the URL and the token


@pytest.mark.parametrize(
    "url",
    [
        "",
        "x.upstash.io",
        "//x.upstash.io",
        "https://",
        "https:///path",
        "redis://x.upstash.io",
        "https://[::1",
        "https://x.upstash.io:port",
        "https://user:secret@x.upstash.io",
        "https://x.upstash.io?_token=secret",
        "https://x.upstash.io#secret",
        "https://x.upstash.io ",
    ],
)
def test_an_invalid_url_is_rejected_by_the_name_of_its_setting(url: str) -> None:
    with pytest.raises(ValueError, match=r"^UPSTASH_REDIS_REST_URL must have the form"):
        UpstashStore(url, "token")


@pytest.mark.parametrize(
    "url",
    [
        "http://x.upstash.io",
        "HTTP://x.upstash.io",
        "http://10.0.0.5",
        "http://0.0.0.0",
        "http://localhost.example",
        "http://[2001:db8::1]",
    ],
)
def test_the_token_is_never_sent_unencrypted_to_another_machine(url: str) -> None:
    with pytest.raises(ValueError, match=r"^UPSTASH_REDIS_REST_URL must begin with https://"):
        UpstashStore(url, "token")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.9:80",
        "HTTP://[::1]/",
        "https://x.upstash.io/prefix/",
        "http://[::1]:80",
        "http://localhost",
        "https://10.0.0.5",
    ],
)
def test_http_to_this_machine_and_https_to_any_is_accepted(url: str) -> None:
    UpstashStore(url, "token")


@pytest.mark.parametrize("token", ["", "to ken", "token\n", "tökén"])
def test_a_token_that_does_not_fit_a_header_is_rejected_without_quoting_it(token: str) -> None:
    with pytest.raises(ValueError, match=r"^UPSTASH_REDIS_REST_TOKEN is empty or contains"):
        UpstashStore("https://x.upstash.io", token)


def test_importing_the_store_imports_no_http_client() -> None:
    clients = "{'aiohttp', 'httpx', 'upstash_redis'}"
    code = f"import sys, veo.cache.stores.upstash; print({clients} & set(sys.modules))"
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603  # a fixed command
    assert process.stdout == "set()\n"
