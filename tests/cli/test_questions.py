"""The commands that come from the registry: one for each question that has no special command."""

import asyncio
import json
import re
from typing import Any

import pytest

from tests.cli.test_main import veo
from veo.runtime import build
from veo.services.dispatch import ask

pytestmark = pytest.mark.usefixtures("nothing_configured")

COMMANDS: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "crime": (("E15",), {"area_code": "E15"}),
    "schools": (("E15 1AZ",), {"postcode": "E15 1AZ"}),
    "boundaries": (("E15 1AZ", "--level", "full"), {"postcode": "E15 1AZ", "level": "full"}),
    "maps": (("E15",), {"area_code": "E15"}),
}
"""The arguments of each command, and the fields of the same question."""


def dispatched(name: str, fields: dict[str, str]) -> dict[str, Any]:
    """Return the answer to a question as the Modal functions return it."""

    async def answer() -> dict[str, Any]:
        runtime = build()
        try:
            return await ask(runtime, name, fields)
        finally:
            await runtime.close()

    return asyncio.run(answer())


def without_time(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without the time of its computation."""
    return {**answer, "data": {**answer["data"], "timestamp": None}}


# ---- answers -----------------------------------------------------------------------------------------


def test_single_values_are_printed_line_by_line() -> None:
    assert veo("crime", "E15").stdout.splitlines()[0] == "Crime rate: 111.9"


def test_figures_are_printed_as_a_table() -> None:
    row = r"^burglaries per 1000 +7\.8 +burglaries per 1,000 residents +district +data\.police\.uk +"
    assert re.search(row, veo("crime", "E15").stdout, re.MULTILINE)


def test_a_list_is_printed_as_a_table() -> None:
    table = r"^Name +Km +Lines *\nStratford.* 0\.\d+ +.*Jubilee"
    assert re.search(table, veo("maps", "E15").stdout, re.MULTILINE)


def test_a_nested_value_is_printed_with_the_name_of_its_group() -> None:
    assert "\nAdministrative areas, district: Newham\n" in veo("boundaries", "E15 1AZ").stdout


def test_an_answer_ends_with_its_notices_and_sources() -> None:
    last = veo("crime", "E15").stdout.splitlines()[-3:]
    assert [line.split(":")[0] for line in last] == ["Note", "Note", "Sources"]


@pytest.mark.parametrize("name", COMMANDS)
def test_json_is_the_answer_of_the_modal_function(name: str) -> None:
    arguments, fields = COMMANDS[name]
    printed = json.loads(veo(name, *arguments, "--json").stdout)
    assert without_time(printed) == without_time(dispatched(name, fields))


def test_an_option_reaches_the_question() -> None:
    simple, full = (veo("boundaries", "E15 1AZ", *option).stdout for option in ((), ("--level", "full")))
    assert ("outlines" in simple, "outlines" in full) == (False, True)


# ---- errors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (("crime",), "Missing argument 'area_code'"),
        (("crime", "ZZ9"), "Invalid area code: ZZ9 not found"),
        (("schools", "Nowhere"), "postcode: 'Nowhere' is not a full UK postcode"),
        (("boundaries", "E15"), "postcode: must be 5 to 10 letters, digits and spaces"),
        (("boundaries", "E15 1AZ", "--level", "half"), "level: must be 'simple' or 'full'"),
        (("research", "E15", "--persona", "pirate"), "persona: must be 'student', 'parent' or 'developer'"),
    ],
)
def test_invalid_input_is_one_line_and_exit_code_2(command: tuple[str, ...], message: str) -> None:
    result = veo(*command)
    (line,) = result.stderr.splitlines()
    assert (result.exit_code, result.stdout) == (2, "")
    assert line.startswith("veo: ")
    assert message in line


def test_a_missing_key_is_one_line_and_exit_code_1() -> None:
    result = veo("research", "E15")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == "veo: perplexity is not configured: PERPLEXITY_API_KEY is not set\n"


# ---- help --------------------------------------------------------------------------------------------


def test_help_describes_the_question_and_its_argument() -> None:
    shown = veo("crime", "--help").stdout
    assert "Return the recorded crime of an area." in shown
    assert "Such as E15." in shown
