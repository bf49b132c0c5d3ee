"""The HTTP client of providers: what each answer becomes, what is retried, and that no key leaks."""

import asyncio
import gc
import gzip
import json
import logging
import traceback
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.effort import tries
from tests.support.provider import Answered, LoopbackProvider
from tests.support.servers import free_port, scripted
from veo.errors import BadAnswer, NotAsked, NotFoundThere, ProviderError, RateLimited, Unavailable
from veo.sources.http.client import Http, Upstream
from veo.sources.http.provider import JsonAnswer, Provider

pytestmark = pytest.mark.anyio

EXAMPLE = Provider("example", "https://provider.example", "examples", max_bytes=1000)
HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"
KEY = "k3y-of-mine"
GOOD = {"found": 1}


@pytest.fixture(scope="module")
def running() -> Iterator[LoopbackProvider]:
    started = LoopbackProvider()
    started.start()
    yield started
    started.stop()


@pytest.fixture
def server(running: LoopbackProvider) -> LoopbackProvider:
    running.reset()
    running.always(Answered(body=GOOD))
    return running


@pytest.fixture
async def http(server: LoopbackProvider) -> AsyncIterator[Http]:
    opened = Http({EXAMPLE.name: server.url})
    yield opened
    await opened.close()


@pytest.fixture
def example(http: Http) -> Upstream:
    return http.upstream(EXAMPLE)


@pytest.fixture
async def nowhere() -> AsyncIterator[Upstream]:
    """A provider whose address refuses connections."""
    opened = Http({EXAMPLE.name: f"http://127.0.0.1:{free_port()}"})
    yield opened.upstream(EXAMPLE)
    await opened.close()


async def error_of(upstream: Upstream, **arguments: Any) -> ProviderError:
    """Return the error that a call raises."""
    with pytest.raises(ProviderError) as caught:
        await upstream.json("/", **arguments)
    return caught.value


async def misbehaving(*replies: bytes) -> tuple[ProviderError, int]:
    """Return the error of a call to a server with these replies, and the number of connections."""
    async with scripted(*replies) as script:
        opened = Http({EXAMPLE.name: f"http://127.0.0.1:{script.port}"})
        error = await error_of(opened.upstream(EXAMPLE))
        await opened.close()
    return error, script.connections


# what is sent


async def test_a_request_arrives_as_specified(example: Upstream, server: LoopbackProvider) -> None:
    headers = {"X-Key": KEY}
    await example.json("/a b", method="POST", params={"q": "x&y", "none": None}, headers=headers, body=[1])
    (request,) = server.requests
    assert (
        request.method,
        request.path,
        request.query,
        request.headers["x-key"],
        json.loads(request.body),
    ) == (
        "POST",
        "/a b",
        {"q": "x&y"},
        KEY,
        [1],
    )


async def test_a_form_arrives_as_one(example: Upstream, server: LoopbackProvider) -> None:
    await example.json("/", method="POST", form={"data": "a=b"})
    assert server.requests[0].body == b"data=a%3Db"


async def test_every_request_has_veo_as_its_user_agent(example: Upstream, server: LoopbackProvider) -> None:
    await example.json("/")
    assert server.requests[0].headers["user-agent"].startswith("veo/")


async def test_the_headers_of_a_provider_are_sent(http: Http, server: LoopbackProvider) -> None:
    await http.upstream(EXAMPLE._replace(headers=(("X-Version", "2"),))).json("/")
    assert server.requests[0].headers["x-version"] == "2"


async def test_a_proxy_in_the_environment_is_not_used(
    example: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setenv("NO_PROXY", "")
    assert await example.json("/") == JsonAnswer(200, GOOD)


async def test_a_provider_has_one_upstream(http: Http) -> None:
    assert http.upstream(EXAMPLE) is http.upstream(EXAMPLE)


# what each status becomes


@pytest.mark.parametrize(
    ("status", "error", "requests"),
    [
        (204, BadAnswer, 1),
        (206, BadAnswer, 1),
        (301, BadAnswer, 1),
        (304, BadAnswer, 1),
        (400, BadAnswer, 1),
        (401, BadAnswer, 1),
        (403, BadAnswer, 1),
        (404, NotFoundThere, 1),
        (410, NotFoundThere, 1),
        (418, BadAnswer, 1),
        (429, RateLimited, 1),
        (500, Unavailable, 1),
        (501, Unavailable, 1),
        (502, Unavailable, 3),
        (503, Unavailable, 3),
        (504, Unavailable, 3),
        (599, Unavailable, 1),
    ],
)
async def test_a_status_becomes_an_error_after_so_many_requests(
    example: Upstream, server: LoopbackProvider, status: int, error: type, requests: int
) -> None:
    server.always(Answered(status, b"", headers={"Location": "/elsewhere"}))
    raised = await error_of(example)
    assert (type(raised), raised.service, raised.status, str(raised), len(server.requests)) == (
        error,
        "example",
        status,
        f"example: HTTP {status}",
        requests,
    )


async def test_another_status_can_be_accepted(example: Upstream, server: LoopbackProvider) -> None:
    server.queue(Answered(300, [1]))
    assert await example.json("/", accept=(200, 300)) == JsonAnswer(300, [1])


async def test_a_good_answer_after_bad_ones_is_returned(example: Upstream, server: LoopbackProvider) -> None:
    server.queue(Answered(503), Answered(502))
    assert await example.json("/") == JsonAnswer(200, GOOD)


async def test_a_possibly_valid_status_is_not_retried(http: Http, server: LoopbackProvider) -> None:
    server.always(Answered(503))
    await error_of(http.upstream(EXAMPLE._replace(possibly_valid=frozenset({503}))))
    assert len(server.requests) == 1


async def test_a_possibly_valid_status_does_not_count_toward_the_breaker(
    http: Http, server: LoopbackProvider
) -> None:
    upstream = http.upstream(EXAMPLE._replace(possibly_valid=frozenset({503})))
    server.queue(*[Answered(503)] * 5)
    for _ in range(5):
        await error_of(upstream)
    assert (upstream.state(), await upstream.json("/")) == ("unasked", JsonAnswer(200, GOOD))


@pytest.mark.parametrize("answer", [Answered(503), Answered(429, headers={"Retry-After": "1"})])
async def test_a_provider_with_one_try_is_called_once(
    http: Http, server: LoopbackProvider, answer: Answered
) -> None:
    server.always(answer)
    await error_of(http.upstream(EXAMPLE._replace(tries=1)))
    assert len(server.requests) == 1


@pytest.mark.parametrize("header", ["1", "4"])
async def test_a_short_retry_after_is_waited_for(
    example: Upstream, server: LoopbackProvider, header: str
) -> None:
    server.queue(Answered(429, headers={"Retry-After": header}))
    assert await example.json("/") == JsonAnswer(200, GOOD)


@pytest.mark.parametrize("header", ["5", "3600"])
async def test_a_long_retry_after_is_raised_at_once(
    example: Upstream, server: LoopbackProvider, header: str
) -> None:
    server.always(Answered(429, headers={"Retry-After": header}))
    error = await error_of(example)
    assert isinstance(error, RateLimited)
    assert (error.retry_after, len(server.requests)) == (float(header), 1)


UNUSABLE_RETRY_AFTER = {
    "empty": "",
    "words": "soon",
    "negative": "-1",
    "nought": "0",
    "a fraction": "1.5",
    "not ASCII": "²",
    "not a number": "NaN",
    "infinite": "inf",
    "a month": "9999999",
    "a number beyond every float": "9" * 400,
    "twice": "60, 60",
    "a date gone by": "Wed, 21 Oct 2015 07:28:00 GMT",
    "a far date": "Fri, 31 Dec 9999 23:59:59 GMT",
    "a date of no zone": "Fri, 31 Dec 9999 23:59:59 -0000",
    "no such date": "Fri, 99 Dec 2099 23:59:59 GMT",
}


@pytest.mark.parametrize("header", UNUSABLE_RETRY_AFTER.values(), ids=UNUSABLE_RETRY_AFTER)
async def test_an_unusable_retry_after_becomes_thirty_seconds(
    example: Upstream, server: LoopbackProvider, header: str
) -> None:
    server.always(Answered(429, headers={"Retry-After": header}))
    error = await error_of(example)
    assert isinstance(error, RateLimited)
    assert (error.retry_after, len(server.requests)) == (30.0, 1)


async def test_a_retry_after_with_a_date_is_raised_at_once(
    example: Upstream, server: LoopbackProvider
) -> None:
    until = datetime.now(UTC) + timedelta(hours=1)
    server.always(Answered(429, headers={"Retry-After": format_datetime(until, usegmt=True)}))
    error = await error_of(example)
    assert isinstance(error, RateLimited)
    assert (3_000 < error.retry_after <= 3_600, len(server.requests)) == (True, 1)


# connections that misbehave


async def test_a_refused_connection_is_unavailable(nowhere: Upstream) -> None:
    error = await error_of(nowhere)
    assert (type(error), str(error)) == (NotAsked, "example: the connection failed (ConnectError)")


async def test_a_retry_is_not_logged(nowhere: Upstream, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await error_of(nowhere)
    assert [record.name for record in caplog.records if record.name != "asyncio"] == []


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-",
        b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{"found": 1}',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"-ERR no HTTP here\r\n\r\n",
        b"HTTP/1.1 twenty OK\r\n\r\n",
    ],
    ids=["closed", "half a header", "truncated", "half a chunk", "not gzip", "no HTTP", "no status"],
)
async def test_a_connection_that_breaks_is_unavailable_and_tried_once(reply: bytes) -> None:
    error, connections = await misbehaving(reply)
    assert (type(error), error.status, connections) == (Unavailable, None, 1)


async def test_a_redirect_into_nonsense_is_not_followed() -> None:
    error, _ = await misbehaving(b"HTTP/1.1 302 Found\r\nLocation: https://[\r\nContent-Length: 0\r\n\r\n")
    assert str(error) == "example: HTTP 302"


async def test_an_answer_that_ends_with_its_connection_may_be_cut() -> None:
    error, _ = await misbehaving(b'HTTP/1.1 200 OK\r\n\r\n{"found":')
    assert str(error) == "example: the answer is not JSON"


# JSON


@pytest.mark.parametrize(
    "body",
    [
        *("", HTML, '{"found": 1', '{"found": 1} and more', "NaN", "[Infinity]", "[-Infinity]", "1e999"),
        *(
            "[-1.5E+400]",
            "1" * 310 + ".0",
            "1" * 5000,
            "[" * 900,
            '"\\ud800"',
            b"\xff\xfe",
            b"\xef\xbb\xbf{}",
        ),
    ],
)
async def test_what_is_not_json_is_a_bad_answer(
    http: Http, server: LoopbackProvider, body: str | bytes
) -> None:
    server.always(Answered(body=body))
    error = await error_of(http.upstream(EXAMPLE._replace(max_bytes=10_000)))
    assert (type(error), error.status, str(error)) == (BadAnswer, 200, "example: the answer is not JSON")


async def test_what_is_not_json_is_not_retried(example: Upstream, server: LoopbackProvider) -> None:
    server.always(Answered(body=HTML))
    await error_of(example)
    assert len(server.requests) == 1


@pytest.mark.parametrize("data", [1e300, "1e999", None, [], "é🏙"])
async def test_json_is_returned_decoded(example: Upstream, server: LoopbackProvider, data: Any) -> None:
    server.queue(Answered(body=json.dumps(data)))
    assert (await example.json("/")).data == data


async def test_an_answer_of_the_maximum_size_is_returned(example: Upstream, server: LoopbackProvider) -> None:
    server.queue(Answered(body=json.dumps("x" * 998)))
    assert (await example.json("/")).data == "x" * 998


async def test_a_larger_answer_is_refused(example: Upstream, server: LoopbackProvider) -> None:
    server.queue(Answered(body=json.dumps("x" * 999)))
    assert str(await error_of(example)) == "example: the answer is larger than 1,000 bytes"


async def test_a_small_answer_that_unpacks_to_a_large_one_is_refused(
    example: Upstream, server: LoopbackProvider
) -> None:
    packed = gzip.compress(json.dumps("x" * 999).encode())
    server.queue(Answered(body=packed, headers={"Content-Encoding": "gzip"}))
    assert str(await error_of(example)) == "example: the answer is larger than 1,000 bytes"


@given(
    status=st.one_of(st.just(200), st.integers(200, 599)),
    body=st.one_of(
        st.binary(max_size=60),
        st.text(max_size=60).map(str.encode),
        st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=5).map(
            lambda data: json.dumps(data).encode()
        ),
    ),
    kind=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20),
)
@tries(100)
async def test_any_answer_is_decoded_or_a_provider_error(
    http: Http, server: LoopbackProvider, status: int, body: bytes, kind: str
) -> None:
    server.always(Answered(status, body, content_type=kind))
    try:
        assert isinstance(await Upstream(EXAMPLE, server.url, http.client).json("/"), JsonAnswer)
    except ProviderError as error:
        assert error.service == "example"  # noqa: PT017  # both outcomes are right, but no other error


# images and pages


@pytest.mark.parametrize("kind", ["image/png", "IMAGE/PNG; charset=binary"])
async def test_a_blob_of_an_accepted_type_is_returned(
    example: Upstream, server: LoopbackProvider, kind: str
) -> None:
    server.queue(Answered(body=b"\x89PNG", content_type=kind))
    assert await example.blob("/", types=("image/png",)) == ("image/png", b"\x89PNG")


@pytest.mark.parametrize("kind", ["text/html", "image/pngx", ""])
async def test_a_blob_of_another_type_is_a_bad_answer(
    example: Upstream, server: LoopbackProvider, kind: str
) -> None:
    server.queue(Answered(body=HTML, content_type=kind))
    with pytest.raises(BadAnswer, match=r"^example: the answer is not image/png or image/gif$"):
        await example.blob("/", types=("image/png", "image/gif"))


# files in pieces


async def whole(upstream: Upstream, max_bytes: int = 10**6) -> bytes:
    """Read a file to its end."""
    async with upstream.stream("/file", max_bytes=max_bytes) as pieces:
        return b"".join([piece async for piece in pieces])


async def test_a_file_comes_in_pieces(example: Upstream, server: LoopbackProvider) -> None:
    server.queue(Answered(body=b"x" * 300_000, content_type="text/csv"))
    async with example.stream("/file", max_bytes=300_000) as pieces:
        sizes = [len(piece) async for piece in pieces]
    assert (len(sizes) > 1, sum(sizes)) == (True, 300_000)


async def test_a_file_beyond_its_maximum_size_is_refused(example: Upstream, server: LoopbackProvider) -> None:
    server.queue(Answered(body=b"x" * 300_000))
    with pytest.raises(BadAnswer, match="larger than 299,999 bytes"):
        await whole(example, max_bytes=299_999)


async def test_a_file_that_breaks_off_is_unavailable(example: Upstream, server: LoopbackProvider) -> None:
    server.queue(Answered(cut=True))
    with pytest.raises(Unavailable, match="RemoteProtocolError"):
        await whole(example)


async def test_only_opening_a_file_is_retried(example: Upstream, server: LoopbackProvider) -> None:
    server.queue(Answered(503), Answered(cut=True))
    with pytest.raises(Unavailable):
        await whole(example)
    assert len(server.requests) == 2


@pytest.mark.parametrize(("status", "error"), [(404, NotFoundThere), (403, BadAnswer), (500, Unavailable)])
async def test_the_error_for_a_file_names_its_status(
    example: Upstream, server: LoopbackProvider, status: int, error: type[ProviderError]
) -> None:
    server.queue(Answered(status))
    with pytest.raises(error, match=f"HTTP {status}"):
        await whole(example)


async def test_a_value_error_of_the_reader_is_a_bad_answer(example: Upstream) -> None:
    with pytest.raises(BadAnswer, match=r"^example: the file is not as documented: ValueError$") as caught:
        async with example.stream("/file", max_bytes=1000):
            raise ValueError("a row has 3 columns, not 16")
    assert isinstance(caught.value.__cause__, ValueError)


async def test_any_other_error_of_the_reader_is_raised_unchanged(example: Upstream) -> None:
    with pytest.raises(KeyError):
        async with example.stream("/file", max_bytes=1000):
            raise KeyError("a bug")


async def test_a_reader_that_stops_early_leaves_the_provider_up(
    example: Upstream, server: LoopbackProvider
) -> None:
    server.queue(Answered(body=b"x" * 300_000))
    async with example.stream("/file", max_bytes=10**6) as pieces:
        await anext(pieces)
    assert example.state() == "up"


# statistics


async def test_a_provider_that_was_not_called_is_unasked(example: Upstream) -> None:
    assert example.state() == "unasked"


async def test_a_good_answer_makes_the_state_up(example: Upstream) -> None:
    await example.json("/")
    assert (example.state(), example.stats.calls, example.stats.failures) == ("up", 1, 0)


async def test_a_failure_makes_the_state_down(example: Upstream, server: LoopbackProvider) -> None:
    server.queue(*[Answered(503)] * 3)
    await error_of(example)
    assert (example.state(), example.stats.calls, example.stats.failures, example.stats.error) == (
        *("down", 1, 1),
        "example: HTTP 503",
    )


async def test_not_found_is_not_a_failure(example: Upstream, server: LoopbackProvider) -> None:
    server.queue(Answered(404))
    await error_of(example)
    assert (example.state(), example.stats.failures) == ("up", 0)


async def test_what_is_not_json_makes_the_state_down(example: Upstream, server: LoopbackProvider) -> None:
    server.queue(Answered(body=HTML))
    await error_of(example)
    assert (example.state(), example.stats.failures) == ("down", 1)


async def test_all_upstreams_are_listed(http: Http, example: Upstream) -> None:
    assert http.upstreams() == (example,)


# event loops


async def call_once(opened: Http) -> None:
    await opened.upstream(EXAMPLE).json("/")
    await opened.close()


def test_a_second_event_loop_is_served_after_a_close(server: LoopbackProvider) -> None:
    opened = Http({EXAMPLE.name: server.url})
    asyncio.run(call_once(opened))
    asyncio.run(call_once(opened))
    assert len(server.requests) == 2


# the sockets of a closed loop can no longer be closed: collecting them here keeps the warning in this test
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_second_event_loop_is_served_without_a_close(server: LoopbackProvider) -> None:
    limited = EXAMPLE._replace(rate=(5, 1.0), max_concurrent=1)
    opened = Http({EXAMPLE.name: server.url})
    asyncio.run(_without_close(opened, limited))
    asyncio.run(call_once(opened))
    gc.collect()
    assert len(server.requests) == 2


async def _without_close(opened: Http, provider: Provider) -> None:
    await opened.upstream(provider).json("/")


async def test_closing_twice_is_safe(http: Http, example: Upstream) -> None:
    await example.json("/")
    await http.close()
    await http.close()


# keys


KEYS: dict[str, Any] = {
    "params": {"key": KEY},
    "headers": {"Authorization": f"Bearer {KEY}"},
    "body": {"key": KEY},
}
ANSWERS = [
    Answered(401, {"error": f"{KEY} is not valid"}),
    Answered(429, headers={"Retry-After": "60"}),
    Answered(503, KEY),
    Answered(body=f"<p>{KEY}</p>"),
    Answered(302, headers={"Location": f"https://elsewhere.example/?key={KEY}"}),
    Answered(cut=True),
    Answered(body=GOOD),
]


def shown(error: BaseException) -> str:
    """Return all text of an error, wherever it may be shown."""
    lines = "".join(traceback.format_exception(error))
    return f"{error} {error!r} {error.args!r} {error.__cause__!r} {lines} {vars(error)}"


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: str(answer.status))
async def test_no_key_is_in_an_error_or_in_the_log(
    example: Upstream, server: LoopbackProvider, caplog: pytest.LogCaptureFixture, answer: Answered
) -> None:
    caplog.set_level(logging.DEBUG)
    server.always(answer)
    try:
        await example.json("/path", method="POST", **KEYS)
        errors = ""
    except ProviderError as error:
        errors = shown(error)
    logged = " ".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records)
    assert KEY not in errors + logged


async def test_no_key_is_in_the_error_of_a_refused_connection(
    nowhere: Upstream, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    error = await error_of(nowhere, **KEYS)
    assert KEY not in shown(error) + " ".join(str(vars(record)) for record in caplog.records)


@pytest.mark.parametrize(
    "arguments",
    [{"headers": {"X-Key": f"{KEY}é"}}, {"params": {"key": f"{KEY}\ud800"}}, {"headers": {"X": f"{KEY}\n"}}],
    ids=["header", "query", "line break"],
)
async def test_the_error_for_a_key_that_cannot_be_sent_does_not_contain_it(
    example: Upstream, arguments: dict[str, Any]
) -> None:
    assert KEY not in shown(await error_of(example, **arguments))


async def test_a_request_that_cannot_be_sent_does_not_count_toward_the_breaker(example: Upstream) -> None:
    for _ in range(3):
        await error_of(example, params={"q": "\ud800"})
    assert await example.json("/") == JsonAnswer(200, GOOD)
