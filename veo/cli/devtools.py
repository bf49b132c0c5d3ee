"""The development commands: `veo loadtest` for a running Veo, `veo simulate` for days of a fleet.

Each command imports its dependencies only when it runs.
"""

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from veo.cli import devtools_output, output

AsJson = Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same questions.")]
Skew = Annotated[
    float, typer.Option(min=0, max=5, help="Zipf's exponent: 0 makes all questions equally popular.")
]
Milliseconds = Annotated[float | None, typer.Option(min=0, help="In milliseconds.")]
Window = Annotated[str, typer.Option(help="Hours from the start, such as 12-16.")]


def loadtest(  # noqa: PLR0917 - typer passes options by name
    url: Annotated[str, typer.Argument(help="The address of a running Veo: http://127.0.0.1:8000.")],
    requests: Annotated[int, typer.Option(min=1, max=10_000_000)] = 1_000,
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="Requests a second; by default without a limit.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=256, help="Requests at a time.")] = 8,
    questions: Annotated[int, typer.Option(min=1, max=10_000, help="Number of different questions.")] = 60,
    skew: Skew = 1.0,
    mix: Annotated[
        str, typer.Option(help="Relative shares of the kinds of question.")
    ] = "recommendations=60,areas=25,commutes=15",
    seed: Seed = 1,
    min_hit_rate: Annotated[float | None, typer.Option(min=0, max=1, help="From 0 to 1.")] = None,
    max_p95_ms: Milliseconds = None,
    max_cached_p95_ms: Milliseconds = None,
    max_errors: Annotated[int | None, typer.Option(min=0)] = None,
    mine: Annotated[
        bool, typer.Option("--yes-this-is-mine", help="Allow a host other than this machine.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Load-test a running Veo, and print its hit rate and response times.

    Exits with 1 if a given limit (--min-hit-rate, --max-...) is missed.
    """
    from veo.devtools.loadtest.results import Limits  # noqa: PLC0415 - only this command needs an HTTP client
    from veo.devtools.loadtest.run import Load, run_load  # noqa: PLC0415

    load = Load(url, requests, rate, concurrency, questions, skew, mix, seed, mine=mine)
    limits = Limits(min_hit_rate, max_p95_ms, max_cached_p95_ms, max_errors)
    with output.progress("Requesting") as progress:
        figures = run_load(load, limits, progress)
    _show(figures, devtools_output.loadtest, as_json)
    if figures["interrupted"]:
        output.fail("interrupted", 130)
    if figures["missed"]:
        output.fail("; ".join(figures["missed"]), 1)
    if not figures["answered"]:
        output.fail(f"{figures['url']}: no question was answered", 1)


def simulate(  # noqa: PLR0917 - typer passes options by name
    preset: Annotated[
        str, typer.Argument(help="owner-baseline, 1k, 10k-users, 100k or 10m.")
    ] = "owner-baseline",
    requests_a_day: Annotated[float | None, typer.Option(min=1, max=1e9)] = None,
    days: Annotated[float | None, typer.Option(min=0.01, max=400)] = None,
    skew: Skew = 1.0,
    questions: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of different questions per family.")
    ] = None,
    containers: Annotated[
        int | None, typer.Option(min=1, max=100, help="Number of containers that share the requests.")
    ] = None,
    ttl: Annotated[
        list[str] | None, typer.Option(help="A changed lifetime in hours, such as research=24; repeatable.")
    ] = None,
    edge: Annotated[
        bool, typer.Option("--edge", help="Serve fresh answers from the shared tier at an edge.")
    ] = False,
    fail_rate: Annotated[float, typer.Option(min=0, max=1, help="Share of source calls that fail.")] = 0.0,
    sources_away: Window = "",
    tier_away: Window = "",
    most: Annotated[
        int,
        typer.Option(min=1_000, max=50_000_000, help="Maximum simulated requests; larger loads are sampled."),
    ] = 200_000,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """Simulate days of a fleet with the real cache, and print its hit rate and cost."""
    from veo.devtools.simulation.run import (  # noqa: PLC0415 - only this command simulates
        Options,
        run_simulation,
    )

    options = Options(
        preset,
        requests_a_day=requests_a_day,
        days=days,
        skew=skew,
        questions=questions,
        containers=containers,
        ttl=tuple(ttl or ()),
        edge=edge,
        fail_rate=fail_rate,
        sources_away=sources_away,
        tier_away=tier_away,
        most=most,
        seed=seed,
    )
    settings = output.read_settings()
    with output.progress("Simulating") as progress:
        figures = run_simulation(options, settings, progress)
    _show(figures, devtools_output.simulation, as_json)


def _show(
    figures: Mapping[str, Any], print_readable: Callable[[Mapping[str, Any]], None], as_json: bool
) -> None:
    if as_json:
        typer.echo(json.dumps(figures))
    else:
        print_readable(figures)
