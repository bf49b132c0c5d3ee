"""The command line: `veo recommend`, one command per question, `serve`, `cache`, `data`, and tools.

Invalid input prints one line to stderr and exits with 2; a failed source or store exits with 1.
"""

import asyncio
import io
import json
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

from veo import __version__, logs
from veo.cli import devtools, output
from veo.cli.questions import add_questions
from veo.operations import cache_admin, table_refresh
from veo.runtime import Runtime, build
from veo.services.dispatch import ask

Plain = dict[str, Any]


class Commands(TyperGroup):
    """Commands that print every error as one line on stderr."""

    def main(self, args: Sequence[str] | None = None, **options: Any) -> Any:  # type: ignore[override]  # the rest is passed on
        """Run one command and exit with its code; characters that the locale cannot print are replaced."""
        arguments = list(sys.argv[1:] if args is None else args) or ["--help"]
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        if sys.stdout is None:
            output.fail("the standard output is closed", 1)
        try:
            with output.exit_on_error():
                code = super().main(arguments, **{**options, "standalone_mode": False})
                sys.stdout.flush()
        except TyperException as error:
            output.fail(error.format_message(), error.exit_code)
        sys.exit(code)


KEEP_ALIVE = 75  # seconds: longer than clients and proxies keep an idle connection
PLAIN_HELP: Any = {
    "pretty_exceptions_enable": False,
    "rich_markup_mode": None,
}
app = typer.Typer(
    cls=Commands, help="London postcode districts for a student, parent or developer.", **PLAIN_HELP
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"veo {__version__}")
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option("--version", help="Show the version and exit.", callback=_show_version, is_eager=True),
]


@app.callback()
def _root(version: Version = False) -> None:
    """Take the options that stand before a command."""
    del version


cache = typer.Typer(help="Inspect and clear the configured cache.", **PLAIN_HELP)
data = typer.Typer(help="Refresh the tables that are too large to read within a request.", **PLAIN_HELP)
app.add_typer(cache, name="cache")
app.add_typer(data, name="data")

AsJson = Annotated[bool, typer.Option("--json", help="Print the answer as JSON.")]
Key = Annotated[str, typer.Argument(help="A key without its prefix, such as area:E15.")]


@app.command()
def recommend(  # noqa: PLR0917 - typer passes options by name
    persona: Annotated[str, typer.Option(help="student, parent or developer.")],
    budget: Annotated[float, typer.Option(help="GBP: rent a month; to buy a price, below 50,000 a month.")],
    rent: Annotated[bool, typer.Option("--rent/--buy")] = True,
    destination: Annotated[
        str, typer.Option(help="Where to commute to: a university, station or postcode.")
    ] = "",
    max_areas: Annotated[int, typer.Option(help="How many areas, 1 to 20.")] = 5,
    home: Annotated[str | None, typer.Option(help="room, 1bed, 2bed or 3bed.")] = None,
    max_commute: Annotated[float | None, typer.Option(help="Minutes, up to 240.")] = None,
    min_safety: Annotated[float | None, typer.Option(help="0 to 100.")] = None,
    as_json: AsJson = False,
) -> None:
    """Recommend areas for a persona and a budget."""
    fields = {
        "persona": persona,
        "budget": budget,
        "location_type": "rent" if rent else "buy",
        "destination": destination,
        "max_areas": max_areas,
        "home": home,
        "max_commute": max_commute,
        "min_safety": min_safety,
    }
    _show(_run(lambda runtime: ask(runtime, "recommendations", fields)), output.recommendations, as_json)


@app.command()
def area(
    code: Annotated[str, typer.Argument(help="A district or a group: E15, EC1.")], as_json: AsJson = False
) -> None:
    """Show every figure of an area with its source."""
    _show(_run(lambda runtime: ask(runtime, "area", {"code": code})), output.area, as_json)


@app.command()
def commute(origin: str, destination: str, as_json: AsJson = False) -> None:
    """Show the time of a journey, door to door, such as from E15 to UCL."""
    fields = {"origin": origin, "destination": destination}
    _show(_run(lambda runtime: ask(runtime, "commute", fields)), output.commute, as_json)


@app.command()
def serve(
    host: Annotated[str, typer.Option()] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65_535, help="0 takes any free port.")] = 8_000,
) -> None:
    """Serve the web endpoints."""
    import uvicorn  # noqa: PLC0415 - only this command needs the web stack

    if not host:  # an empty host means every interface
        output.fail("host: must not be empty", 2)
    settings = output.read_settings()
    try:
        listening = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
    except OSError as error:
        output.fail(f"cannot listen on {host} port {port}: {error.strerror}", 1)
    # asyncio sets this only on sockets created with an explicit protocol number, unlike this one. Without it,
    # a response in two segments waits 40 ms for the client's delayed acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with listening:
        shown = f"[{host}]" if ":" in host else host
        typer.echo(f"Veo listens on http://{shown}:{listening.getsockname()[1]} (the API is at /docs)")
        config = uvicorn.Config(
            "veo.web:create_app",
            factory=True,
            log_level=settings.log_level.lower(),
            access_log=False,  # the app writes its own line per request
            log_config=None,  # its lines go through Veo's logging
            timeout_keep_alive=KEEP_ALIVE,
            proxy_headers=False,  # VEO_TRUSTED_PROXY_HOPS decides which headers to trust
        )
        logs.configure(
            settings.log_level, settings.log_format, secrets=settings.secrets(), others=("uvicorn", "asyncio")
        )
        uvicorn.Server(config).run(sockets=[listening])


app.command()(devtools.loadtest)
app.command()(devtools.simulate)


@cache.command()
def stats(as_json: AsJson = False) -> None:
    """Show whether the shared tier answers, and what the cache saved today."""
    _show(_run(cache_admin.stats), output.cache_stats, as_json)


@cache.command()
def advise(as_json: AsJson = False) -> None:
    """Recommend a lifetime for each family, from the usage of the fleet today."""
    stats = _run(cache_admin.stats)
    advice = {name: stats[name] for name in ("of", "reachable", "fault", "advice")}
    _show(advice, output.cache_advice, as_json)
    output.check_read(advice)


@cache.command()
def get(key: Key) -> None:
    """Print the entry under a key as JSON, with its age and remaining life in seconds."""
    typer.echo(json.dumps(_run(lambda runtime: cache_admin.get(runtime, key)), indent=2))


@cache.command()
def delete(key: Key, as_json: AsJson = False) -> None:
    """Delete one key in every container."""
    _show_change(_run(lambda runtime: cache_admin.delete(runtime, key)), as_json)


@cache.command()
def flush(
    what: Annotated[str, typer.Argument(help="all, a family such as crime, or an area such as area:E15.")],
    as_json: AsJson = False,
) -> None:
    """Invalidate all entries, or those of a family or an area, in every container."""
    _show_change(_run(lambda runtime: cache_admin.flush(runtime, what)), as_json)


@app.command()
def smoke(
    url: Annotated[str, typer.Argument(help="The base address of a deployment.")], as_json: AsJson = False
) -> None:
    """Check a running deployment from outside: routes, caching, headers, no admin without a token."""
    import httpx  # noqa: PLC0415 - only this command sends HTTP requests

    from veo.devtools import smoke as checking  # noqa: PLC0415 - likewise

    async def run() -> list[Plain]:
        async with httpx.AsyncClient(base_url=url, timeout=checking.TIMEOUT) as client:
            return [check._asdict() for check in await checking.smoke(client)]

    try:
        checks = asyncio.run(run())
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        output.fail(f"{url} does not respond like a deployment of Veo: {type(error).__name__}", 1)
    _show({"checks": checks}, output.smoke_checks, as_json)
    if not all(check["passed"] for check in checks):
        raise typer.Exit(1)


@data.command("refresh")
def refresh(
    part: Annotated[
        list[str] | None, typer.Option(help="figures, schools or crime; can be repeated. Default: all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Refresh prices, rents, schools and crimes from their publishers: several minutes, about 500 MB.

    Exits with 1 if a part refreshed nothing.
    """
    parts = tuple(part or table_refresh.PARTS)
    if unknown := set(parts) - set(table_refresh.PARTS):
        output.fail(
            f"part: must be some of {', '.join(table_refresh.PARTS)}, not {', '.join(sorted(unknown))}", 2
        )
    with output.progress("Crimes by district") as report_progress:
        done = _run(lambda runtime: table_refresh.renew(runtime, parts, report_progress))
    _show(done, output.refreshed_tables, as_json)
    table_refresh.check(done)


def _run(work: Callable[[Runtime], Awaitable[Plain]]) -> Plain:
    """Run work with a new runtime, and close it afterwards."""
    settings = output.read_settings()
    is_set = "log_level" in settings.model_fields_set
    level = settings.log_level if is_set else "ERROR"  # keep the output to the answer
    logs.configure(level, settings.log_format, secrets=settings.secrets())

    async def run() -> Plain:
        runtime = build(settings)
        try:
            return await work(runtime)
        finally:
            await runtime.close()

    return asyncio.run(run())


def _show_change(done: Plain, as_json: bool) -> None:
    _show(done, output.cache_change, as_json)
    output.check_confirmed(done)


def _show(answer: Plain, readable: Callable[[Plain], None], as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(answer))
    else:
        readable(answer)


add_questions(app, lambda name, fields: _run(lambda runtime: ask(runtime, name, fields)), _show)
