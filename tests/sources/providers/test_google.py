"""Google's geocoder and static maps: what is read, what may be stored, and every documented failure."""

import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.anything import JSON
from tests.support.effort import tries
from tests.support.provider import Answered
from tests.support.providers.google import HTML, KEY, PNG, STRATFORD, GoogleServer, country, geocoded, refused
from tests.support.servers import free_port
from veo.errors import BadAnswer, InvalidQuestion, NotFoundThere, ProviderError, RateLimited, Unavailable
from veo.models import Location
from veo.sources.http.client import Http
from veo.sources.http.deadline import within
from veo.sources.providers.google import GEOCODING, STATIC_MAP, Geocoded, GeoPoint, Google

pytestmark = pytest.mark.anyio

ADDRESS = "Stratford, E15, London"
CENTRE = Location(lat=51.5416, lng=0.00003)


def addresses(url: str) -> dict[str, str]:
    return {GEOCODING.name: url, STATIC_MAP.name: url}


@pytest.fixture(scope="module")
def running() -> Iterator[GoogleServer]:
    started = GoogleServer()
    started.start()
    yield started
    started.stop()


@pytest.fixture
def server(running: GoogleServer) -> GoogleServer:
    running.reset()
    return running


@pytest.fixture
async def google(server: GoogleServer) -> AsyncIterator[Google]:
    http = Http(addresses(server.url))
    yield Google(http, KEY)
    await http.close()


# Geocoding


async def test_an_address_has_a_place_id_and_a_point(google: Google) -> None:
    point = (await google.geocode(ADDRESS)).point
    assert point == GeoPoint(place_id="ChIJ-stratford_E15", lat=51.5416, lng=0.0033)


async def test_an_address_has_google_s_form(google: Google) -> None:
    assert (await google.geocode(ADDRESS)).formatted_address == STRATFORD


async def test_only_the_place_id_and_the_point_may_be_stored(google: Google) -> None:
    assert (await google.geocode(ADDRESS)).point.model_dump() == {
        "placeId": "ChIJ-stratford_E15",
        "lat": 51.5416,
        "lng": 0.0033,
    }


async def test_the_request_is_limited_to_great_britain_and_has_the_key(
    google: Google, server: GoogleServer
) -> None:
    await google.geocode(ADDRESS)
    assert [request.query for request in server.requests] == [
        {"address": ADDRESS, "components": "country:GB", "key": KEY}
    ]


async def test_the_first_of_several_results_is_used(google: Google, server: GoogleServer) -> None:
    results = geocoded()["results"] + geocoded(place_id="second")["results"]
    server.queue(Answered(body={"status": "OK", "results": results}))
    assert (await google.geocode(ADDRESS)).point.place_id == "ChIJ-stratford_E15"


async def test_an_address_is_shown_as_plain_text(google: Google, server: GoogleServer) -> None:
    server.queue(Answered(body=geocoded(formatted_address="Strat\u202eford <b>E15</b>\n London")))
    assert (await google.geocode(ADDRESS)).formatted_address == "Stratford E15 London"


async def test_an_unknown_address_is_not_found(google: Google) -> None:
    with pytest.raises(NotFoundThere):
        await google.geocode("Nowhere at all")


async def test_a_result_that_is_a_country_is_not_found(google: Google, server: GoogleServer) -> None:
    server.queue(Answered(body=country()))
    with pytest.raises(NotFoundThere):
        await google.geocode(ADDRESS)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("OVER_QUERY_LIMIT", RateLimited),
        ("UNKNOWN_ERROR", Unavailable),
        ("REQUEST_DENIED", BadAnswer),
        ("INVALID_REQUEST", BadAnswer),
        ("OVER_DAILY_LIMIT", BadAnswer),
        ("SOMETHING_NEW", BadAnswer),
    ],
)
async def test_each_status_in_the_body_has_its_error(
    google: Google, server: GoogleServer, status: str, error: type[ProviderError]
) -> None:
    server.queue(Answered(body=refused(status)))
    with pytest.raises(error) as raised:
        await google.geocode(ADDRESS)
    assert type(raised.value) is error


async def test_the_geocoder_is_paused_over_its_query_limit(google: Google, server: GoogleServer) -> None:
    server.queue(Answered(body=refused("OVER_QUERY_LIMIT")))
    for _ in range(2):
        with pytest.raises(RateLimited):
            await google.geocode(ADDRESS)
    assert len(server.requests) == 1


async def test_the_error_for_a_refusal_names_its_status(google: Google, server: GoogleServer) -> None:
    server.queue(Answered(body=refused("REQUEST_DENIED")))
    with pytest.raises(BadAnswer, match="REQUEST_DENIED"):
        await google.geocode(ADDRESS)


async def test_an_undocumented_status_is_not_quoted(google: Google, server: GoogleServer) -> None:
    server.queue(Answered(body=refused(f"NEW {KEY}")))
    with pytest.raises(BadAnswer) as raised:
        await google.geocode(ADDRESS)
    assert KEY not in repr(raised.value)


def at(lat: Any, lng: Any = 0.0) -> dict[str, Any]:
    return geocoded(geometry={"location": {"lat": lat, "lng": lng}})


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        None,
        "OK",
        {"status": None, "results": []},
        {"status": ["OK"], "results": []},
        {"status": "OK"},
        {"status": "OK", "results": []},
        {"status": "OK", "results": None},
        {"status": "OK", "results": "many"},
        {"status": "OK", "results": [None]},
        geocoded(place_id=None),
        geocoded(place_id=7),
        geocoded(place_id=""),
        geocoded(place_id="a b"),
        geocoded(place_id="x" * 513),
        geocoded(formatted_address=None),
        geocoded(geometry=None),
        geocoded(geometry={}),
        geocoded(geometry={"location": {"lat": 51.5}}),
        geocoded(types="country"),
        at("51.5"),
        at(None),
        at([51.5]),
        geocoded(geometry={"location": {"lat": True, "lng": 0.0}}),
        at(90.1),
        at(51.5, -180.1),
        at(51.5, float("inf")),
        at(float("nan")),
    ],
    ids=lambda body: repr(body)[:80],
)
async def test_a_damaged_answer_is_a_bad_answer(google: Google, server: GoogleServer, body: Any) -> None:
    server.queue(Answered(body=json.dumps(body)))
    with pytest.raises(BadAnswer):
        await google.geocode(ADDRESS)


async def test_a_result_without_types_is_read(google: Google, server: GoogleServer) -> None:
    answer = geocoded()
    del answer["results"][0]["types"]
    server.queue(Answered(body=answer))
    assert (await google.geocode(ADDRESS)).formatted_address == STRATFORD


# Static maps


async def test_a_map_is_a_png(google: Google) -> None:
    assert await google.static_map(CENTRE) == ("image/png", PNG)


async def test_a_map_is_requested_as_documented(google: Google, server: GoogleServer) -> None:
    await google.static_map(CENTRE, zoom=15, size=(320, 200))
    assert [request.query for request in server.requests] == [
        {
            "center": "51.541600,0.000030",
            "zoom": "15",
            "size": "320x200",
            "scale": "2",
            "maptype": "roadmap",
            "format": "png",
            "markers": "color:red|51.541600,0.000030",
            "key": KEY,
        }
    ]


async def test_a_map_without_a_marker_is_requested_without_one(google: Google, server: GoogleServer) -> None:
    await google.static_map(CENTRE, marker=False)
    assert "markers" not in server.requests[0].query


@pytest.mark.parametrize("zoom", [1, 20])
@pytest.mark.parametrize("size", [(1, 1), (640, 640)])
async def test_the_bounds_of_zoom_and_size_are_inclusive(
    google: Google, zoom: int, size: tuple[int, int]
) -> None:
    assert (await google.static_map(CENTRE, zoom, size)).content == PNG


@pytest.mark.parametrize(
    ("zoom", "size"),
    [(0, (640, 400)), (21, (640, 400)), (13, (641, 400)), (13, (640, 641)), (13, (0, 400)), (13, (640, -1))],
)
async def test_a_map_beyond_the_bounds_is_not_requested(
    google: Google, server: GoogleServer, zoom: int, size: tuple[int, int]
) -> None:
    with pytest.raises(InvalidQuestion):
        await google.static_map(CENTRE, zoom, size)
    assert server.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        Answered(200, HTML, "text/html"),
        Answered(200, {"status": "OK"}),
        Answered(200, HTML, "image/png"),
        Answered(200, b"", "image/png"),
        Answered(200, PNG + bytes(2 * 2**20), "image/png"),
    ],
    ids=["a page", "JSON", "a page that says it is a PNG", "nothing", "more than 2 MiB"],
)
async def test_what_is_not_a_png_is_a_bad_answer(
    google: Google, server: GoogleServer, answer: Answered
) -> None:
    server.queue(answer)
    with pytest.raises(BadAnswer):
        await google.static_map(CENTRE)


# Failures of both


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answered(400, "Bad Request", "text/plain"), BadAnswer),
        (Answered(403, f"The key {KEY} is bad.", "text/plain"), BadAnswer),
        (Answered(429, {}, headers={"Retry-After": "60"}), RateLimited),
        (Answered(500, {}), Unavailable),
        (Answered(502, HTML, "text/html"), Unavailable),
        (Answered(503, {}), Unavailable),
    ],
    ids=lambda value: str(value.status) if isinstance(value, Answered) else value.__name__,
)
@pytest.mark.parametrize("method", ["geocode", "map"])
async def test_an_http_error_is_a_provider_error(
    google: Google, server: GoogleServer, method: str, answer: Answered, error: type[ProviderError]
) -> None:
    server.always(answer)
    with pytest.raises(error) as raised:
        await (google.geocode(ADDRESS) if method == "geocode" else google.static_map(CENTRE))
    assert KEY not in repr(raised.value)


@pytest.mark.parametrize("method", ["geocode", "map"])
async def test_a_truncated_answer_is_a_provider_error(
    google: Google, server: GoogleServer, method: str
) -> None:
    kind = "image/png" if method == "map" else "application/json"
    server.always(Answered(body=PNG if method == "map" else geocoded(), content_type=kind, cut=True))
    with pytest.raises(ProviderError):
        await (google.geocode(ADDRESS) if method == "geocode" else google.static_map(CENTRE))


async def test_half_an_answer_is_a_bad_answer(google: Google, server: GoogleServer) -> None:
    server.queue(Answered(body=json.dumps(geocoded())[:-9]))
    with pytest.raises(BadAnswer):
        await google.geocode(ADDRESS)


async def test_a_slow_answer_is_unavailable(google: Google, server: GoogleServer) -> None:
    server.always(Answered(body=geocoded(), delay=30))
    with pytest.raises(Unavailable):
        async with within(0.1):
            await google.geocode(ADDRESS)


async def test_a_server_that_does_not_listen_is_unavailable() -> None:
    http = Http(addresses(f"http://127.0.0.1:{free_port()}"))
    with pytest.raises(Unavailable):
        await Google(http, KEY).geocode(ADDRESS)
    await http.close()


async def test_an_open_breaker_of_the_geocoder_does_not_stop_the_maps(
    google: Google, server: GoogleServer
) -> None:
    server.always(Answered(500, {}))
    for _ in range(20):
        with pytest.raises(ProviderError):
            await google.geocode(ADDRESS)
    server.always(None)
    assert (await google.static_map(CENTRE)).content == PNG


# The key


async def test_the_key_is_not_in_the_repr(google: Google) -> None:
    assert KEY not in repr(google)


async def test_the_key_is_not_logged(
    google: Google, server: GoogleServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.queue(Answered(body=geocoded()), Answered(body=refused("REQUEST_DENIED")))
    await google.geocode(ADDRESS)
    with pytest.raises(BadAnswer):
        await google.geocode(ADDRESS)
    await google.static_map(CENTRE)
    assert KEY not in caplog.text


# Any answer


@given(field=st.sampled_from(["status", "results"]), junk=JSON)
@tries(40)
async def test_any_answer_becomes_a_place_or_a_provider_error(
    server: GoogleServer, field: str, junk: Any
) -> None:
    await survives(server, geocoded() | {field: junk})


@given(
    field=st.sampled_from(["place_id", "formatted_address", "geometry", "types"]),
    junk=JSON | st.fixed_dictionaries({"location": st.fixed_dictionaries({"lat": JSON, "lng": JSON})}),
)
@tries(60)
async def test_any_result_becomes_a_place_or_a_provider_error(
    server: GoogleServer, field: str, junk: Any
) -> None:
    await survives(server, geocoded(**{field: junk}))


async def survives(server: GoogleServer, answer: dict[str, Any]) -> None:
    """Check that a new client turns an answer into a place or a documented error."""
    server.queue(Answered(body=json.dumps(answer)))
    http = Http(addresses(server.url))
    with suppress(BadAnswer, NotFoundThere):
        assert isinstance(await Google(http, KEY).geocode(ADDRESS), Geocoded)
    await http.close()
