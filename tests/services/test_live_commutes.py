"""A recommendation requests only its shortlist from TfL, and uses TfL's times if it has all of them."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from tests.support.gateway import Gateway
from tests.support.live import RECOMMENDATIONS, Site, notices, until
from tests.support.provider import Answered
from tests.support.providers.tfl import journey, leg, results
from tests.support.upstreams import Upstreams
from tests.support.web import Json

pytestmark = pytest.mark.anyio

ALL = f"{RECOMMENDATIONS}&maxAreas=20"
KEY = "recommendations:student:1000:rent:ucl:-"
WITHIN_40 = f"{ALL}&maxCommute=40"
SCORED_BY_MODEL = "commutes are scored by a model of the rail network."
REFUSED = Answered(400, {"message": "no"})  # not retried, and not counted toward the breaker
LATER = 31  # seconds: longer than an incomplete answer is kept and a failed source is paused


def codes(answer: Json) -> list[str]:
    return [item["areaCode"] for item in answer["recommendations"]]


def live(answer: Json) -> set[str]:
    """Return the areas whose commute is TfL's."""
    return {
        item["areaCode"] for item in answer["recommendations"] if item["commute"]["source"].startswith("TfL")
    }


def scores(answer: Json) -> dict[str, tuple[float, float]]:
    """Return the total and the commute score of every area."""
    return {
        item["areaCode"]: (item["score"], item["factors"]["commute"]) for item in answer["recommendations"]
    }


def sharing(database: Gateway) -> dict[str, Any]:
    """Return the settings of a container on the shared tier."""
    return {"cache": "auto", "upstash_url": database.url, "upstash_token": SecretStr(database.token)}


def commute_reads(database: Gateway) -> list[int]:
    """Return the number of commutes in each read of the shared tier."""
    reads = [command[1:] for command in database.commands if command[0] == "MGET"]
    counted = [
        sum(key.startswith("veo:v1:commute:") and not key.endswith("!") for key in keys) for keys in reads
    ]
    return [count for count in counted if count]


@pytest.fixture
async def embedded(open_site: Callable[..., Site]) -> Json:
    """What is recommended without live sources."""
    return await open_site(live="off").answer(ALL)


# ---- requests to TfL ---------------------------------------------------------------------------------


async def test_exactly_the_shortlist_is_requested_from_tfl(
    site: Site, upstreams: Upstreams, embedded: Json
) -> None:
    await site.answer(RECOMMENDATIONS)
    places = [site.runtime.tables.snapshot.districts[code].location for code in codes(embedded)]
    starts = sorted(request.path.split("/")[3] for request in upstreams.tfl.requests)
    assert starts == sorted(f"{at.lat:.5f},{at.lng:.5f}" for at in places)


async def test_no_other_source_is_called(site: Site, upstreams: Upstreams) -> None:
    await site.answer(RECOMMENDATIONS)
    assert {name for name in upstreams.servers if upstreams.request_count(name)} == {"tfl"}


async def test_an_equal_question_calls_no_source(site: Site, upstreams: Upstreams) -> None:
    await site.answer(RECOMMENDATIONS)
    answer = await site.answer(ALL)
    assert (upstreams.request_count("tfl"), answer["metadata"]["cached"]) == (20, True)


async def test_another_budget_asks_only_for_areas_that_are_new_to_the_shortlist(
    site: Site, upstreams: Upstreams
) -> None:
    first = await site.answer(ALL)
    second = await site.answer(ALL.replace("budget=1000", "budget=900"))
    assert upstreams.request_count("tfl") == len({*codes(first), *codes(second)})


async def test_tfl_without_a_key_keeps_to_fifty_a_minute(open_site: Callable[..., Site]) -> None:
    sources = open_site(tfl_key=None).runtime.sources
    assert sources.live is not None
    assert sources.live.tfl.provider.rate == (50, 60.0)


async def test_tfl_with_a_key_keeps_to_five_hundred_a_minute(site: Site) -> None:
    assert site.runtime.sources.live is not None
    assert site.runtime.sources.live.tfl.provider.rate == (500, 60.0)


# ---- all answered ------------------------------------------------------------------------------------


async def test_every_area_is_shown_with_tfl_s_way(site: Site) -> None:
    answer = await site.answer(ALL)
    assert live(answer) == set(codes(answer))


async def test_areas_are_scored_by_tfl_s_minutes(site: Site, embedded: Json) -> None:
    answer = await site.answer(ALL)
    order = sorted(answer["recommendations"], key=lambda item: item["commute"]["minutes"])
    by_minutes = [item["factors"]["commute"] for item in order]
    assert by_minutes == sorted(by_minutes, reverse=True)
    assert scores(answer) != scores(embedded)


async def test_areas_are_put_in_the_order_of_their_new_scores(site: Site, embedded: Json) -> None:
    answer = await site.answer(ALL)
    shown = [item["score"] for item in answer["recommendations"]]
    assert shown == sorted(shown, reverse=True)
    assert codes(answer) != codes(embedded)


async def test_no_area_comes_or_goes_by_tfl_s_minutes_alone(site: Site, embedded: Json) -> None:
    assert set(codes(await site.answer(ALL))) == set(codes(embedded))


async def test_a_complete_answer_says_when_one_would_leave_and_what_the_licence_asks_for(site: Site) -> None:
    metadata = (await site.answer(ALL))["metadata"]
    assert metadata["notices"] == []
    assert metadata["assumptions"][-1].startswith("TfL's times are for leaving at 08:30 on ")
    assert metadata["attribution"][0].startswith("Powered by TfL Open Data")


async def test_a_complete_answer_is_kept_for_its_hour(site: Site) -> None:
    await site.answer(ALL)
    assert 3000 < await site.runtime.cache.ttl(KEY) <= 3600


# ---- one missing -------------------------------------------------------------------------------------


async def test_nothing_is_scored_live_when_one_area_has_no_time(
    site: Site, upstreams: Upstreams, embedded: Json
) -> None:
    upstreams.tfl.queue(REFUSED)
    assert scores(await site.answer(ALL)) == scores(embedded)


async def test_the_available_commutes_are_still_shown(site: Site, upstreams: Upstreams) -> None:
    upstreams.tfl.queue(REFUSED)
    assert len(live(await site.answer(ALL))) == 19


async def test_missing_times_are_counted_in_a_notice(site: Site, upstreams: Upstreams) -> None:
    upstreams.tfl.queue(REFUSED, REFUSED)
    assert f"TfL gave no time for 2 of 20 areas: {SCORED_BY_MODEL}" in notices(await site.answer(ALL))


async def test_an_incomplete_answer_is_kept_only_briefly(site: Site, upstreams: Upstreams) -> None:
    upstreams.tfl.queue(REFUSED)
    await site.answer(ALL)
    assert 0 < await site.runtime.cache.ttl(KEY) <= 30


async def test_an_incomplete_answer_is_kept_only_briefly_in_the_shared_tier_too(
    open_site: Callable[..., Site], upstreams: Upstreams, database: Gateway
) -> None:
    upstreams.tfl.queue(REFUSED)
    site = open_site(**sharing(database))
    await site.answer(ALL)
    await site.runtime.cache.drain()
    assert 0 < await open_site(**sharing(database)).runtime.cache.ttl(KEY) <= 30


async def test_only_missing_times_are_requested_again(site: Site, upstreams: Upstreams) -> None:
    upstreams.tfl.queue(REFUSED)
    await site.answer(ALL)
    site.clock.skew += LATER
    answer = await site.answer(ALL)
    assert (upstreams.request_count("tfl"), len(live(answer)), notices(answer)) == (21, 20, "")


# ---- late --------------------------------------------------------------------------------------------


async def test_a_late_answer_is_replaced_by_the_rail_graph_and_cached_for_the_next(
    open_site: Callable[..., Site], upstreams: Upstreams
) -> None:
    upstreams.tfl.delay = 0.2
    site = open_site(deadline=0.05)
    first = await site.answer(ALL)
    await until(lambda: upstreams.request_count("tfl") == 20)
    await site.runtime.questions.cached.commute.many([(code, "ucl") for code in codes(first)])
    site.clock.skew += LATER
    second = await site.answer(ALL)
    assert (live(first), len(live(second)), upstreams.request_count("tfl")) == (set(), 20, 20)


# ---- cached ------------------------------------------------------------------------------------------


async def test_only_the_uncached_part_of_a_shortlist_is_requested(
    site: Site, upstreams: Upstreams, embedded: Json
) -> None:
    await site.runtime.questions.cached.commute.many([(code, "ucl") for code in codes(embedded)[:18]])
    upstreams.tfl.requests.clear()
    answer = await site.answer(ALL)
    assert (upstreams.request_count("tfl"), len(live(answer))) == (2, 20)


async def test_all_parts_of_a_shortlist_are_read_at_once(
    open_site: Callable[..., Site], upstreams: Upstreams, database: Gateway
) -> None:
    first, second = open_site(**sharing(database)), open_site(**sharing(database))
    await first.answer(ALL)
    await first.runtime.cache.drain()
    await first.runtime.cache.delete(KEY)
    database.reset()
    answer = await second.answer(ALL)
    assert (commute_reads(database), len(live(answer)), upstreams.request_count("tfl")) == ([20], 20, 20)


async def test_a_cached_modelled_commute_does_not_count_as_tfl_s(
    site: Site, upstreams: Upstreams, embedded: Json
) -> None:
    upstreams.tfl.queue(Answered(404, {"message": "No journey found for your inputs."}))
    await site.commute(codes(embedded)[0])
    assert codes(embedded)[0] not in live(await site.answer(ALL))


async def test_old_times_are_counted_in_a_notice(site: Site, upstreams: Upstreams) -> None:
    await site.answer(ALL)
    upstreams.tfl.always(REFUSED)
    site.clock.skew += 8 * 24 * 3_600
    old = "TfL's times for 20 areas are out of date: no newer ones came in time."
    assert old in notices(await site.answer(ALL))


async def test_a_commute_kept_while_live_sources_were_off_is_not_called_unknown_to_tfl(
    open_site: Callable[..., Site], database: Gateway, embedded: Json
) -> None:
    off = open_site(**sharing(database), live="off")
    await off.commute(codes(embedded)[0])
    await off.runtime.cache.drain()
    answer = await open_site(**sharing(database)).answer(ALL)
    assert f"TfL gave no time for 1 of 20 areas: {SCORED_BY_MODEL}" in notices(answer)


# ---- a commute limit ---------------------------------------------------------------------------------


async def test_an_area_over_the_limit_by_tfl_s_time_leaves_the_list_with_a_notice(
    site: Site, upstreams: Upstreams
) -> None:
    minutes = 95
    upstreams.tfl.queue(Answered(body=results(journey(minutes, leg("bus", minutes, "Here", "There", "25")))))
    answer = await site.answer(WITHIN_40)
    assert max(item["commute"]["minutes"] for item in answer["recommendations"]) <= 40
    assert len(codes(answer)) < 20
    assert "40 min" in notices(answer)
