"""Newer figures for the embedded tables: prices, their growth and rents, checked before they are used.

A district gets the figures of its boroughs as described in `veo/data/SOURCES.md`: their weighted mean, or
none if most of the district lies in boroughs without a figure.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date
from statistics import median
from typing import Any, NamedTuple

from veo.errors import SourceError
from veo.models import District, Figure, Figures, FrozenMap, Value
from veo.sources.bulk.dates import month_number
from veo.sources.bulk.house_price_index import UK_HPI, read_growth
from veo.sources.bulk.price_paid import PRICE_PAID, read_prices
from veo.sources.bulk.rents import ONS, read_rents
from veo.sources.embedded.columns import COLUMNS
from veo.sources.embedded.district_groups import groups
from veo.sources.embedded.snapshot import Snapshot
from veo.sources.http.client import Http

LEAST_COVERAGE = 0.8
"""The share of the districts with an embedded figure that must have a new one."""

MEDIAN_RATIO = (0.8, 1.25)
"""The range allowed for the median of new ÷ embedded over the districts."""

MEDIAN_RATIO_OF_COUNTS = (0.5, 2.0)
"""The same range for counts of sales."""

MEDIAN_POINTS = 10.0
"""The median change allowed for a growth, in percentage points."""

LARGEST_JUMP = 1.6
"""The factor by which the figure of a single district may change."""

JUMPING_SHARE = 0.05
"""The share of the districts that may change by more than `LARGEST_JUMP`."""

_MONTH_AT_END = re.compile(r"([A-Z][a-z]{2}) (\d{4})$", re.ASCII)


class RefreshedTable(Value):
    """The newer figures of one source, by outcode and column, in the form of the embedded ones.

    `name` is the provider's; `made_at` is the ISO date of the last refresh. A column that was not renewed
    then keeps its earlier figures and vintage.
    """

    name: str
    made_at: str
    rows: FrozenMap[str, Figures]


class RefreshFailure(Value):
    """A source that could not be read, or a column of it that was rejected, and the reason."""

    source: str
    reason: str


class RefreshResult(Value):
    """The result of a refresh: a table of the accepted columns of each source, and the failures."""

    tables: tuple[RefreshedTable, ...]
    failures: tuple[RefreshFailure, ...]


# By outcode or borough: objects with columns of the embedded table and a vintage as attributes.
_Facts = Mapping[str, Any]


class _BulkSource(NamedTuple):
    name: str
    columns: tuple[str, ...]
    read: Callable[[Http, date], Awaitable[_Facts]]
    figure: Callable[[str, District, _Facts], Figure | None]


async def refresh_tables(http: Http, snapshot: Snapshot, today: date) -> RefreshResult:
    """Read every source on its own; a failing source or a rejected column is a failure of the result."""
    results = await asyncio.gather(*(_refreshed(source, http, snapshot, today) for source in _SOURCES))
    return RefreshResult(
        tables=tuple(table for table, _ in results if table.rows),
        failures=tuple(failure for _, failures in results for failure in failures),
    )


async def _refreshed(
    source: _BulkSource, http: Http, snapshot: Snapshot, today: date
) -> tuple[RefreshedTable, list[RefreshFailure]]:
    try:
        facts = await source.read(http, today)
    except SourceError as error:
        columns: dict[str, dict[str, Figure]] = {}
        failures = [RefreshFailure(source=source.name, reason=str(error))]
    else:
        columns, reasons = _accepted(source, facts, snapshot)
        failures = [RefreshFailure(source=source.name, reason=reason) for reason in reasons]
    rows = _by_outcode(columns)
    return RefreshedTable(name=source.name, made_at=today.isoformat(), rows=rows), failures


def _accepted(
    source: _BulkSource, facts: _Facts, snapshot: Snapshot
) -> tuple[dict[str, dict[str, Figure]], list[str]]:
    """Return the figures of the valid columns, by column and outcode, and why others are rejected."""
    columns, reasons = {}, []
    for column in source.columns:
        figures = {code: source.figure(column, home, facts) for code, home in snapshot.districts.items()}
        new = {code: figure for code, figure in figures.items() if figure is not None}
        reason = validate(column, _column(column, snapshot.districts), new)
        if reason is None:
            columns[column] = new
        else:
            reasons.append(reason)
    return columns, reasons


def _by_outcode(columns: Mapping[str, Mapping[str, Figure]]) -> FrozenMap[str, Figures]:
    outcodes = sorted({outcode for figures in columns.values() for outcode in figures})
    return FrozenMap(
        {
            outcode: FrozenMap(
                {column: figures[outcode] for column, figures in columns.items() if outcode in figures}
            )
            for outcode in outcodes
        }
    )


def _column(column: str, rows: Mapping[str, District]) -> dict[str, Figure]:
    return {code: row.figures[column] for code, row in rows.items() if column in row.figures}


def _figure(column: str, value: float, vintage: str) -> Figure:
    form = COLUMNS[column]
    rounded = round(value, form.digits) + 0.0 if form.digits else round(value)  # + 0.0 turns -0.0 into 0.0
    return Figure(value=rounded, unit=form.unit, level=form.level, source=form.source, vintage=vintage)


def _of_outcode(column: str, district: District, facts: _Facts) -> Figure | None:
    """Return a figure of the district itself; a district that no sale names had 0 sales."""
    sold = facts.get(district.code)
    if sold is None:
        vintage = next(iter(facts.values())).vintage
        return _figure(column, 0, vintage) if column == "sales_12m" else None
    value = getattr(sold, column)
    return None if value is None else _figure(column, value, sold.vintage)


def _of_boroughs(column: str, district: District, facts: _Facts) -> Figure | None:
    """Return the mean over the district's boroughs, weighted by residents, with the oldest vintage."""
    shares = [
        (value, share, facts[borough].vintage)
        for borough, share in district.boroughs.items()
        if (value := getattr(facts.get(borough), column, None)) is not None
    ]
    covered = sum(share for _, share, _ in shares)
    if covered < sum(district.boroughs.values()) / 2:
        return None
    mean = sum(value * share for value, share, _ in shares) / covered
    return _figure(column, mean, min((vintage for _, _, vintage in shares), key=_ends))


_SOURCES = (
    _BulkSource(PRICE_PAID.name, ("median_price", "sales_12m"), read_prices, _of_outcode),
    _BulkSource(UK_HPI.name, ("price_growth_5y_pct", "price_growth_1y_pct"), read_growth, _of_boroughs),
    _BulkSource(
        ONS.name,
        ("rent_1bed", "rent_2bed", "rent_3bed", "rent_all", "rent_growth_1y_pct"),
        read_rents,
        _of_boroughs,
    ),
)


SOURCES = tuple(source.name for source in _SOURCES)
"""The names of the tables that a refresh may return."""


def _ends(vintage: str) -> tuple[int, int]:
    """Return year and month of the end of a vintage such as `Sep 2025 to Aug 2026`; (0, 0) for others."""
    match = _MONTH_AT_END.search(vintage)
    number = None if match is None else month_number(match[1])
    return (0, 0) if match is None or number is None else (int(match[2]), number)


def validate(column: str, old: Mapping[str, Figure], new: Mapping[str, Figure]) -> str | None:
    """Compare the new figures of a column with the embedded ones, both by outcode.

    Returns why the new ones are rejected, None if they are accepted. Growth is compared in points, because
    it passes through 0. Counts of sales may jump in single districts, as many districts have few sales.
    """
    for check in (_age, _coverage, _bounds, _median, _jumps):
        reason = check(column, old, new)
        if reason is not None:
            return reason
    return None


def _age(column: str, old: Mapping[str, Figure], new: Mapping[str, Figure]) -> str | None:
    if not old or not new:
        return None
    newest, oldest = _newest(old.values()), _oldest(new.values())
    if _ends(oldest) >= _ends(newest):
        return None
    return f"{column} is of {oldest}, which is older than the embedded figures of {newest}."


def _oldest(figures: Iterable[Figure]) -> str:
    return min((figure.vintage for figure in figures), key=_ends)


def _newest(figures: Iterable[Figure]) -> str:
    return max((figure.vintage for figure in figures), key=_ends)


def _coverage(column: str, old: Mapping[str, Figure], new: Mapping[str, Figure]) -> str | None:
    again = sum(outcode in new for outcode in old)
    if again >= LEAST_COVERAGE * len(old):
        return None
    return (
        f"{column} has figures for {again} of the {len(old)} districts that have an embedded one, "
        f"below {LEAST_COVERAGE:.0%}."
    )


def _bounds(column: str, old: Mapping[str, Figure], new: Mapping[str, Figure]) -> str | None:
    del old  # the bounds do not depend on the embedded figures
    low, high = COLUMNS[column].low, COLUMNS[column].high
    for outcode, figure in new.items():
        if not low <= figure.value <= high:
            return (
                f"{column} is {figure.value:.10g} in {outcode}, which is outside {low:.10g} to {high:.10g}."
            )
    return None


def _median(column: str, old: Mapping[str, Figure], new: Mapping[str, Figure]) -> str | None:
    if _is_growth(column):
        points = [abs(new[outcode].value - old[outcode].value) for outcode in old if outcode in new]
        if points and median(points) > MEDIAN_POINTS:
            return f"{column} moved by a median of {median(points):.3g} points, above {MEDIAN_POINTS:g}."
        return None
    ratios = _ratios(old, new)
    low, high = MEDIAN_RATIO_OF_COUNTS if _is_count(column) else MEDIAN_RATIO
    if ratios and not low <= median(ratios) <= high:
        ratio = f"{median(ratios):.3g} times the embedded figure"
        return f"{column} has a median of {ratio}, outside {low} to {high}."
    return None


def _jumps(column: str, old: Mapping[str, Figure], new: Mapping[str, Figure]) -> str | None:
    if _is_growth(column) or _is_count(column):
        return None
    ratios = _ratios(old, new)
    jumped = sum(not 1 / LARGEST_JUMP <= ratio <= LARGEST_JUMP for ratio in ratios)
    if jumped <= JUMPING_SHARE * len(ratios):
        return None
    return (
        f"{column} moved by more than a factor of {LARGEST_JUMP:g} in {jumped} of {len(ratios)} districts, "
        f"above {JUMPING_SHARE:.0%}."
    )


def _is_growth(column: str) -> bool:
    return COLUMNS[column].unit.startswith("%")


def _is_count(column: str) -> bool:
    return COLUMNS[column].combine == "sum"


def _ratios(old: Mapping[str, Figure], new: Mapping[str, Figure]) -> list[float]:
    """Return new ÷ embedded for every district that has both, the embedded figure above 0."""
    both = [(old[outcode].value, new[outcode].value) for outcode in old if outcode in new]
    return [after / before for before, after in both if before > 0]


class Merged(NamedTuple):
    """A table to replace an earlier one, its renewed columns, and why other columns were not renewed."""

    table: RefreshedTable
    renewed: tuple[str, ...]
    reasons: tuple[str, ...]


def merge(table: RefreshedTable, earlier: RefreshedTable | None) -> Merged:
    """Add to a source's new table the earlier table's columns that are missing from it or newer.

    Every figure keeps its own vintage.
    """
    new, old = _by_column(table), {} if earlier is None else _by_column(earlier)
    reasons = {column: _older(column, old.get(column, {}), figures) for column, figures in new.items()}
    renewed = {column: figures for column, figures in new.items() if reasons[column] is None}
    rows = _by_outcode({**old, **renewed})
    return Merged(
        table=table.model_copy(update={"rows": rows}),
        renewed=tuple(sorted(renewed)),
        reasons=tuple(reason for reason in reasons.values() if reason is not None),
    )


def _older(column: str, old: Mapping[str, Figure], new: Mapping[str, Figure]) -> str | None:
    """Return a reason if the newest of the new figures is older than the newest of the earlier ones."""
    if not old:
        return None
    before, now = _newest(old.values()), _newest(new.values())
    if _ends(now) >= _ends(before):
        return None
    return f"{column} is of {now}, which is older than the last refresh's of {before}."


def _by_column(table: RefreshedTable) -> dict[str, dict[str, Figure]]:
    columns: dict[str, dict[str, Figure]] = {}
    for outcode, figures in table.rows.items():
        for column, figure in figures.items():
            columns.setdefault(column, {})[outcode] = figure
    return columns


def apply(snapshot: Snapshot, table: RefreshedTable) -> Snapshot:
    """Replace columns of a snapshot with those of a table, and rebuild the groups from them.

    A column is replaced as a whole: a district without a newer figure has none. A column older than the
    snapshot's is skipped, because newer embedded figures may ship while a table is stored.
    """
    fresh = {
        column: figures
        for column, figures in _by_column(table).items()
        if _age(column, _column(column, snapshot.districts), figures) is None
    }
    districts = FrozenMap({code: _with(home, fresh) for code, home in snapshot.districts.items()})
    merged = {code: _dated(group, districts) for code, group in groups(districts).items()}
    return replace(snapshot, districts=districts, groups=FrozenMap(merged))


def _with(district: District, fresh: Mapping[str, Mapping[str, Figure]]) -> District:
    figures = {name: figure for name, figure in district.figures.items() if name not in fresh}
    newer = {name: column[district.code] for name, column in fresh.items() if district.code in column}
    return district.model_copy(update={"figures": FrozenMap({**figures, **newer})})


def _dated(group: District, districts: Mapping[str, District]) -> District:
    """Return a group with the oldest vintages of its members, because `groups` states the embedded ones."""
    members = {code: districts[code] for code in group.members}
    figures = {
        name: figure.model_copy(update={"vintage": _oldest(_column(name, members).values())})
        for name, figure in group.figures.items()
    }
    return group.model_copy(update={"figures": FrozenMap(figures)})
