"""The simulated fleet: figures that can be reckoned by hand, faults, samples, and what it all costs."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from veo.cli.main import app
from veo.devtools.simulation.demand import Demand
from veo.devtools.simulation.fleet import Faults, Outcome, Plan, simulate, step
from veo.devtools.simulation.presets import PRESETS
from veo.devtools.simulation.prices import upstash_usd
from veo.devtools.simulation.report import report
from veo.devtools.simulation.run import Wish, planned, policies
from veo.operations.savings import Prices
from veo.services.questions import POLICIES
from veo.settings import Settings

pytestmark = pytest.mark.usefixtures("nothing_configured")

HALF_A_DAY = 0.5
ONE_AREA = Demand(200, {"area": 1.0}, at_most=1)
ONE_JOURNEY = Demand(1_000, {"commute": 1.0}, at_most=1)


def plan(demand: Demand, days: float = HALF_A_DAY, **more: Any) -> Plan:
    return Plan(demand, more.pop("table", POLICIES), days, **more)


def figures(wanted: Plan, outcome: Outcome | None = None) -> dict[str, Any]:
    return report(wanted, outcome or simulate(wanted), Prices())


# ---- by hand -----------------------------------------------------------------------------------------


def test_one_question_within_its_lifetime_is_computed_once() -> None:
    outcome = simulate(plan(ONE_AREA))
    assert (outcome.ends["area"]["computes"], outcome.ends["area"]["source"]) == (1, 1)


def test_every_other_request_is_a_hit() -> None:
    found = figures(plan(ONE_AREA))
    assert found["families"][0]["hits"] == found["simulated"] - 1


def test_containers_that_end_at_once_read_once_a_request() -> None:
    """A read each; for the first besides a stamp for all, the family and the area, and its write."""
    outcome = simulate(plan(ONE_AREA, idle=0.0))
    of_keys = {kind: count for kind, count in outcome.commands.items() if kind != "sync"}
    assert of_keys == {"read": outcome.requests, "claim": 3, "write": 1}


def test_containers_that_end_at_once_remember_nothing() -> None:
    outcome = simulate(plan(ONE_AREA, idle=0.0))
    assert (outcome.ends["area"]["memory"], outcome.starts) == (0, outcome.requests)


def test_an_hour_of_life_is_a_computation_an_hour() -> None:
    """Lifetimes are up to a tenth shorter, and a refresh waits for the next request."""
    outcome = simulate(plan(ONE_JOURNEY, table=policies(["commute=1"])))
    assert 12 <= outcome.calls["commute"] <= 14


def test_a_paid_question_is_asked_once_by_all_containers() -> None:
    crowd = Demand(400_000, {"research": 1.0}, at_most=1)
    outcome = simulate(plan(crowd, days=0.001, containers=4))
    assert (outcome.requests > 300, outcome.calls["research"]) == (True, 1)


def test_callers_who_share_a_computation_are_counted() -> None:
    """Eight seconds of compute at 0.1 s between callers: about eighty wait for it."""
    crowd = Demand(864_000, {"research": 1.0}, at_most=1)
    assert figures(plan(crowd, days=0.0005))["coalescedCallers"] == pytest.approx(80, abs=30)


def test_an_edge_spares_every_invocation_but_the_first() -> None:
    assert simulate(plan(ONE_AREA, edge=True)).invocations == 1


def test_the_edge_s_reads_are_counted() -> None:
    outcome = simulate(plan(ONE_AREA, edge=True))
    assert (outcome.commands["edge"], outcome.commands["read"]) == (outcome.requests, 1)


# ---- chance ------------------------------------------------------------------------------------------


MIXED = Demand(4_000, {"area": 0.5, "boundaries": 0.3, "research": 0.2})


def test_the_same_seed_gives_the_same_figures() -> None:
    assert simulate(plan(MIXED, days=0.1)) == simulate(plan(MIXED, days=0.1))


def test_another_seed_gives_others() -> None:
    assert simulate(plan(MIXED, days=0.1)) != simulate(plan(MIXED, days=0.1, seed=2))


def test_families_are_asked_by_their_shares() -> None:
    found = figures(plan(MIXED, days=0.25))
    shares = [row["asked"] / found["simulated"] for row in found["families"]]
    assert shares == pytest.approx([0.5, 0.3, 0.2], abs=0.04)


def test_requests_that_ask_several_questions_ask_each_with_its_chance() -> None:
    found = figures(plan(PRESETS["owner-baseline"].demand, days=1))
    asked = {row["family"]: row["asked"] / found["simulated"] for row in found["families"]}
    assert (asked["commute"], asked["research"]) == (1.0, pytest.approx(0.2, abs=0.05))


def test_every_family_of_the_table_can_be_simulated() -> None:
    everything = Demand(40 * len(POLICIES), dict.fromkeys((policy.family for policy in POLICIES), 1.0))
    found = figures(plan(everything, days=1))
    assert (all(row["asked"] for row in found["families"]), found["failed"]) == (True, 0)


def test_a_family_that_the_table_lacks_is_asked_of_nobody() -> None:
    found = figures(plan(replace(ONE_AREA, asks={"tides": 1.0})))
    assert found["notices"] == ["tides: not in the table of questions, so Veo asks nobody for it."]


# ---- faults ------------------------------------------------------------------------------------------


HOURLY = policies(["commute=1"])
AWAY = Faults(sources_away=(6.0, 10.0))


def test_while_a_source_is_away_its_answers_are_stale() -> None:
    found = figures(plan(ONE_JOURNEY, table=HOURLY, faults=AWAY))
    assert (found["staleServed"] > 100, found["failed"]) == (True, 0)


def test_a_stale_answer_is_as_old_as_the_outage_makes_it() -> None:
    """Four hours of outage, and an answer up to an hour old at its beginning."""
    found = figures(plan(ONE_JOURNEY, table=HOURLY, faults=AWAY))
    assert 3.9 < found["oldestStaleHours"] < 5.1


def test_without_a_fault_nothing_is_stale() -> None:
    assert figures(plan(ONE_JOURNEY, table=HOURLY))["staleServed"] == 0


def test_without_a_value_in_hand_an_outage_is_a_failure() -> None:
    found = figures(plan(ONE_JOURNEY, days=0.1, faults=Faults(failing=1.0)))
    assert (found["hitRate"], found["failed"]) == (0.0, found["simulated"])


def test_a_shared_tier_that_is_away_fails_no_request() -> None:
    found = figures(plan(ONE_AREA, faults=Faults(tier_away=(0.0, 12.0))))
    assert (found["failed"], found["commandsADay"]) == (0, 0)


def test_a_spent_budget_of_commands_leaves_memory_alone() -> None:
    outcome = simulate(plan(replace(ONE_AREA, requests_a_day=20_000), days=0.2, commands=100))
    assert 0 < sum(outcome.commands.values()) <= 100


# ---- samples -----------------------------------------------------------------------------------------


MANY = Demand(3_000, {"boundaries": 0.5, "area": 0.5})


def test_what_fits_is_not_sampled() -> None:
    assert step(MANY, 1, 3_000) == 1


def test_a_sample_keeps_within_its_bound() -> None:
    assert MANY.simulated_a_day(step(MANY, 1, 1_000)) <= 1_000


def test_a_sample_says_so() -> None:
    (notice,) = figures(plan(MANY, days=0.1, every=4))["notices"]
    assert re.match(r"Sampled: one question in 4 was simulated, \d+ requests of 300, ", notice)


def test_without_a_sample_nothing_is_said() -> None:
    assert figures(plan(MANY, days=0.1))["notices"] == []


def test_a_sample_comes_near_the_whole() -> None:
    whole, sample = (figures(plan(MANY, days=0.5, every=every)) for every in (1, 5))
    assert sample["hitRate"] == pytest.approx(whole["hitRate"], abs=0.03)
    assert sample["upstreamCallsADay"] == pytest.approx(whole["upstreamCallsADay"], rel=0.15)


def test_behind_an_edge_a_sample_counts_a_command_for_every_request() -> None:
    found = figures(plan(MANY, days=0.2, every=4, edge=True))
    assert found["commandsADay"] >= MANY.requests_a_day


def test_the_edge_s_commands_are_no_container_s() -> None:
    """Of all commands of a day the edge sends 3,000, one for each request."""
    sent = figures(plan(MANY, days=0.2, every=4, edge=True))["commandsADay"]
    said = figures(plan(MANY, days=0.2, every=4, edge=True, commands=sent - 2_000))["notices"]
    assert [notice for notice in said if "VEO_COMMANDS_PER_DAY" in notice] == []


def test_behind_an_edge_a_sample_invokes_only_for_what_is_not_fresh() -> None:
    found = figures(plan(MANY, days=0.2, every=4, edge=True))
    missed = sum(row["asked"] - row["edge"] for row in found["families"])
    assert found["bill"]["rows"][-2]["callsAfter"] == pytest.approx(missed / 0.2, abs=0.1)


def test_a_run_that_spends_the_budget_of_commands_says_so() -> None:
    (said,) = figures(plan(MANY, days=0.1, commands=100))["notices"]
    assert said.startswith("VEO_COMMANDS_PER_DAY (100) was spent: ")


def test_commands_that_an_outage_kept_back_are_not_laid_to_the_budget() -> None:
    away = Faults(tier_away=(1.0, 2.0))
    assert figures(plan(MANY, days=0.1, commands=100_000, faults=away))["notices"] == []


@pytest.mark.parametrize("faults", [Faults(failing=0.5), Faults(sources_away=(1.0, 2.0))])
def test_a_sample_whose_sources_fail_says_what_its_hits_are(faults: Faults) -> None:
    said = figures(plan(MANY, days=0.2, every=4, faults=faults))["notices"]
    assert said[0].startswith("What the sample leaves out is counted as hits, also where the sources fail")


def test_a_sample_that_would_spend_the_budget_of_commands_says_so() -> None:
    said = figures(plan(MANY, days=0.1, every=4, commands=100))["notices"]
    assert "are more than VEO_COMMANDS_PER_DAY allows (100)" in said[1]


def test_requests_of_several_questions_are_not_sampled() -> None:
    with pytest.raises(ValueError, match="cannot be sampled: at most 500"):
        step(PRESETS["owner-baseline"].demand, 1, 500)


# ---- money -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("commands", "usd"), [(0, 0.0), (500_000, 0.0), (600_000, 1.2), (10_000_000, 20.0)])
def test_upstash_is_free_to_half_a_million_commands_and_then_bills_each(commands: int, usd: float) -> None:
    assert upstash_usd(commands) == pytest.approx(usd)


def test_the_owner_s_load_costs_what_the_owner_says_without_a_cache() -> None:
    bill = figures(plan(PRESETS["owner-baseline"].demand, days=0.1))["bill"]
    assert (bill["beforeADay"], bill["beforeAMonth"]) == (6.5, 195.0)


def test_a_bill_is_calls_times_price() -> None:
    """The edge leaves one invocation, of ten cents, in half a day."""
    wanted = plan(ONE_AREA, edge=True)
    outcome = simulate(wanted)
    bill = report(wanted, outcome, Prices(modal=0.10))["bill"]
    assert bill["afterADay"] == pytest.approx(0.10 * 200 / outcome.requests, abs=0.005)


def test_free_sources_are_not_on_the_bill() -> None:
    assert [row["name"] for row in figures(plan(ONE_AREA))["bill"]["rows"]] == ["modal", "upstash"]


# ---- the command -------------------------------------------------------------------------------------


def command(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["simulate", *arguments])


def test_the_owner_s_expectation_stands_beside_what_was_simulated() -> None:
    last = command("owner-baseline", "--days", "0.2").stdout.splitlines()[-2:]
    assert re.match(r"Simulated: \$6\.50 -> \$\d\.\d\d a day, \$195 -> \$\d+ a month", last[0])
    assert last[1] == "The owner expects: $6.50 -> $0.85 a day, $195 -> $26 a month"


def test_the_figures_are_one_line_of_json() -> None:
    (line,) = command("1k", "--days", "0.2", "--json").stdout.splitlines()
    assert json.loads(line)["preset"] == "1k"


def test_prices_come_from_the_settings(nothing_configured: pytest.MonkeyPatch) -> None:
    nothing_configured.setenv("VEO_PRICE_MODAL_USD", "1")
    found = json.loads(command("1k", "--days", "0.1", "--json").stdout)
    assert found["bill"]["rows"][-2]["usdBefore"] == 1_000


def test_a_malformed_price_is_one_line_by_its_name(nothing_configured: pytest.MonkeyPatch) -> None:
    nothing_configured.setenv("VEO_PRICE_MODAL_USD", "cheap")
    result = command("1k")
    assert (result.exit_code, result.stderr.startswith("veo: VEO_PRICE_MODAL_USD: ")) == (2, True)


def test_options_reach_the_plan() -> None:
    wanted = planned(
        Wish("1k", requests_a_day=50, days=2, skew=0.5, containers=3, sources_away="1-2"), Settings()
    )
    assert (wanted.demand.requests_a_day, wanted.demand.skew) == (50, 0.5)
    assert (wanted.days, wanted.containers, wanted.faults.sources_away) == (2, 3, (1.0, 2.0))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("2k",), "preset: must be one of owner-baseline, 1k, 10k-users, 100k, 10m"),
        (("1k", "--ttl", "tides=1"), "ttl: must be hours such as research=24"),
        (("1k", "--ttl", "area=nan"), "ttl: must be hours such as research=24"),
        (("1k", "--ttl", "research=0.001"), "ttl: research: fresh_for: "),
        (("1k", "--sources-away", "5"), "sources-away: must be hours from the start such as 12-16"),
        (("1k", "--tier-away", "5-4"), "tier-away: must be hours from the start such as 12-16"),
        (("1k", "--days", "-1"), "Invalid value for '--days'"),
        (("owner-baseline", "--requests-a-day", "1e6"), "most: "),
    ],
)
def test_a_bad_option_is_one_line_and_exit_code_2(arguments: tuple[str, ...], said: str) -> None:
    result = command(*arguments)
    (line,) = result.stderr.splitlines()
    assert (result.exit_code, said in line) == (2, True)


def test_no_other_command_loads_what_the_two_need() -> None:
    tools = "{'veo.devtools.simulation', 'veo.devtools.loadtest'}"
    code = f"import sys, veo.cli.main; print({tools} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)  # noqa: S603 - our own program
    assert done.stdout == b"set()\n"


def test_a_simulation_of_a_year_ends() -> None:
    """After 194 days a second of 64 bits is coarser than a nanosecond."""
    year = [sys.executable, "-m", "veo", "simulate", "1k", "--requests-a-day", "1", "--days", "400"]
    subprocess.run(year, check=True, capture_output=True, timeout=60)  # noqa: S603 - our own program
