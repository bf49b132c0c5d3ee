"""A full postcode is placed at its own point; a notice says so where it cannot be."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from tests.support.live import Site, notices
from tests.support.providers.postcodes import LIVERPOOL_STREET
from tests.support.providers.schools import ENTRY
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
    """Return an open primary school at a point."""
    return School(
        urn=urn,
        name=ENTRY["EstablishmentName"],
        phase="Primary",
        type="Community school",
        sector="state-funded",
        location=location,
    )


def table() -> SchoolTable:
    """Return a register of two schools, one of them at Liverpool Street."""
    today = date(2026, 11, 20).isoformat()
    two = (school(1, NEAR_BY), school(2, ELSEWHERE))
    return SchoolTable(made_at=today, gias_vintage=today, ofsted_vintage="2026-08-31", schools=two)


def path_at_tfl(upstreams: Upstreams) -> str:
    (request,) = upstreams.tfl.requests
    return request.path


# ---- at its own point --------------------------------------------------------------------------------


async def test_a_commute_begins_at_the_postcode_s_own_point(site: Site, upstreams: Upstreams) -> None:
    await site.commute("E1 6AN")
    assert path_at_tfl(upstreams).startswith(f"/Journey/JourneyResults/{POINT}/to/")


async def test_a_commute_ends_at_the_postcode_s_own_point(site: Site, upstreams: Upstreams) -> None:
    await site.commute("E15", "E1 6AN")
    assert path_at_tfl(upstreams).endswith(f"/to/{POINT}")


async def test_a_postcode_at_its_own_point_has_no_notice(site: Site) -> None:
    assert notices(await site.commute("E1 6AN")) == ""


async def test_a_recommendation_uses_the_postcode_s_own_point(site: Site, upstreams: Upstreams) -> None:
    query = "persona=student&budget=1000&locationType=rent&destination=E1 6AN"
    await site.answer(f"/api/recommendations?{query}")
    assert {request.path.rpartition("/to/")[2] for request in upstreams.tfl.requests} == {POINT}


async def test_a_postcode_is_looked_up_once_for_a_recommendation(site: Site, upstreams: Upstreams) -> None:
    query = "persona=student&budget=1000&locationType=rent&destination=E1 6AN"
    await site.answer(f"/api/recommendations?{query}")
    assert upstreams.request_count("postcodes.io") == 1


async def test_schools_are_those_near_the_postcode_s_own_point(site: Site) -> None:
    await site.runtime.sources.schools.put(table())
    answer = await site.answer("/api/schools/E1 6AN")
    assert [(school["name"], school["distance"]) for school in answer["data"]["schools"]] == [
        ("Colegrave Primary School", 0.0)
    ]


async def test_schools_near_a_postcode_say_how_far_and_as_of_when(site: Site) -> None:
    await site.runtime.sources.schools.put(table())
    text = notices(await site.answer("/api/schools/E1 6AN"))
    assert "within 2 km (primary) and 5 km (secondary) of E1 6AN in a straight line" in text
    assert "register of 2026-11-20, inspections as at 2026-08-31" in text


async def test_schools_of_a_district_are_those_near_its_centre_and_say_so(site: Site) -> None:
    await site.runtime.sources.schools.put(table())
    answer = await site.answer("/api/schools/E1")
    assert answer["data"]["schools"][0]["distance"] > 0
    assert "E1 is taken to be at its centre." in notices(answer)


# ---- no such postcode --------------------------------------------------------------------------------

NOWHERE = [
    pytest.param("E1 1ZZ", "Postcode E1 1ZZ not found", id="unknown"),
    pytest.param("E1W 1UU", "Postcode E1W 1UU was terminated in February 2015", id="terminated"),
]
OUTSIDE = ["EH1 1AA", "JE2 3XP", "CB2 1TN"]
PATHS = ["/api/boundaries/postcode?postcode=", "/api/schools/"]


@pytest.mark.parametrize(("postcode", "message"), NOWHERE)
async def test_a_postcode_that_does_not_exist_is_not_found(site: Site, postcode: str, message: str) -> None:
    await site.runtime.sources.schools.put(table())
    for path in PATHS:
        error = refused(await site.ask(f"{path}{postcode}"), 404, "NOT_FOUND")
        assert error["message"] == f"{message}: {LONDON}"


@pytest.mark.parametrize(("postcode", "message"), NOWHERE)
@pytest.mark.parametrize("end", ["origin", "destination"])
async def test_a_commute_has_no_end_at_a_postcode_that_does_not_exist(
    site: Site, postcode: str, message: str, end: str
) -> None:
    body = {"origin": "E15", "destination": "UCL", end: postcode}
    error = refused(await site.ask("/api/commute/calculate", body), 404, "NOT_FOUND")
    assert error["message"].startswith(message)


async def test_a_recommendation_to_a_postcode_that_does_not_exist_is_not_found(site: Site) -> None:
    query = "persona=student&budget=1000&locationType=rent&destination=E1 1ZZ"
    refused(await site.ask(f"/api/recommendations?{query}"), 404, "NOT_FOUND")


async def test_a_postcode_s_absence_is_cached(site: Site, upstreams: Upstreams) -> None:
    for _ in range(3):
        await site.ask("/api/boundaries/postcode?postcode=E1 1ZZ")
    assert upstreams.request_count("postcodes.io") == 2  # the postcode, and whether it was terminated


@pytest.mark.parametrize("postcode", OUTSIDE)
@pytest.mark.parametrize("path", PATHS)
async def test_a_postcode_outside_london_is_told_what_is_covered(
    site: Site, upstreams: Upstreams, postcode: str, path: str
) -> None:
    error = refused(await site.ask(f"{path}{postcode}"), 404, "NOT_FOUND")
    assert LONDON in error["message"]
    assert upstreams.request_count("postcodes.io") == 0


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
    answer = await site.commute("E1 6AN")
    assert f"/{centre.lat:.5f},{centre.lng:.5f}/to/" in path_at_tfl(upstreams)
    assert "E1 6AN is taken to be at the centre of its district." in notices(answer)


async def test_a_commute_from_the_centre_is_kept_only_briefly(site: Site, upstreams: Upstreams) -> None:
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


async def test_schools_near_a_postcode_that_cannot_be_placed_are_kept_only_briefly(
    site: Site, upstreams: Upstreams
) -> None:
    await site.runtime.sources.schools.put(table())
    upstreams.down("postcodes.io")
    answer = await site.answer("/api/schools/E1 6AN")
    assert "E1 6AN is taken to be at the centre of its district." in notices(answer)
    assert 0 < await site.runtime.cache.ttl("schools:E1%206AN") <= 30


async def test_a_recommendation_to_a_postcode_that_cannot_be_placed_is_kept_only_briefly(
    site: Site, upstreams: Upstreams
) -> None:
    upstreams.down("postcodes.io")
    query = "persona=student&budget=1000&locationType=rent&destination=E1 6AN"
    answer = await site.answer(f"/api/recommendations?{query}")
    key = "recommendations:student:1000:rent:E1%206AN:-"
    assert "E1 6AN is taken to be at the centre of its district." in notices(answer)
    assert 0 < await site.runtime.cache.ttl(key) <= 30


async def test_a_postcode_that_is_late_is_taken_to_be_at_its_district_s_centre(
    open_site: Callable[..., Site], upstreams: Upstreams
) -> None:
    upstreams.postcodes.delay = 30.0
    answer: Any = await open_site(deadline=0.05).commute("E1 6AN")
    assert "E1 6AN is taken to be at the centre of its district." in notices(answer)
