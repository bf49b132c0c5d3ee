"""The cache on real parts: the SDK over Veo's transport, an HTTP gateway like Upstash's, a Valkey."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import pytest

from tests.support.fleet import Draws, Fact, Upstream, policy
from tests.support.gateway import HTML, Gateway
from tests.support.servers import Valkey
from veo.cache import Cache, CachedFunction, Policy, StoreError
from veo.cache.stores.upstash import UpstashStore

pytestmark = pytest.mark.anyio

KEY = "cache:v1:fact:E15"


class Chain:
    """Containers on one database and one source that records its calls."""

    def __init__(self, gateway: Gateway, stack: AsyncExitStack) -> None:
        self.upstream, self.gateway, self._stack = Upstream(), gateway, stack

    def container(
        self, rules: Policy | None = None, **more: Any
    ) -> tuple[Cache, CachedFunction[[str], Fact]]:
        """Return one more container of the fleet."""
        patient = {"read_timeout": 10.0, "write_timeout": 10.0}  # a busy machine is not a fault
        store = UpstashStore(self.gateway.url, self.gateway.token, timeout=10.0)
        cache = Cache(store, rng=Draws(), **{**patient, **more})
        self._stack.push_async_callback(cache.close)
        return cache, cache.cached(rules or policy())(self.upstream.fetch)


@pytest.fixture
async def chain(database: Gateway) -> AsyncIterator[Chain]:
    async with AsyncExitStack() as stack:
        yield Chain(database, stack)


async def filled(chain: Chain) -> None:
    """Have one container fill the database."""
    cache, fact = chain.container()
    await fact("E15")
    await cache.drain(10)


async def test_a_second_container_answers_from_the_shared_tier(chain: Chain) -> None:
    await filled(chain)
    _, fact = chain.container()
    assert ((await fact.lookup("E15")).origin, chain.upstream.calls) == ("shared", ["E15"])


async def test_a_shared_hit_is_one_command(chain: Chain) -> None:
    await filled(chain)
    _, fact = chain.container()
    chain.gateway.requests.clear()
    await fact("E15")
    assert [command[0] for command in chain.gateway.commands] == ["MGET"]


async def test_the_ttl_in_the_database_is_the_time_until_unusable(chain: Chain, valkey: Valkey) -> None:
    await filled(chain)
    usable_until = json.loads(stored(valkey))["s"]
    left = int(valkey.client.pttl(KEY))
    now = await chain_time(valkey)
    assert left == pytest.approx(usable_until - now, abs=100)


def stored(valkey: Valkey) -> str:
    """Return the envelope stored in the database."""
    value = valkey.client.get(KEY)
    assert isinstance(value, bytes)
    return value.decode()


async def chain_time(valkey: Valkey) -> float:
    """Return the server's own time in milliseconds."""
    seconds, micros = valkey.client.time()
    return float(seconds) * 1000 + float(micros) / 1000


async def test_an_expired_key_is_gone(chain: Chain, valkey: Valkey) -> None:
    await filled(chain)
    valkey.client.pexpireat(KEY, 1)
    _, fact = chain.container()
    assert (await fact.lookup("E15")).origin == "source"


async def test_the_envelope_ends_in_its_payload(chain: Chain, valkey: Valkey) -> None:
    await filled(chain)
    assert stored(valkey).endswith(',"p":{"code":"E15","number":1}}')


async def test_a_flush_reaches_a_container_started_later(chain: Chain) -> None:
    cache, fact = chain.container()
    await fact("E15")
    await cache.drain(10)
    assert await cache.flush(tag="area:E15")
    _, later = chain.container()
    assert (await later.lookup("E15")).origin == "source"


async def test_an_invalidated_key_reaches_a_container_started_later(chain: Chain) -> None:
    cache, fact = chain.container()
    await fact("E15")
    await cache.drain(10)
    assert await fact.invalidate("E15")
    _, later = chain.container()
    assert (await later.lookup("E15")).origin == "source"


async def test_twenty_keys_at_once_are_one_command(chain: Chain) -> None:
    calls = [(f"E{number}",) for number in range(20)]
    cache, fact = chain.container()
    await fact.many(calls)
    await cache.drain(10)
    _, other = chain.container()
    chain.gateway.requests.clear()
    await other.many(calls)
    assert [command[0] for command in chain.gateway.commands] == ["MGET"]


async def test_two_containers_call_a_fleet_once_source_once(chain: Chain) -> None:
    chain.upstream.delay = 0.05
    (_, one), (_, other) = (chain.container(policy(fleet_once=True)) for _ in range(2))
    facts = await asyncio.gather(one("E15"), other("E15"))
    assert ([fact.number for fact in facts], chain.upstream.calls) == ([1, 1], ["E15"])


async def test_the_six_operations_work(chain: Chain) -> None:
    (cache, _), (other, _) = chain.container(), chain.container()
    done = [
        await cache.set("note:1", {"a": 1}, timedelta(minutes=1)),
        await other.get("note:1"),
        await other.exists("note:1"),
        await other.ttl("note:1") > 50,
        await cache.delete("note:1"),
        await cache.flush(family="note"),
        await other.exists("note:1"),
    ]
    assert done == [True, {"a": 1}, True, True, True, True, False]


@pytest.mark.parametrize(
    "fault",
    [
        {"cut": "close"},
        {"cut": "reset"},
        {"cut": "truncate"},
        {"cut": "reset midway"},
        {"delay": 3600},
        {"status": 401, "error": "WRONGPASS invalid or missing auth token"},
        {"status": 429, "error": "ERR max requests limit exceeded"},
        {"status": 503, "error": "ERR upstream"},
        {"status": 502, "body": HTML},
        {"body": b'{"result":'},
        {"body": b'{"result":7}'},
        {"body": b'{"result":["one"]}'},
        {"body": b"[]"},
        {"body": b"\xff\xfe"},
        {"status": 400, "error": "NOPERM this user has no permissions"},
    ],
    ids=str,
)
async def test_a_fault_of_the_tier_fails_no_answer(chain: Chain, fault: dict[str, Any]) -> None:
    await filled(chain)
    _, fact = chain.container(first_timeout=0.3, read_timeout=0.3)
    chain.gateway.fault(times=50, **fault)
    hit = await fact.lookup("E15")
    chain.gateway.reset()
    assert (hit.value.number, hit.origin) == (2, "source")


async def test_a_keep_alive_connection_closed_by_the_server_is_reopened(chain: Chain) -> None:
    await filled(chain)
    cache, fact = chain.container()
    await cache.preload()
    chain.gateway.fault(cut="close")
    assert (await fact.lookup("E15")).origin == "shared"


async def test_an_over_limit_answer_opens_the_breaker(chain: Chain) -> None:
    cache, fact = chain.container()
    chain.gateway.fault(times=50, status=400, error="ERR max requests limit exceeded. Limit: 500000")
    await fact("E15")
    assert cache.stats()["shared"]["breaker"] == "open"


async def test_a_value_of_another_type_under_the_key_is_a_miss_that_is_overwritten(
    chain: Chain, valkey: Valkey
) -> None:
    valkey.client.rpush(KEY, "a list")
    await filled(chain)
    assert valkey.client.type(KEY) == b"string"


async def test_valkey_gone_and_back_changes_no_answer(chain: Chain, valkey: Valkey) -> None:
    await filled(chain)
    _, fact = chain.container()
    await fact("E15")
    valkey.stop()
    try:
        numbers = [(await fact("E15")).number, (await fact("N1")).number]
    finally:
        valkey.start()
    assert numbers == [1, 2]


async def test_a_read_only_token_serves_reads_and_keeps_writes_in_memory(
    chain: Chain, database: Gateway
) -> None:
    await filled(chain)
    cache = Cache(UpstashStore(database.url, database.ro_token), rng=Draws(), read_timeout=10.0)
    fact = cache.cached(policy())(chain.upstream.fetch)
    origins = [(await fact.lookup(code)).origin for code in ("E15", "N1", "N1")]
    await cache.close()
    assert origins == ["shared", "source", "memory"]


async def test_no_token_is_ever_shown(chain: Chain, caplog: pytest.LogCaptureFixture) -> None:
    store = UpstashStore(chain.gateway.url, "a-secret-token")
    with pytest.raises(StoreError) as caught:
        await store.mget(["x"])
    await store.close()
    assert "a-secret-token" not in f"{caught.value!r}{caught.value.__cause__!r}{store!r}{caplog.text}"
