"""Print answers at a terminal: plain JSON data in, readable tables out, without colour in a pipe."""

import os
import re
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
from veo.sources.clients import check_names

Plain = Mapping[str, Any]
FAILURES_SHOWN = 10
PIPE_WIDTH = 1_000  # characters: a program that reads lines needs them whole
NO_SHARED_TIER = "No shared tier is configured: this is the memory of one process."


@contextmanager
def exit_on_error() -> Iterator[None]:
    """Print an error of Veo in one line on stderr and exit: 2 for a bad question, 1 for any failure."""
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
        settings = Settings()
        check_names(settings.upstreams)
    except SettingsError as error:  # malformed JSON in a variable
        field = str(error).partition('field "')[2].partition('"')[0]
        fail(f"{Settings.model_fields[field].validation_alias}: must be a JSON object", 2)
    except ValidationError as error:
        fail("; ".join(messages(error.errors(include_url=False))), 2)
    except ValueError as error:  # an address for an unknown provider
        fail(error, 2)
    return settings


def _forget_stdout() -> None:
    """Discard what is still buffered; flushing it at exit would fail again."""
    with suppress(OSError):
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, sys.stdout.fileno())


def fail(error: object, code: int) -> NoReturn:
    """Print one line to stderr and exit with a code."""
    sys.stderr.write(f"veo: {' '.join(str(error).split())}\n")
    raise SystemExit(code)


def recommendations(answer: Plain) -> None:
    """Print the ranked areas with their strengths and weaknesses, and the provenance of the answer."""
    out, items = console(), answer["recommendations"]
    tenure, budget = answer["locationType"], answer["budget"]
    monthly = "a month " if tenure == "rent" or budget < PAYMENT_BELOW else ""
    out.print(f"For a {answer['persona']} with £{budget:,} {monthly}to {tenure}", style="bold")
    units = {item["cost"]["figure"]["unit"] for item in items}
    table = table_of("#", "Area", "Code", "Borough", "Score", ", ".join(sorted(units)), "Commute")
    for item in items:
        table.add_row(
            str(item["rank"]),
            item["name"],
            item["areaCode"],
            item["borough"],
            f"{item['score']:.1f}",
            f"{item['cost']['figure']['value']:,}",
            _commute(item.get("commute")),
        )
    out.print(table)
    for item in items:
        out.print(f"\n{item['rank']}. {item['explanation']}", style="bold")
        print_lines(out, [f"+ {text}" for text in item["strengths"]])
        print_lines(out, [f"- {text}" for text in item["weaknesses"]])
    _provenance(out, answer["metadata"])


def area(answer: Plain) -> None:
    """Print every figure of an area with its level, source and vintage."""
    out, data = console(), answer["data"]
    out.print(f"{data['name']} ({data['areaCode']}), {data['borough']}", style="bold")
    out.print(_figures(data["figures"]))
    _provenance(out, answer["metadata"])


def _figures(figures: Plain) -> Table:
    table = table_of("Figure", "Value", "Unit", "Of", "Source", "Vintage")
    for name, figure in figures.items():
        below = "below " if figure.get("censored") else ""
        table.add_row(
            name.replace("_", " "),
            f"{below}{figure['value']:,}",
            figure["unit"],
            figure["level"],
            figure["source"],
            figure["vintage"],
        )
    return table


def facts(answer: Plain) -> None:
    """Print any answer: single values line by line, lists and figures as tables."""
    out, tables = console(), []
    for name, value in answer["data"].items():
        if name == "figures":
            tables.append(_figures(value))
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            tables.append(_rows(value))
        else:
            print_lines(out, _values(name, value))
    for table in tables:
        out.print()
        out.print(table)
    _provenance(out, answer["metadata"])


def _rows(items: Iterable[Plain]) -> Table:
    items = list(items)
    columns = list(dict.fromkeys(name for item in items for name in item))
    table = table_of(*map(_title, columns))
    for item in items:
        table.add_row(*(_text(item.get(column)) for column in columns))
    return table


def _values(name: str, value: Any) -> Iterator[str]:
    """Yield a line for each single value that is present."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _values(f"{_title(name)}, {_title(key).lower()}", item)
    elif value not in (None, "", []):
        yield f"{_title(name)}: {_text(value)}"


def _title(name: str) -> str:
    """Return a JSON name in words: `averageRating` becomes Average rating."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name.replace("_", " ")).capitalize()


def _text(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{_title(name)}: {_text(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return "" if value is None else f"{value:,}" if isinstance(value, int | float) else str(value)


def commute(answer: Plain) -> None:
    """Print the time of a journey, and its legs."""
    out, data = console(), answer["data"]
    out.print(f"{data['origin']} to {data['destination']}: {data['duration']} min", style="bold")
    table = table_of("By", "From", "To", "Minutes")
    for leg in data.get("legs", ()):
        table.add_row(leg.get("line", leg["mode"]), leg["start"], leg["end"], f"{leg['minutes']:.1f}")
    out.print(table)
    _provenance(out, answer["metadata"])


def cache_stats(stats: Plain) -> None:
    """Print the state of the tiers, what the cache saved today, and the counts of this process."""
    out, memory = console(), stats["memory"]
    if stats["store"] is None:
        out.print(f"Memory only: {stats['fault']}" if stats["fault"] else NO_SHARED_TIER)
    else:
        out.print(f"Shared tier: {stats['store']}, {'reachable' if stats['reachable'] else 'NOT reachable'}")
    out.print(f"Memory: {memory['entries']} entries, {memory['bytes']:,} bytes")
    if stats["cache_hit_rate"] is not None:
        _saved(out, stats)
    families = {name: counts for name, counts in stats["families"].items() if any(counts.values())}
    if families:
        columns = ("memory", "shared", "source", "stale", "failed")
        table = table_of("Family", *columns)
        for name, counts in families.items():
            table.add_row(name, *(str(counts[column]) for column in columns))
        out.print(table)


def _saved(out: Console, stats: Plain) -> None:
    """Print what the cache saved today; a time without observations is a dash."""
    cached, uncached = (
        "-" if stats[name] is None else f"{stats[name]:,.1f} ms"
        for name in ("avg_cache_response_ms", "avg_uncached_response_ms")
    )
    out.print(f"Today ({stats['of']}): {stats['cache_hit_rate_text']} from the cache")
    out.print(f"Average response time: {cached} from the cache, {uncached} otherwise")
    money = f"{stats['estimated_cost_savings']:,.2f} {stats['currency']}"
    out.print(f"Saved: {stats['daily_api_calls_saved']:,} calls to sources, {money}")


def cache_advice(stats: Plain) -> None:
    """Print the recommended lifetime of each family, and why; exit with 1 if the usage is unknown."""
    check_read(stats)
    out = console()
    if not stats["advice"]:
        out.print(f"No questions today ({stats['of']}), so there is no advice.")
        return
    table = table_of("Family", "Advice", "Hours", "Suggested", "Saves a day", "Reason")
    for advice in stats["advice"]:
        saving = advice["expected_saving"]
        table.add_row(
            advice["family"],
            advice["advice"],
            f"{advice['fresh_for_s'] / 3600:g}",
            f"{advice['suggested_s'] / 3600:g}",
            f"{saving['calls']:g} calls, {saving['usd']:.2f} USD",
            advice["reason"],
        )
    out.print(table)


def cache_change(done: Plain) -> None:
    """Print the result of a deletion or a flush; exit with 1 if the shared tier did not confirm it."""
    check_confirmed(done)
    out = console()
    if "flushed" in done:
        out.print(f"Flushed: {done['flushed']}")
    else:
        out.print(f"{done['key']}: {'deleted' if done['deleted'] else 'no entry'}")
    out.print(
        f"Other containers follow within {done['withinSeconds']} s." if done["store"] else NO_SHARED_TIER
    )


def check_read(stats: Plain) -> None:
    """Exit with 1 if the shared tier could not be read."""
    if stats["reachable"] is False or stats["fault"]:
        fail("the shared tier cannot be read, so the usage of the fleet is unknown", 1)


def check_confirmed(done: Plain) -> None:
    """Exit with 1 if the shared tier did not confirm a change."""
    if not done["confirmed"]:
        fail("the shared tier did not confirm the change: old entries may still be used", 1)


def smoke_checks(done: Plain) -> None:
    """Print the checks of a deployment, and how many failed."""
    out, table = console(), table_of("", "Check", "Result")
    for check in done["checks"]:
        table.add_row("ok" if check["passed"] else "FAILED", check["name"], check["seen"])
    out.print(table)
    failed = sum(not check["passed"] for check in done["checks"])
    out.print(f"{len(done['checks'])} checks, {failed} failed")


def refreshed_tables(done: Plain) -> None:
    """Print what a refresh of the tables renewed, and its failures."""
    out = console()
    for part, outcome in done.items():
        renewed = outcome["renewed"]
        if isinstance(renewed, dict):
            renewed = ", ".join(f"{name} ({', '.join(columns)})" for name, columns in renewed.items())
        out.print(f"{part}: {renewed or 'nothing'}")
        print_lines(out, [f"Note: {text}" for text in outcome["failures"][:FAILURES_SHOWN]])


@contextmanager
def progress(title: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on stderr if it is a terminal; yield the function that takes done and total."""
    out = Console(stderr=True)
    with Progress(console=out, transient=True, disable=not out.is_terminal) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _commute(summary: Plain | None) -> str:
    return "-" if summary is None else f"{summary['minutes']} min to {summary['destination']}"


def _provenance(out: Console, metadata: Plain) -> None:
    """Print the notices, assumptions, attribution, sources and age of an answer."""
    age = f", {metadata['ageSeconds']} s old" if metadata["cached"] else ""
    stale = ", stale" if metadata["stale"] else ""
    out.print()
    print_lines(out, [f"Note: {text}" for text in metadata["notices"]])
    print_lines(out, [f"Assumed: {text}" for text in metadata["assumptions"]])
    print_lines(out, metadata["attribution"])
    print_lines(out, [f"Sources: {', '.join(metadata['sourcesUsed'])}{age}{stale}"])


def print_lines(out: Console, texts: Iterable[str]) -> None:
    """Print each text on a line of its own."""
    for text in texts:
        out.print(text)


def table_of(*columns: str) -> Table:
    """Return a table without a frame, which any locale can print."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def console() -> Console:
    """Return a console on the current stdout; texts are data, never markup."""
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    return Console(file=sys.stdout, width=width, markup=False, highlight=False, emoji=False)
