"""A server of large synthetic files, generated while they are sent: schools, inspections, sales.

`python -m benchmarks.files PORT` serves them to `benchmarks.reading`, so their memory is not part of its own.
"""

import random
import sys
from collections.abc import Iterable, Iterator, Mapping

from aiohttp import web

from tests.support.providers.land_registry import sales, written
from tests.support.providers.schools import (
    ASSETS,
    ENTRY,
    GOOD,
    INSPECTION,
    NOT_JUDGED,
    PAGE,
    REMAINS_GOOD,
    REPORT_CARD,
    SECONDARY,
    asset,
)

REGISTER_MB, SALES_MB = 62, 150
SCHOOLS, INSPECTED = 52_000, 22_000
LONDON, NEAR = 3_300, 900  # of the schools, about as many as there are
FILLER = {f"Column {number:03}": "Not applicable" for number in range(52)}
WORDS = ("Abbey", "Bishop", "Castle", "Dene", "Elm", "Forest", "Grove", "Holy", "Ivy", "King", "Lady", "Oak")
KINDS = ("Primary School", "Church of England Primary School", "Academy", "Infant School", "Nursery")
Cells = Mapping[str, str]


def main() -> None:
    """Serve until the process is ended."""
    app = web.Application()
    app.router.add_get("/", page)
    app.router.add_get(PAGE, page)
    app.router.add_get("/{path:.*}", file)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


async def page(request: web.Request) -> web.Response:
    """Link to the inspections, as gov.uk does."""
    del request
    return web.json_response({"body": f'<a href="{ASSETS}{asset("31_August_2026")}">'})


async def file(request: web.Request) -> web.StreamResponse:
    """Stream a file in pieces while it is generated."""
    path = request.path
    pieces = register() if "edubase" in path else inspections() if "media" in path else price_paid()
    response = web.StreamResponse(headers={"Content-Type": "text/csv"})
    await response.prepare(request)
    for piece in pieces:
        await response.write(piece)
    return response


def register() -> Iterator[bytes]:
    """Yield the register: the schools in and near London, and the rest of the country."""
    dice = random.Random(1)  # noqa: S311 - the same file every time
    yield from _pieces({**ENTRY, **FILLER}, (_school(number, dice) for number in range(SCHOOLS)))


def _school(number: int, dice: random.Random) -> dict[str, str]:
    elsewhere = {"LA (code)": "936", "DistrictAdministrative (code)": "E07000210"}
    place = (
        (505_000, 560_000, 157_000, 200_000)
        if number < LONDON + NEAR
        else (300_000, 480_000, 210_000, 500_000)
    )
    phase = SECONDARY if dice.random() < 0.2 else {}
    return {
        **({} if number < LONDON else elsewhere),
        **phase,
        "URN": str(100_000 + number),
        "EstablishmentName": " ".join([*dice.sample(WORDS, 3), dice.choice(KINDS)]),
        "Postcode": f"E{dice.randrange(1, 19)} {dice.randrange(1, 10)}{''.join(dice.sample('ABDEFGHJL', 2))}",
        "Easting": str(dice.randrange(place[0], place[1])),
        "Northing": str(dice.randrange(place[2], place[3])),
    }


def inspections() -> Iterator[bytes]:
    """Yield the inspections, in equal numbers of every kind."""
    kinds = (GOOD, {**GOOD, **REMAINS_GOOD}, NOT_JUDGED, REPORT_CARD)
    cells = ({"URN": str(100_000 + n), **kinds[n % len(kinds)]} for n in range(INSPECTED))
    yield from _pieces(INSPECTION, cells)


def price_paid() -> Iterator[bytes]:
    """Yield a year of sales: the same two thousand, repeated."""
    dice = random.Random(1)  # noqa: S311 - the same file every time
    prices = [dice.randrange(200_000, 2_000_000) for _ in range(500)]
    london = sales(prices, "2026-03-05", "E15 1AA")
    block = written([*london, *sales(prices * 3, "2026-03-05", "CO4 5AA", county="ESSEX")]).encode()
    for _ in range(SALES_MB * 2**20 // len(block)):
        yield block


def _pieces(form: Cells, changes: Iterable[Cells]) -> Iterator[bytes]:
    yield _line(form)
    block: list[bytes] = []
    for change in changes:
        block.append(_line({**form, **change}.values()))
        if len(block) == 50:
            yield b"".join(block)
            block.clear()
    yield b"".join(block)


def _line(cells: Iterable[str]) -> bytes:
    return (",".join(f'"{cell}"' for cell in cells) + "\r\n").encode("cp1252")


if __name__ == "__main__":
    main()
