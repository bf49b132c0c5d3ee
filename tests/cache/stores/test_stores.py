"""The contract of `Store`, met by every store on real servers, and their faults."""

import asyncio
import gc
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable

import pytest

from tests.support.chaos import ChaosStore, Fault
from tests.support.gateway import Gateway
from tests.support.servers import Valkey, free_port, scripted
from veo.cache.stores.protocol import Store, StoreError
from veo.cache.stores.redis import RedisStore
from veo.cache.stores.upstash import UpstashStore

pytestmark = pytest.mark.anyio

LONG = '{"p":{"name":"Stratford “E15” 🏙","quote":"\\"\\\\\\n"}}' * 800  # 38 kB


@pytest.fixture(params=["memory", "upstash", "redis"])
async def store(request: pytest.FixtureRequest, database: Gateway, valkey: Valkey) -> AsyncIterator[Store]:
    """Return one store of each kind over an empty database."""
    stores: dict[str, Store] = {
        "memory": ChaosStore(time.time),
        "upstash": UpstashStore(database.url, database.token),
        "redis": RedisStore(valkey.url),
    }
    chosen = stores[request.param]
    yield chosen
    await chosen.close()


@pytest.fixture
def ttl_ms(store: Store, valkey: Valkey) -> Callable[[str], int]:
    """Return a function that reads the time to live of a key as PTTL does."""
    return store.ttl_ms if isinstance(store, ChaosStore) else lambda key: int(valkey.client.pttl(key))


@pytest.fixture(params=["upstash", "redis"])
def network(request: pytest.FixtureRequest) -> str:
    """Name each store that uses a network."""
    return str(request.param)


@pytest.fixture
async def remote(network: str, database: Gateway, valkey: Valkey) -> AsyncIterator[Store]:
    """Return that store over an empty database."""
    store: Store = (
        RedisStore(valkey.url) if network == "redis" else UpstashStore(database.url, database.token)
    )
    yield store
    await store.close()


def at(network: str, port: int, *, timeout: float = 2.0) -> Store:
    """Return a store for a port of this machine."""
    if network == "redis":
        return RedisStore(f"redis://127.0.0.1:{port}", timeout=timeout)
    return UpstashStore(f"http://127.0.0.1:{port}", "token", timeout=timeout)


async def fault_of(store: Store) -> str:
    """Return the kind of the error that a read raises."""
    with pytest.raises(StoreError) as caught:
        await store.mget(["k"])
    await store.close()
    return caught.value.kind


# the contract


@pytest.mark.parametrize("value", ["", "OK", "naïve 🏙", "null", '"q"\\\n\x00', LONG], ids=range(6))
async def test_a_value_comes_back_as_it_was_written(store: Store, value: str) -> None:
    await store.set("k", value)
    assert await store.mget(["k"]) == [value]


async def test_a_hash_is_read_back_whole(store: Store) -> None:
    await store.hset("h", "one", LONG, 60_000)
    await store.hset("h", "two", "naïve 🏙", 60_000)
    assert await store.hgetall("h") == {"one": LONG, "two": "naïve 🏙"}


async def test_a_field_is_overwritten(store: Store) -> None:
    await store.hset("h", "one", "old", 60_000)
    await store.hset("h", "one", "new", 60_000)
    assert await store.hgetall("h") == {"one": "new"}


async def test_a_hash_that_is_absent_has_no_fields(store: Store) -> None:
    assert await store.hgetall("h") == {}


async def test_a_new_field_sets_the_expiry_of_its_hash(store: Store, ttl_ms: Callable[[str], int]) -> None:
    await store.hset("h", "one", "v", 60_000)
    assert 50_000 < ttl_ms("h") <= 60_000


async def test_overwriting_a_field_keeps_the_expiry_of_its_hash(
    store: Store, ttl_ms: Callable[[str], int]
) -> None:
    await store.hset("h", "one", "v", 60_000)
    await store.hset("h", "one", "v", 600_000)
    assert ttl_ms("h") <= 60_000


async def test_reading_a_hash_from_another_type_is_a_fault(remote: Store) -> None:
    await remote.set("h", "text")
    with pytest.raises(StoreError):
        await remote.hgetall("h")


async def test_a_key_may_hold_any_text(store: Store) -> None:
    await store.set("veo:v1:a%3Ab/🏙 NX", "v")
    assert await store.mget(["veo:v1:a%3Ab/🏙 NX"]) == ["v"]


async def test_mget_keeps_the_order_of_the_keys_and_returns_none_for_an_absent_one(store: Store) -> None:
    await store.set("a", "1")
    await store.set("b", "2")
    assert await store.mget(["b", "absent", "a"]) == ["2", None, "1"]


async def test_mget_of_no_keys_is_empty(store: Store) -> None:
    assert await store.mget([]) == []


async def test_a_later_write_replaces_an_earlier_one(store: Store) -> None:
    await store.set("k", "old")
    await store.set("k", "new")
    assert await store.mget(["k"]) == ["new"]


async def test_px_is_the_time_to_live_in_milliseconds(store: Store, ttl_ms: Callable[[str], int]) -> None:
    await store.set("k", "v", px=60_000)
    assert 50_000 < ttl_ms("k") <= 60_000


async def test_a_value_is_absent_after_its_expiry(store: Store) -> None:
    await store.set("k", "v", px=1)
    while (values := await store.mget(["k"])) == ["v"]:
        pass
    assert values == [None]


async def test_a_write_without_px_removes_an_earlier_expiry(
    store: Store, ttl_ms: Callable[[str], int]
) -> None:
    await store.set("k", "v", px=60_000)
    await store.set("k", "v")
    assert ttl_ms("k") == -1


async def test_the_first_claim_wins(store: Store) -> None:
    assert await store.claim("k", "mine") is None


async def test_a_successful_claim_is_stored(store: Store) -> None:
    await store.claim("k", "mine")
    assert await store.mget(["k"]) == ["mine"]


async def test_a_later_claim_returns_the_existing_value(store: Store) -> None:
    await store.claim("k", "mine")
    assert await store.claim("k", "yours") == "mine"


async def test_a_failed_claim_changes_nothing(store: Store, ttl_ms: Callable[[str], int]) -> None:
    await store.claim("k", "mine", px=60_000)
    await store.claim("k", "yours")
    assert (await store.mget(["k"]), ttl_ms("k") > 0) == (["mine"], True)


async def test_a_claim_expires_after_its_px(store: Store, ttl_ms: Callable[[str], int]) -> None:
    await store.claim("k", "mine", px=60_000)
    assert 50_000 < ttl_ms("k") <= 60_000


async def test_a_claim_without_px_never_expires(store: Store, ttl_ms: Callable[[str], int]) -> None:
    await store.claim("k", "mine")
    assert ttl_ms("k") == -1


async def test_mset_writes_every_value(store: Store) -> None:
    await store.mset({"a": "1", "b": "2"})
    assert await store.mget(["a", "b"]) == ["1", "2"]


async def test_mset_of_nothing_is_no_error(store: Store) -> None:
    await store.mset({})


async def test_delete_returns_true_for_an_existing_key(store: Store) -> None:
    await store.set("k", "v")
    assert await store.delete("k") is True


async def test_delete_returns_false_for_an_absent_key(store: Store) -> None:
    assert await store.delete("k") is False


async def test_a_deleted_key_is_absent(store: Store) -> None:
    await store.set("k", "v")
    await store.delete("k")
    assert await store.mget(["k"]) == [None]


async def test_additions_sum_up(store: Store) -> None:
    assert [await store.add("n", amount, 60_000) for amount in (3, 4, -2)] == [3, 7, 5]


async def test_the_first_addition_sets_the_expiry(store: Store, ttl_ms: Callable[[str], int]) -> None:
    await store.add("n", 3, 60_000)
    await store.add("n", 4, 600_000)
    assert 55_000 < ttl_ms("n") <= 60_000


async def test_adding_to_a_text_is_a_fault(remote: Store) -> None:
    await remote.set("n", "words")
    with pytest.raises(StoreError):
        await remote.add("n", 1, 60_000)


async def test_a_first_addition_without_an_expiry_is_a_fault(database: Gateway) -> None:
    """An addition is two commands on Upstash; the key may be gone at the second."""
    store = UpstashStore(database.url, database.token)
    database.fault(body=b'{"result":1}')  # nothing is written, so that there is no key to expire
    with pytest.raises(StoreError, match="PEXPIRE"):
        await store.add("n", 1, 60_000)
    await store.close()


async def test_ping_succeeds_when_the_store_answers(store: Store) -> None:
    await store.ping()


async def test_a_store_may_be_closed_twice(store: Store) -> None:
    await store.ping()
    await store.close()
    await store.close()


async def test_a_store_may_be_closed_before_its_first_call(store: Store) -> None:
    await store.close()


async def test_a_closed_store_opens_again_on_the_next_call(store: Store) -> None:
    await store.set("k", "v")
    await store.close()
    await store.set("k", "w")
    assert await store.mget(["k"]) == ["w"]


# over a network


async def test_a_key_of_another_type_reads_as_absent(remote: Store, valkey: Valkey) -> None:
    valkey.client.lpush("list", "x")
    assert await remote.mget(["list"]) == [None]


async def test_a_claim_on_a_key_of_another_type_fails(remote: Store, valkey: Valkey) -> None:
    valkey.client.lpush("list", "x")
    with pytest.raises(StoreError) as caught:
        await remote.claim("list", "v")
    assert caught.value.kind == "failed"


async def test_a_lone_surrogate_cannot_be_written(remote: Store) -> None:
    with pytest.raises(StoreError) as caught:
        await remote.set("k", "\ud800")
    assert caught.value.kind == "failed"


async def test_the_store_is_usable_after_a_value_that_cannot_be_written(remote: Store) -> None:
    with pytest.raises(StoreError):
        await remote.set("k", "\ud800")
    await remote.set("k", "v")
    assert await remote.mget(["k"]) == ["v"]


async def test_concurrent_reads_each_get_their_own_answer(remote: Store) -> None:
    await remote.mset({str(n): str(n) for n in range(100)})
    answers = await asyncio.gather(*(remote.mget([str(n)]) for n in range(100)))
    assert answers == [[str(n)] for n in range(100)]


async def test_a_refused_connection_is_unreachable(network: str) -> None:
    assert await fault_of(at(network, free_port())) == "unreachable"


async def test_a_server_that_hangs_up_at_once_is_unreachable(network: str) -> None:
    async with scripted() as server:
        assert await fault_of(at(network, server.port)) == "unreachable"


async def test_a_server_that_never_answers_is_unreachable_after_the_time_limit(network: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        assert await fault_of(at(network, port, timeout=0.05)) == "unreachable"


async def test_a_cancelled_call_leaves_the_store_usable(remote: Store, valkey: Valkey) -> None:
    await remote.set("k", "v")
    valkey.client.client_pause(60_000, all=False)  # writes wait
    try:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(remote.set("k", "w"), 0.05)
    finally:
        valkey.client.client_unpause()
    assert await remote.mget(["absent"]) == [None]


async def test_a_stopped_server_is_unreachable(remote: Store, valkey: Valkey) -> None:
    await remote.ping()
    valkey.stop()
    try:
        with pytest.raises(StoreError) as caught:
            await remote.mget(["k"])
    finally:
        valkey.start()
    assert caught.value.kind == "unreachable"


async def test_a_restarted_server_is_reached_again(remote: Store, valkey: Valkey) -> None:
    await remote.ping()
    valkey.stop()
    valkey.start()
    await remote.ping()


# only the Redis protocol


async def redis_fault(url: str) -> StoreError:
    """Return the error that a write raises."""
    store = RedisStore(url)
    with pytest.raises(StoreError) as caught:
        await store.set("k", "v")
    await store.close()
    return caught.value


async def test_a_read_on_a_closed_connection_is_sent_once_more(valkey: Valkey) -> None:
    store = RedisStore(valkey.url)
    await store.set("k", "v")
    valkey.client.client_kill_filter(_type="normal", skipme=True)
    assert await store.mget(["k"]) == ["v"]
    await store.close()


async def test_a_claim_on_a_closed_connection_is_not_sent_again() -> None:
    async with scripted(b"+PONG\r\n", b"") as server:
        store = at("redis", server.port)
        await store.ping()
        with pytest.raises(StoreError):
            await store.claim("k", "v")
        await store.close()
    assert server.connections == 1


async def test_a_read_is_sent_at_most_twice() -> None:
    async with scripted(b"") as server:
        assert await fault_of(at("redis", server.port)) == "unreachable"
    assert server.connections == 2


async def test_a_wrong_password_is_tried_once() -> None:
    async with scripted(b"-WRONGPASS invalid username-password pair\r\n") as server:
        error = await redis_fault(f"redis://u:p@127.0.0.1:{server.port}")
    assert (error.kind, server.connections) == ("refused", 1)


# the sockets of a closed loop cannot be closed any more: collect them here, so that the warning appears here
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_store_that_was_left_open_works_on_a_second_event_loop(valkey: Valkey) -> None:
    store = RedisStore(valkey.url)

    async def ping_and_close() -> None:
        await store.ping()
        await store.close()

    asyncio.run(store.ping())
    asyncio.run(ping_and_close())
    gc.collect()


async def test_a_reset_in_the_middle_of_an_answer_is_unreachable() -> None:
    async with scripted(b"*1\r\n$100\r\nabc") as server:
        assert await fault_of(at("redis", server.port)) == "unreachable"


async def test_an_answer_outside_the_redis_protocol_is_a_fault() -> None:
    async with scripted(b"HTTP/1.1 400 Bad Request\r\n\r\n") as server:
        assert await fault_of(at("redis", server.port)) in {"failed", "unreachable"}


async def test_bytes_that_are_not_utf_8_read_as_absent(valkey: Valkey) -> None:
    valkey.client.set("k", b"\xff\xfe")
    store = RedisStore(valkey.url)
    assert await store.mget(["k"]) == [None]
    await store.close()


async def test_a_wrong_password_is_refused(valkey: Valkey) -> None:
    error = await redis_fault(f"redis://nobody:wrong-password@127.0.0.1:{valkey.port}")
    assert error.kind == "refused"


async def test_a_user_without_write_permission_is_refused(valkey: Valkey) -> None:
    valkey.client.acl_setuser("reader", enabled=True, passwords=["+pw"], categories=["+@read"], keys=["*"])
    assert (await redis_fault(f"redis://reader:pw@127.0.0.1:{valkey.port}")).kind == "refused"


async def test_a_read_only_replica_is_refused() -> None:
    async with scripted(b"-READONLY You can't write against a read only replica.\r\n") as server:
        assert (await redis_fault(f"redis://127.0.0.1:{server.port}")).kind == "refused"


async def test_an_error_quotes_the_server_message(database: Gateway, valkey: Valkey) -> None:
    del database
    valkey.client.lpush("list", "x")
    store = RedisStore(valkey.url)
    with pytest.raises(StoreError, match="SET NX GET: WRONGTYPE"):
        await store.claim("list", "v")
    await store.close()


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:6379",
        "http://127.0.0.1",
        "redis://",
        "redis://:secret@",
        "redis://:sec/ret@host",
        "redis://:secret@host:port",
        "redis://:secret@host/name",
        "redis://:secret@host?db=1",
    ],
)
def test_an_invalid_url_is_rejected_by_the_name_of_its_setting(url: str) -> None:
    with pytest.raises(ValueError, match=r"^REDIS_URL must") as caught:
        RedisStore(url)
    assert "sec" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["redis://10.0.0.5", "rediss://:pw@db.example.com:6380/2", "redis://[::1]:6379/"]
)
def test_a_valid_url_is_accepted(url: str) -> None:
    RedisStore(url)


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis.asyncio", None)
    with pytest.raises(ImportError, match=r"veo\[redis\]"):
        RedisStore("redis://127.0.0.1")


# the in-process store with injected faults


async def test_a_write_that_is_lost_is_acknowledged_and_absent() -> None:
    store = ChaosStore(time.time)
    store.fault(Fault(lost=True))
    await store.set("k", "v")
    assert await store.mget(["k"]) == [None]


async def test_a_fault_of_one_method_leaves_the_others_working() -> None:
    store = ChaosStore(time.time)
    store.fault(Fault(kind="refused"), method="set")
    assert await store.mget(["k"]) == [None]


async def test_a_lagging_replica_returns_the_older_value() -> None:
    now = 0.0
    store = ChaosStore(lambda: now)
    await store.set("k", "old")
    now, store.lag = 10.0, 5.0
    await store.set("k", "new")
    assert await store.mget(["k"]) == ["old"]


async def test_a_claim_is_decided_by_the_primary_despite_lag() -> None:
    store = ChaosStore(time.time)
    store.lag = 5.0
    await store.claim("k", "mine")
    assert await store.claim("k", "yours") == "mine"


async def test_a_store_that_is_down_counts_its_calls() -> None:
    store = ChaosStore(time.time)
    store.down = True
    with pytest.raises(StoreError):
        await store.ping()
    assert store.count("ping") == 1


async def test_a_field_that_is_not_utf_8_is_left_out(valkey: Valkey) -> None:
    valkey.client.hset("h", "f", b"\xff\xfe")
    store = RedisStore(valkey.url)
    assert await store.hgetall("h") == {}
    await store.close()
