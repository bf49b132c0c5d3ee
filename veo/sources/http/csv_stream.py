"""Stream the rows of a CSV file of any size without holding the whole file in memory."""

import codecs
import csv
from collections.abc import AsyncIterator
from io import StringIO

LONGEST_ROW = 2**20  # characters: a quote that never closes would swallow the file


async def rows(pieces: AsyncIterator[bytes], encoding: str) -> AsyncIterator[list[str]]:
    """Yield the rows; bytes that are invalid in the encoding are replaced, empty lines are skipped.

    Raise `ValueError` for invalid CSV, which `Upstream.stream` turns into `BadAnswer`.
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
    """Return the position after the last complete row: after a line break outside quotes."""
    end = text.rfind("\n") + 1
    quotes = text.count('"', 0, end)
    while quotes % 2:  # ends at position 0 at the latest, where no quotes remain
        before = text.rfind("\n", 0, end - 1) + 1
        quotes -= text.count('"', before, end)  # counting from 0 each time would take seconds
        end = before
    return end


def _read(text: str) -> list[list[str]]:
    try:
        # only \r and \n end a row: str.splitlines would also split at characters that names may contain
        return [row for row in csv.reader(StringIO(text, newline="")) if row]
    except csv.Error as error:
        raise ValueError(f"invalid CSV: {error}") from None
