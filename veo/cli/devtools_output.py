"""Readable output of the load test and the simulation."""

from collections.abc import Iterable

from rich.console import Console

from veo.cli.output import Plain, console, print_lines, table_of

LIMITED = "HTTP 429"


def loadtest(figures: Plain) -> None:
    """Print a load test's hit rate, response times and errors."""
    out = console()
    out.print(f"{figures['url']}: {figures['sent']:,} of {figures['requests']:,} requests", style="bold")
    out.print(f"{figures['questions']} different questions, {figures['perSecond']:,} requests a second")
    rate = "-" if figures["hitRate"] is None else f"{figures['hitRate']:.1%}"
    out.print(f"Hit rate {rate}; {figures['stale']} stale")
    out.print(f"Computations saved: {figures['computationsSaved']:,}")
    table = table_of("Answers", "p50 ms", "p95 ms", "p99 ms")
    for name, times in figures["latency"].items():
        table.add_row(name, *(f"{time:,.1f}" for time in times.values()) if times else ("-", "-", "-"))
    out.print(table)
    print_lines(
        out, [f"Error: {error}: {count}" for error, count in figures["errors"].items()] or ["No errors"]
    )
    if figures["stoppedEarly"]:
        reason = "interrupted" if figures["interrupted"] else "too many consecutive errors"
        out.print(f"Stopped early: {reason}.")
    if LIMITED in figures["errors"]:
        out.print(
            "The server's rate limit refused requests; start it with VEO_RATE_LIMIT=0 to lift the limit."
        )


def simulation(figures: Plain) -> None:
    """Print a simulated fleet's figures by family, and its cost compared with one call per question."""
    out, bill = console(), figures["bill"]
    out.print(f"{figures['preset']}: {figures['title']}", style="bold")
    edge = "behind an edge, " if figures["edge"] else ""
    out.print(f"{figures['requests']:,} requests, {edge}from an empty cache")
    out.print(f"Days: {figures['days']:g}; containers: {figures['containers']}; seed: {figures['seed']}")
    print_lines(out, [f"Note: {text}" for text in figures["notices"]])
    out.print(
        f"Hit rate: {figures['hitRate']:.1%}; upstream calls a day: {figures['upstreamCallsADay']:,}; "
        f"Upstash commands a month: {figures['commandsAMonth']:,}"
    )
    shared = f"callers who shared another's computation: {figures['coalescedCallers']:,}"
    stale = f"stale answers: {figures['staleServed']:,}, the oldest {figures['oldestStaleHours']:,} h old"
    out.print(f"Failed: {figures['failed']:,}; {shared}; {stale}")
    _families(out, figures["families"])
    table = table_of("A day", "Calls without", "USD", "Calls with Veo", "USD")
    for row in bill["rows"]:
        table.add_row(
            row["name"],
            f"{row['callsBefore']:,.0f}",
            f"{row['usdBefore']:.2f}",
            f"{row['callsAfter']:,.0f}",
            f"{row['usdAfter']:.2f}",
        )
    table.add_row("all", "", f"{bill['beforeADay']:.2f}", "", f"{bill['afterADay']:.2f}")
    out.print(table)
    out.print(_change("Simulated", bill))
    if figures["owner"] is not None:
        out.print(_change("The owner expects", figures["owner"]))


def _families(out: Console, families: Iterable[Plain]) -> None:
    columns = ("edge", "memory", "shared", "source", "stale", "failed")
    table = table_of("Family", "lookups", "hit rate", *columns, "upstream calls", "provider")
    for row in families:
        counts = (f"{row[column]:,}" for column in columns)
        calls = (f"{row['upstreamCalls']:,}", row["provider"] or "Veo itself")
        table.add_row(row["family"], f"{row['asked']:,}", f"{row['hitRate']:.1%}", *counts, *calls)
    out.print(table)


def _change(label: str, usd: Plain) -> str:
    day = f"${usd['beforeADay']:.2f} -> ${usd['afterADay']:.2f} a day"
    return f"{label}: {day}, ${usd['beforeAMonth']:.0f} -> ${usd['afterAMonth']:.0f} a month"
