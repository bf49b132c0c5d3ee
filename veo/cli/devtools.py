"""The two commands that try Veo out: `veo loadtest` on a running one, `veo simulate` on a fleet over days.

They read the options; what they need besides is imported only when they run.
"""

import json
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from veo.cli import devtools_output, output

AsJson = Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")]
Seed = Annotated[int, typer.Option(help="The same seed gives the same questions.")]
Skew = Annotated[float, typer.Option(min=0, max=5, help="Zipf's exponent: 0 asks all questions alike.")]
Milliseconds = Annotated[float | None, typer.Option(min=0, help="In milliseconds.")]
Window = Annotated[str, typer.Option(help="Hours from the start, such as 12-16.")]


def loadtest(  # noqa: PLR0917 - typer passes options by name
    url: Annotated[str, typer.Argument(help="Where Veo listens: http://127.0.0.1:8000.")],
    requests: Annotated[int, typer.Option(min=1, max=10_000_000)] = 1_000,
    rate: Annotated[
        float | None, typer.Option(min=0.001, help="Requests a second; else as fast as it goes.")
    ] = None,
    concurrency: Annotated[int, typer.Option(min=1, max=256, help="Requests at a time.")] = 8,
    questions: Annotated[int, typer.Option(min=1, max=10_000, help="Different questions.")] = 60,
    skew: Skew = 1.0,
    mix: Annotated[
        str, typer.Option(help="Shares of the kinds of question.")
    ] = "recommendations=60,areas=25,commutes=15",
    seed: Seed = 1,
    min_hit_rate: Annotated[float | None, typer.Option(min=0, max=1, help="From 0 to 1.")] = None,
    max_p95_ms: Milliseconds = None,
    max_cached_p95_ms: Milliseconds = None,
    max_errors: Annotated[int | None, typer.Option(min=0)] = None,
    mine: Annotated[
        bool, typer.Option("--yes-this-is-mine", help="Allow another machine than this one.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Ask a running Veo many questions, and tell how many its cache answered and how fast.

    Exit code 1 when a limit that was given (--min-hit-rate, --max-...) is not kept.
    """
    from veo.devtools.loadtest.results import Limits  # noqa: PLC0415 - only this command needs an HTTP client
    from veo.devtools.loadtest.run import Load, loaded  # noqa: PLC0415

    load = Load(url, requests, rate, concurrency, questions, skew, mix, seed, mine=mine)
    with output.progress("Asking") as progress:
        found = loaded(load, Limits(min_hit_rate, max_p95_ms, max_cached_p95_ms, max_errors), progress)
    _show(found, devtools_output.loadtest, as_json)
    if found["interrupted"]:
        output.fail("interrupted", 130)
    if found["missed"]:
        output.fail("; ".join(found["missed"]), 1)
    if not found["answered"]:
        output.fail(f"{found['url']}: no question was answered", 1)


def simulate(  # noqa: PLR0917 - typer passes options by name
    preset: Annotated[
        str, typer.Argument(help="owner-baseline, 1k, 10k-users, 100k or 10m.")
    ] = "owner-baseline",
    requests_a_day: Annotated[float | None, typer.Option(min=1, max=1e9)] = None,
    days: Annotated[float | None, typer.Option(min=0.01, max=400)] = None,
    skew: Skew = 1.0,
    questions: Annotated[
        int | None, typer.Option(min=1, help="At most so many different questions of each family.")
    ] = None,
    containers: Annotated[int | None, typer.Option(min=1, max=100, help="That share the requests.")] = None,
    ttl: Annotated[
        list[str] | None, typer.Option(help="Another lifetime in hours, such as research=24; repeatable.")
    ] = None,
    edge: Annotated[
        bool, typer.Option("--edge", help="An edge answers what stands fresh in the shared tier.")
    ] = False,
    fail_rate: Annotated[float, typer.Option(min=0, max=1, help="Share of source calls that fail.")] = 0.0,
    sources_away: Window = "",
    tier_away: Window = "",
    most: Annotated[
        int,
        typer.Option(min=1_000, max=50_000_000, help="Requests simulated; beyond, questions are sampled."),
    ] = 200_000,
    seed: Seed = 1,
    as_json: AsJson = False,
) -> None:
    """Let a fleet with the real cache serve simulated readers for days, and tell what that costs."""
    from veo.devtools.simulation.run import Wish, simulated  # noqa: PLC0415 - only this command simulates

    wish = Wish(
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
        found = simulated(wish, settings, progress)
    _show(found, devtools_output.simulation, as_json)


def _show(found: Mapping[str, Any], readable: Callable[[Mapping[str, Any]], None], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(found))
    else:
        readable(found)
