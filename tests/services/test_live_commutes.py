"""A recommendation asks TfL for its shortlist alone, and is scored by it where it has answered for all."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from tests.support.gateway import Gateway
from tests.support.live import RECOMMENDATIONS, Site, notices, until
from tests.support.provider import Answered
from tests.support.tfl import journey, leg, results
from tests.support.upstreams import Upstreams
from tests.support.web import Json

pytestmark = pytest.mark.anyio

ALL = f"{RECOMMENDATIONS}&maxAreas=20"
KEY = "recommendations:student:1000:rent:ucl:-"
WITHIN_40 = f"{ALL}&maxCommute=40"
SCORED_BY_MODEL = "commutes are scored by a model of the rail network."
REFUSED = Answered(400, {"message": "no"})  # not tried again, and not held against TfL
LATER = 31  # seconds: longer than an incomplete answer is kept, and than a failed source is left alone


def codes(answer: Json) -> list[str]:
    return [item["areaCode"] for item in answer["recommendations"]]


def live(answer: Json) -> set[str]:
    """Give the areas whose way is TfL's."""
    return {
        item["areaCode"] for item in answer["recommendations"] if item["commute"]["source"].startswith("TfL")
    }


def scores(answer: Json) -> dict[str, tuple[float, float]]:
    """Give the total and the commute's score of every area."""
    return {
        item["areaCode"]: (item["score"], item["factors"]["commute"]) for item in answer["recommendations"]
    }


def sharing(database: Gateway) -> dict[str, Any]:
    """Give the settings of a container on the shared tier."""
    return {"cache": "auto", "upstash_url": database.url, "upstash_token": SecretStr(database.token)}


def commute_reads(database: Gateway) -> list[int]:
    """Give how many commutes each read of the shared tier asked for."""
    reads = [command[1:] for command in database.commands if command[0] == "MGET"]
    counted = [
        sum(key.startswith("veo:v1:commute:") and not key.endswith("!") for key in keys) for keys in reads
    ]
    return [count for count in counted if count]


@pytest.fixture
async def embedded(open_site: Callable[..., Site]) -> Json:
    """What is recommended without live sources."""
    return await open_site(live="off").answer(ALL)


# ---- what is asked -----------------------------------------------------------------------------------


async def test_exactly_the_shortlist_is_asked_of_tfl(
    site: Site, upstreams: Upstreams, embedded: Json
) -> None:
    await site.answer(RECOMMENDATIONS)
    places = [site.runtime.tables.snapshot.districts[code].location for code in codes(embedded)]
    asked = sorted(request.path.split("/")[3] for request in upstreams.tfl.requests)
    assert asked == sorted(f"{at.lat:.5f},{at.lng:.5f}" for at in places)


async def test_nobody_else_is_asked(site: Site, upstreams: Upstreams) -> None:
    await site.answer(RECOMMENDATIONS)
    assert {name for name in upstreams.servers if upstreams.asked(name)} == {"tfl"}


async def test_an_equal_question_asks_nobody(site: Site, upstreams: Upstreams) -> None:
    await site.answer(RECOMMENDATIONS)
    told = await site.answer(ALL)
    assert (upstreams.asked("tfl"), told["metadata"]["cached"]) == (20, True)


async def test_another_budget_asks_only_for_areas_that_are_new_to_the_shortlist(
    site: Site, upstreams: Upstreams
) -> None:
    first = await site.answer(ALL)
    second = await site.answer(ALL.replace("budget=1000", "budget=900"))
    assert upstreams.asked("tfl") == len({*codes(first), *codes(second)})


async def test_tfl_without_a_key_keeps_to_fifty_a_minute(open_site: Callable[..., Site]) -> None:
    sources = open_site(tfl_key=None).runtime.sources
    assert sources.live is not None
    assert sources.live.tfl.provider.rate == (50, 60.0)


async def test_tfl_with_a_key_keeps_to_five_hundred_a_minute(site: Site) -> None:
    assert site.runtime.sources.live is not None
    assert site.runtime.sources.live.tfl.provider.rate == (500, 60.0)


# ---- all answered ------------------------------------------------------------------------------------


async def test_every_area_is_shown_with_tfl_s_way(site: Site) -> None:
    told = await site.answer(ALL)
    assert live(told) == set(codes(told))


async def test_areas_are_scored_by_tfl_s_minutes(site: Site, embedded: Json) -> None:
    told = await site.answer(ALL)
    order = sorted(told["recommendations"], key=lambda item: item["commute"]["minutes"])
    by_minutes = [item["factors"]["commute"] for item in order]
    assert by_minutes == sorted(by_minutes, reverse=True)
    assert scores(told) != scores(embedded)


async def test_areas_are_put_in_the_order_of_their_new_scores(site: Site, embedded: Json) -> None:
    told = await site.answer(ALL)
    shown = [item["score"] for item in told["recommendations"]]
    assert shown == sorted(shown, reverse=True)
    assert codes(told) != codes(embedded)


async def test_no_area_comes_or_goes_by_tfl_s_minutes_alone(site: Site, embedded: Json) -> None:
    assert set(codes(await site.answer(ALL))) == set(codes(embedded))


async def test_a_whole_answer_says_when_one_would_leave_and_what_the_licence_asks_for(site: Site) -> None:
    metadata = (await site.answer(ALL))["metadata"]
    assert metadata["notices"] == []
    assert metadata["assumptions"][-1].startswith("TfL's times are for leaving at 08:30 on ")
    assert metadata["attribution"][0].startswith("Powered by TfL Open Data")


async def test_a_whole_answer_is_kept_for_its_hour(site: Site) -> None:
    await site.answer(ALL)
    assert 3000 < await site.runtime.cache.ttl(KEY) <= 3600


# ---- one missing -------------------------------------------------------------------------------------


async def test_nothing_is_scored_live_when_one_area_has_no_time(
    site: Site, upstreams: Upstreams, embedded: Json
) -> None:
    upstreams.tfl.queue(REFUSED)
    assert scores(await site.answer(ALL)) == scores(embedded)


async def test_the_known_ways_are_still_shown(site: Site, upstreams: Upstreams) -> None:
    upstreams.tfl.queue(REFUSED)
    assert len(live(await site.answer(ALL))) == 19


async def test_what_is_missing_is_counted(site: Site, upstreams: Upstreams) -> None:
    upstreams.tfl.queue(REFUSED, REFUSED)
    assert f"TfL gave no time for 2 of 20 areas: {SCORED_BY_MODEL}" in notices(await site.answer(ALL))


async def test_an_incomplete_answer_is_kept_for_a_moment_only(site: Site, upstreams: Upstreams) -> None:
    upstreams.tfl.queue(REFUSED)
    await site.answer(ALL)
    assert 0 < await site.runtime.cache.ttl(KEY) <= 30


async def test_the_shared_tier_gives_an_incomplete_answer_the_same_moment(
    open_site: Callable[..., Site], upstreams: Upstreams, database: Gateway
) -> None:
    upstreams.tfl.queue(REFUSED)
    site = open_site(**sharing(database))
    await site.answer(ALL)
    await site.runtime.cache.drain()
    assert 0 < await open_site(**sharing(database)).runtime.cache.ttl(KEY) <= 30


async def test_only_what_was_missing_is_asked_again(site: Site, upstreams: Upstreams) -> None:
    upstreams.tfl.queue(REFUSED)
    await site.answer(ALL)
    site.clock.skew += LATER
    told = await site.answer(ALL)
    assert (upstreams.asked("tfl"), len(live(told)), notices(told)) == (21, 20, "")


# ---- late --------------------------------------------------------------------------------------------


async def test_what_is_late_is_left_to_the_rail_graph_and_lands_in_the_cache(
    open_site: Callable[..., Site], upstreams: Upstreams
) -> None:
    upstreams.tfl.delay = 0.2
    site = open_site(deadline=0.05)
    first = await site.answer(ALL)
    await until(lambda: upstreams.asked("tfl") == 20)
    await site.runtime.questions.cached_commute.many([(code, "ucl") for code in codes(first)])
    site.clock.skew += LATER
    second = await site.answer(ALL)
    assert (live(first), len(live(second)), upstreams.asked("tfl")) == (set(), 20, 20)


# ---- cached ------------------------------------------------------------------------------------------


async def test_a_shortlist_of_which_nine_tenths_are_cached_asks_for_the_rest(
    site: Site, upstreams: Upstreams, embedded: Json
) -> None:
    await site.runtime.questions.cached_commute.many([(code, "ucl") for code in codes(embedded)[:18]])
    upstreams.tfl.requests.clear()
    told = await site.answer(ALL)
    assert (upstreams.asked("tfl"), len(live(told))) == (2, 20)


async def test_all_parts_of_a_shortlist_are_read_at_once(
    open_site: Callable[..., Site], upstreams: Upstreams, database: Gateway
) -> None:
    first, second = open_site(**sharing(database)), open_site(**sharing(database))
    await first.answer(ALL)
    await first.runtime.cache.drain()
    await first.runtime.cache.delete(KEY)
    database.reset()
    told = await second.answer(ALL)
    assert (commute_reads(database), len(live(told)), upstreams.asked("tfl")) == ([20], 20, 20)


async def test_a_modelled_commute_of_the_cache_is_not_taken_for_tfl_s(
    site: Site, upstreams: Upstreams, embedded: Json
) -> None:
    upstreams.tfl.queue(Answered(404, {"message": "No journey found for your inputs."}))
    await site.commute(codes(embedded)[0])
    assert codes(embedded)[0] not in live(await site.answer(ALL))


async def test_old_times_are_counted(site: Site, upstreams: Upstreams) -> None:
    await site.answer(ALL)
    upstreams.tfl.always(REFUSED)
    site.clock.skew += 8 * 24 * 3_600
    old = "TfL gave no newer times in time: those of 20 areas are older than they should be."
    assert old in notices(await site.answer(ALL))


async def test_a_commute_kept_while_live_sources_were_off_is_not_called_unknown_to_tfl(
    open_site: Callable[..., Site], database: Gateway, embedded: Json
) -> None:
    off = open_site(**sharing(database), live="off")
    await off.commute(codes(embedded)[0])
    await off.runtime.cache.drain()
    told = await open_site(**sharing(database)).answer(ALL)
    assert f"TfL gave no time for 1 of 20 areas: {SCORED_BY_MODEL}" in notices(told)


# ---- a limit on the way ------------------------------------------------------------------------------


async def test_an_area_that_tfl_shuts_out_leaves_the_list_and_its_absence_is_said(
    site: Site, upstreams: Upstreams
) -> None:
    minutes = 95
    upstreams.tfl.queue(Answered(body=results(journey(minutes, leg("bus", minutes, "Here", "There", "25")))))
    told = await site.answer(WITHIN_40)
    assert max(item["commute"]["minutes"] for item in told["recommendations"]) <= 40
    assert len(codes(told)) < 20
    assert "40 min" in notices(told)
