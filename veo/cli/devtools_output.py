"""What a load test and a simulation came to, for a reader at a terminal."""

from collections.abc import Iterable

from rich.console import Console

from veo.cli.output import Plain, console, print_lines, table_of

LIMITED = "HTTP 429"


def loadtest(found: Plain) -> None:
    """Print what a load test came to: the hit rate, the times of cached and uncached answers, the errors."""
    out = console()
    out.print(f"{found['url']}: {found['sent']:,} of {found['requests']:,} requests", style="bold")
    out.print(f"{found['questions']} different questions, {found['perSecond']:,} requests a second")
    rate = "-" if found["hitRate"] is None else f"{found['hitRate']:.1%}"
    out.print(f"Hit rate {rate}; {found['stale']} stale")
    out.print(f"Computations saved: {found['computationsSaved']:,}")
    table = table_of("Answers", "p50 ms", "p95 ms", "p99 ms")
    for name, times in found["latency"].items():
        table.add_row(name, *(f"{time:,.1f}" for time in times.values()) if times else ("-", "-", "-"))
    out.print(table)
    print_lines(
        out, [f"Error: {error}: {count}" for error, count in found["errors"].items()] or ["No errors"]
    )
    if found["stoppedEarly"]:
        why = "interrupted" if found["interrupted"] else "too many errors in a row"
        out.print(f"Stopped early: {why}.")
    if LIMITED in found["errors"]:
        out.print("The server limits what one client may ask in a minute: VEO_RATE_LIMIT=0 there lifts that.")


def simulation(found: Plain) -> None:
    """Print what a simulated fleet came to, family by family, and its bill beside one call per question."""
    out, bill = console(), found["bill"]
    out.print(f"{found['preset']}: {found['title']}", style="bold")
    edge = "behind an edge, " if found["edge"] else ""
    out.print(f"{found['requests']:,} requests, {edge}from an empty cache")
    out.print(f"Days: {found['days']:g}; containers: {found['containers']}; seed: {found['seed']}")
    print_lines(out, [f"Note: {text}" for text in found["notices"]])
    out.print(
        f"Hit rate: {found['hitRate']:.1%}; upstream calls a day: {found['upstreamCallsADay']:,}; "
        f"Upstash commands a month: {found['commandsAMonth']:,}"
    )
    shared = f"callers who shared another's computation: {found['coalescedCallers']:,}"
    stale = f"stale answers: {found['staleServed']:,}, the oldest {found['oldestStaleHours']:,} h old"
    out.print(f"Failed: {found['failed']:,}; {shared}; {stale}")
    _families(out, found["families"])
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
    if found["owner"] is not None:
        out.print(_change("The owner expects", found["owner"]))


def _families(out: Console, families: Iterable[Plain]) -> None:
    columns = ("edge", "memory", "shared", "source", "stale", "failed")
    table = table_of("Family", "asked", "hit rate", *columns, "upstream calls", "of")
    for row in families:
        counts = (f"{row[column]:,}" for column in columns)
        calls = (f"{row['upstreamCalls']:,}", row["provider"] or "Veo itself")
        table.add_row(row["family"], f"{row['asked']:,}", f"{row['hitRate']:.1%}", *counts, *calls)
    out.print(table)


def _change(who: str, usd: Plain) -> str:
    day = f"${usd['beforeADay']:.2f} -> ${usd['afterADay']:.2f} a day"
    return f"{who}: {day}, ${usd['beforeAMonth']:.0f} -> ${usd['afterAMonth']:.0f} a month"
