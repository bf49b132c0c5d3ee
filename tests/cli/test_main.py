"""The command line: readable by default, JSON on demand, one line for every error."""

import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from typer.testing import CliRunner, Result

from tests.support.environment import settings_variables
from tests.support.gateway import Gateway
from tests.support.servers import free_port
from veo import __version__
from veo.cli.main import app

pytestmark = pytest.mark.usefixtures("nothing_configured")

STUDENT = ("recommend", "--persona", "student", "--budget", "1000")


def veo(*arguments: str) -> Result:
    """Run one command in this process, its output not a terminal."""
    return CliRunner().invoke(app, list(arguments))


def clean() -> dict[str, str]:
    """Return a clean environment for a separate process, with live sources off."""
    inherited = {name: value for name, value in os.environ.items() if name not in settings_variables()}
    return {**inherited, "VEO_LIVE": "off"}


def process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run one command in a separate process."""
    command = [sys.executable, *arguments]
    whole = {**clean(), **environment}
    return subprocess.run(command, env=whole, capture_output=True, timeout=60, check=False)  # noqa: S603 - our own program


# ---- the command itself ------------------------------------------------------------------------------

VEO = Path(sys.executable).with_name("veo")
INTERRUPTED = """
import sys

class Interrupt:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name == "veo.cli.main":
            raise KeyboardInterrupt

sys.meta_path.insert(0, Interrupt)
from veo.__main__ import main
main()
"""


def test_the_installed_command_says_its_version() -> None:
    done = subprocess.run([VEO, "--version"], capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    assert done.stdout == f"veo {__version__}\n"


def test_the_shell_completes_a_command() -> None:
    asked = {"_VEO_COMPLETE": "complete_bash", "COMP_WORDS": "veo recom", "COMP_CWORD": "1"}
    done = subprocess.run([VEO], env=clean() | asked, capture_output=True, text=True, check=True)  # noqa: S603 - our own program
    assert done.stdout.split() == ["recommend"]


def test_ctrl_c_during_the_import_is_silent() -> None:
    done = process("-c", INTERRUPTED)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"")


# ---- answers -----------------------------------------------------------------------------------------


def test_recommendations_are_a_table_ranked_from_one() -> None:
    ranks = re.findall(r"^(\d+)  ", veo(*STUDENT).stdout, re.MULTILINE)
    assert ranks == ["1", "2", "3", "4", "5"]


def test_recommendations_begin_with_the_question() -> None:
    assert veo(*STUDENT).stdout.splitlines()[0] == "For a student with £1,000 a month to rent"


def test_a_flag_selects_buying() -> None:
    result = veo("recommend", "--persona", "developer", "--budget", "400000", "--buy")
    assert result.stdout.splitlines()[0] == "For a developer with £400,000 to buy"


def test_a_monthly_payment_to_buy_is_shown_as_monthly() -> None:
    shown = veo("recommend", "--persona", "developer", "--buy", "--budget", "2500").stdout
    assert shown.splitlines()[0] == "For a developer with £2,500 a month to buy"


def test_a_row_names_the_area_its_score_cost_and_way() -> None:
    row = veo(*STUDENT, "--destination", "UCL", "--max-areas", "1").stdout.splitlines()[2]
    columns = (
        r"1 +Canning Town & Silvertown +E16 +Newham +\d\d\.\d +741 +32 min to University College London *"
    )
    assert re.fullmatch(columns, row)


def test_strengths_and_weaknesses_stand_under_their_area() -> None:
    marks = re.findall(r"^([+-]) ", veo(*STUDENT, "--max-areas", "1").stdout, re.MULTILINE)
    assert marks == sorted(marks)
    assert set(marks) == {"+", "-"}


def test_what_was_assumed_and_the_sources_end_an_answer() -> None:
    last = veo(*STUDENT).stdout.splitlines()[-3:]
    assert [line.split(":")[0] for line in last] == ["Assumed", "Assumed", "Sources"]


def test_a_notice_is_printed() -> None:
    result = veo("recommend", "--persona", "student", "--budget", "620", "--max-areas", "20")
    assert " of 20 areas are over £620 a month: up to £" in result.stdout


@pytest.mark.parametrize(
    ("option", "value", "field"),
    [
        ("--home", "1bed", "home"),
        ("--destination", "KCL", "destination"),
        ("--max-areas", "2", "recommendations"),
    ],
)
def test_an_option_reaches_the_question(option: str, value: str, field: str) -> None:
    plain, changed = (json.loads(veo(*STUDENT, "--json", *more).stdout) for more in ((), (option, value)))
    assert plain[field] != changed[field]


@pytest.mark.parametrize(("option", "value"), [("--max-commute", "20"), ("--min-safety", "60")])
def test_a_limit_changes_what_is_recommended(option: str, value: str) -> None:
    plain, changed = (json.loads(veo(*STUDENT, "--json", *more).stdout) for more in ((), (option, value)))
    assert plain["recommendations"] != changed["recommendations"]


def test_an_area_is_shown_figure_by_figure_with_its_source() -> None:
    line = r"median price +440,000 +GBP +district +HM Land Registry Price Paid +Sep 2025 to Aug 2026 *"
    assert re.search(f"^{line}$", veo("area", "e15").stdout, re.MULTILINE)


def test_an_area_is_headed_by_its_name_code_and_borough() -> None:
    assert veo("area", "E15").stdout.startswith("Stratford (E15), Newham\n")


def test_an_upper_bound_is_not_shown_as_a_figure() -> None:
    assert re.search(r"^food venues +below 150 +venues", veo("area", "E5").stdout, re.MULTILINE)


def test_a_journey_is_shown_leg_by_leg() -> None:
    legs = [line.split()[0] for line in veo("commute", "E15", "UCL").stdout.splitlines()[2:6]]
    assert legs == ["walk", "Greater", "Hammersmith", "walk"]


def test_a_journey_is_headed_by_its_minutes() -> None:
    heading = veo("commute", "E15", "UCL").stdout.splitlines()[0]
    assert heading == "Stratford, E15 to University College London: 32 min"


@pytest.mark.parametrize("command", [STUDENT, ("area", "E15"), ("commute", "E15", "UCL"), ("cache", "stats")])
def test_json_is_one_line(command: tuple[str, ...]) -> None:
    (line,) = veo(*command, "--json").stdout.splitlines()
    assert isinstance(json.loads(line), dict)


def test_nothing_is_cut_wrapped_or_coloured_in_a_pipe() -> None:
    output = veo("area", "E15").stdout
    assert not re.search("…|\x1b", output)
    assert re.search(r"^crimes per 1000 .* Dec 2024 to Nov 2025$", output, re.MULTILINE)


# ---- errors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (
            ("recommend", "--persona", "x", "--budget", "1000"),
            "persona: must be 'student', 'parent' or 'developer'",
        ),
        (
            ("recommend", "--persona", "student", "--budget", "1"),
            "budget: must be from 500 to 50,000 GBP to rent",
        ),
        (("recommend", "--persona", "student", "--budget", "lots"), "Invalid value for '--budget'"),
        (("recommend", "--budget", "1000"), "Missing option '--persona'"),
        ((*STUDENT, "--max-areas", "21"), "max_areas: input should be less than or equal to 20"),
        ((*STUDENT, "--destination", "Kings Crss"), "did you mean King's Cross"),
        (("area", "ZZ9"), "Invalid area code: ZZ9 not found"),
        (("area",), "Missing argument"),
        (("commute", "E15", "Nowhere at all"), "destination: 'Nowhere at all' is not a London destination"),
        (("cache", "flush", "everything"), "flush: must be all"),
        (("cache", "get", "area:E15"), "area:E15: no entry"),
        (("cache",), "Missing command"),
        (("recomend",), "No such command 'recomend'"),
    ],
)
def test_a_bad_question_is_one_line_and_exit_code_2(command: tuple[str, ...], message: str) -> None:
    result = veo(*command)
    (line,) = result.stderr.splitlines()
    assert (result.exit_code, result.stdout) == (2, "")
    assert line.startswith("veo: ")
    assert message in line


def test_several_bad_fields_are_reported_at_once() -> None:
    line = veo("recommend", "--persona", "x", "--budget", "1000", "--home", "castle").stderr
    assert "persona: " in line
    assert "home: " in line


SETTLED = [("area", "E15"), ("cache", "stats"), ("data", "refresh"), ("serve", "--port", "0"), ("simulate",)]
"""A command of each kind that reads the settings."""


@pytest.mark.parametrize("command", SETTLED, ids=" ".join)
@pytest.mark.parametrize("value", ["x", "[]", '{"tfl":'])
def test_a_setting_with_malformed_json_is_one_line_by_its_name(
    nothing_configured: pytest.MonkeyPatch, command: tuple[str, ...], value: str
) -> None:
    nothing_configured.setenv("VEO_UPSTREAMS", value)
    result = veo(*command)
    assert (result.exit_code, result.stderr) == (2, "veo: VEO_UPSTREAMS: must be a JSON object\n")


def test_an_address_for_an_unknown_source_is_one_line_that_lists_the_sources(
    nothing_configured: pytest.MonkeyPatch,
) -> None:
    nothing_configured.setenv("VEO_UPSTREAMS", '{"tlf": "https://tfl.example"}')
    result = veo("area", "E15")
    beginning = "veo: VEO_UPSTREAMS: tlf: no such source; use one of tfl, police.uk, "
    assert (result.exit_code, result.stderr[: len(beginning)]) == (2, beginning)


def test_an_invalid_setting_is_one_line_that_gives_the_accepted_form() -> None:
    done = process("-m", "veo", "area", "E15", VEO_CORS_ORIGINS="veo.example")
    form = b"must be origins such as https://veo.example, separated by commas"
    assert (done.returncode, done.stderr) == (2, b"veo: VEO_CORS_ORIGINS: " + form + b"\n")


def test_a_flush_with_an_unusable_shared_tier_is_a_failure() -> None:
    broken = {"UPSTASH_REDIS_REST_URL": "ftp://x", "UPSTASH_REDIS_REST_TOKEN": "x"}
    done = process("-m", "veo", "cache", "flush", "all", **broken)
    assert (done.returncode, done.stderr.count(b"\n")) == (1, 1)
    assert b"UPSTASH_REDIS_REST_URL" in done.stderr


def test_a_malformed_setting_is_one_line_by_its_name(nothing_configured: pytest.MonkeyPatch) -> None:
    nothing_configured.setenv("VEO_CACHE", "disk")
    result = veo("area", "E15")
    assert (result.exit_code, result.stderr) == (2, "veo: VEO_CACHE: must be 'auto', 'memory' or 'off'\n")


def test_no_command_at_all_is_answered_with_help() -> None:
    result = veo()
    assert (result.exit_code, "recommend" in result.stdout) == (0, True)


# ---- the cache ---------------------------------------------------------------------------------------


@pytest.fixture
def configured(database: Gateway, nothing_configured: pytest.MonkeyPatch) -> Gateway:
    """Configure a shared tier on the loopback interface."""
    nothing_configured.setenv("UPSTASH_REDIS_REST_URL", database.url)
    nothing_configured.setenv("UPSTASH_REDIS_REST_TOKEN", database.token)
    return database


@pytest.fixture
def away(nothing_configured: pytest.MonkeyPatch) -> None:
    """Configure a shared tier where nothing listens."""
    nothing_configured.setenv("UPSTASH_REDIS_REST_URL", f"http://127.0.0.1:{free_port()}")
    nothing_configured.setenv("UPSTASH_REDIS_REST_TOKEN", "token")


@pytest.mark.usefixtures("configured")
def test_an_answer_outlives_its_process() -> None:
    veo("area", "E15")
    assert json.loads(veo("area", "E15", "--json").stdout)["metadata"]["cached"] is True


@pytest.mark.usefixtures("configured")
def test_an_entry_is_printed_as_json() -> None:
    veo("area", "E15")
    assert json.loads(veo("cache", "get", "area:E15").stdout)["value"]["data"]["areaCode"] == "E15"


@pytest.mark.usefixtures("configured")
def test_a_deletion_says_how_far_it_reaches() -> None:
    veo("area", "E15")
    lines = veo("cache", "delete", "area:E15").stdout.splitlines()
    assert lines == ["area:E15: deleted", "Other containers follow within 30 s."]


@pytest.mark.usefixtures("configured")
def test_a_deleted_entry_is_gone() -> None:
    veo("area", "E15")
    veo("cache", "delete", "area:E15")
    assert veo("cache", "get", "area:E15").exit_code == 2


@pytest.mark.usefixtures("configured")
def test_a_flushed_area_is_gone() -> None:
    veo("area", "E15")
    veo("cache", "flush", "area:E15")
    assert veo("cache", "get", "area:E15").exit_code == 2


@pytest.mark.usefixtures("configured")
def test_stats_say_that_the_shared_tier_is_reachable() -> None:
    assert veo("cache", "stats").stdout.startswith("Shared tier: upstash, reachable\n")


def test_stats_say_that_nothing_is_configured() -> None:
    assert veo("cache", "stats").stdout.startswith("No shared tier is configured: ")


def test_stats_say_why_a_configured_tier_is_not_used(nothing_configured: pytest.MonkeyPatch) -> None:
    nothing_configured.setenv("UPSTASH_REDIS_REST_URL", "http://far.example")
    assert veo("cache", "stats").stdout.startswith("Memory only: ")


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (("delete", "area:E15"), ["area:E15: no entry", "No shared tier is configured"]),
        (("flush", "crime"), ["Flushed: crime", "No shared tier is configured"]),
    ],
)
def test_a_change_in_memory_alone_does_not_mention_other_containers(
    command: tuple[str, ...], expected: list[str]
) -> None:
    lines = veo("cache", *command).stdout.splitlines()
    assert [line.split(": this is")[0] for line in lines] == expected


@pytest.mark.usefixtures("away")
def test_stats_say_that_the_shared_tier_is_not_reachable() -> None:
    assert veo("cache", "stats").stdout.startswith("Shared tier: upstash, NOT reachable\n")


@pytest.mark.usefixtures("away")
@pytest.mark.parametrize(
    "command", [("advise",), ("get", "area:E15"), ("delete", "area:E15"), ("flush", "all")]
)
def test_a_shared_tier_that_is_away_is_one_line_and_exit_code_1(command: tuple[str, ...]) -> None:
    result = veo("cache", *command)
    (line,) = result.stderr.splitlines()
    assert (result.exit_code, result.stdout) == (1, "")
    assert line.startswith("veo: the shared tier ")


@pytest.mark.usefixtures("away")
@pytest.mark.parametrize("command", [("advise",), ("delete", "area:E15"), ("flush", "all")])
def test_a_shared_tier_that_is_away_is_exit_code_1_in_json_too(command: tuple[str, ...]) -> None:
    result = veo("cache", *command, "--json")
    assert (result.exit_code, isinstance(json.loads(result.stdout), dict)) == (1, True)
    assert result.stderr.startswith("veo: the shared tier ")


@pytest.mark.usefixtures("away")
def test_an_answer_does_not_need_the_shared_tier() -> None:
    result = veo("area", "E15")
    assert (result.exit_code, result.stderr) == (0, "")


@pytest.mark.usefixtures("away")
def test_a_configured_log_level_is_honoured(nothing_configured: pytest.MonkeyPatch) -> None:
    nothing_configured.setenv("VEO_LOG_LEVEL", "WARNING")
    assert "shared tier" in veo("area", "E15").stderr


def test_an_empty_host_is_refused() -> None:
    result = veo("serve", "--host", "")
    assert (result.exit_code, result.stderr) == (2, "veo: host: must not be empty\n")


def test_help_promises_no_page() -> None:
    assert "page" not in veo("serve", "--help").stdout


# ---- processes ---------------------------------------------------------------------------------------


def test_python_m_veo_is_the_command_line() -> None:
    done = process("-m", "veo", *STUDENT, "--destination", "UCL", "--json")
    assert json.loads(done.stdout)["recommendations"][0]["areaCode"] == "E16"


def test_any_locale_can_print_an_answer() -> None:
    done = process("-m", "veo", *STUDENT, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stdout.isascii(), done.stderr) == (0, True, b"")


@pytest.mark.parametrize("command", [("area", "E15"), ("area", "E15", "--json"), ("--help",)])
def test_a_full_disk_is_one_line_and_exit_code_1(command: tuple[str, ...]) -> None:
    done = redirected(">/dev/full", *command)
    assert (done.returncode, done.stderr) == (1, b"veo: No space left on device\n")


def test_a_closed_output_is_one_line_and_exit_code_1() -> None:
    done = redirected(">&-", "area", "E15")
    assert (done.returncode, done.stderr) == (1, b"veo: the standard output is closed\n")


def redirected(to: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run one command with its output redirected by a shell."""
    shell = ["/bin/sh", "-c", f'"$0" -m veo "$@" {to}', sys.executable, *arguments]
    return subprocess.run(shell, env=clean(), stderr=subprocess.PIPE, timeout=60, check=False)  # noqa: S603 - our own program


def test_a_question_needs_neither_modal_nor_the_web() -> None:
    code = (
        "import sys; from typer.testing import CliRunner; from veo.cli.main import app\n"
        "CliRunner().invoke(app, ['area', 'E15'])\n"
        "print(sorted({'modal', 'fastapi', 'uvicorn', 'veo.web'} & set(sys.modules)))"
    )
    assert process("-c", code).stdout == b"[]\n"


def test_a_port_in_use_is_one_line_and_exit_code_1() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = veo("serve", "--port", str(port))
    (line,) = result.stderr.splitlines()
    assert result.exit_code == 1
    assert line.startswith(f"veo: cannot listen on 127.0.0.1 port {port}: Address already in use")


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """Serve on a free port, and yield the printed address."""
    command = [sys.executable, "-m", "veo", "serve", "--port", "0"]
    with subprocess.Popen(command, env=clean(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as server:  # noqa: S603 - our own program
        assert server.stdout is not None
        yield server.stdout.readline().split()[3].decode()
        server.terminate()


def test_serve_answers_that_it_is_healthy(served: str) -> None:
    with urlopen(f"{served}/api/health", timeout=30) as answer:  # noqa: S310 - loopback
        assert json.load(answer)["status"] == "healthy"


def test_serve_answers_a_question(served: str) -> None:
    body = json.dumps({"persona": "student", "budget": 1000, "locationType": "rent"}).encode()
    request = Request(f"{served}/api/recommendations", body, {"Content-Type": "application/json"})  # noqa: S310 - loopback
    with urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
        assert len(json.load(answer)["recommendations"]) == 5
