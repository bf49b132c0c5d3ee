"""The load test: a reproducible plan, real requests, and figures from the responses' own metadata."""

import asyncio
import json
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner, Result

from tests.support.provider import Answered, LoopbackProvider, Received
from tests.support.servers import free_port
from veo.cli.main import app as commands
from veo.devtools.loadtest.plan import Question, checked_url, distinct_questions, parse_mix, plan
from veo.devtools.loadtest.results import Limits, missed_limits, percentile, summarise
from veo.devtools.loadtest.run import Load
from veo.devtools.loadtest.runner import MAX_CONSECUTIVE_FAILURES, Runner, Sample
from veo.devtools.zipf import shares
from veo.errors import InvalidQuestion, Unavailable
from veo.runtime import tables

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_configured")]

MIX = parse_mix(Load("").mix)
FORM = "must have the form http://host:port or https://host"


def questions(count: int = 60, seed: int = 1) -> list[Question]:
    snapshot = tables().snapshot
    return distinct_questions(list(snapshot.districts), list(snapshot.destinations), MIX, count, seed)


def hits(count: int, seconds: float = 0.01) -> list[Sample]:
    return [Sample("areas", seconds, cached=True)] * count


def misses(count: int, seconds: float = 0.01) -> list[Sample]:
    return [Sample("areas", seconds)] * count


# ---- the plan ----------------------------------------------------------------------------------------


def test_zipf_asks_the_nth_question_an_nth_as_often() -> None:
    assert shares(3, 1.0) == pytest.approx([6 / 11, 3 / 11, 2 / 11])


def test_without_skew_all_questions_are_equally_popular() -> None:
    assert shares(4, 0.0) == [0.25] * 4


def test_the_plan_draws_by_zipf_s_law() -> None:
    distinct = questions()
    drawn = Counter(q.path + str(q.body) for q in plan(distinct, 20_000, 1.0, 1))
    first = [drawn[q.path + str(q.body)] / 20_000 for q in distinct[:3]]
    assert first == pytest.approx(shares(60, 1.0)[:3], abs=0.01)


def test_the_same_seed_makes_the_same_plan() -> None:
    assert plan(questions(), 50, 1.0, 2) == plan(questions(), 50, 1.0, 2)


def test_another_seed_makes_other_questions() -> None:
    assert questions(seed=1) != questions(seed=2)


def test_the_questions_have_the_proportions_of_the_mix() -> None:
    assert Counter(q.kind for q in questions(100)) == {"recommendations": 60, "areas": 25, "commutes": 15}


@pytest.mark.parametrize("count", [1, 2, 6, 61])
def test_the_kinds_add_up_to_the_requested_number_of_questions(count: int) -> None:
    assert len(questions(count)) == count


def test_a_mix_with_one_huge_share_is_that_kind_alone() -> None:
    assert distinct_questions(["E15"], ["ucl"], parse_mix("areas=1e308"), 1, 1) == [
        Question("areas", "/api/areas/E15")
    ]


def test_all_questions_are_different() -> None:
    distinct = questions(600)
    assert len({q.path + str(q.body) for q in distinct}) == len(distinct)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "areas",
        "areas=x",
        "areas=-1",
        "areas=0",
        "pages=1",
        "areas=1,areas=2",
        "areas=1e308,commutes=1e308",
    ],
)
def test_a_malformed_mix_is_refused_with_the_accepted_form(text: str) -> None:
    with pytest.raises(InvalidQuestion, match="mix: must be shares such as recommendations=60"):
        parse_mix(text)


# ---- where -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000/", "http://localhost:8000", "https://[::1]"])
def test_this_machine_may_be_load_tested(url: str) -> None:
    assert checked_url(url, mine=False) == url.rstrip("/")


def test_another_machine_is_refused() -> None:
    with pytest.raises(InvalidQuestion, match=r"veo\.example is not this machine.*--yes-this-is-mine"):
        checked_url("https://veo.example", mine=False)


def test_another_machine_may_be_load_tested_with_the_option() -> None:
    assert checked_url("https://veo.example", mine=True) == "https://veo.example"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "veo",
        "localhost:8000",
        "ftp://localhost",
        "http://",
        "http://localhost:99999",
        "http://localhost:port",
        "http://user:word@localhost",
        "http://localhost/?a=b",
        "http://[::1",
    ],
)
def test_a_malformed_url_is_refused_with_the_accepted_form(url: str) -> None:
    with pytest.raises(InvalidQuestion, match=FORM):
        checked_url(url, mine=True)


# ---- requests to the real app ------------------------------------------------------------------------


async def test_every_repeated_question_is_a_hit(web: httpx.AsyncClient) -> None:
    requests = plan(questions(12), 40, 1.0, 3)
    different = len({q.path + str(q.body) for q in requests})
    figures = summarise(await Runner(web, 1).run(requests), 40, 1.0)
    assert (figures["answered"], figures["computationsSaved"]) == (40, 40 - different)


async def test_questions_of_every_kind_are_answered(web: httpx.AsyncClient) -> None:
    samples = await Runner(web, 8).run(questions(20))
    assert [sample for sample in samples if sample.error is not None] == []


# ---- figures -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("percent", "value"), [(50, 50), (95, 95), (99, 99), (100, 100)])
def test_a_percentile_is_the_value_that_so_many_do_not_exceed(percent: int, value: int) -> None:
    assert percentile(range(1, 101), percent) == value


def test_the_percentile_of_one_value_is_that_value() -> None:
    assert percentile([7.0], 50) == 7.0


def test_latencies_are_in_milliseconds_and_separate_for_cached_answers() -> None:
    figures = summarise([*hits(1, seconds=0.002), *misses(1, seconds=0.2)], 2, 1.0)
    assert (figures["latency"]["cached"]["p95"], figures["latency"]["uncached"]["p95"]) == (2.0, 200.0)


def test_without_samples_there_are_no_latencies() -> None:
    assert summarise(misses(1), 1, 1.0)["latency"]["cached"] == {}


def test_stale_answers_are_counted() -> None:
    assert summarise([Sample("areas", 0.1, cached=True, stale=True)], 1, 1.0)["stale"] == 1


def test_failures_are_counted_by_kind_and_are_no_answers() -> None:
    figures = summarise([Sample("areas", 0.1, error="HTTP 500"), *hits(1)], 2, 1.0)
    assert (figures["errors"], figures["hitRate"]) == ({"HTTP 500": 1}, 1.0)


@pytest.mark.parametrize(
    ("limits", "kept"),
    [
        (Limits(), True),
        (Limits(min_hit_rate=0.5), True),
        (Limits(min_hit_rate=0.51), False),
        (Limits(max_p95_ms=10), True),
        (Limits(max_p95_ms=9.9), False),
        (Limits(max_cached_p95_ms=10), True),
        (Limits(max_cached_p95_ms=9.9), False),
        (Limits(max_errors=0), True),
    ],
)
def test_a_limit_includes_its_own_value(limits: Limits, kept: bool) -> None:
    assert (missed_limits(summarise(hits(1) + misses(1), 2, 1.0), limits) == []) is kept


def test_a_limit_without_a_measured_value_is_missed() -> None:
    messages = missed_limits(summarise([], 1, 1.0), Limits(min_hit_rate=0.0))
    assert messages == ["--min-hit-rate 0: it was not measured"]


def test_requests_that_were_never_sent_count_as_errors() -> None:
    assert missed_limits(summarise([], 1, 1.0), Limits(max_errors=0)) == ["--max-errors 0: it was 1"]


# ---- the command, against a scripted server ----------------------------------------------------------


class Server(LoopbackProvider):
    """A Veo with a full cache."""

    def __init__(self) -> None:
        super().__init__()
        self.on_request: Callable[[int], None] = lambda _count: None

    def answer(self, request: Received) -> Answered:
        self.on_request(len(self.requests))
        if request.path == "/api/health":
            return Answered(body={"status": "healthy"})
        return Answered(body={"metadata": {"cached": True, "stale": False}})


@pytest.fixture(scope="module")
def served() -> Iterator[Server]:
    server = Server()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def server(served: Server) -> Server:
    served.reset()
    served.on_request = lambda _count: None
    return served


def loadtest(*arguments: str) -> Result:
    return CliRunner().invoke(commands, ["loadtest", *arguments])


def refused(result: Result, code: int) -> str:
    (line,) = result.stderr.splitlines()
    assert (result.exit_code, line[:5]) == (code, "veo: ")
    return line


def test_the_requested_number_of_requests_is_sent(server: Server) -> None:
    loadtest(server.url, "--requests", "25")
    assert len(server.requests) == 1 + 25  # the first is the health check


def test_the_figures_are_one_line_of_json(server: Server) -> None:
    (line,) = loadtest(server.url, "--requests", "5", "--json").stdout.splitlines()
    figures = json.loads(line)
    assert (figures["hitRate"], figures["errors"], figures["missed"]) == (1.0, {}, [])


def test_the_figures_are_a_table_for_a_reader(server: Server) -> None:
    output = loadtest(server.url, "--requests", "5").stdout
    assert "\nHit rate 100.0%; 0 stale\n" in output


def test_limits_that_are_kept_exit_with_0(server: Server) -> None:
    limits = ("--min-hit-rate", "1", "--max-errors", "0", "--max-p95-ms", "30000")
    assert loadtest(server.url, "--requests", "5", *limits).exit_code == 0


def test_a_limit_that_is_missed_exits_with_1_and_says_which(server: Server) -> None:
    server.always(Answered(body={"status": "healthy", "metadata": {"cached": False, "stale": False}}))
    result = loadtest(server.url, "--requests", "5", "--min-hit-rate", "0.5")
    assert refused(result, 1) == "veo: --min-hit-rate 0.5: it was 0"


def test_a_server_that_is_not_there_is_one_line() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    assert refused(loadtest(url), 1) == f"veo: {url}: no Veo responds there (ConnectError)"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answered(body="<html>"), "not JSON"),
        (Answered(body=[1]), "JSON, but not Veo's"),
        (Answered(404, {}), "HTTP 404"),
        (Answered(cut=True), "RemoteProtocolError"),
    ],
)
def test_a_server_that_is_no_veo_is_one_line(server: Server, answer: Answered, why: str) -> None:
    server.always(answer)
    assert refused(loadtest(server.url), 1).endswith(f"no Veo responds there ({why})")


def test_a_run_ends_when_the_server_goes_away(server: Server) -> None:
    server.queue(Answered(body={"status": "healthy"}))
    server.always(Answered(500, {}))
    result = loadtest(server.url, "--requests", "1000", "--concurrency", "1")
    assert "no question was answered" in refused(result, 1)
    assert len(server.requests) == 1 + MAX_CONSECUTIVE_FAILURES


def test_a_rate_limit_is_reported_with_the_setting_that_lifts_it(server: Server) -> None:
    server.queue(Answered(body={"status": "healthy"}), Answered(429, {}))
    assert "VEO_RATE_LIMIT=0" in loadtest(server.url, "--requests", "5").stdout


async def test_an_answer_without_metadata_is_an_error(server: Server) -> None:
    server.queue(Answered(body={"status": "healthy"}))
    server.always(Answered(body={"data": {}}))
    async with httpx.AsyncClient(base_url=server.url) as client:
        (sample,) = await Runner(client, 1).run(questions()[:1])
    assert sample.error == "JSON, but not Veo's"


async def test_an_interrupt_keeps_what_was_measured(server: Server) -> None:
    async with httpx.AsyncClient(base_url=server.url) as client:

        def stop_at_three(done: int) -> None:
            if done == 3:
                asking.cancel()

        runner = Runner(client, 1, progress=stop_at_three)
        asking = asyncio.ensure_future(runner.run(questions(30)))
        assert (len(await asking), runner.interrupted) == (3, True)


def test_the_command_reports_what_was_measured_until_an_interrupt(server: Server) -> None:
    command = [sys.executable, "-m", "veo", "loadtest", server.url, "--concurrency", "1", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:  # noqa: S603 - our own program
        server.on_request = lambda count: process.send_signal(signal.SIGINT) if count == 6 else None
        out, err = process.communicate()
    figures = json.loads(out)
    assert (process.returncode, figures["stoppedEarly"], 3 < figures["sent"] < 1_000) == (130, True, True)
    assert err.endswith(b"veo: interrupted\n")


async def test_no_more_requests_are_under_way_than_allowed(server: Server) -> None:
    under_way, most = 0, 0

    async def count(_request: Any) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)

    async def uncount(_response: Any) -> None:
        nonlocal under_way
        under_way -= 1

    hooks: dict[str, list[Callable[..., Any]]] = {"request": [count], "response": [uncount]}
    async with httpx.AsyncClient(base_url=server.url, event_hooks=hooks) as client:
        await Runner(client, 3).run(questions(30))
    assert most == 3


async def test_a_server_that_is_no_veo_is_unavailable(server: Server) -> None:
    server.always(Answered(503, {}))
    async with httpx.AsyncClient(base_url=server.url) as client:
        with pytest.raises(Unavailable):
            await Runner(client, 1).run(questions())


@pytest.mark.parametrize(
    ("arguments", "messages"),
    [
        (("https://veo.example",), "URL: veo.example is not this machine"),
        (("nowhere",), FORM),
        (("http://127.0.0.1:1", "--mix", "pages=1"), "mix: must be shares"),
        (("http://127.0.0.1:1", "--requests", "0"), "Invalid value for '--requests'"),
        (("http://127.0.0.1:1", "--min-hit-rate", "2"), "Invalid value for '--min-hit-rate'"),
    ],
)
def test_a_bad_option_is_one_line_and_exit_code_2(arguments: tuple[str, ...], messages: str) -> None:
    assert messages in refused(loadtest(*arguments), 2)
