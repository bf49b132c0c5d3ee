"""Amenities: OpenStreetMap's counts, the Food Standards Agency as the fallback, and failures of both."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import date
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.anything import JSON
from tests.support.effort import tries
from tests.support.provider import Answered
from tests.support.providers.overpass import (
    CENTRE,
    FAR,
    HTML,
    NEAR,
    OBJECTS,
    ORDER,
    FoodServer,
    OverpassServer,
    counted,
    rated,
    totals,
)
from tests.support.servers import free_port
from veo.errors import BadAnswer, NotFoundThere, ProviderError, RateLimited, Unavailable
from veo.models import Figure
from veo.sources.http.client import Http
from veo.sources.http.deadline import within
from veo.sources.providers import fsa, overpass
from veo.sources.providers.amenities import Amenities, AmenityCounts
from veo.sources.providers.fsa import FoodStandards
from veo.sources.providers.overpass import Overpass

pytestmark = pytest.mark.anyio

DAMAGE = tries(50)
REMARK = 'runtime error: Query timed out in "query" at line 1 after 26 seconds.'


def today() -> date:
    return date(2026, 11, 23)


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[OverpassServer, FoodServer]]:
    started = OverpassServer(), FoodServer()
    for server in started:
        server.start()
    yield started
    for server in started:
        server.stop()


@pytest.fixture
def server(running: tuple[OverpassServer, FoodServer]) -> OverpassServer:
    """Overpass as documented."""
    running[0].reset()
    running[0].objects = dict(OBJECTS)
    return running[0]


@pytest.fixture
def food(running: tuple[OverpassServer, FoodServer]) -> FoodServer:
    """The Food Standards Agency as documented."""
    running[1].reset()
    return running[1]


@pytest.fixture
async def http(server: OverpassServer, food: FoodServer) -> AsyncIterator[Http]:
    opened = Http(addresses(server, food))
    yield opened
    await opened.close()


@pytest.fixture
def map_of(http: Http) -> Overpass:
    return Overpass(http, today)


@pytest.fixture
def ratings(http: Http) -> FoodStandards:
    return FoodStandards(http, today)


@pytest.fixture
def amenities(http: Http) -> Amenities:
    return Amenities(http, today)


def addresses(server: OverpassServer, food: FoodServer) -> dict[str, str]:
    return {overpass.PROVIDER.name: server.url, fsa.PROVIDER.name: food.url}


# OpenStreetMap


async def test_every_kind_is_counted_within_both_radii(map_of: Overpass) -> None:
    figures = await map_of.figures(CENTRE)
    assert {key: figure.value for key, figure in figures.items()} == {
        **{f"{kind}_500m": number for kind, number in NEAR.items()},
        **{f"{kind}_1km": number for kind, number in FAR.items()},
    }


async def test_the_kinds_are_in_their_documented_order(map_of: Overpass) -> None:
    expected = [f"{kind}_500m" for kind in ORDER] + [f"{kind}_1km" for kind in ORDER]
    assert list(await map_of.figures(CENTRE)) == expected


async def test_a_count_states_its_circle_its_source_and_the_date_of_the_map(map_of: Overpass) -> None:
    assert (await map_of.figures(CENTRE))["cafe_500m"] == Figure(
        value=10,
        unit="places within 500 m",
        level="district",
        source="OpenStreetMap",
        vintage="2026-11-22",
        live=True,
    )


async def test_the_larger_circle_has_its_own_unit(map_of: Overpass) -> None:
    assert (await map_of.figures(CENTRE))["cafe_1km"].unit == "places within 1000 m"


async def test_all_counts_are_requested_in_one_query(map_of: Overpass, server: OverpassServer) -> None:
    await map_of.figures(CENTRE)
    assert [(request.method, request.path) for request in server.requests] == [("POST", "/api/interpreter")]


async def test_the_circles_are_around_the_centre(map_of: Overpass, server: OverpassServer) -> None:
    await map_of.figures(CENTRE)
    (query,) = parse_qs(server.requests[0].body.decode())["data"]
    assert query.count("(around:500,51.54160,0.00330)") == query.count("(around:1000,51.54160,0.00330)") == 10


@pytest.mark.parametrize(
    ("kind", "tags"),
    [
        ("bar", {"amenity": "nightclub"}),
        ("bar", {"amenity": "music_venue"}),
        ("gym", {"leisure": "sports_centre"}),
        ("park", {"leisure": "garden"}),
        ("park", {"leisure": "nature_reserve"}),
        ("park", {"leisure": "common"}),
        ("park", {"leisure": "playground"}),
        ("park", {"leisure": "garden", "access": "permissive"}),
    ],
    ids=repr,
)
async def test_a_kind_has_several_tags(
    map_of: Overpass, server: OverpassServer, kind: str, tags: dict[str, str]
) -> None:
    server.objects[kind] = tags
    assert (await map_of.figures(CENTRE))[f"{kind}_1km"].value == FAR[kind]


@pytest.mark.parametrize("access", ["private", "no"])
async def test_a_private_garden_is_not_a_park(map_of: Overpass, server: OverpassServer, access: str) -> None:
    server.objects["park"] = {"leisure": "garden", "access": access}
    assert (await map_of.figures(CENTRE))["park_1km"].value == 0


@pytest.mark.parametrize(
    ("metadata", "vintage"),
    [
        ({"timestamp_osm_base": "2026-10-31T00:00:00Z"}, "2026-10-31"),
        ({"timestamp_osm_base": "2026-12-31T00:00:00Z"}, "2026-11-23"),
        ({"timestamp_osm_base": ""}, "2026-11-23"),
        ({"timestamp_osm_base": "yesterday"}, "2026-11-23"),
        ({"timestamp_osm_base": 20261031}, "2026-11-23"),
        ({"timestamp_osm_base": {}}, "2026-11-23"),
        ({}, "2026-11-23"),
        (None, "2026-11-23"),
    ],
    ids=repr,
)
async def test_a_map_without_a_past_date_has_the_date_of_the_answer(
    map_of: Overpass, server: OverpassServer, metadata: Any, vintage: str
) -> None:
    server.queue(Answered(body=counted(*totals(), osm3s=metadata)))
    assert {figure.vintage for figure in (await map_of.figures(CENTRE)).values()} == {vintage}


@pytest.mark.parametrize("remark", [REMARK, "", {}], ids=repr)
async def test_a_remark_means_that_the_query_failed(
    map_of: Overpass, server: OverpassServer, remark: Any
) -> None:
    server.queue(Answered(body=counted(*totals(), remark=remark)))
    with pytest.raises(Unavailable):
        await map_of.figures(CENTRE)


async def test_the_error_of_a_failed_query_quotes_its_remark_as_plain_text(
    map_of: Overpass, server: OverpassServer
) -> None:
    server.queue(Answered(body=counted(remark="runtime <b>error</b>: out of\u202e memory")))
    with pytest.raises(Unavailable, match="failed: runtime error : out of memory"):
        await map_of.figures(CENTRE)


def swapped() -> dict[str, Any]:
    """Return the totals with the larger circle first."""
    return counted(*totals()[10:], *totals()[:10])


def with_element(element: Any) -> dict[str, Any]:
    """Return an answer with its last count replaced."""
    answer = counted(*totals())
    answer["elements"][-1] = element
    return answer


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        None,
        "ok",
        counted(),
        counted(*totals()[:-1]),
        counted(*totals(), "0"),
        counted(elements=None),
        counted(elements={}),
        counted(elements="x" * 20),
        swapped(),
        with_element(None),
        with_element([]),
        with_element({"type": "count"}),
        with_element({"type": "count", "tags": None}),
        with_element({"type": "count", "tags": {"nodes": "97"}}),
        with_element({"type": "node", "tags": {"total": "97"}}),
        *(
            counted(*totals()[:-1], total)
            for total in (
                None,
                97,
                97.0,
                True,
                "",
                "-97",
                "97.5",
                "\uff19\uff17",
                "97\n",
                "NaN",
                "1" * 7,
                float("nan"),
            )
        ),
    ],
    ids=lambda body: repr(body)[-60:],
)
async def test_a_damaged_map_answer_is_a_bad_answer(
    map_of: Overpass, server: OverpassServer, body: Any
) -> None:
    server.queue(Answered(body=json.dumps(body)))
    with pytest.raises(BadAnswer):
        await map_of.figures(CENTRE)


# The Food Standards Agency


async def test_the_agency_counts_three_kinds_within_a_mile(ratings: FoodStandards) -> None:
    figures = await ratings.figures(CENTRE)
    assert {key: (figure.value, figure.unit) for key, figure in figures.items()} == {
        "restaurants_1mile": (412, "restaurants, cafés and canteens within 1 mile"),
        "pubs_1mile": (38, "pubs, bars and nightclubs within 1 mile"),
        "supermarkets_1mile": (9, "supermarkets within 1 mile"),
    }


async def test_a_count_of_the_agency_has_the_current_date(ratings: FoodStandards) -> None:
    figure = (await ratings.figures(CENTRE))["pubs_1mile"]
    assert (figure.source, figure.vintage, figure.level, figure.live) == (
        "FSA ratings",
        "2026-11-23",
        "district",
        True,
    )


async def test_the_agency_is_queried_for_one_mile_and_one_establishment(
    ratings: FoodStandards, food: FoodServer
) -> None:
    await ratings.figures(CENTRE)
    assert sorted(
        (request.query for request in food.requests), key=lambda query: query["businessTypeId"]
    ) == [
        {
            "latitude": "51.54160",
            "longitude": "0.00330",
            "maxDistanceLimit": "1",
            "businessTypeId": kind,
            "pageSize": "1",
        }
        for kind in ("1", "7840", "7843")
    ]


async def test_requests_to_the_agency_state_the_version_and_the_format(
    ratings: FoodStandards, food: FoodServer
) -> None:
    await ratings.figures(CENTRE)
    sent = {(request.headers["x-api-version"], request.headers["accept"]) for request in food.requests}
    assert sent == {("2", "application/json")}


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        None,
        {"meta": None},
        {"meta": []},
        {"meta": {}},
        *(rated(total) for total in (None, "412", 412.0, True, -1, 1_000_001, float("nan"), [412])),
    ],
    ids=lambda body: (
        repr(body)[:60] if "establishments" not in (body or ()) else repr(body["meta"]["totalCount"])
    ),
)
async def test_a_damaged_answer_of_the_agency_is_a_bad_answer(
    ratings: FoodStandards, food: FoodServer, body: Any
) -> None:
    food.queue(Answered(body=json.dumps(body)))
    with pytest.raises(BadAnswer):
        await ratings.figures(CENTRE)


async def test_no_business_within_a_mile_is_a_count_of_zero(ratings: FoodStandards, food: FoodServer) -> None:
    food.always(Answered(body=rated(0)))
    assert {figure.value for figure in (await ratings.figures(CENTRE)).values()} == {0}


# The fallback


async def test_the_agency_is_not_called_when_the_map_answers(amenities: Amenities, food: FoodServer) -> None:
    counts = await amenities.counts(CENTRE)
    assert (counts.source, food.requests) == ("OpenStreetMap", [])


async def test_the_attribution_names_the_contributors_to_the_map(amenities: Amenities) -> None:
    assert (await amenities.counts(CENTRE)).attribution == "© OpenStreetMap contributors, ODbL"


FAILURES = [
    (Answered(400, HTML, "text/html"), BadAnswer),
    (Answered(404, HTML, "text/html"), NotFoundThere),
    (Answered(429, HTML, "text/html", {"Retry-After": "60"}), RateLimited),
    (Answered(500, {}), Unavailable),
    (Answered(502, HTML, "text/html"), Unavailable),
    (Answered(503, HTML, "text/html"), Unavailable),
    (Answered(504, HTML, "text/html"), Unavailable),
    (Answered(200, HTML, "text/html"), BadAnswer),
    (Answered(200, json.dumps(counted(*totals()))[:-9]), BadAnswer),
]
NAMES = [f"{answer.status} {answer.content_type}" for answer, _ in FAILURES]


@pytest.mark.parametrize("answer", [answer for answer, _ in FAILURES], ids=NAMES)
async def test_the_counts_are_the_agency_s_when_the_map_fails(
    amenities: Amenities, server: OverpassServer, answer: Answered
) -> None:
    server.always(answer)
    assert (await amenities.counts(CENTRE)).source == "FSA ratings"


async def test_the_counts_are_the_agency_s_when_a_query_is_aborted(
    amenities: Amenities, server: OverpassServer
) -> None:
    server.queue(Answered(body=counted(remark=REMARK)))
    assert list((await amenities.counts(CENTRE)).figures) == [
        "restaurants_1mile",
        "pubs_1mile",
        "supermarkets_1mile",
    ]


async def test_the_attribution_names_the_agency_when_it_is_the_source(
    amenities: Amenities, server: OverpassServer
) -> None:
    server.queue(Answered(body=counted(remark=REMARK)))
    assert "Food Standards Agency" in (await amenities.counts(CENTRE)).attribution


@pytest.mark.parametrize(("answer", "error"), FAILURES, ids=NAMES)
async def test_when_both_fail_the_error_of_the_map_is_raised(
    amenities: Amenities,
    server: OverpassServer,
    food: FoodServer,
    answer: Answered,
    error: type[ProviderError],
) -> None:
    server.always(answer)
    food.always(Answered(500, {}))
    with pytest.raises(error) as raised:
        await amenities.counts(CENTRE)
    assert (type(raised.value), raised.value.service) == (error, "overpass")


@pytest.mark.parametrize(("answer", "error"), FAILURES, ids=NAMES)
async def test_a_failure_of_the_agency_is_a_provider_error(
    ratings: FoodStandards, food: FoodServer, answer: Answered, error: type[ProviderError]
) -> None:
    food.always(answer)
    with pytest.raises(error) as raised:
        await ratings.figures(CENTRE)
    assert (type(raised.value), raised.value.service) == (error, "fsa")


async def test_one_kind_that_fails_fails_the_agency(ratings: FoodStandards, food: FoodServer) -> None:
    food.queue(Answered(429, {}, headers={"Retry-After": "60"}))
    with pytest.raises(RateLimited):
        await ratings.figures(CENTRE)


async def test_a_truncated_map_answer_is_a_provider_error(map_of: Overpass, server: OverpassServer) -> None:
    server.always(Answered(body=counted(*totals()), cut=True))
    with pytest.raises(ProviderError):
        await map_of.figures(CENTRE)


async def test_a_slow_map_answer_is_unavailable(map_of: Overpass, server: OverpassServer) -> None:
    server.always(Answered(body=counted(*totals()), delay=30))
    with pytest.raises(Unavailable):
        async with within(0.1):
            await map_of.figures(CENTRE)


async def test_a_slow_answer_of_the_agency_is_unavailable(ratings: FoodStandards, food: FoodServer) -> None:
    food.always(Answered(body=rated(1), delay=30))
    with pytest.raises(Unavailable):
        async with within(0.1):
            await ratings.figures(CENTRE)


async def test_servers_that_do_not_listen_are_unavailable() -> None:
    refusing = f"http://127.0.0.1:{free_port()}"
    http = Http({overpass.PROVIDER.name: refusing, fsa.PROVIDER.name: refusing})
    with pytest.raises(Unavailable):
        await Amenities(http, today).counts(CENTRE)
    await http.close()


# Any answer


@given(field=st.sampled_from(["elements", "osm3s", "remark"]), junk=JSON)
@DAMAGE
async def test_any_map_answer_becomes_counts_or_a_provider_error(
    server: OverpassServer, food: FoodServer, field: str, junk: Any
) -> None:
    await survives(server, food, counted(*totals()) | {field: junk})


@given(
    position=st.integers(0, 19), junk=JSON | st.fixed_dictionaries({"type": st.just("count"), "tags": JSON})
)
@DAMAGE
async def test_any_count_becomes_counts_or_a_provider_error(
    server: OverpassServer, food: FoodServer, position: int, junk: Any
) -> None:
    answer = counted(*totals())
    answer["elements"][position] = junk
    await survives(server, food, answer)


async def survives(server: OverpassServer, food: FoodServer, answer: dict[str, Any]) -> None:
    """Check that a new client turns a map answer into counts or a documented error."""
    server.queue(Answered(body=json.dumps(answer)))
    http = Http(addresses(server, food))
    with suppress(BadAnswer, Unavailable):
        assert len(await Overpass(http, today).figures(CENTRE)) == 20
    await http.close()


@given(body=JSON | st.fixed_dictionaries({"meta": JSON | st.fixed_dictionaries({"totalCount": JSON})}))
@DAMAGE
async def test_any_answer_of_both_becomes_counts_or_a_bad_answer(
    server: OverpassServer, food: FoodServer, body: Any
) -> None:
    server.always(Answered(body=json.dumps(body)))
    food.always(Answered(body=json.dumps(body)))
    http = Http(addresses(server, food))
    with suppress(BadAnswer):
        assert isinstance(await Amenities(http, today).counts(CENTRE), AmenityCounts)
    await http.close()
