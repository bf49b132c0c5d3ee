"""The figures that answers rest on: the embedded ones, with what a refresh has brought since."""

import asyncio
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
    """Gives the newest valid figures; the embedded ones are the floor."""

    def __init__(self, snapshot: Snapshot, table: Table[RefreshedTable]) -> None:
        self.table, self._embedded = table, snapshot
        self._applied: RefreshedTable | None = None
        self._standing = _standing(snapshot)
        self._changing = asyncio.Lock()

    async def standing(self) -> Standing:
        """Give the figures as they stand; a new table is worked in once, beside the event loop."""
        newest = await self.table.take()
        if newest is not None and newest is not self._applied:
            async with self._changing:
                if newest is not self._applied:
                    self._standing = await asyncio.to_thread(_refreshed, self._embedded, newest)
                    self._applied = newest
        return self._standing


def _standing(snapshot: Snapshot) -> Standing:
    return Standing(snapshot, Reference(snapshot.districts.values()))


def _refreshed(snapshot: Snapshot, table: RefreshedTable) -> Standing:
    return _standing(apply(snapshot, table))
