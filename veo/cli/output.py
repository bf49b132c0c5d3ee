"""Answers for a reader at a terminal: plain JSON data in, readable tables out. No colour in a pipe."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any, NoReturn

from pydantic import ValidationError
from pydantic_settings import SettingsError
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from veo.cache import UpstreamThrottled
from veo.errors import InvalidQuestion, NotFound, VeoError
from veo.schemas.requests import messages
from veo.scoring.constraints import PAYMENT_BELOW
from veo.settings import Settings

Plain = Mapping[str, Any]
FAILURES_SHOWN = 10
PIPE_WIDTH = 1_000  # characters: nothing is wrapped or cut for a program that reads lines
ONLY_HERE = "No shared tier is configured: this is the memory of one process."


@contextmanager
def one_line() -> Iterator[None]:
    """Say an error of Veo in one line on stderr and exit: 2 for a bad question, 1 for anything that fails."""
    try:
        yield
    except (InvalidQuestion, NotFound) as error:
        fail(error, 2)
    except (VeoError, UpstreamThrottled, TimeoutError) as error:
        fail(error, 1)
    except OSError as error:  # a full disk behind the output
        _forget_stdout()
        fail(error.strerror or error, 1)


def read_settings() -> Settings:
    """Read the environment; report a malformed variable in one line, without its value, and exit with 2."""
    try:
        return Settings()
    except SettingsError as error:  # a variable that holds JSON does not
        field = str(error).partition('field "')[2].partition('"')[0]
        fail(f"{Settings.model_fields[field].validation_alias}: must be a JSON object", 2)
    except ValidationError as error:
        fail("; ".join(messages(error.errors(include_url=False))), 2)


def _forget_stdout() -> None:
    """Send what is still buffered nowhere, or the interpreter would fail again at its end."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())


def fail(error: object, code: int) -> NoReturn:
    """Print one line to stderr and exit with a code."""
    sys.stderr.write(f"veo: {' '.join(str(error).split())}\n")
    raise SystemExit(code)


def recommendations(answer: Plain) -> None:
    """Print ranked areas, what speaks for and against each, and what the answer rests on."""
    out, found = console(), answer["recommendations"]
    tenure, budget = answer["locationType"], answer["budget"]
    monthly = "a month " if tenure == "rent" or budget < PAYMENT_BELOW else ""
    out.print(f"For a {answer['persona']} with £{budget:,} {monthly}to {tenure}", style="bold")
    units = {item["cost"]["figure"]["unit"] for item in found}
    table = table_of("#", "Area", "Code", "Borough", "Score", ", ".join(sorted(units)), "Commute")
    for item in found:
        table.add_row(
            str(item["rank"]),
            item["name"],
            item["areaCode"],
            item["borough"],
            f"{item['score']:.1f}",
            f"{item['cost']['figure']['value']:,}",
            _way(item.get("commute")),
        )
    out.print(table)
    for item in found:
        out.print(f"\n{item['rank']}. {item['explanation']}", style="bold")
        print_lines(out, [f"+ {text}" for text in item["strengths"]])
        print_lines(out, [f"- {text}" for text in item["weaknesses"]])
    _provenance(out, answer["metadata"])


def area(answer: Plain) -> None:
    """Print every figure of an area with its level, source and vintage."""
    out, data = console(), answer["data"]
    out.print(f"{data['name']} ({data['areaCode']}), {data['borough']}", style="bold")
    table = table_of("Figure", "Value", "Unit", "Of", "Source", "Vintage")
    for name, figure in data["figures"].items():
        below = "below " if figure.get("censored") else ""
        table.add_row(
            name.replace("_", " "),
            f"{below}{figure['value']:,}",
            figure["unit"],
            figure["level"],
            figure["source"],
            figure["vintage"],
        )
    out.print(table)
    _provenance(out, answer["metadata"])


def commute(answer: Plain) -> None:
    """Print how long a journey takes, leg by leg."""
    out, data = console(), answer["data"]
    out.print(f"{data['origin']} to {data['destination']}: {data['duration']} min", style="bold")
    table = table_of("By", "From", "To", "Minutes")
    for leg in data.get("legs", ()):
        table.add_row(leg.get("line", leg["mode"]), leg["start"], leg["end"], f"{leg['minutes']:.1f}")
    out.print(table)
    _provenance(out, answer["metadata"])


def cache_stats(found: Plain) -> None:
    """Print which tiers answer, and what this process has counted so far."""
    out, memory = console(), found["memory"]
    if found["store"] is None:
        out.print(f"Memory only: {found['fault']}" if found["fault"] else ONLY_HERE)
    else:
        out.print(f"Shared tier: {found['store']}, {'reachable' if found['reachable'] else 'NOT reachable'}")
    out.print(f"Memory: {memory['entries']} entries, {memory['bytes']:,} bytes")
    if found["cache_hit_rate"] is not None:
        _saved(out, found)
    asked = {name: counts for name, counts in found["families"].items() if any(counts.values())}
    if asked:
        columns = ("memory", "shared", "source", "stale", "failed")
        table = table_of("Family", *columns)
        for name, counts in asked.items():
            table.add_row(name, *(str(counts[column]) for column in columns))
        out.print(table)


def _saved(out: Console, found: Plain) -> None:
    """Print what the day's answers saved; a time that was not seen is a dash."""
    cached, uncached = (
        "-" if found[name] is None else f"{found[name]:,.1f} ms"
        for name in ("avg_cache_response_ms", "avg_uncached_response_ms")
    )
    out.print(f"Today ({found['of']}): {found['cache_hit_rate_text']} from the cache")
    out.print(f"An answer from the cache takes {cached}, another {uncached}")
    money = f"{found['estimated_cost_savings']:,.2f} {found['currency']}"
    out.print(f"Saved: {found['daily_api_calls_saved']:,} calls of sources, {money}")


def cache_advice(found: Plain) -> None:
    """Print what is advised for the lifetime of each family, and why; exit with 1 where it is not known."""
    check_read(found)
    out = console()
    if not found["advice"]:
        out.print(f"Nothing was asked today ({found['of']}), so there is nothing to advise.")
        return
    table = table_of("Family", "Advice", "Hours", "To", "Saves a day", "Because")
    for one in found["advice"]:
        saving = one["expected_saving"]
        table.add_row(
            one["family"],
            one["advice"],
            f"{one['fresh_for_s'] / 3600:g}",
            f"{one['suggested_s'] / 3600:g}",
            f"{saving['calls']:g} calls, {saving['usd']:.2f} USD",
            one["reason"],
        )
    out.print(table)


def cache_change(done: Plain) -> None:
    """Print what a deletion or a flush did; exit with 1 when the shared tier did not confirm it."""
    check_confirmed(done)
    out = console()
    if "flushed" in done:
        out.print(f"Flushed: {done['flushed']}")
    else:
        out.print(f"{done['key']}: {'deleted' if done['deleted'] else 'was not there'}")
    out.print(f"Other containers follow within {done['withinSeconds']} s." if done["store"] else ONLY_HERE)


def check_read(found: Plain) -> None:
    """Exit with 1 when the shared tier could not be read."""
    if found["reachable"] is False or found["fault"]:
        fail("the shared tier cannot be read, so what the fleet was asked is not known", 1)


def check_confirmed(done: Plain) -> None:
    """Exit with 1 when the shared tier did not confirm a change."""
    if not done["confirmed"]:
        fail("the shared tier did not confirm; what it still holds may be answered", 1)


def smoked(done: Plain) -> None:
    """Print what was checked, and how many checks failed."""
    out, table = console(), table_of("", "Check", "Seen")
    for check in done["checks"]:
        table.add_row("ok" if check["passed"] else "FAILED", check["name"], check["seen"])
    out.print(table)
    failed = sum(not check["passed"] for check in done["checks"])
    out.print(f"{len(done['checks'])} checks, {failed} failed")


def renewed(done: Plain) -> None:
    """Print what a refresh renewed and what it failed at."""
    out = console()
    for part, told in done.items():
        what = told["renewed"]
        shown = (
            ", ".join(f"{name} ({', '.join(columns)})" for name, columns in what.items())
            if isinstance(what, dict)
            else what
        )
        out.print(f"{part}: {shown or 'nothing'}")
        print_lines(out, [f"Note: {text}" for text in told["failures"][:FAILURES_SHOWN]])


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a person a bar on stderr while something long goes on; the first call says how long it is."""
    out = Console(stderr=True)
    with Progress(console=out, transient=True, disable=not out.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _way(summary: Plain | None) -> str:
    return "-" if summary is None else f"{summary['minutes']} min to {summary['destination']}"


def _provenance(out: Console, metadata: Plain) -> None:
    """Print what is owed to the reader: what is missing, what was assumed, where and when it came from."""
    age = f", {metadata['ageSeconds']} s old" if metadata["cached"] else ""
    stale = ", stale" if metadata["stale"] else ""
    out.print()
    print_lines(out, [f"Note: {text}" for text in metadata["notices"]])
    print_lines(out, [f"Assumed: {text}" for text in metadata["assumptions"]])
    print_lines(out, metadata["attribution"])
    print_lines(out, [f"Sources: {', '.join(metadata['sourcesUsed'])}{age}{stale}"])


def print_lines(out: Console, texts: Iterable[str]) -> None:
    """Print texts, a line each."""
    for text in texts:
        out.print(text)


def table_of(*columns: str) -> Table:
    """Give a table without a frame: it reads well, and any locale can print it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def console() -> Console:
    """Write to today's stdout; texts are data, never markup."""
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Console(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False)
