"""The current figures: the embedded snapshot with the newest refreshed tables applied."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

from veo.models import District
from veo.scoring import FigurePercentiles, Reference
from veo.sources.bulk.refresh import RefreshedTable, apply
from veo.sources.embedded.snapshot import Snapshot
from veo.tables.storage import Table

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FigureSet:
    """A snapshot and the reference that scores its districts relative to each other."""

    snapshot: Snapshot
    reference: Reference

    @cached_property
    def percentiles(self) -> FigurePercentiles:
        """The percentile of each figure; computed lazily, because only a district's page needs it."""
        return FigurePercentiles(self.snapshot.districts.values())

    def district(self, code: str) -> District:
        """Return a district or a group by its canonical code."""
        return self.snapshot.districts.get(code) or self.snapshot.groups[code]


class CurrentFigures:
    """The newest valid figures.

    `tables` are the refreshed tables by source, each with its own columns. They are applied to the embedded
    figures in order; a source whose refresh fails keeps its last table.
    """

    def __init__(self, embedded: FigureSet, tables: Mapping[str, Table[RefreshedTable]]) -> None:
        self.tables, self._embedded = tables, embedded.snapshot
        self._applied: tuple[RefreshedTable | None, ...] = (None,) * len(tables)
        self._current = embedded
        self._read_once = False
        self._update_task: asyncio.Task[None] | None = None

    async def current(self) -> FigureSet:
        """Return the current figures; newer tables are applied once, in a worker thread."""
        if await self._newest() != self._applied:
            if self._update_task is None or not self._is_running(self._update_task):
                self._update_task = asyncio.get_running_loop().create_task(self._update())
            await asyncio.shield(self._update_task)
        return self._current

    async def _newest(self) -> tuple[RefreshedTable | None, ...]:
        tables = self.tables.values()
        if self._read_once:  # no table waits for a read any more, so a task for each would only cost time
            return tuple([await table.newest() for table in tables])
        newest = await asyncio.gather(*(table.newest() for table in tables))  # one read of the shared tier
        self._read_once = True
        return tuple(newest)

    @staticmethod
    def _is_running(task: asyncio.Task[None]) -> bool:
        """Check whether a task will finish; a task of a closed event loop never does."""
        return not task.done() and task.get_loop() is asyncio.get_running_loop()

    async def _update(self) -> None:
        newest = await self._newest()
        self._current = await asyncio.to_thread(_apply_all, self._embedded, newest)
        self._applied = newest


def figure_set(snapshot: Snapshot) -> FigureSet:
    """Return the figure set of a snapshot."""
    return FigureSet(snapshot, Reference(snapshot.districts.values()))


def _apply_all(snapshot: Snapshot, tables: Iterable[RefreshedTable | None]) -> FigureSet:
    for table in tables:
        if table is None:
            continue
        try:
            snapshot = apply(snapshot, table)
        except (ArithmeticError, ValueError) as error:  # such as a figure so large that a mean overflows
            fault = {"event": "table_unusable", "table": table.name}
            log.warning("the table of %s cannot be used: %s", table.name, type(error).__name__, extra=fault)
    return figure_set(snapshot)
