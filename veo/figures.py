"""The figures that answers rest on: the embedded ones, with what a refresh has brought since."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from veo.models import District
from veo.scoring import Reference
from veo.shelf import Table
from veo.sources.embedded import Snapshot
from veo.sources.refresh import RefreshedTable, apply


class Standing(NamedTuple):
    """A snapshot, and all of its districts as scores are relative to them."""

    snapshot: Snapshot
    reference: Reference

    def district(self, code: str) -> District:
        """Give a district or a group by its canonical code."""
        return self.snapshot.districts.get(code) or self.snapshot.groups[code]


class Figures:
    """Gives the newest valid figures; the embedded ones are the floor.

    `tables` are the refreshed ones by source, each with columns of its own: one that fails keeps its last.
    """

    def __init__(self, snapshot: Snapshot, tables: Mapping[str, Table[RefreshedTable]]) -> None:
        self.tables, self._embedded = tables, snapshot
        self._applied: tuple[RefreshedTable | None, ...] = (None,) * len(tables)
        self._standing = _standing(snapshot)
        self._changing = asyncio.Lock()

    async def standing(self) -> Standing:
        """Give the figures as they stand; a new table is worked in once, beside the event loop."""
        newest = tuple([await table.take() for table in self.tables.values()])
        if newest != self._applied:
            async with self._changing:
                if newest != self._applied:
                    self._standing = await asyncio.to_thread(_refreshed, self._embedded, newest)
                    self._applied = newest
        return self._standing


def _standing(snapshot: Snapshot) -> Standing:
    return Standing(snapshot, Reference(snapshot.districts.values()))


def _refreshed(snapshot: Snapshot, newest: Iterable[RefreshedTable | None]) -> Standing:
    for table in newest:
        if table is not None:
            snapshot = apply(snapshot, table)
    return _standing(snapshot)
