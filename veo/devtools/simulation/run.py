"""Run one simulation, from its options to its figures."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from veo.cache import Policy
from veo.devtools.simulation.fleet import Faults, Plan, Window, simulate, step
from veo.devtools.simulation.presets import PRESETS
from veo.devtools.simulation.report import report
from veo.errors import InvalidQuestion
from veo.operations.savings import price_table
from veo.services.registry import POLICIES
from veo.settings import Settings

FAMILIES = tuple(policy.family for policy in POLICIES)


@dataclass(frozen=True, slots=True)
class Options:
    """Options of a simulation; None takes the preset's value. `ttl` and the windows are unparsed text."""

    preset: str
    requests_a_day: float | None = None
    days: float | None = None
    skew: float = 1.0
    questions: int | None = None
    containers: int | None = None
    ttl: tuple[str, ...] = ()
    edge: bool = False
    fail_rate: float = 0.0
    sources_away: str = ""
    tier_away: str = ""
    most: int = 200_000
    seed: int = 1


def run_simulation(
    options: Options, settings: Settings, progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """Run a simulation, and return its figures as JSON data; raise InvalidQuestion for bad options."""
    plan = make_plan(options, settings)
    preset = PRESETS[options.preset]
    began = time.perf_counter()
    expected = round(plan.demand.simulated_a_day(plan.every) * plan.days)
    with _silenced_logs():
        outcome = simulate(plan, lambda done: progress(done, expected))
    return {
        "preset": options.preset,
        "title": preset.title,
        **report(plan, outcome, price_table(settings)),
        "owner": preset.owner,
        "tookSeconds": round(time.perf_counter() - began, 1),
    }


def make_plan(options: Options, settings: Settings) -> Plan:
    """Combine a preset with the options; raise InvalidQuestion naming the bad option."""
    if options.preset not in PRESETS:
        raise InvalidQuestion(f"preset: must be one of {', '.join(PRESETS)}")
    preset = PRESETS[options.preset]
    demand = replace(
        preset.demand,
        requests_a_day=options.requests_a_day or preset.demand.requests_a_day,
        skew=options.skew,
        at_most=options.questions,
    )
    days = options.days or preset.days
    try:
        every = step(demand, days, options.most)
    except ValueError as error:
        raise InvalidQuestion(f"most: {error}") from None
    return Plan(
        demand,
        policies(options.ttl),
        days,
        containers=options.containers or preset.containers,
        edge=options.edge,
        commands=settings.commands_per_day,
        faults=Faults(
            options.fail_rate,
            sources_away=parse_window("sources-away", options.sources_away),
            tier_away=parse_window("tier-away", options.tier_away),
        ),
        seed=options.seed,
        every=every,
    )


def policies(changes: Sequence[str]) -> tuple[Policy, ...]:
    """Return all policies with the given lifetimes changed; raise InvalidQuestion for a bad change."""
    lifetimes: dict[str, timedelta] = {}
    for change in changes:
        family, _, hours = change.partition("=")
        try:
            lifetimes[family] = timedelta(hours=float(hours))
        except (ValueError, OverflowError):
            lifetimes[family] = timedelta()
        if family not in FAMILIES or not lifetimes[family] > timedelta():
            raise InvalidQuestion(f"ttl: must be hours such as research=24, of {', '.join(FAMILIES)}")
    return tuple(_with_lifetime(policy, lifetimes.get(policy.family)) for policy in POLICIES)


def _with_lifetime(policy: Policy, lifetime: timedelta | None) -> Policy:
    try:
        return policy if lifetime is None else replace(policy, fresh_for=lifetime)
    except ValueError as error:
        raise InvalidQuestion(f"ttl: {policy.family}: {error}") from None


def parse_window(name: str, text: str) -> Window:
    """Parse hours from the start, `12-16`; empty text means none. Raise InvalidQuestion naming the option."""
    if not text:
        return (0.0, 0.0)
    start, _, end = text.partition("-")
    try:
        hours = float(start), float(end)
    except ValueError:
        hours = (0.0, 0.0)
    if not 0 <= hours[0] < hours[1]:
        raise InvalidQuestion(f"{name}: must be hours from the start such as 12-16")
    return hours


@contextmanager
def _silenced_logs() -> Iterator[None]:
    """Silence the logs: failures in a simulation are expected."""
    logger = logging.getLogger("veo")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)
