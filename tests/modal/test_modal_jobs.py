"""The deployed functions, run as plain Python: what they return, print, store and raise."""

import asyncio
import json
import logging
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import modal_app
from tests.support.gateway import Gateway
from tests.support.upstreams import Upstreams
from veo import modal_jobs
from veo.cache import UpstreamThrottled
from veo.cli.main import app as command_line
from veo.errors import InvalidQuestion, NotFound, VeoError
from veo.modal_jobs import picklable
from veo.services.registry import QUESTIONS
from veo.web.openapi import EXAMPLES, PATH_EXAMPLES

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_configured")]

STUDENT = {"persona": "student", "budget": 1000, "location_type": "rent"}
PLACES = {**PATH_EXAMPLES, "origin": "E15", "destination": "UCL"}
ANSWERED = [
    f"fetch_{question.name}_cached"
    for question in QUESTIONS
    if json.loads(EXAMPLES.read_text(encoding="utf-8"))[f"{question.method} {question.path}"]["success"]
]
"""The functions of the questions that embedded figures can answer."""


async def ask_every(name: str) -> dict[str, Any]:
    """Call a function as a container does."""
    function: Any = getattr(modal_app, name)
    (question,) = (question for question in QUESTIONS if name == f"fetch_{question.name}_cached")
    arguments = {given: PLACES[given] for given in question.arguments if given in PLACES} or STUDENT
    answer: dict[str, Any] = await function.local(**arguments)
    return answer


@pytest.mark.parametrize("name", ANSWERED)
async def test_an_answer_is_printed_as_one_line_of_json(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = await ask_every(name)
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == answer


@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("fetch_area_cached", "areaCode", "E15"),
        ("fetch_commute_cached", "duration", 32),
        ("fetch_crime_cached", "crimeRate", 111.9),
        ("fetch_schools_cached", "count", 14),
        ("fetch_boundaries_cached", "postcode", "E15 1AZ"),
        ("fetch_maps_cached", "areaCode", "E15"),
    ],
)
async def test_a_function_answers_its_question(name: str, field: str, value: object) -> None:
    assert (await ask_every(name))["data"][field] == value


async def test_a_recommendation_passes_on_everything_that_was_asked() -> None:
    fields: dict[str, Any] = {
        "destination": "UCL",
        "max_areas": 2,
        "home": "1bed",
        "max_commute": 45.0,
        "min_safety": 20.0,
    }
    answer = await modal_app.fetch_recommendations_cached.local("student", 1500, "rent", **fields)
    quiet = await modal_app.ask.local(
        "recommendations", {"persona": "student", "budget": 1500, "location_type": "rent", **fields}
    )
    assert (answer["recommendations"], quiet["metadata"]["cached"]) == (quiet["recommendations"], True)


def test_the_command_line_prints_the_same_json() -> None:
    answer = asyncio.run(modal_app.fetch_area_cached.local("E15"))
    printed = CliRunner().invoke(command_line, ["area", "E15", "--json"]).stdout
    assert json.loads(printed) == answer


async def test_what_entrypoints_ask_is_not_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    await modal_app.ask.local("area", {"code": "E15"})
    assert capsys.readouterr().out == ""


async def test_a_container_remembers_from_call_to_call() -> None:
    await modal_app.fetch_area_cached.local("E15")
    assert (await modal_app.fetch_area_cached.local("E15"))["metadata"]["cached"] is True


async def test_an_answer_is_written_to_the_shared_tier_before_the_function_returns(
    database: Gateway, nothing_configured: pytest.MonkeyPatch
) -> None:
    nothing_configured.setenv("UPSTASH_REDIS_REST_URL", database.url)
    nothing_configured.setenv("UPSTASH_REDIS_REST_TOKEN", database.token)
    await modal_app.fetch_area_cached.local("E15")
    sent = [command[:2] for command in database.commands]
    await modal_jobs._runtime(asyncio.get_running_loop()).cache.close()  # noqa: SLF001 - a container just ends
    assert ["SET", "veo:v1:area:E15"] in sent


async def test_a_container_logs_as_configured(nothing_configured: pytest.MonkeyPatch) -> None:
    nothing_configured.setenv("VEO_LOG_LEVEL", "ERROR")
    await modal_app.ask.local("area", {"code": "E15"})
    assert logging.getLogger("veo").level == logging.ERROR


def test_a_snapshot_holds_the_web_app_and_the_figures() -> None:
    code = (
        "import sys; from veo import modal_jobs, runtime; modal_jobs.preload()\n"
        "print('fastapi' in sys.modules, runtime.tables.cache_info().currsize)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False, timeout=60)  # noqa: S603 - our own program
    assert done.stdout == b"True 1\n"


def test_nothing_is_left_to_import_between_a_snapshot_and_an_answer() -> None:
    code = (
        "import asyncio, sys, modal_app; modal_app.modal_jobs.preload(); held = set(sys.modules)\n"
        "modal_app.web.local(); asyncio.run(modal_app.ask.local('area', {'code': 'E15'}))\n"
        "print(sorted(set(sys.modules) - held))"
    )
    shared = {"UPSTASH_REDIS_REST_URL": "http://127.0.0.1:9", "UPSTASH_REDIS_REST_TOKEN": "of-nobody"}
    environment = {**os.environ, **shared}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)  # noqa: S603 - our own program
    assert done.stdout == b"[]\n"


async def test_the_cache_is_operated_where_the_secret_is() -> None:
    await modal_app.fetch_area_cached.local("E15")
    assert (await modal_app.cache_operation.local("delete", "area:E15"))["deleted"] is True


async def test_warming_prints_what_it_did(capsys: pytest.CaptureFixture[str]) -> None:
    await modal_app.warm_cache.local()
    assert json.loads(capsys.readouterr().out)["computed"] == 36


async def test_refreshing_without_live_sources_says_that_nothing_was_renewed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    await modal_app.refresh_tables.local()
    line = json.loads(capsys.readouterr().out)
    assert (line["districts"], line["notice"]) == (267, "Nothing was renewed: live sources are off.")


async def test_a_refresh_that_renews_nothing_fails_after_printing_what_it_did(
    upstreams: Upstreams,
    nothing_configured: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    upstreams.down(*upstreams.servers)
    nothing_configured.setenv("VEO_LIVE", "auto")
    nothing_configured.setenv("VEO_UPSTREAMS", json.dumps(upstreams.addresses))
    nothing_configured.setenv("VEO_TABLES", str(tmp_path))
    error = await failure("refresh_tables")
    line = json.loads(capsys.readouterr().out)
    assert str(error) == "nothing was renewed for: figures, schools, crime"
    assert line["schools"] == {"renewed": 0, "failures": ["gias: HTTP 503"]}


async def test_web_serves_the_endpoints() -> None:
    paths = modal_app.web.local().openapi()["paths"]
    assert "/api/recommendations" in paths


# ---- errors ------------------------------------------------------------------------------------------


async def failure(name: str, *arguments: Any) -> VeoError:
    """Return the error of a call as it reaches the caller from the container."""
    function: Any = getattr(modal_app, name)
    with pytest.raises(VeoError) as caught:
        await function.local(*arguments)
    received: VeoError = pickle.loads(pickle.dumps(caught.value))  # noqa: S301 - as Modal does
    return received


@pytest.mark.parametrize(
    ("name", "arguments", "kind", "message"),
    [
        ("fetch_area_cached", ("ZZ9",), NotFound, "Invalid area code: ZZ9 not found"),
        ("fetch_area_cached", ("",), NotFound, "Invalid area code:  not found"),
        ("fetch_research_cached", ("E15", ""), VeoError, "perplexity is not configured"),
        ("fetch_research_cached", ("E15", "pirate"), InvalidQuestion, "persona: must be"),
        ("fetch_commute_cached", ("E15", "Nowhere"), InvalidQuestion, "destination: 'Nowhere' is not"),
        ("fetch_boundaries_cached", ("E15",), InvalidQuestion, "postcode: "),
        (
            "fetch_recommendations_cached",
            ("pirate", 1, "rent"),
            InvalidQuestion,
            "persona: must be 'student', 'parent' or 'developer'; budget: must be from 500 to 50,000",
        ),
    ],
)
async def test_an_error_arrives_at_the_caller_as_one_line(
    name: str, arguments: tuple[Any, ...], kind: type[VeoError], message: str
) -> None:
    error = await failure(name, *arguments)
    assert type(error) is kind
    assert str(error).startswith(message)
    assert "\n" not in str(error)


def test_a_throttled_source_is_a_plain_error_too() -> None:
    error = picklable(UpstreamThrottled("tfl failed", 30))
    assert str(pickle.loads(pickle.dumps(error))) == "tfl failed; next attempt in 30 s at the earliest"  # noqa: S301 - as Modal does
