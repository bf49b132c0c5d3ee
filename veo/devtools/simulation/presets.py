"""Loads to begin with. Whatever a preset assumes is written here and nowhere else."""

from collections.abc import Mapping
from dataclasses import dataclass

from veo.devtools.simulation.demand import Demand

VISIT: Mapping[str, float] = {
    "recommendations": 0.35,
    "area": 0.25,
    "commute": 0.15,
    "maps": 0.08,
    "crime": 0.05,
    "schools": 0.05,
    "boundaries": 0.04,
    "research": 0.03,
}
"""Shares of all requests: our assumption of what readers look at, for want of a log."""

A_VISIT = 8
"""Requests of one reader in a day: our assumption."""


OWNER: Mapping[str, float] = {
    "beforeADay": 6.50,
    "afterADay": 0.85,
    "beforeAMonth": 195.0,
    "afterAMonth": 26.0,
}
"""What the owner expects, in US dollars, without and with a cache: 90 % fewer calls, 80 % less compute."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A load, for how many days it is watched, and how many containers serve it."""

    title: str
    demand: Demand
    days: float
    containers: int
    owner: Mapping[str, float] | None = None


PRESETS: Mapping[str, Preset] = {
    "owner-baseline": Preset(
        "1,000 invocations of Modal a day that ask TfL 1,000, Google 500 and Perplexity 200 times",
        Demand(1_000, {"commute": 1.0, "google": 0.5, "research": 0.2}, together=True),
        days=30,
        containers=1,
        owner=OWNER,
    ),
    "1k": Preset("1,000 requests a day", Demand(1_000, VISIT), days=30, containers=1),
    "10k-users": Preset(
        f"10,000 readers a day with {A_VISIT} requests each", Demand(10_000 * A_VISIT, VISIT), 7, 2
    ),
    "100k": Preset("100,000 requests a day", Demand(100_000, VISIT), days=7, containers=2),
    "10m": Preset("10,000,000 requests a day", Demand(10_000_000, VISIT), days=1, containers=5),
}
