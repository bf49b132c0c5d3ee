"""postcodes.io on the loopback interface, with a handful of postcodes."""

from typing import Any

from tests.support.provider import Answered, LoopbackProvider, Received

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

_POSTCODES = {"E16AN": LIVERPOOL_STREET, "JE23XP": JERSEY}


def ok(result: object) -> Answered:
    """Return the envelope of a result."""
    return Answered(body={"status": 200, "result": result})


def refused(status: int, reason: str) -> Answered:
    """Return the envelope of an error."""
    return Answered(status, {"status": status, "error": reason})


class LoopbackPostcodes(LoopbackProvider):
    """The service as documented: it ignores spaces and case, and answers 404 for unknown postcodes."""

    provider_names = ("postcodes.io",)

    def answer(self, request: Received) -> Answered:
        """Answer by the path of a request."""
        kind, _, text = request.path.strip("/").partition("/")
        postcode = _compact(text)
        if kind == "postcodes":
            result = _POSTCODES.get(postcode)
            return refused(404, "Postcode not found") if result is None else ok(result)
        if kind == "terminated_postcodes" and postcode == "E1W1UU":
            return ok(TERMINATED)
        if kind == "terminated_postcodes":
            return refused(404, "Terminated postcode not found")
        return refused(404, "Resource not found")


def _compact(text: str) -> str:
    return "".join(text.split()).upper()
