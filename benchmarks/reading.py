"""One read of a large file, in a fresh process that holds nothing else: `python -m benchmarks.reading`.

Prints the peak in MB above the process's memory before it opened the client, the seconds, the number of
rows of the table, and its compressed size in KB. Arguments: `schools` or `prices`, and the port.
"""

import asyncio
import json
import os
import sys
import time
import zlib
from datetime import date
from typing import Any

from benchmarks.measure import peak_resident_mb, resident_mb
from veo.models import FrozenMap
from veo.sources.bulk.price_paid import PriceFacts, read_prices
from veo.sources.bulk.schools import SchoolTable, read_schools
from veo.sources.http.client import Http

PROVIDERS = ("gias", "gov-uk", "ofsted", "price-paid")
DAY = date(2027, 3, 15)  # its preceding twelve months of sales are in one file


async def read(name: str, port: int) -> dict[str, Any]:
    """Read a file, and return its cost."""
    baseline, began = resident_mb(os.getpid()), time.perf_counter()
    http = Http(dict.fromkeys(PROVIDERS, f"http://127.0.0.1:{port}"))
    table = await (read_schools(http, DAY) if name == "schools" else read_prices(http, DAY))
    seconds, peak = time.perf_counter() - began, peak_resident_mb() - baseline
    await http.close()
    return {"peak": peak, "seconds": seconds, **counted(table)}


def counted(table: SchoolTable | FrozenMap[str, PriceFacts]) -> dict[str, float]:
    """Return the number of rows of a table and its compressed size."""
    if not isinstance(table, SchoolTable):
        return {"rows": len(table), "kilobytes": 0.0}
    assert table.ofsted_vintage, table.gaps
    return {
        "rows": len(table.schools),
        "kilobytes": len(zlib.compress(table.model_dump_json().encode(), 9)) / 2**10,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(read(sys.argv[1], int(sys.argv[2])))))
