"""Reading an embedded table: every cell is checked, and a bad one is named with what would be accepted."""

import csv
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

T = TypeVar("T", bound=str)

# Narrower than float(): no underscore, padding, NaN or digits of other scripts. The exponent is for a
# longitude next to Greenwich, which the table has as 3e-05.
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e-\d\d)?", re.ASCII)
_ZONES = re.compile(r"[1-9]([,/+][1-9])*", re.ASCII)


class DataFault(ValueError):
    """An embedded table holds something that it may not: the message names the place and what is accepted."""

    def __init__(self, file: str, where: str, column: str, found: str, accepted: str) -> None:
        super().__init__(f"{file}, {where}, {column}: {found!r} is not {accepted}")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an embedded table; its readers raise `DataFault` for what they do not accept."""

    file: str
    line: int
    key: str
    cells: dict[str, str]

    def fault(self, column: str, accepted: str) -> DataFault:
        """Make the error that names this cell and the form that would be accepted."""
        return DataFault(self.file, f"line {self.line} ({self.key})", column, self.cells[column], accepted)

    def text(self, column: str) -> str:
        """Give a text that may not be blank."""
        found = self.cells[column]
        if not found or found != found.strip():
            raise self.fault(column, "a text without blanks around it")
        return found

    def several(self, column: str) -> tuple[str, ...]:
        """Give the parts of a text that is separated by bars; a blank cell has none."""
        parts = tuple(self.cells[column].split("|")) if self.cells[column] else ()
        if any(not part.strip() for part in parts):
            raise self.fault(column, "texts separated by |, none of them blank")
        return parts

    def choice(self, column: str, options: Sequence[T]) -> T:
        """Give a text that is one of the options."""
        for option in options:
            if self.cells[column] == option:
                return option
        raise self.fault(column, f"one of {', '.join(options)}")

    def number(self, column: str, low: float, high: float, digits: int = 9) -> int | float | None:
        """Give a number of at most `digits` decimals, an int when `digits` is 0; None for a blank cell."""
        if not self.cells[column]:
            return None
        return self._number(column, (low, high), digits, ", or blank where there is no source")

    def required(self, column: str, low: float, high: float, digits: int = 9) -> int | float:
        """Give a number that may not be missing."""
        return self._number(column, (low, high), digits, "")

    def _number(self, column: str, bounds: tuple[float, float], digits: int, blank: str) -> int | float:
        found, (low, high) = self.cells[column], bounds
        decimals = len(found.partition(".")[2])
        if not _NUMBER.fullmatch(found) or decimals > digits or not low <= float(found) <= high:
            kind = f"a number of at most {digits} decimals" if digits else "a whole number"
            raise self.fault(column, f"{kind} from {low:g} to {high:g}{blank}")
        return float(found) if digits else int(found)

    def zones(self, column: str) -> tuple[int, ...]:
        """Give the fare zones; stops on a boundary have two (2/3), the tram all it serves (3,4,5,6)."""
        found = self.cells[column]
        if found and not _ZONES.fullmatch(found):
            raise self.fault(column, "fare zones such as 2, 2/3 or 3,4,5,6, or blank where there is none")
        return tuple(int(zone) for zone in found[::2])


def read(path: Path, columns: Collection[str], key: Sequence[str]) -> Iterator[Row]:
    """Give the rows of a table, which must have exactly these columns and unique texts under `key`."""
    seen: set[str] = set()
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, restkey="", restval=None)
        header = reader.fieldnames or ()
        if sorted(header) != sorted(columns):
            raise DataFault(path.name, "line 1", "header", ",".join(header), f"just {', '.join(columns)}")
        for cells in reader:
            if "" in cells or None in cells.values():
                found = ",".join(str(cell) for cell in cells.values())
                raise DataFault(path.name, f"line {reader.line_num}", "row", found, f"{len(columns)} cells")
            row = Row(path.name, reader.line_num, ", ".join(cells[column] for column in key), cells)
            for column in key:
                row.text(column)
            if row.key in seen:
                raise row.fault(key[0], "unique: another row has it too")
            seen.add(row.key)
            yield row
