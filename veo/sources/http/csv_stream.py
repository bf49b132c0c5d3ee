"""Rows of a CSV file that arrives in pieces: a file of any size is never held as a whole."""

import codecs
import csv
from collections.abc import AsyncIterator
from io import StringIO

LONGEST_ROW = 2**20  # characters: a quote that never closes would swallow the file


async def rows(pieces: AsyncIterator[bytes], encoding: str) -> AsyncIterator[list[str]]:
    """Give the rows; bytes that the encoding does not know are replaced, empty lines are left out.

    Raises `ValueError` for what is no CSV, which `Upstream.stream` turns into `BadAnswer`.
    """
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    rest = ""
    async for piece in pieces:
        text = rest + decoder.decode(piece)
        end = _end_of_rows(text)
        for row in _read(text[:end]):
            yield row
        rest = text[end:]
        if len(rest) > LONGEST_ROW:
            raise ValueError("a row without an end")
    for row in _read(rest + decoder.decode(b"", final=True)):
        yield row


def _end_of_rows(text: str) -> int:
    """Give where the last whole row ends: after a line break that stands in no quotes."""
    end = text.rfind("\n") + 1
    quotes = text.count('"', 0, end)
    while quotes % 2:  # down to 0 at the beginning, where none are left
        before = text.rfind("\n", 0, end - 1) + 1
        quotes -= text.count('"', before, end)  # each part once: an open quote would else take seconds
        end = before
    return end


def _read(text: str) -> list[list[str]]:
    try:
        # only \r and \n end a row: str.splitlines would also cut at characters that names may hold
        return [row for row in csv.reader(StringIO(text, newline="")) if row]
    except csv.Error as error:
        raise ValueError(f"no CSV: {error}") from None
