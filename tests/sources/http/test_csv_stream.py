"""Streamed CSV: the rows are the same wherever the file is cut into pieces."""

import csv
from collections.abc import AsyncIterator, Sequence
from io import StringIO
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.effort import tries
from veo.sources.http.csv_stream import LONGEST_ROW, rows

pytestmark = pytest.mark.anyio

ODD = "\x85\u2028\u2029\x0b\x0c\x1c\x1d\x1e"
"""Characters that end a line for `str.splitlines`, but not in CSV."""

CELLS = st.text(st.sampled_from(f"a1é€\U0001f3eb\",\r\n '{ODD}"), max_size=6)
TABLES = st.lists(st.lists(CELLS, min_size=1, max_size=4), max_size=6)


def written(table: Sequence[Sequence[str]], end: str = "\r\n") -> str:
    """Write a table as CSV."""
    text = StringIO()
    csv.writer(text, lineterminator=end).writerows(table)
    return text.getvalue()


def read_whole(text: str) -> list[list[str]]:
    """Read a whole table as the standard library does, without empty lines."""
    return [row for row in csv.reader(StringIO(text, newline="")) if row]


async def cut(content: bytes, *positions: int) -> AsyncIterator[bytes]:
    """Yield the content in pieces that end at these positions."""
    edges = [0, *sorted(position % (len(content) + 1) for position in positions), len(content)]
    for first, last in pairwise(edges):
        yield content[first:last]


async def read(content: bytes, *positions: int, encoding: str = "utf-8") -> list[list[str]]:
    """Read the content that arrives in pieces."""
    return [row async for row in rows(cut(content, *positions), encoding)]


@tries(50)
@given(TABLES, st.lists(st.integers(0, 200), max_size=6), st.sampled_from(["\n", "\r\n"]))
async def test_the_rows_are_the_same_wherever_the_file_is_cut(
    table: list[list[str]], positions: list[int], end: str
) -> None:
    text = written(table, end)
    assert await read(text.encode(), *positions) == read_whole(text)


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "latin-1", "utf-16"])
async def test_rows_are_the_same_byte_by_byte(encoding: str) -> None:
    table = [["name", "n"], ["Écôle £1", "1"], ['The "Green", Upper\r\nand Lower', "2"]]
    content = written(table).encode(encoding)
    assert await read(content, *range(len(content)), encoding=encoding) == table


async def test_a_row_is_yielded_before_the_next_piece_arrives() -> None:
    async def two() -> AsyncIterator[bytes]:
        yield b"a,b\nc,"
        raise ConnectionError

    table = rows(two(), "utf-8")
    assert await anext(table) == ["a", "b"]
    with pytest.raises(ConnectionError):
        await anext(table)


@pytest.mark.parametrize("separator", ODD, ids=ascii)
async def test_an_odd_separator_within_a_name_ends_no_row(separator: str) -> None:
    name = f"Upper{separator}Lower"
    assert await read(f"{name},1\nOther,2\n".encode(), 3, 7) == [[name, "1"], ["Other", "2"]]


async def test_a_next_line_character_of_latin_1_ends_no_row() -> None:
    """Windows writes an ellipsis with the byte that is NEL in Latin-1."""
    assert await read(b"St Mary\x85,1\n", encoding="latin-1") == [["St Mary\x85", "1"]]


async def test_empty_lines_are_skipped() -> None:
    assert await read(b"a\n\n\r\nb\n\n") == [["a"], ["b"]]


async def test_a_last_row_needs_no_end() -> None:
    assert await read(b"a,b\nc,d", 5) == [["a", "b"], ["c", "d"]]


async def test_an_empty_file_has_no_rows() -> None:
    assert await read(b"") == []


async def test_bytes_that_are_invalid_in_the_encoding_are_replaced() -> None:
    assert await read(b"a\xff,\x81\n", encoding="cp1252") == [["a\xff", "\ufffd"]]


async def test_a_character_that_breaks_off_at_the_end_is_replaced() -> None:
    assert await read("a€".encode()[:-1]) == [["a\ufffd"]]


async def test_a_quote_that_never_closes_is_refused_before_the_file_ends() -> None:
    taken = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal taken
        yield b'a,"b\n'
        while True:
            taken += 2**16
            yield (b"x" * 63 + b"\n") * 2**10

    with pytest.raises(ValueError, match="a row without an end"):
        [row async for row in rows(endless(), "utf-8")]
    assert taken <= LONGEST_ROW + 2**16


async def test_a_short_quote_that_never_closes_takes_the_rest_as_one_cell() -> None:
    """As in the standard library: readers of the rows check the number of cells."""
    assert await read(b'a,b\nc,"d\ne,f\n', 6) == [["a", "b"], ["c", "d\ne,f\n"]]


async def test_a_cell_longer_than_the_library_accepts_is_invalid_csv() -> None:
    with pytest.raises(ValueError, match="invalid CSV"):
        await read(b"a," + b"x" * (csv.field_size_limit() + 1) + b"\n")
