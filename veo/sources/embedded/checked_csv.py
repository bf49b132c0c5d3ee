"""Read embedded CSV tables and check every cell; an error names the bad cell and the accepted form."""

import csv
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T", bound=str)

# Narrower than float(): no underscore, padding, NaN or digits of other scripts. The exponent allows for a
# longitude next to Greenwich, which the table holds as 3e-05.
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e-\d\d)?", re.ASCII)
_ZONES = re.compile(r"[1-9]([,/+][1-9])*", re.ASCII)


class DataFault(ValueError):
    """An embedded table holds an invalid cell; the message names its place and the accepted form."""

    def __init__(self, file: str, where: str, column: str, value: str, accepted: str) -> None:
        super().__init__(f"{file}, {where}, {column}: {value!r} is not {accepted}")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an embedded table; the methods that read a cell raise `DataFault` for an invalid one."""

    file: str
    line: int
    key: str
    cells: dict[str, str]

    def fault(self, column: str, accepted: str) -> DataFault:
        """Return the error that names a cell and the accepted form."""
        return DataFault(self.file, f"line {self.line} ({self.key})", column, self.cells[column], accepted)

    def text(self, column: str) -> str:
        """Return a text that is not blank."""
        cell = self.cells[column]
        if not cell or cell != cell.strip():
            raise self.fault(column, "a text without blanks around it")
        return cell

    def texts(self, column: str) -> tuple[str, ...]:
        """Return the parts of a text separated by bars; a blank cell has none."""
        parts = tuple(self.cells[column].split("|")) if self.cells[column] else ()
        if any(not part.strip() for part in parts):
            raise self.fault(column, "texts separated by |, none of them blank")
        return parts

    def choice(self, column: str, options: Sequence[T]) -> T:
        """Return a text that is one of the options."""
        for option in options:
            if self.cells[column] == option:
                return option
        raise self.fault(column, f"one of {', '.join(options)}")

    def number(self, column: str, low: float, high: float, digits: int = 9) -> int | float | None:
        """Return a number of at most `digits` decimals, an int when `digits` is 0; None for a blank cell."""
        if not self.cells[column]:
            return None
        return self._number(column, (low, high), digits, ", or blank where there is no source")

    def required(self, column: str, low: float, high: float, digits: int = 9) -> int | float:
        """Return a number that may not be missing."""
        return self._number(column, (low, high), digits, "")

    def _number(self, column: str, bounds: tuple[float, float], digits: int, blank: str) -> int | float:
        cell, (low, high) = self.cells[column], bounds
        decimals = len(cell.partition(".")[2])
        if not _NUMBER.fullmatch(cell) or decimals > digits or not low <= float(cell) <= high:
            kind = f"a number of at most {digits} decimals" if digits else "a whole number"
            raise self.fault(column, f"{kind} from {low:g} to {high:g}{blank}")
        return float(cell) if digits else int(cell)

    def zones(self, column: str) -> tuple[int, ...]:
        """Return the fare zones: two at a boundary (2/3), and on the tram every zone it serves (3,4,5,6)."""
        cell = self.cells[column]
        if cell and not _ZONES.fullmatch(cell):
            raise self.fault(column, "fare zones such as 2, 2/3 or 3,4,5,6, or blank where there is none")
        return tuple(int(zone) for zone in cell[::2])


def read(path: Path, columns: Collection[str], key: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of a table; it must have exactly these columns, and unique texts under `key`."""
    seen: set[str] = set()
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, restkey="", restval=None)
        header = reader.fieldnames or ()
        if sorted(header) != sorted(columns):
            raise DataFault(path.name, "line 1", "header", ",".join(header), f"just {', '.join(columns)}")
        for cells in reader:
            if "" in cells or None in cells.values():
                text = ",".join(str(cell) for cell in cells.values())
                raise DataFault(path.name, f"line {reader.line_num}", "row", text, f"{len(columns)} cells")
            row = Row(path.name, reader.line_num, ", ".join(cells[column] for column in key), cells)
            for column in key:
                row.text(column)
            if row.key in seen:
                raise row.fault(key[0], "unique: another row has it too")
            seen.add(row.key)
            yield row
