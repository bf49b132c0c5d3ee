"""TfL's journey planner on the loopback interface, answering as TfL documents."""

import re
from typing import Any

from tests.support.provider import Answered, LoopbackProvider, Received
from veo.models import Location

KEY = "tfl-key-of-the-tests"

STRATFORD = Location(lat=51.541601, lng=-0.003299)
WHITE_CITY = Location(lat=51.512004, lng=-0.224201)
HEATHROW = Location(lat=51.4706, lng=-0.4546)
"""A point for which TfL offers several places, as it does for names."""

AT_SEA = Location(lat=51.5, lng=1.5)
PARIS = Location(lat=48.85, lng=2.35)

TERMINAL_2 = "51.47130,-0.45270"
"""The point of the best match for `HEATHROW`."""

_POINT = re.compile(r"-?\d+\.\d{5},-?\d+\.\d{5}")
_NAMESPACE = "Tfl.Api.Presentation.Entities"


def end(name: str) -> dict[str, Any]:
    """Return one end of a leg."""
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
    """Return a leg; `changes` replace its fields."""
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
    """Return a journey, by default with one tube leg; `changes` replace its fields."""
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
    """Return the body of an answer."""
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
"""The answer for the two places, not in the order of the durations."""


def option(value: str, quality: int, lat: float | None = None, lon: float | None = None) -> dict[str, Any]:
    """Return one of several places to choose from."""
    place = {"commonName": value, "placeType": "StopPoint", "lat": lat, "lon": lon}
    return {"parameterValue": value, "uri": f"/x/{value}", "place": place, "matchQuality": quality}


def side(status: str, *options: dict[str, Any]) -> dict[str, Any]:
    """Return the part of a choice about one end."""
    return {"matchStatus": status} | ({"disambiguationOptions": list(options)} if options else {})


TERMINALS = side(
    "list",
    option("1000104", 940, 51.4590, -0.4475),
    option("1016430", 1000, 51.4713, -0.4527),
    option("1015293", 1000, 51.4723, -0.4902),
)
CLEAR = side("identified")


def choice(start: dict[str, Any] | None, finish: dict[str, Any] | None) -> dict[str, Any]:
    """Return the body of an answer that asks to choose; an end of None is left out."""
    sides = {"fromLocationDisambiguation": start, "toLocationDisambiguation": finish}
    body = {name: value for name, value in sides.items() if value is not None}
    return {"viaLocationDisambiguation": side("empty"), "recommendedMaxAgeMinutes": 1440} | body


def absent(message: str) -> Answered:
    """Return an error as TfL words it."""
    body = {"httpStatusCode": 404, "httpStatus": "NotFound", "exceptionType": "EntityNotFoundException"}
    return Answered(404, body | {"message": message})


class LoopbackTfl(LoopbackProvider):
    """Plans journeys between points, and asks to choose a terminal of Heathrow."""

    def answer(self, request: Received) -> Answered:
        """Answer by the path of a request."""
        if request.path.startswith("/Journey/JourneyResults/"):
            start, _, finish = request.path.removeprefix("/Journey/JourneyResults/").partition("/to/")
            return self._journeys(start, finish)
        return absent("No such resource.")

    def _journeys(self, start: str, finish: str) -> Answered:
        sides = _side(start), _side(finish)
        if sides != (CLEAR, CLEAR):
            return Answered(300, choice(*sides))
        if any(point.startswith("48.") for point in (start, finish)):
            return absent("No journey found for your inputs.")
        return Answered(body=RESULTS)


def _side(place: str) -> dict[str, Any]:
    if place == "51.47060,-0.45460":
        return TERMINALS
    if place == "51.50000,1.50000" or not _POINT.fullmatch(place):
        return side("notidentified")
    return CLEAR


class PlanningTfl(LoopbackTfl):
    """Plans a journey between any two points; its minutes depend on the text of the path."""

    provider_names = ("tfl",)

    def answer(self, request: Received) -> Answered:
        """Return a journey whose minutes depend on the two points alone."""
        if not request.path.startswith("/Journey/JourneyResults/"):
            return super().answer(request)
        minutes = 20 + sum(map(ord, request.path)) % 40
        return Answered(body=results(journey(minutes, leg("tube", minutes, "Here", "There", "Central"))))
