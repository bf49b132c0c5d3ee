"""Ready-made loads, with all of their assumptions."""

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
"""Shares of all requests by family; an assumption, as no request log exists yet."""

REQUESTS_PER_READER = 8
"""Requests of one reader in a day; an assumption."""

OWNER: Mapping[str, float] = {
    "beforeADay": 6.50,
    "afterADay": 0.85,
    "beforeAMonth": 195.0,
    "afterAMonth": 26.0,
}
"""The owner's expected cost in US dollars, before and after caching: 90 % fewer calls, 80 % less compute."""


@dataclass(frozen=True, slots=True)
class Preset:
    """A load, the number of days to simulate, and the number of containers that serve it."""

    title: str
    demand: Demand
    days: float
    containers: int
    owner: Mapping[str, float] | None = None


PRESETS: Mapping[str, Preset] = {
    "owner-baseline": Preset(
        "1,000 Modal invocations a day with 1,000 TfL, 500 Google and 200 Perplexity calls",
        Demand(1_000, {"commute": 1.0, "google": 0.5, "research": 0.2}, together=True),
        days=30,
        containers=1,
        owner=OWNER,
    ),
    "1k": Preset("1,000 requests a day", Demand(1_000, VISIT), days=30, containers=1),
    "10k-users": Preset(
        f"10,000 readers a day with {REQUESTS_PER_READER} requests each",
        Demand(10_000 * REQUESTS_PER_READER, VISIT),
        days=7,
        containers=2,
    ),
    "100k": Preset("100,000 requests a day", Demand(100_000, VISIT), days=7, containers=2),
    "10m": Preset("10,000,000 requests a day", Demand(10_000_000, VISIT), days=1, containers=5),
}
