"""The figures that answers rest on: the embedded ones, with what a refresh has brought since."""

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
    """A snapshot, and all of its districts as scores and single figures are relative to them."""

    snapshot: Snapshot
    reference: Reference

    @cached_property
    def percentiles(self) -> FigurePercentiles:
        """Where single figures stand; only the page of a district asks."""
        return FigurePercentiles(self.snapshot.districts.values())

    def district(self, code: str) -> District:
        """Give a district or a group by its canonical code."""
        return self.snapshot.districts.get(code) or self.snapshot.groups[code]


class CurrentFigures:
    """Gives the newest valid figures; the embedded ones are the floor.

    `tables` are the refreshed ones by source, each with columns of its own: one that fails keeps its last.
    They are put in place in their order.
    """

    def __init__(self, embedded: FigureSet, tables: Mapping[str, Table[RefreshedTable]]) -> None:
        self.tables, self._embedded = tables, embedded.snapshot
        self._applied: tuple[RefreshedTable | None, ...] = (None,) * len(tables)
        self._standing = embedded
        self._looked = False
        self._working: asyncio.Task[None] | None = None

    async def current(self) -> FigureSet:
        """Give the figures as they stand; newer tables are worked in once, beside the event loop."""
        if await self._newest() != self._applied:
            if self._working is None or not self._under_way(self._working):
                self._working = asyncio.get_running_loop().create_task(self._work_in())
            await asyncio.shield(self._working)
        return self._standing

    async def _newest(self) -> tuple[RefreshedTable | None, ...]:
        tables = self.tables.values()
        if self._looked:  # nobody waits any more, and a task for each would take longer than the look
            return tuple([await table.take() for table in tables])
        newest = await asyncio.gather(*(table.take() for table in tables))  # one read of the shared tier
        self._looked = True
        return tuple(newest)

    @staticmethod
    def _under_way(working: asyncio.Task[None]) -> bool:
        """Tell whether a task will end: one of a loop that has ended itself never will."""
        return not working.done() and working.get_loop() is asyncio.get_running_loop()

    async def _work_in(self) -> None:
        newest = await self._newest()
        self._standing = await asyncio.to_thread(_refreshed, self._embedded, newest)
        self._applied = newest


def figure_set(snapshot: Snapshot) -> FigureSet:
    """Compare all districts of a snapshot with each other."""
    return FigureSet(snapshot, Reference(snapshot.districts.values()))


def _refreshed(snapshot: Snapshot, newest: Iterable[RefreshedTable | None]) -> FigureSet:
    for table in newest:
        if table is None:
            continue
        try:
            snapshot = apply(snapshot, table)
        except (ArithmeticError, ValueError) as error:  # such as a figure so large that no mean exists
            fault = {"event": "table_unusable", "table": table.name}
            log.warning("the table of %s cannot be used: %s", table.name, type(error).__name__, extra=fault)
    return figure_set(snapshot)
