"""Newer figures for the embedded tables: prices, their growth and rents, checked before they are believed.

A figure of a borough reaches its districts as `veo/data/SOURCES.md` says: weighted over the boroughs of
the district, blank where most of it lies in a borough without one.
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
"""The share of the districts with an embedded figure that need a new one."""

MIDDLE_RATIO = (0.8, 1.25)
"""What new ÷ embedded may be, in the middle of the districts."""

MIDDLE_RATIO_OF_SALES = (0.5, 2.0)
MIDDLE_POINTS = 10.0
"""How far a growth, in %, may move in the middle of the districts."""

LARGEST_JUMP = 1.6
"""The factor by which a district may move, unless it is one of few."""

FEW = 0.05
"""The share of the districts that may move further."""

_MONTH_AT_END = re.compile(r"([A-Z][a-z]{2}) (\d{4})$", re.ASCII)


class RefreshedTable(Value):
    """The newer figures of one source: by outcode and column, in the shape of the embedded ones.

    `name` is the provider's; `made_at` is the ISO date of the last refresh. A column that it did not renew
    is of an earlier one, as its vintage says.
    """

    name: str
    made_at: str
    rows: FrozenMap[str, Figures]


class Failure(Value):
    """A source that could not be read, or a column of it that was refused, and why."""

    source: str
    reason: str


class Refreshed(Value):
    """What a refresh gave: the tables of what is believed, and what is not there."""

    tables: tuple[RefreshedTable, ...]
    failures: tuple[Failure, ...]


# By outcode or borough, whose attributes are columns of the embedded table and a vintage.
_Facts = Mapping[str, Any]


class _Source(NamedTuple):
    name: str
    columns: tuple[str, ...]
    read: Callable[[Http, date], Awaitable[_Facts]]
    figure: Callable[[str, District, _Facts], Figure | None]


async def refresh_tables(http: Http, snapshot: Snapshot, today: date) -> Refreshed:
    """Read every source, each by itself: what one fails at, or has that is not believed, is said."""
    results = await asyncio.gather(*(_refreshed(source, http, snapshot, today) for source in _SOURCES))
    return Refreshed(
        tables=tuple(table for table, _ in results if table.rows),
        failures=tuple(failure for _, failures in results for failure in failures),
    )


async def _refreshed(
    source: _Source, http: Http, snapshot: Snapshot, today: date
) -> tuple[RefreshedTable, list[Failure]]:
    try:
        facts = await source.read(http, today)
    except SourceError as error:
        columns: dict[str, dict[str, Figure]] = {}
        failures = [Failure(source=source.name, reason=str(error))]
    else:
        columns, reasons = _believed(source, facts, snapshot)
        failures = [Failure(source=source.name, reason=reason) for reason in reasons]
    rows = _by_outcode(columns)
    return RefreshedTable(name=source.name, made_at=today.isoformat(), rows=rows), failures


def _believed(
    source: _Source, facts: _Facts, snapshot: Snapshot
) -> tuple[dict[str, dict[str, Figure]], list[str]]:
    """Give the figures of the columns that hold, by column and outcode, and why others do not."""
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
    known = COLUMNS[column]
    rounded = round(value, known.digits) + 0.0 if known.digits else round(value)  # no -0.0
    return Figure(value=rounded, unit=known.unit, level=known.level, source=known.source, vintage=vintage)


def _of_outcode(column: str, district: District, facts: _Facts) -> Figure | None:
    """Give a figure of the district itself; a district that no sale names had none, which is a count."""
    found = facts.get(district.code)
    if found is None:
        vintage = next(iter(facts.values())).vintage
        return _figure(column, 0, vintage) if column == "sales_12m" else None
    value = getattr(found, column)
    return None if value is None else _figure(column, value, found.vintage)


def _of_boroughs(column: str, district: District, facts: _Facts) -> Figure | None:
    """Give the mean over the district's boroughs, weighted by residents; as old as the oldest of them."""
    known = [
        (value, share, facts[borough].vintage)
        for borough, share in district.boroughs.items()
        if (value := getattr(facts.get(borough), column, None)) is not None
    ]
    covered = sum(share for _, share, _ in known)
    if covered < sum(district.boroughs.values()) / 2:
        return None
    mean = sum(value * share for value, share, _ in known) / covered
    return _figure(column, mean, min((vintage for _, _, vintage in known), key=_ends))


_SOURCES = (
    _Source(PRICE_PAID.name, ("median_price", "sales_12m"), read_prices, _of_outcode),
    _Source(UK_HPI.name, ("price_growth_5y_pct", "price_growth_1y_pct"), read_growth, _of_boroughs),
    _Source(
        ONS.name,
        ("rent_1bed", "rent_2bed", "rent_3bed", "rent_all", "rent_growth_1y_pct"),
        read_rents,
        _of_boroughs,
    ),
)


SOURCES = tuple(source.name for source in _SOURCES)
"""The names of the tables that a refresh may give."""


def _ends(vintage: str) -> tuple[int, int]:
    """Give year and month of the end of a vintage such as `Sep 2025 to Aug 2026`; (0, 0) for others."""
    match = _MONTH_AT_END.search(vintage)
    number = None if match is None else month_number(match[1])
    return (0, 0) if match is None or number is None else (int(match[2]), number)


def validate(column: str, old: Mapping[str, Figure], new: Mapping[str, Figure]) -> str | None:
    """Tell why the new figures of a column are not believed, given the embedded ones; None if they are.

    Both are by outcode. Growth is compared in points, as it passes through 0. Counts of sales may jump in
    single districts, of which many have few.
    """
    for check in (_age, _coverage, _bounds, _middle, _jumps):
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
    del old  # bounds hold whatever was there before
    low, high = COLUMNS[column].low, COLUMNS[column].high
    for outcode, figure in new.items():
        if not low <= figure.value <= high:
            return (
                f"{column} is {figure.value:.10g} in {outcode}, which is outside {low:.10g} to {high:.10g}."
            )
    return None


def _middle(column: str, old: Mapping[str, Figure], new: Mapping[str, Figure]) -> str | None:
    if _is_growth(column):
        points = [abs(new[outcode].value - old[outcode].value) for outcode in old if outcode in new]
        if points and median(points) > MIDDLE_POINTS:
            return f"{column} moved by {median(points):.3g} points in the middle, above {MIDDLE_POINTS:g}."
        return None
    ratios = _ratios(old, new)
    low, high = MIDDLE_RATIO_OF_SALES if _is_count(column) else MIDDLE_RATIO
    if ratios and not low <= median(ratios) <= high:
        return f"{column} is {median(ratios):.3g} times the embedded one in the middle, not {low} to {high}."
    return None


def _jumps(column: str, old: Mapping[str, Figure], new: Mapping[str, Figure]) -> str | None:
    if _is_growth(column) or _is_count(column):
        return None
    ratios = _ratios(old, new)
    jumped = sum(not 1 / LARGEST_JUMP <= ratio <= LARGEST_JUMP for ratio in ratios)
    if jumped <= FEW * len(ratios):
        return None
    return (
        f"{column} moved by more than a factor {LARGEST_JUMP:g} in {jumped} of {len(ratios)} districts, "
        f"above {FEW:.0%}."
    )


def _is_growth(column: str) -> bool:
    return COLUMNS[column].unit.startswith("%")


def _is_count(column: str) -> bool:
    return COLUMNS[column].combine == "sum"


def _ratios(old: Mapping[str, Figure], new: Mapping[str, Figure]) -> list[float]:
    """Give new ÷ embedded of every district that has both, the embedded one above 0."""
    both = [(old[outcode].value, new[outcode].value) for outcode in old if outcode in new]
    return [after / before for before, after in both if before > 0]


class Merged(NamedTuple):
    """A table that may replace an earlier one, the columns renewed in it, and why others were not."""

    table: RefreshedTable
    renewed: tuple[str, ...]
    reasons: tuple[str, ...]


def merge(table: RefreshedTable, earlier: RefreshedTable | None) -> Merged:
    """Return a source's new table with the columns of its earlier one that it lacks or has older.

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
    """Return a reason where the newest of the new figures is older than the newest of the earlier ones."""
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
    """Return the snapshot with a table's columns in place of its own, and the groups rebuilt from them.

    A column is replaced as a whole: a district without a newer figure has none. A column older than the
    snapshot's is left, as a stored table may outlive the figures that it was newer than.
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
    """Give a group the vintages of its members: `groups` states the embedded ones."""
    members = {code: districts[code] for code in group.members}
    figures = {
        name: figure.model_copy(update={"vintage": _oldest(_column(name, members).values())})
        for name, figure in group.figures.items()
    }
    return group.model_copy(update={"figures": FrozenMap(figures)})
