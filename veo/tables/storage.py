"""Table storage: refreshed tables are stored in the shared tier or, without one, in a local folder.

A table is a few hundred kilobytes of JSON, compressed, under its own key. Each container checks for a newer
one every quarter of an hour in the background; after a flush of a family that depends on the table, the next
caller waits for the check. An unreadable table counts as absent.
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

CHECK_INTERVAL = 900.0  # seconds
RETENTION = timedelta(days=400)
MAX_UNPACKED_BYTES = 64 * 2**20  # a larger table counts as unreadable


class Table(Generic[T]):
    """One stored table: `newest` returns it, `put` replaces it.

    `flush_tags` are the tags whose flush suggests that there is a newer table, such as the families that
    depend on it.
    """

    def __init__(
        self,
        name: str,
        model: type[T],
        cache: Cache,
        folder: Path | None,
        *,
        flush_tags: tuple[str, ...] = ("all",),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name, self._model, self._cache, self._flush_tags = name, model, cache, flush_tags
        self._file = None if folder is None else folder.expanduser() / f"{name}.table"
        self._clock = clock
        self._table: T | None = None
        self._content: str | None = None  # of the table, packed
        self._checked_at = float("-inf")
        self._versions: tuple[str | None, ...] = (None,) * len(flush_tags)
        self._check_task: asyncio.Task[None] | None = None

    async def newest(self) -> T | None:
        """Return the newest known table; only the first call after the start or a flush waits for a read."""
        versions = self._tag_versions()
        if versions != self._versions:
            self._versions, self._checked_at = versions, float("-inf")
        if self._clock() - self._checked_at > CHECK_INTERVAL and not self._is_checking():
            self._check_task = asyncio.get_running_loop().create_task(self._check())
        if self._check_task is not None and self._checked_at == float("-inf"):
            await asyncio.shield(self._check_task)
        return self._table

    async def stored(self) -> T | None:
        """Read and return the table that `put` would replace; None if there is no readable one.

        Raise SourceError if storage cannot be read: a new table might be worse than the stored one.
        """
        content = await self._read()
        return self._table if content is None else await self._parse(content) or self._table

    async def put(self, table: T) -> None:
        """Store a table for all containers; raise SourceError if that fails."""
        content = await asyncio.to_thread(_pack, table)
        if self._file is None:
            if not await self._cache.put_text(self._name, content, RETENTION):
                raise SourceError("cache", f"the table {self._name} could not be stored in the shared tier")
        else:
            try:
                await asyncio.to_thread(_write_file, self._file, content)
            except OSError as error:
                reason = f"the table {self._name} could not be written: {error.strerror}"
                raise SourceError("tables", reason) from None
        self._table, self._content, self._checked_at = table, content, self._clock()
        self._versions = self._tag_versions()

    def _tag_versions(self) -> tuple[str | None, ...]:
        return tuple(map(self._cache.tag_version, self._flush_tags))

    def _is_checking(self) -> bool:
        task = self._check_task  # a task of a closed event loop never finishes
        return task is not None and not task.done() and task.get_loop() is asyncio.get_running_loop()

    async def _read(self) -> str | None:
        try:
            if self._file is None:
                return await self._cache.fetch_text(self._name)
            return await asyncio.to_thread(_read_file, self._file)
        except StoreError:
            reason = f"the table {self._name} could not be read from the shared tier"
            raise SourceError("cache", reason) from None
        except OSError as error:
            reason = f"the table {self._name} could not be read: {error.strerror}"
            raise SourceError("tables", reason) from None

    async def _parse(self, content: str) -> T | None:
        try:
            return await asyncio.to_thread(_unpack, content, self._model)
        except (ValueError, zlib.error) as error:
            fault = {"event": "table_unreadable", "table": self._name}
            log.warning("the table %s cannot be read: %s", self._name, type(error).__name__, extra=fault)
            return None

    async def _check(self) -> None:
        content_before, versions = self._content, self._versions
        content = (
            await self._cache.get_text(self._name)
            if self._file is None
            else await asyncio.to_thread(_read_if_possible, self._file)
        )
        if content is not None and content != content_before:
            table = await self._parse(content)
            if table is not None and self._content is content_before:  # else `put` was called meanwhile
                self._table, self._content = table, content
        if self._versions == versions:  # else a flush came meanwhile: the next caller checks again
            self._checked_at = self._clock()


def _pack(table: Value) -> str:
    return b85encode(zlib.compress(table.model_dump_json().encode(), 9)).decode()


def _unpack(content: str, model: type[T]) -> T:
    decompressor = zlib.decompressobj()
    text = decompressor.decompress(b85decode(content), MAX_UNPACKED_BYTES)
    if not decompressor.eof:
        raise ValueError("too large or truncated")
    return model.model_validate_json(text)


def _read_file(file: Path) -> str | None:
    """Return the content of a file, None if it is absent; non-ASCII bytes make it an unreadable table."""
    try:
        return file.read_text("ascii", "replace")
    except FileNotFoundError:
        return None


def _read_if_possible(file: Path) -> str | None:
    try:
        return _read_file(file)
    except OSError:
        return None


def _write_file(file: Path, content: str) -> None:
    """Write a file atomically: concurrent readers see the whole old table or the whole new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f"{file.name}.{token_hex(4)}")
    try:
        temporary.write_text(content, "ascii")
        temporary.replace(file)
    finally:
        temporary.unlink(missing_ok=True)
