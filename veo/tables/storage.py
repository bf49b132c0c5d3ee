"""Where refreshed tables are kept: the shared tier, or without one a folder of this machine.

A table is some hundred kilobytes of JSON, compressed, under a key of its own; each container looks for a
newer one every quarter of an hour, behind its callers, and before its callers when the family that rests on
it was flushed. A table that cannot be read counts as none.
"""

import asyncio
import logging
import time
import zlib
from base64 import b85decode, b85encode
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from secrets import token_hex
from typing import Generic, TypeVar

from veo.cache import Cache, StoreError
from veo.errors import SourceError
from veo.models import Value

T = TypeVar("T", bound=Value)
log = logging.getLogger(__name__)

LOOK_AGAIN = 900.0  # seconds
KEPT = timedelta(days=400)
LARGEST = 64 * 2**20  # bytes of a table unpacked: what is larger is none of ours


class Table(Generic[T]):
    """One table that is refreshed now and then: `take` gives the newest, `put` keeps a newer one.

    `follows` names families that rest on the table: the flush of one may mean that there is a newer one.
    """

    def __init__(
        self,
        name: str,
        model: type[T],
        cache: Cache,
        folder: Path | None,
        *,
        follows: tuple[str, ...] = ("all",),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._model, self._cache, self._follows = name, model, cache, follows
        self._file = None if folder is None else folder.expanduser() / f"{name}.table"
        self._clock = clock
        self._known: T | None = None
        self._content: str | None = None
        self._looked = float("-inf")
        self._flushed: tuple[str | None, ...] = (None,) * len(follows)
        self._looking: asyncio.Task[None] | None = None

    async def take(self) -> T | None:
        """Give the newest known table; the first caller after start or flush waits, others for nothing."""
        flushed = self._stamps()
        if flushed != self._flushed:
            self._flushed, self._looked = flushed, float("-inf")
        if self._clock() - self._looked > LOOK_AGAIN and not self._under_way():
            self._looking = asyncio.get_running_loop().create_task(self._look())
        if self._looking is not None and self._looked == float("-inf"):
            await asyncio.shield(self._looking)
        return self._known

    async def stored(self) -> T | None:
        """Return the table that `put` would replace, read anew; None where no readable one is kept.

        Raise SourceError when it cannot be read: a table put then might be worse than the one it replaces.
        """
        content = await self._fetched()
        return self._known if content is None else await self._parsed(content) or self._known

    async def put(self, table: T) -> None:
        """Keep a table for all; raise SourceError when it could not be kept."""
        content = await asyncio.to_thread(_packed, table)
        if self._file is None:
            if not await self._cache.keep(self._name, content, KEPT):
                raise SourceError("cache", f"the table {self._name} could not be kept in the shared tier")
        else:
            try:
                await asyncio.to_thread(_write, self._file, content)
            except OSError as error:
                reason = f"the table {self._name} could not be written: {error.strerror}"
                raise SourceError("tables", reason) from None
        self._known, self._content, self._looked = table, content, self._clock()
        self._flushed = self._stamps()

    def _stamps(self) -> tuple[str | None, ...]:
        return tuple(map(self._cache.stamp, self._follows))

    def _under_way(self) -> bool:
        looking = self._looking  # of a loop that has ended it would never be done
        return looking is not None and not looking.done() and looking.get_loop() is asyncio.get_running_loop()

    async def _fetched(self) -> str | None:
        try:
            if self._file is None:
                return await self._cache.fetch(self._name)
            return await asyncio.to_thread(_read, self._file)
        except StoreError:
            reason = f"the table {self._name} could not be read from the shared tier"
            raise SourceError("cache", reason) from None
        except OSError as error:
            reason = f"the table {self._name} could not be read: {error.strerror}"
            raise SourceError("tables", reason) from None

    async def _parsed(self, content: str) -> T | None:
        try:
            return await asyncio.to_thread(_unpacked, content, self._model)
        except (ValueError, zlib.error) as error:
            fault = {"event": "table_unreadable", "table": self._name}
            log.warning("the table %s cannot be read: %s", self._name, type(error).__name__, extra=fault)
            return None

    async def _look(self) -> None:
        before, flushed = self._content, self._flushed
        content = (
            await self._cache.kept(self._name)
            if self._file is None
            else await asyncio.to_thread(_read_if_possible, self._file)
        )
        if content is not None and content != before:
            known = await self._parsed(content)
            if known is not None and self._content is before:  # else a newer one was put meanwhile
                self._known, self._content = known, content
        if self._flushed == flushed:  # else the next caller looks again: there may be a newer one since
            self._looked = self._clock()


def _packed(table: Value) -> str:
    return b85encode(zlib.compress(table.model_dump_json().encode(), 9)).decode()


def _unpacked(content: str, model: type[T]) -> T:
    unpacking = zlib.decompressobj()
    text = unpacking.decompress(b85decode(content), LARGEST)
    if not unpacking.eof:
        raise ValueError("too large, or cut off")
    return model.model_validate_json(text)


def _read(file: Path) -> str | None:
    """Return what a file holds, None where there is none; what is not ASCII is no table of ours."""
    try:
        return file.read_text("ascii", "replace")
    except FileNotFoundError:
        return None


def _read_if_possible(file: Path) -> str | None:
    try:
        return _read(file)
    except OSError:
        return None


def _write(file: Path, content: str) -> None:
    """Write beside and rename: a reader sees the old table or the new one, whoever else writes."""
    file.parent.mkdir(parents=True, exist_ok=True)
    beside = file.with_name(f"{file.name}.{token_hex(4)}")
    try:
        beside.write_text(content, "ascii")
        beside.replace(file)
    finally:
        beside.unlink(missing_ok=True)
