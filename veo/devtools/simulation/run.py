"""One simulation from its options to its figures."""

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
from veo.services.questions import POLICIES
from veo.settings import Settings

FAMILIES = tuple(policy.family for policy in POLICIES)


@dataclass(frozen=True, slots=True)
class Wish:
    """What to simulate; None leaves it to the preset. `ttl` and the windows are as written by a person."""

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


def simulated(wish: Wish, settings: Settings, progress: Callable[[int, int], None]) -> dict[str, Any]:
    """Run a simulation, and give its figures as JSON data; raises InvalidQuestion for a senseless wish."""
    plan = planned(wish, settings)
    preset = PRESETS[wish.preset]
    began = time.perf_counter()
    expected = round(plan.demand.simulated_a_day(plan.every) * plan.days)
    with _quiet():
        outcome = simulate(plan, lambda done: progress(done, expected))
    return {
        "preset": wish.preset,
        "title": preset.title,
        **report(plan, outcome, price_table(settings)),
        "owner": preset.owner,
        "tookSeconds": round(time.perf_counter() - began, 1),
    }


def planned(wish: Wish, settings: Settings) -> Plan:
    """Make a plan of a preset and what is wished otherwise; raises InvalidQuestion, naming the field."""
    if wish.preset not in PRESETS:
        raise InvalidQuestion(f"preset: must be one of {', '.join(PRESETS)}")
    preset = PRESETS[wish.preset]
    demand = replace(
        preset.demand,
        requests_a_day=wish.requests_a_day or preset.demand.requests_a_day,
        skew=wish.skew,
        at_most=wish.questions,
    )
    days = wish.days or preset.days
    try:
        every = step(demand, days, wish.most)
    except ValueError as error:
        raise InvalidQuestion(f"most: {error}") from None
    return Plan(
        demand,
        policies(wish.ttl),
        days,
        containers=wish.containers or preset.containers,
        edge=wish.edge,
        commands=settings.commands_per_day,
        faults=Faults(
            wish.fail_rate,
            sources_away=window("sources-away", wish.sources_away),
            tier_away=window("tier-away", wish.tier_away),
        ),
        seed=wish.seed,
        every=every,
    )


def policies(changes: Sequence[str]) -> tuple[Policy, ...]:
    """Give the table's policies, some with another lifetime; raises InvalidQuestion for a bad change."""
    lives: dict[str, timedelta] = {}
    for change in changes:
        family, _, hours = change.partition("=")
        try:
            lives[family] = timedelta(hours=float(hours))
        except (ValueError, OverflowError):
            lives[family] = timedelta()
        if family not in FAMILIES or not lives[family] > timedelta():
            raise InvalidQuestion(f"ttl: must be hours such as research=24, of {', '.join(FAMILIES)}")
    return tuple(_living(policy, lives.get(policy.family)) for policy in POLICIES)


def _living(policy: Policy, life: timedelta | None) -> Policy:
    try:
        return policy if life is None else replace(policy, fresh_for=life)
    except ValueError as error:
        raise InvalidQuestion(f"ttl: {policy.family}: {error}") from None


def window(name: str, text: str) -> Window:
    """Read hours from the start, `12-16`; nothing is no window. Raises InvalidQuestion, naming the field."""
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
def _quiet() -> Iterator[None]:
    """Log nothing: what fails in a simulation is no news."""
    logger = logging.getLogger("veo")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)
