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
    """Give every number in an answer's data."""
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
    told = await site.commute()
    assert upstreams.asked("tfl") == 1
    assert told["data"]["routes"][0]["steps"] == [f"Central: Here to There, {told['data']['duration']} min"]


async def test_a_commute_says_for_which_morning_it_was_asked(site: Site) -> None:
    told = await site.commute()
    assert told["data"]["date"] is not None
    assert told["metadata"]["assumptions"][0].startswith("Leaving at 08:30 on ")


async def test_a_commute_shows_what_tfl_s_licence_asks_for(site: Site) -> None:
    assert (await site.commute())["metadata"]["attribution"][0].startswith(TFL)


async def test_a_commute_that_tfl_does_not_know_is_modelled_and_says_so(
    site: Site, upstreams: Upstreams
) -> None:
    upstreams.tfl.queue(Answered(404, {"message": "No journey found for your inputs."}))
    told = await site.commute()
    assert told["metadata"]["sourcesUsed"] == ["modelled rail graph"]
    assert "TfL knows no journey between these places" in notices(told)


async def test_crime_counts_a_year_around_the_centre(site: Site, upstreams: Upstreams) -> None:
    told = await site.answer(CRIME)
    recorded = len(upstreams.police.crimes)
    assert (told["data"]["totalCrimes"], told["data"]["breakdown"]) == (recorded, {"burglary": recorded})


async def test_the_rate_of_crime_stays_the_dated_one(site: Site) -> None:
    told = await site.answer(CRIME)
    assert (told["data"]["crimeRate"], told["data"]["figures"]["crimes_per_1000"]["live"]) == (111.9, False)


async def test_crime_says_which_circle_and_months_it_counts(site: Site) -> None:
    told = await site.answer(CRIME)
    assert "Counts are of 2025-09 to 2026-08, within 1 mile of the centre of E15" in notices(told)


async def test_a_month_that_is_not_published_is_said(site: Site, upstreams: Upstreams) -> None:
    upstreams.police.published.remove("2026-03")
    assert "Not published for this place: 2026-03." in notices(await site.answer(CRIME))


async def test_boundaries_have_the_outline_of_the_ward(site: Site) -> None:
    told = await site.answer(BOUNDARIES)
    assert told["data"]["boundary"]["properties"]["level"] == "ward"


async def test_full_boundaries_have_every_outline(site: Site) -> None:
    told = await site.answer(FULL)
    assert list(told["data"]["boundaries"]) == ["lsoa", "msoa", "ward", "district"]


async def test_boundaries_show_what_the_licence_asks_for(site: Site) -> None:
    assert "Crown copyright" in (await site.answer(BOUNDARIES))["metadata"]["attribution"][0]


async def test_maps_count_the_places_around(site: Site) -> None:
    told = await site.maps()
    assert told["data"]["nearbyPlaces"] == {
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
    asked: dict[str, tuple[str, Json | None]] = {
        "area": (f"{AREA}?destination=UCL", None),
        "maps": ("/api/maps/area", {**MAPS, "destination": "UCL"}),
    }
    shown = (await site.answer(*asked[ways]))["metadata"]["attribution"]
    assert (shown[0], shown[-1][: len(TFL)]) == (OSM, TFL)


async def test_research_is_cited(site: Site) -> None:
    told = await site.answer(RESEARCH)
    assert len(told["data"]["overview"]["citations"]) == 3
    assert "Written by a language model" in notices(told)


async def test_schools_without_a_table_are_the_counts_of_the_district(site: Site) -> None:
    told = await site.answer(SCHOOLS)
    assert (told["data"]["count"], "schools" in told["data"]) == (14, False)
    assert "Counts are of E15 as a whole" in notices(told)


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
    told = notices(await ask(site))
    assert f"{name} failed a moment ago" in told or f"{name} gave no usable answer" in told


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
    assert name not in notices(await ask(site)).replace("data.police.uk publishes late", "")


async def test_without_openstreetmap_the_fewer_counts_of_the_food_standards_agency_are_shown(
    site: Site, upstreams: Upstreams
) -> None:
    upstreams.down("overpass")
    told = await site.maps()
    assert told["data"]["nearbyPlaces"] == {"restaurant": 412, "supermarket": 9}
    assert "OpenStreetMap gave no usable answer" in notices(told)


async def test_the_fewer_counts_are_kept_for_a_moment_only(site: Site, upstreams: Upstreams) -> None:
    upstreams.down("overpass")
    await site.maps()
    assert 0 < await site.runtime.cache.ttl("maps:E15") <= 30


async def test_without_both_nothing_is_counted_around(site: Site, upstreams: Upstreams) -> None:
    upstreams.down("overpass", "fsa")
    told = await site.maps()
    assert told["data"]["nearbyPlaces"] == {}
    assert "OpenStreetMap gave no usable answer." in notices(told)


async def test_without_google_there_is_no_geocoding_and_it_is_said(site: Site, upstreams: Upstreams) -> None:
    upstreams.down("google-geocoding")
    told = await site.maps()
    assert told["data"]["geocoding"] is None
    assert "Google Maps gave no usable answer: no geocoding." in notices(told)


async def test_without_outlines_a_postcode_is_still_placed(site: Site, upstreams: Upstreams) -> None:
    upstreams.down("ons-geography")
    told = await site.answer(FULL)
    assert (told["data"]["location"]["latitude"], told["data"]["boundaries"]) == (51.519201, {})
    assert "ONS Open Geography gave no usable answer: no outlines." in notices(told)


@pytest.mark.parametrize(
    ("down", "told"),
    [
        ("police.uk", "data.police.uk gave no usable answer."),
        ("overpass", "OpenStreetMap gave no usable answer"),
    ],
)
async def test_an_area_that_had_to_leave_a_part_out_says_so_and_is_kept_for_a_moment_only(
    site: Site, upstreams: Upstreams, down: str, told: str
) -> None:
    upstreams.down(down)
    assert told in notices(await site.answer(AREA))
    assert 0 < await site.runtime.cache.ttl("area:E15") <= 30


async def test_an_area_answers_while_the_source_of_the_way_is_down(site: Site, upstreams: Upstreams) -> None:
    upstreams.down("tfl")
    told = await site.answer(f"{AREA}?destination=UCL")
    assert "TfL gave no usable answer: this is a model of the rail network." in notices(told)
    assert told["data"]["commute"]["modes"]


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
    told = await ask(site)
    assert (told["data"], told["metadata"]["stale"]) == (first["data"], True)
    assert told["metadata"]["notices"][0].startswith(LATE)


async def test_an_older_answer_of_a_slow_source_is_not_blamed_on_silence(
    site: Site, upstreams: Upstreams
) -> None:
    await site.commute()
    upstreams.tfl.delay = 30.0
    site.clock.skew += 8 * DAY
    told = await site.commute()
    assert told["metadata"]["notices"][0] == f"{LATE} 8 days ago: no newer one came in time."


@pytest.mark.parametrize(
    "answer", [Answered(403), Answered(429), Answered(503), Answered(body="<html>")], ids=str
)
async def test_a_source_that_refuses_or_sends_nonsense_is_not_called_silent(
    site: Site, upstreams: Upstreams, answer: Answered
) -> None:
    upstreams.tfl.always(answer)
    notice = "TfL gave no usable answer: this is a model of the rail network."
    assert notice in notices(await site.commute())


async def test_a_live_answer_that_is_too_old_is_not_given(site: Site, upstreams: Upstreams) -> None:
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
async def test_what_is_late_is_answered_without_it_and_says_so(
    open_site: Callable[..., Site], upstreams: Upstreams, ask: Ask, server: str, name: str
) -> None:
    upstreams.servers[server].delay = 30.0
    told = await ask(open_site(deadline=HASTY))
    assert f"{name} did not answer in time" in notices(told)


async def test_what_was_late_lands_in_the_cache(open_site: Callable[..., Site], upstreams: Upstreams) -> None:
    upstreams.tfl.delay = 0.2
    site = open_site(deadline=HASTY)
    await site.commute()
    late: Any = await site.runtime.questions.cached_commute.lookup("E15", "ucl")
    assert "TfL Unified API" in late.value.sources
    told = await site.commute()
    assert (told["metadata"]["sourcesUsed"], told["metadata"]["cached"]) == (["TfL Unified API"], True)
    assert upstreams.asked("tfl") == 1


@pytest.mark.parametrize(
    ("path", "body", "other"),
    [
        pytest.param(f"{AREA}?destination=UCL", None, "police.uk", id="area"),
        pytest.param("/api/maps/area", {**MAPS, "destination": "UCL"}, "overpass", id="maps"),
    ],
)
async def test_a_way_does_not_wait_for_the_place_that_it_begins_at(
    open_site: Callable[..., Site], upstreams: Upstreams, path: str, body: Json | None, other: str
) -> None:
    upstreams.servers[other].delay = 30.0
    asking = asyncio.create_task(open_site(deadline=25).answer(path, body))
    await until(lambda: upstreams.asked(other) and upstreams.asked("tfl"))
    assert not asking.done()
    asking.cancel()
