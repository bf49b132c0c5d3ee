"""Google and Perplexity: what is stored of them, their spend caps, and that no key is ever shown."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from tests.support.gateway import Gateway
from tests.support.live import AREA, IMAGE, RESEARCH, Site, notices
from tests.support.provider import Answered
from tests.support.providers import google, perplexity, tfl
from tests.support.servers import Valkey
from tests.support.upstreams import Upstreams
from tests.support.web import refused
from veo.sources.providers.google import GEOCODE_USD, STATIC_MAP_USD

pytestmark = pytest.mark.anyio

KEYS = (google.KEY, perplexity.KEY, tfl.KEY)
THIRTY_DAYS = 30 * 24 * 3600 * 1000  # milliseconds
COST = 0.0034  # US dollars that the answer of the tests says it cost
OTHER = "/api/research/area?area_code=E1"
REFUSED = "google-geocoding: refused: REQUEST_DENIED"


def sharing(database: Gateway) -> dict[str, Any]:
    """Return the settings of a container on the shared tier."""
    return {"cache": "auto", "upstash_url": database.url, "upstash_token": SecretStr(database.token)}


# ---- geocoding and the map ---------------------------------------------------------------------------


async def test_an_area_is_geocoded_by_our_own_name_of_it(site: Site, upstreams: Upstreams) -> None:
    answer = await site.maps()
    assert answer["data"]["geocoding"] == {
        "lat": 51.5416,
        "lng": 0.0033,
        "formattedAddress": "Stratford, E15, London",
        "placeId": "ChIJ-stratford_E15",
    }
    assert upstreams.google.requests[0].query["address"] == "Stratford, E15, London"


async def test_a_map_is_addressed_on_our_own_host(site: Site) -> None:
    assert (await site.maps())["data"]["staticMapUrl"] == IMAGE


async def test_without_a_key_there_is_neither_and_a_notice_says_so(open_site: Callable[..., Site]) -> None:
    answer = await open_site(google_key=None).maps()
    assert (answer["data"]["geocoding"], answer["data"]["staticMapUrl"]) == (None, None)
    assert "need a Google Maps key" in notices(answer)


async def test_a_map_is_a_picture_that_nobody_may_keep(site: Site) -> None:
    answer = await site.ask(IMAGE)
    assert (answer.status_code, answer.content) == (200, google.PNG)
    assert (answer.headers["Content-Type"], answer.headers["Cache-Control"]) == ("image/png", "no-store")


async def test_a_map_is_asked_for_every_time(site: Site, upstreams: Upstreams) -> None:
    await site.ask(IMAGE)
    await site.ask(IMAGE)
    assert upstreams.request_count("google-staticmap") == 2


async def test_a_point_is_asked_for_once(site: Site, upstreams: Upstreams) -> None:
    await site.maps()
    await site.maps()
    assert upstreams.request_count("google-geocoding") == 1


async def test_an_area_never_asks_google(site: Site, upstreams: Upstreams) -> None:
    await site.answer(AREA)
    await site.answer(f"{AREA}?destination=UCL")
    assert upstreams.request_count("google-geocoding") == 0


async def test_no_answer_shows_a_key(site: Site) -> None:
    requests = [(AREA, None), (IMAGE, None), (RESEARCH, None), ("/api/maps/area", {"areaCode": "E15"})]
    answers = [await site.ask(path, body) for path, body in requests] + [await site.ask("/api/health")]
    shown = b"".join(answer.content + repr(answer.headers).encode() for answer in answers)
    assert not [key for key in KEYS if key.encode() in shown]


# ---- what is stored ----------------------------------------------------------------------------------


@pytest.fixture
async def kept(
    open_site: Callable[..., Site], database: Gateway, valkey: Valkey
) -> dict[str, tuple[str, int]]:
    """Everything in the shared tier after maps and a picture: value and TTL in ms, by key."""
    site = open_site(**sharing(database))
    await site.maps()
    await site.ask(IMAGE)
    await site.runtime.cache.drain()
    entries = {}
    for key in valkey.client.scan_iter():
        hashed = valkey.client.type(key) == b"hash"  # of the ledger
        value: Any = repr(valkey.client.hgetall(key)).encode() if hashed else valkey.client.get(key)
        ttl: Any = valkey.client.pttl(key)
        entries[key.decode()] = value.decode(), ttl
    return entries


async def test_the_point_is_kept_by_itself(kept: dict[str, tuple[str, int]]) -> None:
    value, _ = kept["veo:v1:maps:E15:google"]
    assert '"p":{"placeId":"ChIJ-stratford_E15","lat":51.5416,"lng":0.0033}' in value


async def test_the_point_is_kept_for_thirty_days_at_most(kept: dict[str, tuple[str, int]]) -> None:
    _, ttl = kept["veo:v1:maps:E15:google"]
    assert 0 < ttl <= THIRTY_DAYS


async def test_nothing_else_of_google_s_is_kept(kept: dict[str, tuple[str, int]]) -> None:
    others = " ".join(value for key, (value, _) in kept.items() if key != "veo:v1:maps:E15:google")
    traces = ("ChIJ", "51.5416", "0.0033", google.STRATFORD, "PNG", "IHDR", "viewport")
    assert not [trace for trace in traces if trace in others]


async def test_no_key_is_kept(kept: dict[str, tuple[str, int]]) -> None:
    everything = repr(kept)
    assert not [key for key in KEYS if key in everything]


# ---- spend caps --------------------------------------------------------------------------------------


async def test_over_the_daily_cap_there_is_no_geocoding_and_a_notice_says_so(
    open_site: Callable[..., Site], upstreams: Upstreams
) -> None:
    answer = await open_site(google_usd_per_day=0).maps()
    assert "The daily spending limit for Google Maps is reached: no geocoding." in notices(answer)
    assert upstreams.request_count("google-geocoding") == 0


async def test_over_the_daily_cap_there_is_no_picture_and_the_setting_is_named(
    open_site: Callable[..., Site], upstreams: Upstreams
) -> None:
    answer = await open_site(google_usd_per_day=STATIC_MAP_USD).ask(IMAGE)
    assert answer.status_code == 200
    error = refused(await open_site(google_usd_per_day=0).ask(IMAGE), 503, "SERVICE_UNAVAILABLE")
    assert error["details"] == {"service": "google", "missing": "VEO_GOOGLE_USD_PER_DAY"}
    assert upstreams.request_count("google-staticmap") == 1


async def test_over_the_daily_cap_there_is_no_research_and_the_setting_is_named(
    open_site: Callable[..., Site], upstreams: Upstreams
) -> None:
    error = refused(await open_site(perplexity_usd_per_day=0).ask(RESEARCH), 503, "SERVICE_UNAVAILABLE")
    assert error["details"] == {"service": "perplexity", "missing": "VEO_PERPLEXITY_USD_PER_DAY"}
    assert upstreams.request_count("perplexity") == 0


async def test_the_cap_is_named_again_on_the_next_request(open_site: Callable[..., Site]) -> None:
    site = open_site(perplexity_usd_per_day=0)
    await site.ask(RESEARCH)
    error = refused(await site.ask(RESEARCH), 503, "SERVICE_UNAVAILABLE")
    assert error["details"]["missing"] == "VEO_PERPLEXITY_USD_PER_DAY"


async def test_the_notice_of_a_reached_cap_is_repeated_on_the_next_request(
    open_site: Callable[..., Site],
) -> None:
    site = open_site(google_usd_per_day=0)
    await site.maps()
    assert "The daily spending limit for Google Maps is reached: no geocoding." in notices(await site.maps())


async def test_research_is_charged_at_what_it_cost(site: Site) -> None:
    await site.answer(RESEARCH)
    assert site.runtime.sources.spend_caps.spent()["perplexity"] == pytest.approx(COST)


async def test_research_from_the_cache_costs_nothing(site: Site) -> None:
    await site.answer(RESEARCH)
    await site.answer(RESEARCH)
    assert site.runtime.sources.spend_caps.spent()["perplexity"] == pytest.approx(COST)


async def test_the_fleet_counts_together(open_site: Callable[..., Site], database: Gateway) -> None:
    first, second = (open_site(**sharing(database)) for _ in range(2))
    await first.answer(RESEARCH)
    await second.answer(OTHER)
    assert second.runtime.sources.spend_caps.spent()["perplexity"] == pytest.approx(2 * COST)


async def test_a_failure_is_not_kept_as_research(site: Site, upstreams: Upstreams) -> None:
    upstreams.perplexity.queue(Answered(body={"status": "failed", "error": {"message": "no"}}))
    refused(await site.ask(RESEARCH), 502, "EXTERNAL_SERVICE_ERROR")
    site.clock.skew += 16
    answer = await site.answer(RESEARCH)
    assert (answer["metadata"]["cached"], upstreams.request_count("perplexity")) == (False, 2)


# ---- a key that is refused ---------------------------------------------------------------------------


@pytest.fixture
def mistyped(open_site: Callable[..., Site]) -> Site:
    """A container whose keys no provider accepts."""
    wrong = SecretStr("wrong")
    return open_site(google_key=wrong, perplexity_key=wrong, tfl_key=wrong)


async def test_a_geocoder_that_refuses_the_key_is_not_asked_again(
    mistyped: Site, upstreams: Upstreams
) -> None:
    await mistyped.maps()
    mistyped.clock.skew += 200
    answer = await mistyped.maps()
    assert upstreams.request_count("google-geocoding") == 1
    assert "Google Maps gave no usable answer: no geocoding." in notices(answer)


async def test_maps_that_refuse_the_key_are_not_asked_again(mistyped: Site, upstreams: Upstreams) -> None:
    for _ in range(2):
        refused(await mistyped.ask(IMAGE), 502, "EXTERNAL_SERVICE_ERROR")
    assert upstreams.request_count("google-staticmap") == 1


async def test_research_that_refuses_the_key_is_not_asked_again(mistyped: Site, upstreams: Upstreams) -> None:
    refused(await mistyped.ask(RESEARCH), 502, "EXTERNAL_SERVICE_ERROR")
    refused(await mistyped.ask(OTHER), 502, "EXTERNAL_SERVICE_ERROR")
    assert upstreams.request_count("perplexity") == 1


async def test_tfl_that_refuses_the_key_is_not_asked_again(site: Site, upstreams: Upstreams) -> None:
    upstreams.tfl.always(Answered(403, {"message": f"The key {tfl.KEY} is bad."}))
    await site.commute()
    await site.commute("E1")
    assert upstreams.request_count("tfl") == 1


async def test_a_key_that_is_refused_costs_nothing(mistyped: Site) -> None:
    await mistyped.maps()
    await mistyped.ask(IMAGE)
    await mistyped.ask(RESEARCH)
    assert mistyped.runtime.sources.spend_caps.spent() == {"google": 0.0, "perplexity": 0.0}


async def test_what_is_not_asked_costs_nothing(site: Site, upstreams: Upstreams) -> None:
    upstreams.down("google-geocoding", "google-staticmap")
    for _ in range(3):
        await site.ask(IMAGE)  # it may have cost something: the outcome is unknown
    spent = site.runtime.sources.spend_caps.spent()["google"]
    assert spent == pytest.approx(3 * STATIC_MAP_USD)
    await site.ask(IMAGE)
    assert site.runtime.sources.spend_caps.spent()["google"] == pytest.approx(spent)


async def test_a_point_costs_what_one_request_costs(site: Site) -> None:
    await site.maps()
    assert site.runtime.sources.spend_caps.spent()["google"] == pytest.approx(GEOCODE_USD)


@pytest.mark.parametrize(
    ("ask", "name", "reason"),
    [
        ("maps", "google-geocoding", REFUSED),
        ("image", "google-staticmap", "google-staticmap: HTTP 403"),
        ("research", "perplexity", "perplexity: HTTP 401"),
    ],
)
async def test_health_says_which_key_is_refused_and_why(
    mistyped: Site, ask: str, name: str, reason: str
) -> None:
    requests = {
        "maps": ("/api/maps/area", {"areaCode": "E15"}),
        "image": (IMAGE, None),
        "research": (RESEARCH, None),
    }
    await mistyped.ask(*requests[ask])
    whole, services = await mistyped.health()
    assert (whole, services[name]["status"], services[name]["error"]) == ("degraded", "down", reason)


async def test_health_shows_no_key_that_was_refused(site: Site, upstreams: Upstreams) -> None:
    for name in ("tfl", "google-geocoding", "perplexity"):
        upstreams.servers[name].always(Answered(403, {"error_message": " ".join(KEYS), "status": "x"}))
    await site.maps()
    await site.ask(RESEARCH)
    await site.commute()
    shown = (await site.ask("/api/health")).text
    assert not [key for key in KEYS if key in shown]


# ---- health of what needs no key ---------------------------------------------------------------------


async def test_a_source_without_a_key_that_is_down_is_listed_and_leaves_the_whole_healthy(
    site: Site, upstreams: Upstreams
) -> None:
    upstreams.down("police.uk", "overpass", "fsa")
    await site.answer(AREA)
    whole, services = await site.health()
    down = {name for name, service in services.items() if service["status"] == "down"}
    assert (whole, down) == ("healthy", {"police.uk", "overpass", "fsa"})


async def test_tfl_without_a_key_leaves_the_whole_healthy_when_it_is_down(
    open_site: Callable[..., Site], upstreams: Upstreams
) -> None:
    upstreams.down("tfl")
    site = open_site(tfl_key=None)
    await site.commute()
    whole, services = await site.health()
    assert (whole, services["tfl"]["status"]) == ("healthy", "down")


async def test_tfl_with_a_key_degrades_the_whole_when_it_is_down(site: Site, upstreams: Upstreams) -> None:
    upstreams.down("tfl")
    await site.commute()
    whole, services = await site.health()
    assert (whole, services["tfl"]["error"]) == ("degraded", "tfl: HTTP 503")


async def test_a_source_that_is_back_is_up_again(site: Site, upstreams: Upstreams) -> None:
    upstreams.down("tfl")
    await site.commute()
    upstreams.reset()
    await site.commute("E1")
    whole, services = await site.health()
    assert (whole, services["tfl"]["status"], "error" in services["tfl"]) == ("healthy", "up", False)
