"""The HTTP client of providers over time: limits, waits, pauses and slots, in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import pytest
import stamina

from tests.support.virtual_time import VirtualTimeLoop
from veo.errors import BadAnswer, ProviderError, RateLimited, Unavailable
from veo.sources.http.client import MAX_RETRY_AFTER, STREAM_LIMIT, Upstream
from veo.sources.http.deadline import within
from veo.sources.http.provider import Provider

pytestmark = pytest.mark.anyio

EXAMPLE = Provider("example", "https://provider.example", "examples", timeout=5.0)
PAUSED = "example: rate limited, so not called yet"
FAILED = "example: not called, because its last calls failed"


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": VirtualTimeLoop}


@pytest.fixture(autouse=True)
def waiting_between_tries() -> Iterator[None]:
    """Wait between tries as in production: in virtual time this takes no time."""
    with stamina.set_testing(False):
        yield


def now() -> float:
    return asyncio.get_running_loop().time()


class Network:
    """Answers in place of a network, first from `script`, then with `status`; `calls` holds their times."""

    def __init__(self) -> None:
        self.script: list[httpx.Response | Exception] = []
        self.status, self.body, self.delay = 200, b"{}", 0.0
        self.calls: list[float] = []
        self.open = self.most_open = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        del request
        self.calls.append(now())
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            await asyncio.sleep(self.delay)
        finally:
            self.open -= 1
        answer = self.script.pop(0) if self.script else httpx.Response(self.status, content=self.body)
        if isinstance(answer, Exception):
            raise answer
        return answer


def limited(seconds: int) -> httpx.Response:
    return httpx.Response(429, headers={"Retry-After": str(seconds)})


@pytest.fixture
def network() -> Network:
    return Network()


@pytest.fixture
async def upstream_with(network: Network) -> AsyncIterator[Callable[..., Upstream]]:
    """A function that creates an upstream with some properties of its provider changed."""
    async with httpx.AsyncClient(transport=httpx.MockTransport(network), timeout=None) as client:  # noqa: S113  # as in production, where each try is timed
        yield lambda **more: Upstream(EXAMPLE._replace(**more), EXAMPLE.base, lambda: client)


@pytest.fixture
def example(upstream_with: Callable[..., Upstream]) -> Upstream:
    return upstream_with()


async def error_of(upstream: Upstream) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await upstream.json("/")
    return caught.value


async def fails(upstream: Upstream, network: Network, status: int, times: int = 1) -> None:
    """Make a number of calls that end with a status."""
    network.status = status
    for _ in range(times):
        await error_of(upstream)
    network.status = 200


# waits between tries


async def test_an_answer_within_the_time_limit_is_returned(example: Upstream, network: Network) -> None:
    network.delay = 4.9
    assert (await example.json("/")).data == {}


async def test_a_late_answer_is_unavailable_and_not_retried(example: Upstream, network: Network) -> None:
    network.delay = 60
    assert str(await error_of(example)) == "example: no answer within 5.0 s"
    assert (now(), len(network.calls)) == (5.0, 1)


async def test_three_tries_wait_less_than_two_seconds(example: Upstream, network: Network) -> None:
    network.status = 503
    await error_of(example)
    assert (len(network.calls), 0 < now() < 2) == (3, True)


async def test_a_failed_connection_is_tried_three_times(example: Upstream, network: Network) -> None:
    network.script = [httpx.ConnectError("refused")] * 3
    await error_of(example)
    assert len(network.calls) == 3


async def test_a_connection_that_breaks_while_read_is_tried_once(example: Upstream, network: Network) -> None:
    network.script = [httpx.ReadError("reset")]
    await error_of(example)
    assert len(network.calls) == 1


@pytest.mark.parametrize("seconds", [1, 4])
async def test_a_short_retry_after_is_waited_for_exactly(
    example: Upstream, network: Network, seconds: int
) -> None:
    network.script = [limited(seconds)]
    await example.json("/")
    assert network.calls == [0.0, seconds]


async def test_a_longer_retry_after_is_raised_at_once(example: Upstream, network: Network) -> None:
    network.script = [limited(5)]
    error = await error_of(example)
    assert isinstance(error, RateLimited)
    assert (error.retry_after, now()) == (5.0, 0.0)


# pauses after a rate limit


async def test_a_rate_limited_provider_is_paused_for_its_retry_after(
    example: Upstream, network: Network
) -> None:
    network.script = [limited(60)]
    await error_of(example)
    await asyncio.sleep(45)
    error = await error_of(example)
    assert isinstance(error, RateLimited)
    assert (str(error), error.retry_after, len(network.calls)) == (PAUSED, 15.0, 1)


async def test_a_provider_is_called_again_after_its_pause(example: Upstream, network: Network) -> None:
    network.script = [limited(60)]
    await error_of(example)
    await asyncio.sleep(60)
    assert (await example.json("/")).status == 200


async def test_no_pause_is_longer_than_the_maximum(example: Upstream, network: Network) -> None:
    network.script = [limited(999_999)]
    await error_of(example)
    await asyncio.sleep(MAX_RETRY_AFTER)
    assert (await example.json("/")).status == 200


async def test_a_shorter_pause_does_not_end_a_longer_one(example: Upstream, network: Network) -> None:
    network.delay = 1.0
    network.script = [limited(60), limited(10)]
    await asyncio.gather(error_of(example), error_of(example))
    await asyncio.sleep(50)
    assert str(await error_of(example)) == PAUSED


async def test_a_pause_ends_when_the_clock_is_set_back(example: Upstream, network: Network) -> None:
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualTimeLoop)
    loop.leap(1e6)
    network.script = [limited(60)]
    await error_of(example)
    loop.leap(-1e6)
    assert (await example.json("/")).status == 200


# pauses without a stated time


@pytest.mark.parametrize("headers", [{}, {"Retry-After": "soon"}, {"Retry-After": "0"}])
async def test_a_provider_that_states_no_time_is_paused_for_thirty_seconds(
    example: Upstream, network: Network, headers: dict[str, str]
) -> None:
    network.script = [httpx.Response(429, headers=headers)]
    await error_of(example)
    await asyncio.sleep(29.9)
    assert (str(await error_of(example)), len(network.calls)) == (PAUSED, 1)


async def test_a_provider_that_states_no_time_is_called_again_after_thirty_seconds(
    example: Upstream, network: Network
) -> None:
    network.script = [httpx.Response(429)]
    await error_of(example)
    await asyncio.sleep(30)
    assert (await example.json("/")).status == 200


async def test_a_file_is_not_requested_during_a_pause(example: Upstream, network: Network) -> None:
    await fails(example, network, 429)
    with pytest.raises(RateLimited):
        async with example.stream("/", max_bytes=10):
            raise AssertionError
    assert len(network.calls) == 1


@pytest.mark.parametrize(
    "limits", [{"max_concurrent": 1}, {"rate": (1, 10.0)}], ids=["open requests", "rate"]
)
async def test_a_call_that_waited_for_a_slot_is_not_sent_during_a_pause(
    upstream_with: Callable[..., Upstream], network: Network, limits: dict[str, Any]
) -> None:
    upstream = upstream_with(**limits)
    network.status = 429
    await asyncio.gather(*(error_of(upstream) for _ in range(3)))
    assert (len(network.calls), upstream.stats.failures) == (1, 1)


# the breaker


@pytest.mark.parametrize("status", [500, 503])
async def test_a_provider_that_failed_three_times_in_a_row_is_not_called(
    example: Upstream, network: Network, status: int
) -> None:
    await fails(example, network, status, times=3)
    calls = len(network.calls)
    assert (str(await error_of(example)), len(network.calls)) == (FAILED, calls)


async def test_a_provider_that_failed_twice_is_called(example: Upstream, network: Network) -> None:
    await fails(example, network, 500, times=2)
    assert (await example.json("/")).status == 200


@pytest.mark.parametrize("body", [b"<html>", b"[1e999]", b""])
async def test_three_answers_in_a_row_that_are_not_json_are_failures(
    example: Upstream, network: Network, body: bytes
) -> None:
    network.body = body
    for _ in range(3):
        await error_of(example)
    assert str(await error_of(example)) == FAILED


async def test_three_blobs_in_a_row_of_another_type_are_failures(example: Upstream) -> None:
    for _ in range(3):
        with pytest.raises(BadAnswer):
            await example.blob("/", types=("image/png",))
    assert str(await error_of(example)) == FAILED


async def test_a_success_between_failures_resets_the_count(example: Upstream, network: Network) -> None:
    for _ in range(3):
        await fails(example, network, 500)
        await example.json("/")
    assert (await example.json("/")).status == 200


async def test_not_found_between_failures_resets_the_count(example: Upstream, network: Network) -> None:
    for _ in range(3):
        await fails(example, network, 500)
        await fails(example, network, 404)
    assert (await example.json("/")).status == 200


@pytest.mark.parametrize("status", [400, 404, 302])
async def test_a_rejected_request_does_not_count_toward_the_breaker(
    example: Upstream, network: Network, status: int
) -> None:
    await fails(example, network, status, times=5)
    assert (await example.json("/")).status == 200


async def test_after_ten_seconds_one_probe_is_sent(example: Upstream, network: Network) -> None:
    await fails(example, network, 500, times=3)
    await asyncio.sleep(10)
    network.delay = 1.0
    answers = await asyncio.gather(*(example.json("/") for _ in range(5)), return_exceptions=True)
    assert (len(network.calls), sum(isinstance(answer, Unavailable) for answer in answers)) == (4, 4)


async def test_a_good_probe_closes_the_breaker(example: Upstream, network: Network) -> None:
    await fails(example, network, 500, times=3)
    await asyncio.sleep(10)
    await example.json("/")
    await asyncio.gather(*(example.json("/") for _ in range(5)))
    assert len(network.calls) == 9


async def test_not_found_is_a_good_probe(example: Upstream, network: Network) -> None:
    await fails(example, network, 500, times=3)
    await asyncio.sleep(10)
    await fails(example, network, 404)
    await asyncio.gather(*(example.json("/") for _ in range(5)))
    assert len(network.calls) == 9


async def test_a_failed_probe_opens_the_breaker_again(example: Upstream, network: Network) -> None:
    await fails(example, network, 500, times=3)
    await asyncio.sleep(10)
    await fails(example, network, 500)
    await asyncio.sleep(9)
    assert str(await error_of(example)) == FAILED


async def test_a_probe_that_is_not_json_opens_the_breaker_again(example: Upstream, network: Network) -> None:
    await fails(example, network, 500, times=3)
    await asyncio.sleep(10)
    network.body = b"<html>"
    await error_of(example)
    assert str(await error_of(example)) == FAILED


async def test_a_cancelled_probe_lets_another_be_sent(example: Upstream, network: Network) -> None:
    await fails(example, network, 500, times=3)
    await asyncio.sleep(10)
    network.delay = 3.0
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(example.json("/"), 1.0)
    assert (await example.json("/")).status == 200


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_key_opens_the_breaker_for_five_minutes(
    example: Upstream, network: Network, status: int
) -> None:
    await fails(example, network, status)
    await asyncio.sleep(299)
    assert (str(await error_of(example)), len(network.calls)) == (FAILED, 1)


async def test_a_provider_is_called_again_five_minutes_after_a_refusal(
    example: Upstream, network: Network
) -> None:
    await fails(example, network, 401)
    await asyncio.sleep(300)
    assert (await example.json("/")).status == 200


async def test_a_status_that_is_no_refusal_of_the_provider_does_not_count_toward_the_breaker(
    upstream_with: Callable[..., Upstream], network: Network
) -> None:
    lenient = upstream_with(refusals=frozenset())
    await fails(lenient, network, 403, times=3)
    assert (await lenient.json("/")).status == 200


# the caller's deadline


async def test_a_deadline_bounds_a_call(example: Upstream, network: Network) -> None:
    network.delay = 60
    async with within(2.0):
        assert str(await error_of(example)) == "example: no answer within 2.0 s"
    assert now() == 2.0


async def test_a_deadline_bounds_all_calls_inside_together(example: Upstream, network: Network) -> None:
    network.delay = 1.5
    async with within(2.0):
        await example.json("/")
        await error_of(example)
    assert now() == 2.0


async def test_nothing_is_sent_after_the_deadline(example: Upstream, network: Network) -> None:
    network.delay = 1.0
    async with within(1.0):
        await asyncio.sleep(1.0)
        await error_of(example)
    assert now() == 1.0


@pytest.mark.parametrize(("outer", "inner"), [(2.0, 30.0), (30.0, 2.0)])
async def test_of_two_deadlines_the_earlier_holds(
    example: Upstream, network: Network, outer: float, inner: float
) -> None:
    network.delay = 60
    async with within(outer), within(inner):
        await error_of(example)
    assert now() == 2.0


async def test_a_deadline_ends_with_its_block(example: Upstream, network: Network) -> None:
    async with within(1.0):
        pass
    network.delay = 4.0
    assert (await example.json("/")).status == 200


async def test_a_deadline_bounds_the_tries_and_their_waits(example: Upstream, network: Network) -> None:
    network.delay, network.status = 0.8, 503
    async with within(2.0):
        await error_of(example)
    assert (len(network.calls), now() <= 2.0) == (2, True)


async def test_a_retry_after_that_leaves_no_time_for_a_try_is_not_waited_for(
    example: Upstream, network: Network
) -> None:
    network.script = [limited(3)]
    async with within(3.5):
        await error_of(example)
    assert now() == 0.0


async def test_a_deadline_bounds_the_wait_for_a_slot(
    upstream_with: Callable[..., Upstream], network: Network
) -> None:
    narrow = upstream_with(max_concurrent=1)
    network.delay = 4.0
    first = asyncio.create_task(narrow.json("/"))
    await asyncio.sleep(0)
    async with within(1.0):
        assert str(await error_of(narrow)) == "example: no free slot in time"
    assert (now(), (await first).status) == (1.0, 200)


async def test_a_deadline_bounds_a_file(example: Upstream, network: Network) -> None:
    network.delay = 60
    async with within(2.0):
        with pytest.raises(Unavailable):
            async with example.stream("/", max_bytes=10):
                raise AssertionError
    assert now() == 2.0


@pytest.mark.parametrize("seconds", [0.0, 0.9])
async def test_a_try_cut_short_does_not_count_toward_the_breaker(
    example: Upstream, network: Network, seconds: float
) -> None:
    network.delay = 3.0
    for _ in range(5):
        async with within(seconds):
            await error_of(example)
    assert (example.state(), (await example.json("/")).status) == ("unasked", 200)


async def test_a_call_without_a_free_slot_does_not_count_toward_the_breaker(
    upstream_with: Callable[..., Upstream], network: Network
) -> None:
    narrow = upstream_with(max_concurrent=1)
    network.delay = 4.0
    first = asyncio.create_task(narrow.json("/"))
    await asyncio.sleep(0)
    async with within(2.0):
        await asyncio.gather(*(error_of(narrow) for _ in range(5)))
    assert ((await first).status, (await narrow.json("/")).status) == (200, 200)


async def test_a_file_cut_short_does_not_count_toward_the_breaker(example: Upstream) -> None:
    for _ in range(5):
        with pytest.raises(Unavailable):
            async with within(2.0), example.stream("/", max_bytes=10):
                await asyncio.sleep(60)
    assert (await example.json("/")).status == 200


# whole files


async def test_a_file_may_take_longer_than_a_try(example: Upstream) -> None:
    async with example.stream("/", max_bytes=10) as pieces:
        await asyncio.sleep(60)
        assert [piece async for piece in pieces] == [b"{}"]


async def test_a_file_has_its_own_time_limit(example: Upstream) -> None:
    with pytest.raises(Unavailable, match=r"no answer within 900\.0 s"):
        async with example.stream("/", max_bytes=10):
            await asyncio.sleep(STREAM_LIMIT + 1)
    assert now() == STREAM_LIMIT


async def test_a_timeout_of_the_reader_is_raised_unchanged(example: Upstream) -> None:
    with pytest.raises(TimeoutError):
        async with example.stream("/", max_bytes=10), asyncio.timeout(1.0):
            await asyncio.sleep(60)


# slots


async def test_no_more_requests_are_open_than_the_concurrency_limit(
    upstream_with: Callable[..., Upstream], network: Network
) -> None:
    network.delay = 1.0
    narrow = upstream_with(max_concurrent=2)
    await asyncio.gather(*(narrow.json("/") for _ in range(6)))
    assert (network.most_open, now()) == (2, 3.0)


async def test_an_open_file_counts_as_a_request(
    upstream_with: Callable[..., Upstream], network: Network
) -> None:
    narrow = upstream_with(max_concurrent=1)
    async with narrow.stream("/", max_bytes=10):
        asking = asyncio.create_task(narrow.json("/"))
        await asyncio.sleep(1.0)
        open_file = len(network.calls)
    assert (open_file, (await asking).status) == (1, 200)


async def test_a_failed_request_releases_its_slot(
    upstream_with: Callable[..., Upstream], network: Network
) -> None:
    narrow = upstream_with(max_concurrent=1)
    await fails(narrow, network, 503)
    assert (await narrow.json("/")).status == 200


async def test_the_wait_for_a_slot_is_not_part_of_the_time_limit(
    upstream_with: Callable[..., Upstream], network: Network
) -> None:
    network.delay = 4.0
    narrow = upstream_with(max_concurrent=1)
    await asyncio.gather(*(narrow.json("/") for _ in range(3)))
    assert now() == 12.0


async def test_requests_beyond_the_rate_wait(
    upstream_with: Callable[..., Upstream], network: Network
) -> None:
    slow = upstream_with(rate=(5, 1.0))
    await asyncio.gather(*(slow.json("/") for _ in range(10)))
    assert (sum(time == 0.0 for time in network.calls), now()) == (5, pytest.approx(1.0))


async def test_a_retry_counts_against_the_rate(
    upstream_with: Callable[..., Upstream], network: Network
) -> None:
    slow = upstream_with(rate=(1, 10.0))
    network.status = 503
    await error_of(slow)
    assert network.calls == pytest.approx([0.0, 10.0, 20.0])
