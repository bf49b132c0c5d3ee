"""Loopback servers of HM Land Registry and ONS: yearly sales, monthly editions and a page of workbooks."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from io import BytesIO, StringIO
from typing import Any, Literal

from openpyxl import Workbook

from tests.support.provider import Answered, LoopbackProvider, Received

HTML = "<!DOCTYPE html>\n<html><body><h1>Sorry, there is a problem</h1></body></html>"
NOT_THERE = Answered(status=404, body=HTML, content_type="text/html")

DATASET = "/economy/inflationandpriceindices/datasets/priceindexofprivaterentsukmonthlypricestatistics"
WORKBOOK = "priceindexofprivaterentsukmonthlypricestatistics.xlsx"
BEDS = ("", " one bed", " two bed", " three bed", " four or more bed")
RENT_HEADER = (
    *("Time period", "Area code", "Area name", "Region or country name"),
    *(
        f"{measure}{beds}"
        for beds in BEDS
        for measure in ("Index", "Monthly change", "Annual change", "Rental price")
    ),
)
INDEX_HEADER = (
    *("Date", "Region_Name", "Area_Code", "Average_Price"),
    *("Monthly_Change", "Annual_Change", "Average_Price_SA"),
)


class FileServer(LoopbackProvider):
    """Answers each known path with its file, and others with 404 and an HTML page."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, Answered] = {}

    def reset(self) -> None:
        super().reset()
        self.files.clear()

    def serve(self, path: str, content: bytes | str, content_type: str = "text/csv") -> None:
        self.files[path] = Answered(body=content, content_type=content_type)

    def answer(self, request: Received) -> Answered:
        return self.files.get(request.path, NOT_THERE)


class PricesServer(FileServer):
    """The files of Price Paid Data."""

    provider_names = ("price-paid",)


class GrowthServer(FileServer):
    """The files of the UK House Price Index."""

    provider_names = ("uk-hpi",)


class OnsServer(FileServer):
    """The page of the private rents, which links to its editions, and the editions."""

    provider_names = ("ons",)

    def publish(self, edition: str, workbook: bytes, name: str = WORKBOOK) -> None:
        """Serve an edition such as `16september2026` and link to it."""
        self.serve(f"{DATASET}/{edition}/{name}", workbook, "application/vnd.ms-excel")

    def page(self) -> str:
        links = "".join(f'<li><a href="/file?uri={path}">xlsx (18 MB)</a></li>' for path in self.files)
        return f"<!DOCTYPE html><html><body><ul>{links}</ul></body></html>"

    def answer(self, request: Received) -> Answered:
        if request.path == DATASET:
            return Answered(body=self.page(), content_type="text/html; charset=utf-8")
        if request.path == "/file":
            return self.files.get(request.query.get("uri", ""), NOT_THERE)
        return NOT_THERE


def written(rows: Iterable[Sequence[object]], quoting: Literal[0, 1] = csv.QUOTE_ALL) -> str:
    """Write a table as CSV."""
    text = StringIO()
    csv.writer(text, quoting=quoting, lineterminator="\n").writerows(rows)
    return text.getvalue()


def sale(price: object, day: str, postcode: str, /, **other: str) -> list[str]:
    """Make one row of Price Paid: a standard sale in Greater London, unless other parts are given."""
    parts = {
        "id": "{0C7ADEF5-878D-4066-B785-0000003ED74A}",
        "price": str(price),
        "date": f"{day} 00:00",
        "postcode": postcode,
        "type": "F",
        "new": "N",
        "tenure": "L",
        "paon": "TOWER COURT, 21",
        "saon": "FLAT 3",
        "street": "HIGH STREET",
        "locality": "",
        "town": "LONDON",
        "district": "NEWHAM",
        "county": "GREATER LONDON",
        "category": "A",
        "status": "A",
    }
    return list({**parts, **other}.values())


def sales(prices: Iterable[object], day: str, postcode: str, **other: str) -> list[list[str]]:
    """Make a sale of each price."""
    return [sale(price, day, postcode, **other) for price in prices]


def index(prices: Mapping[str, Mapping[str, object]]) -> str:
    """Write UK HPI's average prices: by area code, by ISO date."""
    rows = [
        (day, f"The {code}", code, price, "0.5", "2.1", "")
        for code, series in prices.items()
        for day, price in series.items()
    ]
    return written([INDEX_HEADER, *rows], csv.QUOTE_MINIMAL)


def rent(code: str, month: datetime | object, growth: object, *rents: object) -> list[Any]:
    """Make one row of the rents: of all homes, and of one to four beds; a missing one is `[x]`."""
    padded = [*rents, *("[x]",) * (len(BEDS) - len(rents))]
    measures = [cell for amount in padded for cell in (101.2, 0.4, growth, amount)]
    return [month, code, f"The {code}", "London", *measures]


def workbook(
    rows: Iterable[Sequence[Any]], header: Sequence[str] = RENT_HEADER, sheet: str = "Table 1"
) -> bytes:
    """Write the workbook of the rents: a cover sheet, and a table below a title and a note."""
    book = Workbook()
    book.create_sheet("Cover sheet")
    table = book.create_sheet(sheet)
    for row in (["Price Index of Private Rents"], ["Some cells hold [x]."], header, *rows):
        table.append(list(row))
    file = BytesIO()
    book.save(file)
    return file.getvalue()
