"""postcodes.io on the loopback interface, with a handful of postcodes."""

import json
from typing import Any

from tests.support.provider import Answered, LoopbackProvider, Received

LARGEST_BULK = 100

LIVERPOOL_STREET: dict[str, Any] = {
    "postcode": "E1 6AN",
    "quality": 1,
    "eastings": 533472,
    "northings": 181796,
    "country": "England",
    "nhs_ha": "London",
    "longitude": -0.077434,
    "latitude": 51.519201,
    "region": "London",
    "lsoa": "Tower Hamlets 015B",
    "msoa": "Tower Hamlets 015",
    "incode": "6AN",
    "outcode": "E1",
    "admin_district": "Tower Hamlets",
    "parish": "Tower Hamlets, unparished area",
    "admin_county": None,
    "date_of_introduction": "198001",
    "admin_ward": "Spitalfields & Banglatown",
    "lsoa11": "Tower Hamlets 015B",
    "msoa11": "Tower Hamlets 015",
    "lsoa21": "Tower Hamlets 015F",
    "msoa21": "Tower Hamlets 035",
    "codes": {
        "admin_district": "E09000030",
        "admin_county": "E99999999",
        "admin_ward": "E05009334",
        "ccg_id": "A3A8R",
        "nuts": "TLI42",
        "lsoa": "E01004307",
        "msoa": "E02000878",
        "lsoa11": "E01004307",
        "msoa11": "E02000878",
        "lsoa21": "E01033491",
        "msoa21": "E02006853",
    },
}
"""A postcode of London whose census areas changed between 2011 and 2021; the areas are illustrative."""

JERSEY: dict[str, Any] = {
    "postcode": "JE2 3XP",
    "country": "Channel Islands",
    "region": None,
    "longitude": None,
    "latitude": None,
    "admin_district": "(pseudo) Channel Islands",
    "admin_ward": None,
    "lsoa": "(pseudo) Channel Islands",
    "msoa": "(pseudo) Channel Islands",
    "lsoa21": None,
    "msoa21": None,
    "outcode": "JE2",
    "codes": {
        "admin_district": "L99999999",
        "admin_ward": "L99999999",
        "lsoa": "L99999999",
        "msoa": "L99999999",
        "lsoa21": "L99999999",
        "msoa21": "L99999999",
    },
}

TERMINATED: dict[str, Any] = {
    "postcode": "E1W 1UU",
    "year_terminated": 2015,
    "month_terminated": 2,
    "longitude": -0.073706,
    "latitude": 51.50801,
}

SW1A: dict[str, Any] = {
    "outcode": "SW1A",
    "longitude": -0.13226037062937065,
    "latitude": 51.504530636363654,
    "eastings": 529727,
    "northings": 180053,
    "admin_district": ["Westminster", "Wandsworth"],
    "parish": ["Westminster, unparished area"],
    "admin_county": [],
    "admin_ward": ["Nine Elms", "St James's"],
    "country": ["England"],
}


_KNOWN = {"E16AN": LIVERPOOL_STREET, "JE23XP": JERSEY}


def ok(result: object) -> Answered:
    """Give the envelope of an answer that was found."""
    return Answered(body={"status": 200, "result": result})


def refused(status: int, reason: str) -> Answered:
    """Give the envelope of a refusal."""
    return Answered(status, {"status": status, "error": reason})


class LoopbackPostcodes(LoopbackProvider):
    """Answers as the service documents: spaces and case do not matter, 404 for what is not there."""

    def answer(self, request: Received) -> Answered:
        """Follow the route of a request."""
        kind, _, asked = request.path.strip("/").partition("/")
        if kind == "postcodes":
            return self._bulk(request) if request.method == "POST" else self._one(asked)
        if kind == "terminated_postcodes" and _compact(asked) == "E1W1UU":
            return ok(TERMINATED)
        if kind == "terminated_postcodes":
            return refused(404, "Terminated postcode not found")
        if kind == "outcodes" and asked.upper() == "SW1A":
            return ok(SW1A)
        return refused(404, "Outcode not found" if kind == "outcodes" else "Resource not found")

    def _one(self, asked: str) -> Answered:
        found = _KNOWN.get(_compact(asked))
        return refused(404, "Postcode not found") if found is None else ok(found)

    def _bulk(self, request: Received) -> Answered:
        asked = json.loads(request.body)["postcodes"]
        if len(asked) > LARGEST_BULK:
            return refused(400, "Too many postcodes submitted")
        return ok([{"query": text, "result": _KNOWN.get(_compact(text))} for text in asked])


def _compact(text: str) -> str:
    return "".join(text.split()).upper()
