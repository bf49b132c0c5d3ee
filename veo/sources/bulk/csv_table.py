"""Checks of publishers' CSV files: the header has the needed columns, and every row has its width."""

from collections.abc import AsyncIterator, Iterable, Sequence

from veo.errors import BadAnswer

_BYTE_ORDER_MARK = "\xef\xbb\xbf"  # as Latin-1 and Windows-1252 read it


def column_names(row: Iterable[str]) -> list[str]:
    """Return the names in a header row, without a byte order mark."""
    return [name.removeprefix(_BYTE_ORDER_MARK) for name in row]


def column_indices(header: Sequence[str], needed: Sequence[str], service: str) -> list[int]:
    """Return where the needed columns stand; raise `BadAnswer` for `service` if one is missing."""
    for name in needed:
        if name not in header:
            raise BadAnswer(service, f"the file lacks the column {name}")
    return [header.index(name) for name in needed]


async def checked_rows(table: AsyncIterator[list[str]], width: int, service: str) -> AsyncIterator[list[str]]:
    """Yield the rows of a table; raise `BadAnswer` for `service` if one has another number of columns."""
    async for row in table:
        if len(row) != width:
            raise BadAnswer(service, f"a row has {len(row)} columns, not {width}")
        yield row
