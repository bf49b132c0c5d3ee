"""The ledger's figures and advice at a terminal."""

from typing import Any

import pytest

from veo.cli import output
from veo.operations import cache_admin
from veo.operations.savings import Prices
from veo.runtime import build
from veo.services.dispatch import ask
from veo.settings import Settings

pytestmark = pytest.mark.anyio

ADVICE = {
    "family": "research",
    "advice": "lengthen",
    "fresh_for_s": 21_600,
    "suggested_s": 43_200,
    "expected_saving": {"calls": 40.0, "usd": 0.4, "seconds": 80.0},
    "reason": "5% of 100 refreshes changed the value",
}


async def test_stats_print_what_the_day_saved(capsys: pytest.CaptureFixture[str]) -> None:
    runtime = build(Settings(cache="memory"))
    for _ in range(4):
        await ask(runtime, "crime", {"area_code": "E15"})
    output.cache_stats(await cache_admin.stats(runtime, prices=Prices(modal=0.5)))
    shown = capsys.readouterr().out
    assert "Today (this process): 75% from the cache" in shown
    assert "Saved: 0 calls to sources, 1.50 USD" in shown


async def test_stats_print_no_saving_before_the_first_question(capsys: pytest.CaptureFixture[str]) -> None:
    output.cache_stats(await cache_admin.stats(build(Settings(cache="memory"))))
    assert "Saved" not in capsys.readouterr().out


READ: dict[str, Any] = {"of": "fleet", "reachable": True, "fault": None}


def test_advice_prints_a_line_a_family(capsys: pytest.CaptureFixture[str]) -> None:
    output.cache_advice({**READ, "advice": [ADVICE]})
    line = capsys.readouterr().out.splitlines()[1]
    cells: list[Any] = [part for part in line.split("  ") if part]
    assert [part.strip() for part in cells] == [
        "research",
        "lengthen",
        "6",
        "12",
        "40 calls, 0.40 USD",
        "5% of 100 refreshes changed the value",
    ]


def test_advice_says_when_there_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    output.cache_advice({**READ, "advice": []})
    assert capsys.readouterr().out == "No questions today (fleet), so there is no advice.\n"


@pytest.mark.parametrize("unread", [{"reachable": False}, {"reachable": None, "fault": "no such scheme"}])
def test_there_is_no_advice_without_the_shared_tier_that_is_set(
    capsys: pytest.CaptureFixture[str], unread: dict[str, Any]
) -> None:
    with pytest.raises(SystemExit, match=r"^1$"):
        output.cache_advice({**READ, **unread, "advice": []})
    assert "the shared tier cannot be read" in capsys.readouterr().err
