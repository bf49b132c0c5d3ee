"""Answers composed of live sources: with all of them, without one, without any, stale and late."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from tests.support.live import (
    AREA,
    BOUNDARIES,
    CRIME,
    FULL,
    MAPS,
    RECOMMENDATIONS,
    RESEARCH,
    SCHOOLS,
    Site,
    notices,
    until,
)
from tests.support.provider import Answered
from tests.support.upstreams import Upstreams
from tests.support.web import Json, refused

pytestmark = pytest.mark.anyio

DAY = 24 * 3600.0
TFL = "Powered by TfL Open Data"
OSM = "© OpenStreetMap contributors, ODbL"
LATE = "This answer is from"
Ask = Callable[[Site], Awaitable[Json]]


async def area(site: Site) -> Json:
    return await site.answer(AREA)


async def commute(site: Site) -> Json:
    return await site.commute()


async def crime(site: Site) -> Json:
    return await site.answer(CRIME)


async def boundaries(site: Site) -> Json:
    return await site.answer(BOUNDARIES)


async def maps(site: Site) -> Json:
    return await site.maps()


FALLING_BACK = [
    pytest.param(commute, "tfl", "TfL", id="commute"),
    pytest.param(crime, "police.uk", "data.police.uk", id="crime"),
    pytest.param(boundaries, "postcodes.io", "postcodes.io", id="boundaries"),
]
LIVE = [
    pytest.param(commute, "TfL Unified API", id="commute"),
    pytest.param(crime, "data.police.uk", id="crime"),
    pytest.param(boundaries, "postcodes.io (ONSPD)", id="boundaries"),
    pytest.param(maps, "OpenStreetMap", id="maps"),
    pytest.param(area, "OpenStreetMap", id="area"),
]


def figures(value: object) -> Iterator[float]:
    """Yield every number in an answer's data."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from figures(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


# ---- all sources up ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("ask", "source"), LIVE)
async def test_an_answer_names_the_live_source(site: Site, ask: Ask, source: str) -> None:
    assert source in (await ask(site))["metadata"]["sourcesUsed"]


@pytest.mark.parametrize(("ask", "source"), LIVE)
async def test_no_source_is_named_twice(site: Site, ask: Ask, source: str) -> None:
    used = (await ask(site))["metadata"]["sourcesUsed"]
    assert used.count(source) == 1


@pytest.mark.parametrize(("ask", "source"), LIVE)
async def test_the_second_answer_is_the_first_from_the_cache(site: Site, ask: Ask, source: str) -> None:
    first, second = await ask(site), await ask(site)
    assert (source in second["metadata"]["sourcesUsed"], second["metadata"]["cached"]) == (True, True)
    assert second["data"] == first["data"]


async def test_a_commute_is_tfl_s_journey(site: Site, upstreams: Upstreams) -> None:
    answer = await site.commute()
    assert upstreams.request_count("tfl") == 1
    assert answer["data"]["routes"][0]["steps"] == [
        f"Central: Here to There, {answer['data']['duration']} min"
    ]


async def test_a_commute_says_which_morning_it_is_for(site: Site) -> None:
    answer = await site.commute()
    assert answer["data"]["date"] is not None
    assert answer["metadata"]["assumptions"][0].startswith("Leaving at 08:30 on ")


async def test_a_commute_shows_what_tfl_s_licence_asks_for(site: Site) -> None:
    assert (await site.commute())["metadata"]["attribution"][0].startswith(TFL)


async def test_a_commute_that_tfl_does_not_know_is_modelled_and_says_so(
    site: Site, upstreams: Upstreams
) -> None:
    upstreams.tfl.queue(Answered(404, {"message": "No journey found for your inputs."}))
    answer = await site.commute()
    assert answer["metadata"]["sourcesUsed"] == ["modelled rail graph"]
    assert "TfL knows no journey between these places" in notices(answer)


async def test_crime_counts_a_year_around_the_centre(site: Site, upstreams: Upstreams) -> None:
    answer = await site.answer(CRIME)
    recorded = len(upstreams.police.crimes)
    assert (answer["data"]["totalCrimes"], answer["data"]["breakdown"]) == (recorded, {"burglary": recorded})


async def test_the_rate_of_crime_stays_the_dated_one(site: Site) -> None:
    answer = await site.answer(CRIME)
    assert (answer["data"]["crimeRate"], answer["data"]["figures"]["crimes_per_1000"]["live"]) == (
        111.9,
        False,
    )


async def test_crime_says_which_circle_and_months_it_counts(site: Site) -> None:
    answer = await site.answer(CRIME)
    assert "Counts cover 2025-09 to 2026-08, within 1 mile of the centre of E15" in notices(answer)


async def test_a_notice_names_a_month_that_is_not_published(site: Site, upstreams: Upstreams) -> None:
    upstreams.police.published.remove("2026-03")
    assert "Not published for this place: 2026-03." in notices(await site.answer(CRIME))


async def test_boundaries_have_the_outline_of_the_ward(site: Site) -> None:
    answer = await site.answer(BOUNDARIES)
    assert answer["data"]["boundary"]["properties"]["level"] == "ward"


async def test_full_boundaries_have_every_outline(site: Site) -> None:
    answer = await site.answer(FULL)
    assert list(answer["data"]["boundaries"]) == ["lsoa", "msoa", "ward", "district"]


async def test_boundaries_show_what_the_licence_asks_for(site: Site) -> None:
    assert "Crown copyright" in (await site.answer(BOUNDARIES))["metadata"]["attribution"][0]


async def test_maps_count_the_places_around(site: Site) -> None:
    answer = await site.maps()
    assert answer["data"]["nearbyPlaces"] == {
        "restaurant": 7,
        "school": 87,
        "park": 77,
        "supermarket": 67,
        "hospital": 97,
    }


async def test_maps_show_what_both_licences_ask_for(site: Site) -> None:
    assert (await site.maps())["metadata"]["attribution"] == [OSM, "Google Maps"]


async def test_an_area_holds_the_live_counts_of_its_parts(site: Site) -> None:
    data = (await site.answer(AREA))["data"]
    assert (data["crime"]["totalCrimes"], data["amenities"]["cafes"]) == (78, 17)


async def test_an_area_shows_what_the_licences_of_its_parts_ask_for(site: Site) -> None:
    assert (await site.answer(AREA))["metadata"]["attribution"] == [OSM]


@pytest.mark.parametrize("ways", ["area", "maps"])
async def test_an_answer_with_a_way_shows_what_both_licences_ask_for(site: Site, ways: str) -> None:
    requests: dict[str, tuple[str, Json | None]] = {
        "area": (f"{AREA}?destination=UCL", None),
        "maps": ("/api/maps/area", {**MAPS, "destination": "UCL"}),
    }
    shown = (await site.answer(*requests[ways]))["metadata"]["attribution"]
    assert (shown[0], shown[-1][: len(TFL)]) == (OSM, TFL)


async def test_research_is_cited(site: Site) -> None:
    answer = await site.answer(RESEARCH)
    assert len(answer["data"]["overview"]["citations"]) == 3
    assert "Written by a language model" in notices(answer)


async def test_schools_without_a_table_are_the_counts_of_the_district(site: Site) -> None:
    answer = await site.answer(SCHOOLS)
    assert (answer["data"]["count"], "schools" in answer["data"]) == (14, False)
    assert "Counts are for E15 as a whole" in notices(answer)


# ---- one source down ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("ask", "down", "name"), FALLING_BACK)
async def test_a_source_that_is_down_is_named(
    site: Site, upstreams: Upstreams, ask: Ask, down: str, name: str
) -> None:
    upstreams.down(down)
    assert f"{name} gave no usable answer" in notices(await ask(site))


@pytest.mark.parametrize(("ask", "down", "name"), FALLING_BACK)
async def test_a_source_that_failed_a_moment_ago_is_named(
    site: Site, upstreams: Upstreams, ask: Ask, down: str, name: str
) -> None:
    upstreams.down(down)
    await ask(site)
    text = notices(await ask(site))
    assert f"{name} failed a moment ago" in text or f"{name} gave no usable answer" in text


@pytest.mark.parametrize(("ask", "down", "name"), FALLING_BACK)
async def test_an_answer_without_its_source_does_not_claim_it_or_the_cache(
    site: Site, upstreams: Upstreams, ask: Ask, down: str, name: str
) -> None:
    upstreams.down(down)
    for _ in range(2):
        metadata = (await ask(site))["metadata"]
        assert (metadata["cached"], metadata["stale"], metadata["attribution"]) == (False, False, [])
        assert not {f"{name} Unified API", f"{name} (ONSPD)"} & set(metadata["sourcesUsed"])


@pytest.mark.parametrize(("ask", "down", "name"), FALLING_BACK)
async def test_without_its_source_an_answer_has_the_embedded_figures_alone(
    open_site: Callable[..., Site], upstreams: Upstreams, ask: Ask, down: str, name: str
) -> None:
    upstreams.down(down)
    embedded, without = await ask(open_site(live="off")), await ask(open_site())
    assert list(figures(without["data"])) == list(figures(embedded["data"])), name


@pytest.mark.parametrize(("ask", "down", "name"), FALLING_BACK)
async def test_a_source_that_is_back_answers_at_once_after_its_pause(
    site: Site, upstreams: Upstreams, ask: Ask, down: str, name: str
) -> None:
    upstreams.down(down)
    await ask(site)
    upstreams.reset()
    site.clock.skew += 31
    assert name not in notices(await ask(site)).replace("data.police.uk publishes with a delay", "")


async def test_without_openstreetmap_the_fewer_counts_of_the_food_standards_agency_are_shown(
    site: Site, upstreams: Upstreams
) -> None:
    upstreams.down("overpass")
    answer = await site.maps()
    assert answer["data"]["nearbyPlaces"] == {"restaurant": 412, "supermarket": 9}
    assert "OpenStreetMap gave no usable answer" in notices(answer)


async def test_the_fewer_counts_are_kept_only_briefly(site: Site, upstreams: Upstreams) -> None:
    upstreams.down("overpass")
    await site.maps()
    assert 0 < await site.runtime.cache.ttl("maps:E15") <= 30


async def test_without_both_nothing_is_counted_around(site: Site, upstreams: Upstreams) -> None:
    upstreams.down("overpass", "fsa")
    answer = await site.maps()
    assert answer["data"]["nearbyPlaces"] == {}
    assert "OpenStreetMap gave no usable answer." in notices(answer)


async def test_without_google_there_is_no_geocoding_and_a_notice_says_so(
    site: Site, upstreams: Upstreams
) -> None:
    upstreams.down("google-geocoding")
    answer = await site.maps()
    assert answer["data"]["geocoding"] is None
    assert "Google Maps gave no usable answer: no geocoding." in notices(answer)


async def test_without_outlines_a_postcode_is_still_placed(site: Site, upstreams: Upstreams) -> None:
    upstreams.down("ons-geography")
    answer = await site.answer(FULL)
    assert (answer["data"]["location"]["latitude"], answer["data"]["boundaries"]) == (51.519201, {})
    assert "ONS Open Geography gave no usable answer: no outlines." in notices(answer)


@pytest.mark.parametrize(
    ("down", "notice"),
    [
        ("police.uk", "data.police.uk gave no usable answer."),
        ("overpass", "OpenStreetMap gave no usable answer"),
    ],
)
async def test_an_area_without_one_of_its_parts_says_so_and_is_kept_only_briefly(
    site: Site, upstreams: Upstreams, down: str, notice: str
) -> None:
    upstreams.down(down)
    assert notice in notices(await site.answer(AREA))
    assert 0 < await site.runtime.cache.ttl("area:E15") <= 30


async def test_an_area_answers_while_the_source_of_the_way_is_down(site: Site, upstreams: Upstreams) -> None:
    upstreams.down("tfl")
    answer = await site.answer(f"{AREA}?destination=UCL")
    assert "TfL gave no usable answer: this is a model of the rail network." in notices(answer)
    assert answer["data"]["commute"]["modes"]


async def test_research_that_fails_says_who_failed(site: Site, upstreams: Upstreams) -> None:
    upstreams.down("perplexity")
    error = refused(await site.ask(RESEARCH), 502, "EXTERNAL_SERVICE_ERROR")
    assert error["details"] == {"service": "perplexity"}


async def test_research_that_failed_a_moment_ago_says_when_to_come_back(
    site: Site, upstreams: Upstreams
) -> None:
    upstreams.down("perplexity")
    await site.ask(RESEARCH)
    answer = await site.ask(RESEARCH)
    refused(answer, 503, "SERVICE_UNAVAILABLE")
    assert 0 < int(answer.headers["Retry-After"]) <= 15


# ---- all sources down --------------------------------------------------------------------------------

ANSWERING: list[tuple[str, Json | None]] = [
    (AREA, None),
    ("/api/commute/calculate", {"origin": "E15", "destination": "UCL"}),
    (CRIME, None),
    (SCHOOLS, None),
    (BOUNDARIES, None),
    (FULL, None),
    ("/api/maps/area", MAPS),
    (RECOMMENDATIONS, None),
]


@pytest.mark.parametrize(("path", "body"), ANSWERING)
async def test_with_no_source_at_all_every_question_is_answered(
    site: Site, upstreams: Upstreams, path: str, body: Json | None
) -> None:
    upstreams.down(*upstreams.servers)
    assert (await site.answer(path, body))["success"] is True


async def test_with_no_source_at_all_the_list_is_the_one_of_the_rail_graph(
    open_site: Callable[..., Site], upstreams: Upstreams
) -> None:
    upstreams.down(*upstreams.servers)
    embedded = await open_site(live="off").answer(RECOMMENDATIONS)
    without = await open_site().answer(RECOMMENDATIONS)
    assert without["recommendations"] == embedded["recommendations"]


# ---- stale -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ask", "down", "after"),
    [
        pytest.param(commute, "tfl", 8 * DAY, id="commute"),
        pytest.param(crime, "police.uk", 31 * DAY, id="crime"),
        pytest.param(boundaries, "postcodes.io", 91 * DAY, id="boundaries"),
    ],
)
async def test_a_stale_live_answer_beats_the_embedded_figures(
    site: Site, upstreams: Upstreams, ask: Ask, down: str, after: float
) -> None:
    first = await ask(site)
    upstreams.down(down)
    site.clock.skew += after
    answer = await ask(site)
    assert (answer["data"], answer["metadata"]["stale"]) == (first["data"], True)
    assert answer["metadata"]["notices"][0].startswith(LATE)


async def test_an_older_answer_of_a_slow_source_does_not_claim_that_it_failed(
    site: Site, upstreams: Upstreams
) -> None:
    await site.commute()
    upstreams.tfl.delay = 30.0
    site.clock.skew += 8 * DAY
    answer = await site.commute()
    assert answer["metadata"]["notices"][0] == f"{LATE} 8 days ago: no newer one came in time."


@pytest.mark.parametrize(
    "answer", [Answered(403), Answered(429), Answered(503), Answered(body="<html>")], ids=str
)
async def test_a_source_that_refuses_or_sends_nonsense_gave_no_usable_answer(
    site: Site, upstreams: Upstreams, answer: Answered
) -> None:
    upstreams.tfl.always(answer)
    notice = "TfL gave no usable answer: this is a model of the rail network."
    assert notice in notices(await site.commute())


async def test_a_live_answer_past_its_stale_period_is_not_used(site: Site, upstreams: Upstreams) -> None:
    await site.commute()
    upstreams.down("tfl")
    site.clock.skew += 38 * DAY
    assert (await site.commute())["metadata"]["sourcesUsed"] == ["modelled rail graph"]


# ---- late --------------------------------------------------------------------------------------------

HASTY = 0.05  # seconds


@pytest.mark.parametrize(
    ("ask", "server", "name"),
    [
        pytest.param(commute, "tfl", "TfL", id="commute"),
        pytest.param(crime, "police.uk", "data.police.uk", id="crime"),
        pytest.param(maps, "overpass", "OpenStreetMap", id="maps"),
    ],
)
async def test_an_answer_without_a_late_source_says_so(
    open_site: Callable[..., Site], upstreams: Upstreams, ask: Ask, server: str, name: str
) -> None:
    upstreams.servers[server].delay = 30.0
    answer = await ask(open_site(deadline=HASTY))
    assert f"{name} did not answer in time" in notices(answer)


async def test_a_late_answer_is_cached_for_the_next_request(
    open_site: Callable[..., Site], upstreams: Upstreams
) -> None:
    upstreams.tfl.delay = 0.2
    site = open_site(deadline=HASTY)
    await site.commute()
    late: Any = await site.runtime.questions.cached.commute.lookup("E15", "ucl")
    assert "TfL Unified API" in late.value.sources
    answer = await site.commute()
    assert (answer["metadata"]["sourcesUsed"], answer["metadata"]["cached"]) == (["TfL Unified API"], True)
    assert upstreams.request_count("tfl") == 1


@pytest.mark.parametrize(
    ("path", "body", "other"),
    [
        pytest.param(f"{AREA}?destination=UCL", None, "police.uk", id="area"),
        pytest.param("/api/maps/area", {**MAPS, "destination": "UCL"}, "overpass", id="maps"),
    ],
)
async def test_a_commute_is_fetched_in_parallel_with_the_other_parts(
    open_site: Callable[..., Site], upstreams: Upstreams, path: str, body: Json | None, other: str
) -> None:
    upstreams.servers[other].delay = 30.0
    asking = asyncio.create_task(open_site(deadline=25).answer(path, body))
    await until(lambda: upstreams.request_count(other) and upstreams.request_count("tfl"))
    assert not asking.done()
    asking.cancel()
