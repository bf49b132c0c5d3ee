"""A full postcode stands at its own point, where the postcode service knows it; else it is said."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from tests.support.live import Site, notices
from tests.support.postcodes import LIVERPOOL_STREET
from tests.support.schools import ENTRY
from tests.support.upstreams import Upstreams
from tests.support.web import refused
from veo.models import Location
from veo.sources.bulk.schools import School, SchoolTable

pytestmark = pytest.mark.anyio

POINT = f"{LIVERPOOL_STREET['latitude']:.5f},{LIVERPOOL_STREET['longitude']:.5f}"
LONDON = "Veo covers London's postcode districts"
NEAR_BY = Location(lat=LIVERPOOL_STREET["latitude"], lng=LIVERPOOL_STREET["longitude"])
ELSEWHERE = Location(lat=51.60, lng=-0.30)


def school(urn: int, location: Location) -> School:
    """Give an open primary school at a point."""
    return School(
        urn=urn,
        name=ENTRY["EstablishmentName"],
        phase="Primary",
        type="Community school",
        sector="state-funded",
        location=location,
    )


def table() -> SchoolTable:
    """Give a register of two schools, one of them at Liverpool Street."""
    today = date(2026, 11, 20).isoformat()
    two = (school(1, NEAR_BY), school(2, ELSEWHERE))
    return SchoolTable(made_at=today, gias_vintage=today, ofsted_vintage="2026-08-31", schools=two)


def asked_of_tfl(upstreams: Upstreams) -> str:
    (request,) = upstreams.tfl.requests
    return request.path


# ---- where it lies -----------------------------------------------------------------------------------


async def test_a_commute_begins_at_the_postcode_s_own_point(site: Site, upstreams: Upstreams) -> None:
    await site.commute("E1 6AN")
    assert asked_of_tfl(upstreams).startswith(f"/Journey/JourneyResults/{POINT}/to/")


async def test_a_commute_ends_at_the_postcode_s_own_point(site: Site, upstreams: Upstreams) -> None:
    await site.commute("E15", "E1 6AN")
    assert asked_of_tfl(upstreams).endswith(f"/to/{POINT}")


async def test_a_postcode_at_its_own_point_is_not_said_to_be_elsewhere(site: Site) -> None:
    assert notices(await site.commute("E1 6AN")) == ""


async def test_a_recommendation_leads_to_the_postcode_s_own_point(site: Site, upstreams: Upstreams) -> None:
    asked = "persona=student&budget=1000&locationType=rent&destination=E1 6AN"
    await site.answer(f"/api/recommendations?{asked}")
    assert {request.path.rpartition("/to/")[2] for request in upstreams.tfl.requests} == {POINT}


async def test_a_postcode_is_asked_once_for_a_whole_recommendation(site: Site, upstreams: Upstreams) -> None:
    asked = "persona=student&budget=1000&locationType=rent&destination=E1 6AN"
    await site.answer(f"/api/recommendations?{asked}")
    assert upstreams.asked("postcodes.io") == 1


async def test_schools_are_those_near_the_postcode_s_own_point(site: Site) -> None:
    await site.runtime.sources.schools.put(table())
    told = await site.answer("/api/schools/E1 6AN")
    assert [(one["name"], one["distance"]) for one in told["data"]["schools"]] == [
        ("Colegrave Primary School", 0.0)
    ]


async def test_schools_near_a_postcode_say_how_far_and_as_of_when(site: Site) -> None:
    await site.runtime.sources.schools.put(table())
    told = notices(await site.answer("/api/schools/E1 6AN"))
    assert "within 2 km (primary) and 5 km (secondary) of E1 6AN in a straight line" in told
    assert "register of 2026-11-20, inspections as at 2026-08-31" in told


async def test_schools_of_a_district_are_those_near_its_centre_and_say_so(site: Site) -> None:
    await site.runtime.sources.schools.put(table())
    told = await site.answer("/api/schools/E1")
    assert told["data"]["schools"][0]["distance"] > 0
    assert "E1 is taken to be at its centre." in notices(told)


# ---- where it is none --------------------------------------------------------------------------------

NOWHERE = [
    pytest.param("E1 1ZZ", "Postcode E1 1ZZ not found", id="unknown"),
    pytest.param("E1W 1UU", "Postcode E1W 1UU was terminated in February 2015", id="terminated"),
]
OUTSIDE = ["EH1 1AA", "JE2 3XP", "CB2 1TN"]
PATHS = ["/api/boundaries/postcode?postcode=", "/api/schools/"]


@pytest.mark.parametrize(("postcode", "told"), NOWHERE)
async def test_a_postcode_that_does_not_exist_is_not_found(site: Site, postcode: str, told: str) -> None:
    await site.runtime.sources.schools.put(table())
    for path in PATHS:
        error = refused(await site.ask(f"{path}{postcode}"), 404, "NOT_FOUND")
        assert error["message"] == f"{told}: {LONDON}"


@pytest.mark.parametrize(("postcode", "told"), NOWHERE)
@pytest.mark.parametrize("end", ["origin", "destination"])
async def test_a_commute_has_no_end_at_a_postcode_that_does_not_exist(
    site: Site, postcode: str, told: str, end: str
) -> None:
    body = {"origin": "E15", "destination": "UCL", end: postcode}
    error = refused(await site.ask("/api/commute/calculate", body), 404, "NOT_FOUND")
    assert error["message"].startswith(told)


async def test_a_recommendation_leads_to_no_postcode_that_does_not_exist(site: Site) -> None:
    asked = "persona=student&budget=1000&locationType=rent&destination=E1 1ZZ"
    refused(await site.ask(f"/api/recommendations?{asked}"), 404, "NOT_FOUND")


async def test_that_a_postcode_does_not_exist_is_remembered(site: Site, upstreams: Upstreams) -> None:
    for _ in range(3):
        await site.ask("/api/boundaries/postcode?postcode=E1 1ZZ")
    assert upstreams.asked("postcodes.io") == 2  # the postcode, and whether it was terminated


@pytest.mark.parametrize("postcode", OUTSIDE)
@pytest.mark.parametrize("path", PATHS)
async def test_a_postcode_outside_london_is_told_what_is_covered(
    site: Site, upstreams: Upstreams, postcode: str, path: str
) -> None:
    error = refused(await site.ask(f"{path}{postcode}"), 404, "NOT_FOUND")
    assert LONDON in error["message"]
    assert upstreams.asked("postcodes.io") == 0


@pytest.mark.parametrize("postcode", OUTSIDE)
async def test_a_commute_from_a_postcode_outside_london_is_told_what_is_covered(
    site: Site, postcode: str
) -> None:
    body = {"origin": postcode, "destination": "UCL"}
    error = refused(await site.ask("/api/commute/calculate", body), 400, "VALIDATION_ERROR")
    assert "is not a London destination, postcode district or postcode" in error["details"]["errors"][0]


# ---- when the service is down ------------------------------------------------------------------------


async def test_a_commute_from_a_postcode_that_cannot_be_placed_begins_at_its_district_s_centre(
    site: Site, upstreams: Upstreams
) -> None:
    upstreams.down("postcodes.io")
    centre = site.runtime.tables.snapshot.districts["E1"].location
    told = await site.commute("E1 6AN")
    assert f"/{centre.lat:.5f},{centre.lng:.5f}/to/" in asked_of_tfl(upstreams)
    assert "E1 6AN is taken to be at the centre of its district." in notices(told)


async def test_a_commute_from_the_centre_instead_is_kept_for_a_moment_only(
    site: Site, upstreams: Upstreams
) -> None:
    upstreams.down("postcodes.io")
    await site.commute("E1 6AN")
    assert 0 < await site.runtime.cache.ttl("commute:E1%206AN:ucl") <= 30


async def test_a_commute_from_the_postcode_itself_follows_when_the_service_is_back(
    site: Site, upstreams: Upstreams
) -> None:
    upstreams.down("postcodes.io")
    await site.commute("E1 6AN")
    upstreams.reset()
    site.clock.skew += 31
    assert notices(await site.commute("E1 6AN")) == ""


async def test_schools_near_a_postcode_that_cannot_be_placed_are_kept_for_a_moment_only(
    site: Site, upstreams: Upstreams
) -> None:
    await site.runtime.sources.schools.put(table())
    upstreams.down("postcodes.io")
    told = await site.answer("/api/schools/E1 6AN")
    assert "E1 6AN is taken to be at the centre of its district." in notices(told)
    assert 0 < await site.runtime.cache.ttl("schools:E1%206AN") <= 30


async def test_a_recommendation_to_a_postcode_that_cannot_be_placed_is_kept_for_a_moment_only(
    site: Site, upstreams: Upstreams
) -> None:
    upstreams.down("postcodes.io")
    asked = "persona=student&budget=1000&locationType=rent&destination=E1 6AN"
    told = await site.answer(f"/api/recommendations?{asked}")
    key = "recommendations:student:1000:rent:E1%206AN:-"
    assert "E1 6AN is taken to be at the centre of its district." in notices(told)
    assert 0 < await site.runtime.cache.ttl(key) <= 30


async def test_a_postcode_that_is_late_is_taken_to_be_at_its_district_s_centre(
    open_site: Callable[..., Site], upstreams: Upstreams
) -> None:
    upstreams.postcodes.delay = 30.0
    told: Any = await open_site(deadline=0.05).commute("E1 6AN")
    assert "E1 6AN is taken to be at the centre of its district." in notices(told)
