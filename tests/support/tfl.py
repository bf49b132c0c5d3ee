"""TfL's journey planner and stop search on the loopback interface, answering as they document."""

import re
from typing import Any

from tests.support.provider import Answered, LoopbackProvider, Received
from veo.models import Location

KEY = "tfl-key-of-the-tests"

STRATFORD = Location(lat=51.541601, lng=-0.003299)
WHITE_CITY = Location(lat=51.512004, lng=-0.224201)
HEATHROW = Location(lat=51.4706, lng=-0.4546)
"""A point that it takes for several places, as it does with names."""

AT_SEA = Location(lat=51.5, lng=1.5)
PARIS = Location(lat=48.85, lng=2.35)

TERMINAL_2 = "51.47130,-0.45270"
"""Where the best match for that point lies."""

_POINT = re.compile(r"-?\d+\.\d{5},-?\d+\.\d{5}")
_NAMESPACE = "Tfl.Api.Presentation.Entities"


def end(name: str) -> dict[str, Any]:
    """Give one end of a leg."""
    return {
        "$type": f"{_NAMESPACE}.StopPoint, {_NAMESPACE}",
        "platformName": "",
        "commonName": name,
        "placeType": "StopPoint",
        "additionalProperties": [],
        "lat": 51.54,
        "lon": -0.01,
    }


def leg(
    mode: str, minutes: int, start: str, finish: str, line: str = "", /, **changes: Any
) -> dict[str, Any]:
    """Give a leg; `changes` replace its fields."""
    fields = {
        "$type": f"{_NAMESPACE}.JourneyPlanner.Leg, {_NAMESPACE}",
        "duration": minutes,
        "instruction": {"summary": f"{mode} to {finish}", "detailed": f"{mode} to {finish}", "steps": []},
        "obstacles": [],
        "departurePoint": end(start),
        "arrivalPoint": end(finish),
        "path": {"lineString": "[[51.54, -0.01]]", "stopPoints": [], "elevation": []},
        "routeOptions": [{"name": line, "directions": [""], "direction": ""}],
        "mode": {"id": mode, "name": mode, "type": "Mode", "motType": "100"},
        "disruptions": [],
        "plannedWorks": [],
        "isDisrupted": False,
        "hasFixedLocations": True,
    }
    return fields | changes


def journey(minutes: int, /, *legs: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Give a journey, of one tube leg unless it says others; `changes` replace its fields."""
    fields = {
        "$type": f"{_NAMESPACE}.JourneyPlanner.Journey, {_NAMESPACE}",
        "startDateTime": "2026-11-25T08:31:00",
        "duration": minutes,
        "arrivalDateTime": "2026-11-25T09:10:00",
        "alternativeRoute": False,
        "legs": list(legs or [leg("tube", minutes, "Stratford", "White City", "Central")]),
    }
    return fields | changes


def results(*journeys: Any) -> dict[str, Any]:
    """Give the body of an answer."""
    return {
        "$type": f"{_NAMESPACE}.JourneyPlanner.ItineraryResult, {_NAMESPACE}",
        "journeys": list(journeys),
        "lines": [],
        "recommendedMaxAgeMinutes": 1,
        "searchCriteria": {"dateTime": "2026-11-25T08:30:00", "dateTimeType": "Departing"},
    }


CENTRAL = journey(
    39,
    leg("walking", 6, "E15 1AA", "Stratford Underground Station"),
    leg("tube", 27, "Stratford Underground Station", "White City Underground Station", "Central"),
    leg("walking", 4, "White City Underground Station", "W12 7RJ"),
    fare={"totalCost": 340, "fares": [{"lowZone": 1, "highZone": 3, "cost": 340}], "caveats": []},
)

ELIZABETH = journey(
    36,
    leg("walking", 6, "E15 1AA", "Stratford (London) Rail Station"),
    leg("elizabeth-line", 16, "Stratford (London) Rail Station", "Tottenham Court Road", "Elizabeth line"),
    leg("tube", 8, "Tottenham Court Road", "White City Underground Station", "Central", isDisrupted=True),
    leg("walking", 4, "White City Underground Station", "W12 7RJ"),
)

BUS = journey(95, leg("bus", 95, "Stratford Bus Station", "White City Bus Station", "25"))

RESULTS = results(CENTRAL, ELIZABETH, BUS)
"""What it answers between the two places, not in the order of their durations."""


def option(value: str, quality: int, lat: float | None = None, lon: float | None = None) -> dict[str, Any]:
    """Give one place of several that may be meant."""
    place = {"commonName": value, "placeType": "StopPoint", "lat": lat, "lon": lon}
    return {"parameterValue": value, "uri": f"/x/{value}", "place": place, "matchQuality": quality}


def side(status: str, *options: dict[str, Any]) -> dict[str, Any]:
    """Give what it says of one end."""
    return {"matchStatus": status} | ({"disambiguationOptions": list(options)} if options else {})


TERMINALS = side(
    "list",
    option("1000104", 940, 51.4590, -0.4475),
    option("1016430", 1000, 51.4713, -0.4527),
    option("1015293", 1000, 51.4723, -0.4902),
)
CLEAR = side("identified")


def choice(start: dict[str, Any] | None, finish: dict[str, Any] | None) -> dict[str, Any]:
    """Give the body with which it asks for a choice; an end of None is not mentioned."""
    sides = {"fromLocationDisambiguation": start, "toLocationDisambiguation": finish}
    body = {name: value for name, value in sides.items() if value is not None}
    return {"viaLocationDisambiguation": side("empty"), "recommendedMaxAgeMinutes": 1440} | body


def absent(message: str) -> Answered:
    """Give a refusal as it words them."""
    body = {"httpStatusCode": 404, "httpStatus": "NotFound", "exceptionType": "EntityNotFoundException"}
    return Answered(404, body | {"message": message})


def match(name: str = "Stratford", **changes: Any) -> dict[str, Any]:
    """Give one match of a search; `changes` replace its fields."""
    fields = {
        "$type": f"{_NAMESPACE}.SearchMatch, {_NAMESPACE}",
        "icsId": "1000226",
        "modes": ["tube", "dlr", "elizabeth-line"],
        "zone": "2+3",
        "id": "HUBSRA",
        "name": name,
        "lat": 51.541806,
        "lon": -0.003458,
    }
    return fields | changes


def search(*matches: Any) -> dict[str, Any]:
    """Give the body of a search."""
    return {"query": "", "total": len(matches), "matches": list(matches)}


class LoopbackTfl(LoopbackProvider):
    """Plans between points, asks which terminal Heathrow is, and finds one station."""

    def answer(self, request: Received) -> Answered:
        """Follow the route of a request."""
        if request.path.startswith("/Journey/JourneyResults/"):
            start, _, finish = request.path.removeprefix("/Journey/JourneyResults/").partition("/to/")
            return self._planned(start, finish)
        if request.path.startswith("/StopPoint/Search/"):
            wanted = request.path.removeprefix("/StopPoint/Search/").casefold()
            return Answered(body=search(*([match()] if wanted in "stratford" else [])))
        return absent("No such resource.")

    def _planned(self, start: str, finish: str) -> Answered:
        sides = _said(start), _said(finish)
        if sides != (CLEAR, CLEAR):
            return Answered(300, choice(*sides))
        if any(point.startswith("48.") for point in (start, finish)):
            return absent("No journey found for your inputs.")
        return Answered(body=RESULTS)


def _said(asked: str) -> dict[str, Any]:
    if asked == "51.47060,-0.45460":
        return TERMINALS
    if asked == "51.50000,1.50000" or not _POINT.fullmatch(asked):
        return side("notidentified")
    return CLEAR
