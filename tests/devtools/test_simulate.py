"""The simulated fleet: figures that can be checked by hand, faults, samples and costs."""

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
from veo.devtools.simulation.run import Options, make_plan, policies
from veo.operations.savings import Prices
from veo.services.registry import POLICIES
from veo.settings import Settings

pytestmark = pytest.mark.usefixtures("nothing_configured")

HALF_A_DAY = 0.5
ONE_AREA = Demand(200, {"area": 1.0}, at_most=1)
ONE_JOURNEY = Demand(1_000, {"commute": 1.0}, at_most=1)


def plan(demand: Demand, days: float = HALF_A_DAY, **more: Any) -> Plan:
    return Plan(demand, more.pop("table", POLICIES), days, **more)


def figures(chosen: Plan, outcome: Outcome | None = None) -> dict[str, Any]:
    return report(chosen, outcome or simulate(chosen), Prices())


# ---- checked by hand ---------------------------------------------------------------------------------


def test_one_question_within_its_lifetime_is_computed_once() -> None:
    outcome = simulate(plan(ONE_AREA))
    assert (outcome.counts["area"]["computes"], outcome.counts["area"]["source"]) == (1, 1)


def test_every_other_request_is_a_hit() -> None:
    results = figures(plan(ONE_AREA))
    assert results["families"][0]["hits"] == results["simulated"] - 1


def test_containers_that_end_at_once_read_once_a_request() -> None:
    """One read each; the first also claims three tag versions (all, family, area) and writes."""
    outcome = simulate(plan(ONE_AREA, idle=0.0))
    of_keys = {kind: count for kind, count in outcome.commands.items() if kind != "sync"}
    assert of_keys == {"read": outcome.requests, "claim": 3, "write": 1}


def test_containers_that_end_at_once_remember_nothing() -> None:
    outcome = simulate(plan(ONE_AREA, idle=0.0))
    assert (outcome.counts["area"]["memory"], outcome.starts) == (0, outcome.requests)


def test_a_lifetime_of_an_hour_is_a_computation_an_hour() -> None:
    """Lifetimes are up to a tenth shorter, and a refresh waits for the next request."""
    outcome = simulate(plan(ONE_JOURNEY, table=policies(["commute=1"])))
    assert 12 <= outcome.calls["commute"] <= 14


def test_a_fleet_once_question_is_computed_once_by_all_containers() -> None:
    crowd = Demand(400_000, {"research": 1.0}, at_most=1)
    outcome = simulate(plan(crowd, days=0.001, containers=4))
    assert (outcome.requests > 300, outcome.calls["research"]) == (True, 1)


def test_callers_who_share_a_computation_are_counted() -> None:
    """Eight seconds of compute at 0.1 s between callers: about eighty wait for it."""
    crowd = Demand(864_000, {"research": 1.0}, at_most=1)
    assert figures(plan(crowd, days=0.0005))["coalescedCallers"] == pytest.approx(80, abs=30)


def test_an_edge_saves_every_invocation_but_the_first() -> None:
    assert simulate(plan(ONE_AREA, edge=True)).invocations == 1


def test_the_edge_s_reads_are_counted() -> None:
    outcome = simulate(plan(ONE_AREA, edge=True))
    assert (outcome.commands["edge"], outcome.commands["read"]) == (outcome.requests, 1)


# ---- randomness --------------------------------------------------------------------------------------


MIXED = Demand(4_000, {"area": 0.5, "boundaries": 0.3, "research": 0.2})


def test_the_same_seed_gives_the_same_figures() -> None:
    assert simulate(plan(MIXED, days=0.1)) == simulate(plan(MIXED, days=0.1))


def test_another_seed_gives_other_figures() -> None:
    assert simulate(plan(MIXED, days=0.1)) != simulate(plan(MIXED, days=0.1, seed=2))


def test_lookups_follow_the_shares_of_the_families() -> None:
    results = figures(plan(MIXED, days=0.25))
    shares = [row["asked"] / results["simulated"] for row in results["families"]]
    assert shares == pytest.approx([0.5, 0.3, 0.2], abs=0.04)


def test_requests_with_several_questions_have_each_with_its_probability() -> None:
    results = figures(plan(PRESETS["owner-baseline"].demand, days=1))
    shares = {row["family"]: row["asked"] / results["simulated"] for row in results["families"]}
    assert (shares["commute"], shares["research"]) == (1.0, pytest.approx(0.2, abs=0.05))


def test_every_family_of_the_table_can_be_simulated() -> None:
    everything = Demand(40 * len(POLICIES), dict.fromkeys((policy.family for policy in POLICIES), 1.0))
    results = figures(plan(everything, days=1))
    assert (all(row["asked"] for row in results["families"]), results["failed"]) == (True, 0)


def test_a_family_without_a_policy_is_not_simulated() -> None:
    results = figures(plan(replace(ONE_AREA, asks={"tides": 1.0})))
    assert results["notices"] == ["tides: not a family of Veo, so it is not simulated."]


# ---- faults ------------------------------------------------------------------------------------------


HOURLY = policies(["commute=1"])
AWAY = Faults(sources_away=(6.0, 10.0))


def test_while_a_source_is_away_its_answers_are_stale() -> None:
    results = figures(plan(ONE_JOURNEY, table=HOURLY, faults=AWAY))
    assert (results["staleServed"] > 100, results["failed"]) == (True, 0)


def test_a_stale_answer_is_as_old_as_the_outage_makes_it() -> None:
    """Four hours of outage, and an answer up to an hour old at its beginning."""
    results = figures(plan(ONE_JOURNEY, table=HOURLY, faults=AWAY))
    assert 3.9 < results["oldestStaleHours"] < 5.1


def test_without_a_fault_nothing_is_stale() -> None:
    assert figures(plan(ONE_JOURNEY, table=HOURLY))["staleServed"] == 0


def test_without_a_cached_value_an_outage_is_a_failure() -> None:
    results = figures(plan(ONE_JOURNEY, days=0.1, faults=Faults(failing=1.0)))
    assert (results["hitRate"], results["failed"]) == (0.0, results["simulated"])


def test_a_shared_tier_that_is_away_fails_no_request() -> None:
    results = figures(plan(ONE_AREA, faults=Faults(tier_away=(0.0, 12.0))))
    assert (results["failed"], results["commandsADay"]) == (0, 0)


def test_after_the_daily_command_limit_only_memory_is_used() -> None:
    outcome = simulate(plan(replace(ONE_AREA, requests_a_day=20_000), days=0.2, commands=100))
    assert 0 < sum(outcome.commands.values()) <= 100


# ---- samples -----------------------------------------------------------------------------------------


MANY = Demand(3_000, {"boundaries": 0.5, "area": 0.5})


def test_a_load_within_the_maximum_is_not_sampled() -> None:
    assert step(MANY, 1, 3_000) == 1


def test_a_sample_stays_within_its_maximum() -> None:
    assert MANY.simulated_a_day(step(MANY, 1, 1_000)) <= 1_000


def test_a_sample_says_so() -> None:
    (notice,) = figures(plan(MANY, days=0.1, every=4))["notices"]
    assert re.match(r"Sampled: one question in 4 was simulated, \d+ requests of 300, ", notice)


def test_without_a_sample_there_is_no_notice() -> None:
    assert figures(plan(MANY, days=0.1))["notices"] == []


def test_a_sample_approximates_the_full_load() -> None:
    whole, sample = (figures(plan(MANY, days=0.5, every=every)) for every in (1, 5))
    assert sample["hitRate"] == pytest.approx(whole["hitRate"], abs=0.03)
    assert sample["upstreamCallsADay"] == pytest.approx(whole["upstreamCallsADay"], rel=0.15)


def test_behind_an_edge_a_sample_counts_a_command_for_every_request() -> None:
    results = figures(plan(MANY, days=0.2, every=4, edge=True))
    assert results["commandsADay"] >= MANY.requests_a_day


def test_the_edge_s_commands_do_not_count_for_containers() -> None:
    """Of all commands of a day the edge sends 3,000, one for each request."""
    sent = figures(plan(MANY, days=0.2, every=4, edge=True))["commandsADay"]
    notices = figures(plan(MANY, days=0.2, every=4, edge=True, commands=sent - 2_000))["notices"]
    assert [notice for notice in notices if "VEO_COMMANDS_PER_DAY" in notice] == []


def test_behind_an_edge_a_sample_invokes_only_for_what_is_not_fresh() -> None:
    results = figures(plan(MANY, days=0.2, every=4, edge=True))
    missed = sum(row["asked"] - row["edge"] for row in results["families"])
    assert results["bill"]["rows"][-2]["callsAfter"] == pytest.approx(missed / 0.2, abs=0.1)


def test_a_run_that_reaches_the_daily_command_limit_says_so() -> None:
    (notices,) = figures(plan(MANY, days=0.1, commands=100))["notices"]
    assert notices.startswith("VEO_COMMANDS_PER_DAY (100) was reached: ")


def test_commands_that_an_outage_prevents_are_not_blamed_on_the_daily_limit() -> None:
    away = Faults(tier_away=(1.0, 2.0))
    assert figures(plan(MANY, days=0.1, commands=100_000, faults=away))["notices"] == []


@pytest.mark.parametrize("faults", [Faults(failing=0.5), Faults(sources_away=(1.0, 2.0))])
def test_a_sample_whose_sources_fail_says_what_its_hits_are(faults: Faults) -> None:
    notices = figures(plan(MANY, days=0.2, every=4, faults=faults))["notices"]
    assert notices[0].startswith("Requests outside the sample count as hits, even while sources fail")


def test_a_sample_that_would_reach_the_daily_command_limit_says_so() -> None:
    notices = figures(plan(MANY, days=0.1, every=4, commands=100))["notices"]
    assert "exceed VEO_COMMANDS_PER_DAY (100)" in notices[1]


def test_requests_with_several_questions_are_not_sampled() -> None:
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
    chosen = plan(ONE_AREA, edge=True)
    outcome = simulate(chosen)
    bill = report(chosen, outcome, Prices(modal=0.10))["bill"]
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
    results = json.loads(command("1k", "--days", "0.1", "--json").stdout)
    assert results["bill"]["rows"][-2]["usdBefore"] == 1_000


def test_a_malformed_price_is_one_line_by_its_name(nothing_configured: pytest.MonkeyPatch) -> None:
    nothing_configured.setenv("VEO_PRICE_MODAL_USD", "cheap")
    result = command("1k")
    assert (result.exit_code, result.stderr.startswith("veo: VEO_PRICE_MODAL_USD: ")) == (2, True)


def test_options_reach_the_plan() -> None:
    chosen = make_plan(
        Options("1k", requests_a_day=50, days=2, skew=0.5, containers=3, sources_away="1-2"), Settings()
    )
    assert (chosen.demand.requests_a_day, chosen.demand.skew) == (50, 0.5)
    assert (chosen.days, chosen.containers, chosen.faults.sources_away) == (2, 3, (1.0, 2.0))


@pytest.mark.parametrize(
    ("arguments", "notices"),
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
def test_a_bad_option_is_one_line_and_exit_code_2(arguments: tuple[str, ...], notices: str) -> None:
    result = command(*arguments)
    (line,) = result.stderr.splitlines()
    assert (result.exit_code, notices in line) == (2, True)


def test_no_other_command_loads_what_the_two_need() -> None:
    tools = "{'veo.devtools.simulation', 'veo.devtools.loadtest'}"
    code = f"import sys, veo.cli.main; print({tools} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)  # noqa: S603 - our own program
    assert done.stdout == b"set()\n"


def test_a_simulation_of_a_year_ends() -> None:
    """After 194 days the resolution of a 64-bit float of seconds is coarser than a nanosecond."""
    year = [sys.executable, "-m", "veo", "simulate", "1k", "--requests-a-day", "1", "--days", "400"]
    subprocess.run(year, check=True, capture_output=True, timeout=60)  # noqa: S603 - our own program
