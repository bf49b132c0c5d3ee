"""TfL: the day of the journey, what is read from an answer, and what each failure becomes."""

import json
import logging
from collections.abc import AsyncIterator, Iterator
from copy import deepcopy
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tests.support.effort import tries
from tests.support.provider import Answered
from tests.support.providers.tfl import (
    AT_SEA,
    BUS,
    CENTRAL,
    CLEAR,
    ELIZABETH,
    HEATHROW,
    KEY,
    PARIS,
    RESULTS,
    STRATFORD,
    TERMINAL_2,
    TERMINALS,
    WHITE_CITY,
    LoopbackTfl,
    choice,
    end,
    journey,
    leg,
    option,
    results,
    side,
)
from tests.support.servers import free_port
from veo.errors import BadAnswer, NotFoundThere, ProviderError, RateLimited, Unavailable
from veo.models import Leg, Location
from veo.sources.http.client import Http
from veo.sources.http.deadline import within
from veo.sources.providers.tfl import (
    ATTRIBUTION,
    PROVIDER,
    Tfl,
    TflJourney,
    choose_places,
    commuting_day,
    read_journeys,
)

pytestmark = pytest.mark.anyio

TUESDAY = date(2026, 11, 24)
WEDNESDAY = date(2026, 11, 25)
HTML = "<html><body><h1>502 Bad Gateway</h1></body></html>"
MANY = TypeAdapter(tuple[TflJourney, ...])
ENDS = ("51.54160,-0.00330", "51.47060,-0.45460")


@pytest.fixture(scope="module")
def running() -> Iterator[LoopbackTfl]:
    started = LoopbackTfl()
    started.start()
    yield started
    started.stop()


@pytest.fixture
def server(running: LoopbackTfl) -> LoopbackTfl:
    running.reset()
    return running


@pytest.fixture
async def http(server: LoopbackTfl) -> AsyncIterator[Http]:
    opened = Http({PROVIDER.name: server.url})
    yield opened
    await opened.close()


@pytest.fixture
def tfl(http: Http) -> Tfl:
    return Tfl(http, KEY, lambda: TUESDAY)


def read(*journeys: Any) -> tuple[TflJourney, ...]:
    return read_journeys(results(*journeys), WEDNESDAY)


def only(**changes: Any) -> TflJourney:
    """Read one journey with changed fields."""
    (public,) = read(journey(30, **changes))
    return public


def of_leg(**changes: Any) -> Leg:
    """Read a journey and return its only leg, which has changed fields."""
    (public,) = only(legs=[leg("tube", 30, "Here", "There", "Central", **changes)]).legs
    return public


def by_bus(**changes: Any) -> dict[str, Any]:
    """Return a journey whose only leg has changed fields."""
    return journey(30, leg("bus", 30, "Here", "There", "25", **changes))


def without(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


# The day


@pytest.mark.parametrize(
    ("today", "day"),
    [
        (date(2026, 11, 22), date(2026, 11, 24)),
        (date(2026, 11, 23), date(2026, 11, 24)),
        (date(2026, 11, 24), date(2026, 11, 25)),
        (date(2026, 11, 25), date(2026, 11, 26)),
        (date(2026, 11, 26), date(2026, 12, 1)),
        (date(2026, 11, 27), date(2026, 12, 1)),
        (date(2026, 11, 28), date(2026, 12, 1)),
    ],
    ids=lambda day: f"{day:%a}",
)
def test_the_day_is_the_next_tuesday_wednesday_or_thursday(today: date, day: date) -> None:
    assert commuting_day(today) == day


@pytest.mark.parametrize(
    ("today", "day"),
    [
        (date(2028, 12, 18), date(2028, 12, 19)),
        (date(2028, 12, 19), date(2029, 1, 4)),
        (date(2026, 12, 17), date(2027, 1, 5)),
        (date(2026, 12, 31), date(2027, 1, 5)),
    ],
    ids=["the last day before", "not 20 December nor 3 January", "not in between", "in the middle"],
)
def test_the_day_is_not_between_20_december_and_3_january(today: date, day: date) -> None:
    assert commuting_day(today) == day


@given(today=st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_the_day_is_always_within_three_weeks(today: date) -> None:
    assert timedelta(0) < commuting_day(today) - today <= timedelta(weeks=3)


# The request


async def test_the_path_holds_both_points_to_five_decimals(tfl: Tfl, server: LoopbackTfl) -> None:
    await tfl.journeys(STRATFORD, WHITE_CITY)
    assert [(request.method, request.path) for request in server.requests] == [
        ("GET", "/Journey/JourneyResults/51.54160,-0.00330/to/51.51200,-0.22420")
    ]


async def test_a_point_on_the_meridian_has_no_minus_sign(tfl: Tfl, server: LoopbackTfl) -> None:
    await tfl.journeys(Location(lat=51.5, lng=-0.000001), WHITE_CITY)
    assert server.requests[0].path.startswith("/Journey/JourneyResults/51.50000,0.00000/to/")


async def test_the_query_is_for_half_past_eight_on_the_day(tfl: Tfl, server: LoopbackTfl) -> None:
    await tfl.journeys(STRATFORD, WHITE_CITY)
    assert [request.query for request in server.requests] == [
        {
            "date": "20261125",
            "time": "0830",
            "timeIs": "Departing",
            "mode": "tube,dlr,overground,elizabeth-line,national-rail,tram,bus,walking,river-bus,cable-car",
            "nationalSearch": "true",
            "app_key": KEY,
        }
    ]


@pytest.mark.parametrize("key", [None, ""])
async def test_without_a_key_none_is_sent(http: Http, server: LoopbackTfl, key: str | None) -> None:
    await Tfl(http, key, lambda: TUESDAY).journeys(STRATFORD, WHITE_CITY)
    assert "app_key" not in server.requests[0].query


async def test_without_a_key_the_limit_is_50_requests_a_minute(http: Http) -> None:
    assert Tfl(http, None, lambda: TUESDAY).provider.rate == (50, 60.0)


async def test_with_a_key_the_limit_is_500_requests_a_minute(tfl: Tfl) -> None:
    assert tfl.provider.rate == (500, 60.0)


# Journeys


async def test_a_journey_has_its_minutes_legs_modes_fare_and_date(tfl: Tfl) -> None:
    journeys = await tfl.journeys(STRATFORD, WHITE_CITY)
    tube, here, there = "Stratford Underground Station", "E15 1AA", "White City Underground Station"
    assert journeys[1] == TflJourney(
        minutes=39,
        legs=(
            Leg(mode="walk", start=here, end=tube, minutes=6),
            Leg(mode="tube", line="Central", start=tube, end=there, minutes=27),
            Leg(mode="walk", start=there, end="W12 7RJ", minutes=4),
        ),
        modes=("walk", "tube"),
        fare_pence=340,
        date=WEDNESDAY,
        disrupted=False,
        source="TfL Unified API",
    )


async def test_the_quickest_journey_is_the_first(tfl: Tfl) -> None:
    assert [public.minutes for public in await tfl.journeys(STRATFORD, WHITE_CITY)] == [36, 39, 95]


def test_the_modes_are_in_their_order_without_repeats() -> None:
    assert read(ELIZABETH)[0].modes == ("walk", "elizabeth-line", "tube")


def test_there_are_three_journeys_at_most() -> None:
    lines = [leg("bus", minutes, "Here", "There", str(minutes)) for minutes in (50, 20, 40, 30)]
    journeys = read(*(journey(line["duration"], line) for line in lines))
    assert [public.minutes for public in journeys] == [20, 30, 40]


def test_of_journeys_with_the_same_modes_and_lines_the_quickest_is_kept() -> None:
    assert [public.minutes for public in read(journey(32), BUS, journey(30), journey(31))] == [30, 95]


def test_journeys_on_other_lines_are_kept_apart() -> None:
    jubilee = journey(31, leg("tube", 31, "Stratford", "White City", "Jubilee"))
    assert len(read(journey(30), jubilee)) == 2


def test_journeys_by_other_modes_are_kept_apart() -> None:
    rail = journey(31, leg("national-rail", 31, "Stratford", "White City", "Central"))
    assert len(read(journey(30), rail)) == 2


@pytest.mark.parametrize(
    ("tfl_name", "mode"),
    [
        ("walking", "walk"),
        ("tube", "tube"),
        ("dlr", "dlr"),
        ("overground", "overground"),
        ("elizabeth-line", "elizabeth-line"),
        ("national-rail", "national-rail"),
        ("tram", "tram"),
        ("bus", "bus"),
        ("replacement-bus", "bus"),
        ("river-bus", "river-bus"),
        ("cable-car", "cable-car"),
        ("coach", "coach"),
    ],
)
def test_a_mode_has_veo_s_name(tfl_name: str, mode: str) -> None:
    assert of_leg(mode={"id": tfl_name}).mode == mode


@pytest.mark.parametrize("mode", ["cycle", "taxi", "river-tour", "hovercraft", ""])
def test_a_journey_by_an_unknown_mode_is_skipped(mode: str) -> None:
    assert [public.minutes for public in read(journey(20, leg(mode, 20, "Here", "There")), CENTRAL)] == [39]


def test_journeys_only_by_unknown_modes_are_a_bad_answer() -> None:
    with pytest.raises(BadAnswer):
        read(journey(20, leg("taxi", 20, "Here", "There")))


@pytest.mark.parametrize("routes", [None, [], [{}], [{"name": None}], [{"name": ""}], [{"name": " "}]])
def test_a_leg_whose_route_has_no_name_has_no_line(routes: Any) -> None:
    assert of_leg(routeOptions=routes).line is None


def test_the_first_route_names_the_line() -> None:
    assert of_leg(routeOptions=[{"name": "25"}, {"name": "N25"}]).line == "25"


def test_walking_has_no_line() -> None:
    assert of_leg(mode={"id": "walking"}, routeOptions=[{"name": "Path"}]).line is None


def test_a_name_is_one_line_of_plain_text() -> None:
    assert (
        of_leg(departurePoint=end("Bethnal  Green\n<b>Under\u202eground</b>")).start
        == "Bethnal Green Underground"
    )


@pytest.mark.parametrize("fare", [None, {}, {"totalCost": None}])
def test_a_journey_without_a_fare_has_none(fare: Any) -> None:
    assert only(fare=fare).fare_pence is None


def test_a_journey_whose_fare_is_not_mentioned_has_none() -> None:
    assert read(ELIZABETH)[0].fare_pence is None


def test_a_journey_with_one_disrupted_leg_is_disrupted() -> None:
    assert read(ELIZABETH)[0].disrupted is True


def test_one_disrupted_leg_is_enough_where_another_is_unknown() -> None:
    legs = [leg("bus", 5, "Here", "There", isDisrupted=disrupted) for disrupted in (None, True)]
    assert only(legs=legs).disrupted is True


@pytest.mark.parametrize("disrupted", [(None,), (False, None)])
def test_whether_a_journey_is_disrupted_is_unknown_unless_known_of_every_leg(
    disrupted: tuple[bool | None, ...],
) -> None:
    legs = [leg("bus", 5, "Here", "There", isDisrupted=value) for value in disrupted]
    assert only(legs=legs).disrupted is None


@pytest.mark.parametrize("minutes", [0, 600])
def test_the_bounds_of_a_duration_are_inclusive(minutes: int) -> None:
    assert read(journey(minutes))[0].minutes == minutes


async def test_journeys_are_the_same_after_json(tfl: Tfl) -> None:
    journeys = await tfl.journeys(STRATFORD, WHITE_CITY)
    assert MANY.validate_json(MANY.dump_json(journeys)) == journeys


def test_unknown_fields_are_not_in_the_json() -> None:
    bare = only(legs=[without(leg("bus", 30, "Here", "There"), "isDisrupted")])
    assert bare.model_dump(mode="json") == {
        "minutes": 30,
        "legs": [{"mode": "bus", "start": "Here", "end": "There", "minutes": 30}],
        "modes": ["bus"],
        "date": "2026-11-25",
        "source": "TfL Unified API",
    }


def test_the_attribution_names_the_year() -> None:
    assert ATTRIBUTION.format(year=2026) == (
        "Powered by TfL Open Data. Contains OS data © Crown copyright and database rights 2026 "
        "and Geomni UK Map data © and database rights 2026"
    )


# Damaged answers


DAMAGED: dict[str, Any] = {
    "null": None,
    "a text": "journey",
    "a list": [],
    "minutes as text": journey(30, duration="30"),
    "true minutes": journey(30, duration=True),
    "half minutes": journey(30, duration=30.5),
    "negative minutes": journey(-1),
    "601 minutes": journey(601),
    "infinite minutes": journey(30, duration=float("inf")),
    "no minutes": without(journey(30), "duration"),
    "no legs": without(journey(30), "legs"),
    "null legs": journey(30, legs=None),
    "legs of nothing": journey(30, legs=[]),
    "a null leg": journey(30, legs=[None]),
    "a text as legs": journey(30, legs="walk"),
    "leg minutes as text": by_bus(duration="30"),
    "true leg minutes": by_bus(duration=True),
    "NaN leg minutes": by_bus(duration=float("nan")),
    "601 leg minutes": journey(30, leg("bus", 601, "Here", "There")),
    "no mode": journey(30, without(leg("bus", 30, "Here", "There"), "mode")),
    "a null mode": by_bus(mode=None),
    "a list as mode": by_bus(mode={"id": ["bus"]}),
    "no start": journey(30, without(leg("bus", 30, "Here", "There"), "departurePoint")),
    "a null end": by_bus(arrivalPoint=None),
    "an end without a name": by_bus(arrivalPoint={}),
    "an end with a blank name": journey(30, leg("bus", 30, "Here", " ")),
    "a number as name": by_bus(departurePoint={"commonName": 7}),
    "half a character": journey(30, leg("bus", 30, "Here", "\ud800")),
    "a text as routes": by_bus(routeOptions="25"),
    "a null route": by_bus(routeOptions=[None]),
    "a number as line": by_bus(routeOptions=[{"name": 25}]),
    "disruption as text": by_bus(isDisrupted="false"),
    "a fare as text": journey(30, fare={"totalCost": "340"}),
    "a true fare": journey(30, fare={"totalCost": True}),
    "a negative fare": journey(30, fare={"totalCost": -1}),
    "a list as fare": journey(30, fare=[340]),
}


@pytest.mark.parametrize("damaged", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_journey_is_skipped(damaged: Any) -> None:
    assert [public.minutes for public in read(damaged, CENTRAL)] == [39]


@pytest.mark.parametrize("damaged", DAMAGED.values(), ids=DAMAGED)
def test_nothing_but_a_damaged_journey_is_a_bad_answer(damaged: Any) -> None:
    with pytest.raises(BadAnswer):
        read(damaged)


@pytest.mark.parametrize(
    "body", [None, [], "", 7, {}, {"journeys": None}, {"journeys": {}}, {"journeys": "x"}]
)
def test_an_answer_without_a_list_of_journeys_is_a_bad_answer(body: Any) -> None:
    with pytest.raises(BadAnswer):
        read_journeys(body, WEDNESDAY)


def test_an_empty_list_of_journeys_is_not_found() -> None:
    with pytest.raises(NotFoundThere, match="no journey"):
        read()


def test_a_bad_answer_names_the_field_and_quotes_nothing() -> None:
    with pytest.raises(BadAnswer) as raised:
        read_journeys({"journeys": f"<{KEY}>"}, WEDNESDAY)
    assert (str(raised.value), raised.value.status) == ("tfl: journeys is not as documented: list_type", 200)


# A choice between several places


async def test_of_several_places_the_first_of_the_best_matches_is_chosen(
    tfl: Tfl, server: LoopbackTfl
) -> None:
    await tfl.journeys(STRATFORD, HEATHROW)
    assert [request.path.rpartition("/to/")[2] for request in server.requests] == [
        "51.47060,-0.45460",
        TERMINAL_2,
    ]


async def test_an_identified_end_stays_the_same(tfl: Tfl, server: LoopbackTfl) -> None:
    await tfl.journeys(HEATHROW, WHITE_CITY)
    assert server.requests[1].path == f"/Journey/JourneyResults/{TERMINAL_2}/to/51.51200,-0.22420"


async def test_the_second_request_has_the_same_query(tfl: Tfl, server: LoopbackTfl) -> None:
    await tfl.journeys(HEATHROW, WHITE_CITY)
    assert server.requests[1].query == server.requests[0].query


async def test_after_a_choice_there_are_journeys(tfl: Tfl) -> None:
    assert len(await tfl.journeys(HEATHROW, WHITE_CITY)) == 3


async def test_both_ends_may_be_chosen_at_once(tfl: Tfl, server: LoopbackTfl) -> None:
    await tfl.journeys(HEATHROW, HEATHROW)
    assert server.requests[1].path == f"/Journey/JourneyResults/{TERMINAL_2}/to/{TERMINAL_2}"


async def test_a_second_request_to_choose_is_a_bad_answer(tfl: Tfl, server: LoopbackTfl) -> None:
    server.always(Answered(300, choice(CLEAR, TERMINALS)))
    with pytest.raises(BadAnswer) as raised:
        await tfl.journeys(STRATFORD, HEATHROW)
    assert (raised.value.status, len(server.requests)) == (300, 2)


async def test_a_place_that_tfl_cannot_identify_is_not_found(tfl: Tfl, server: LoopbackTfl) -> None:
    with pytest.raises(NotFoundThere):
        await tfl.journeys(STRATFORD, AT_SEA)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", ["notidentified", "empty"])
@pytest.mark.parametrize("swapped", [False, True])
def test_an_end_without_a_place_is_not_found(status: str, swapped: bool) -> None:
    sides = (TERMINALS, side(status)) if swapped else (side(status), TERMINALS)
    with pytest.raises(NotFoundThere):
        choose_places(choice(*sides), ENDS)


def test_an_end_that_is_not_mentioned_stays_the_same() -> None:
    assert choose_places(choice(None, TERMINALS), ENDS) == (ENDS[0], TERMINAL_2)


@pytest.mark.parametrize("point", [(None, None), (51.5, None), (None, -0.1), (0.0, 0.0), (-0.1, 51.5)])
def test_a_place_without_a_point_is_chosen_by_its_value(point: tuple[float | None, float | None]) -> None:
    options = side("list", option("1000173", 1000, *point))
    assert choose_places(choice(CLEAR, options), ENDS)[1] == "1000173"


def test_a_value_without_a_place_is_chosen() -> None:
    options = side("list", without(option("1000173", 1000), "place"))
    assert choose_places(choice(CLEAR, options), ENDS)[1] == "1000173"


@pytest.mark.parametrize(
    ("value", "segment"),
    [
        ("51.5,-0.1", "51.5,-0.1"),
        ("A/B?c=d#e", "A%2FB%3Fc%3Dd%23e"),
        ("..", "%2E%2E"),
        ("Café ☕", "Caf%C3%A9%20%E2%98%95"),
    ],
)
def test_a_value_stays_one_segment_of_the_path(value: str, segment: str) -> None:
    assert choose_places(choice(CLEAR, side("list", option(value, 1000))), ENDS)[1] == segment


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        choice(CLEAR, CLEAR),
        choice(CLEAR, side("list")),
        choice(CLEAR, side("list") | {"disambiguationOptions": []}),
        choice(CLEAR, side("list") | {"disambiguationOptions": "many"}),
        choice(CLEAR, side("perhaps", option("1", 1))),
        choice(CLEAR, {"disambiguationOptions": []}),
        choice(CLEAR, side("list", option("", 1000))),
        choice(CLEAR, side("list", without(option("1", 1), "parameterValue"))),
        choice(CLEAR, side("list", without(option("1", 1), "matchQuality"))),
        choice(CLEAR, side("list", option("1", 1) | {"matchQuality": "high"})),
        choice(CLEAR, side("list", option("1", 1) | {"place": {"lat": "51.5", "lon": "-0.1"}})),
        {"toLocationDisambiguation": "unclear"},
    ],
    ids=lambda body: repr(body)[-80:],
)
def test_a_choice_that_cannot_be_made_is_a_bad_answer(body: Any) -> None:
    with pytest.raises(BadAnswer):
        choose_places(body, ENDS)


# Failures


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answered(400, {"httpStatusCode": 400}), BadAnswer),
        (Answered(404, {"httpStatusCode": 404}), NotFoundThere),
        (Answered(429, {"statusCode": 429}, headers={"Retry-After": "60"}), RateLimited),
        (Answered(500, {"httpStatusCode": 500}), Unavailable),
        (Answered(502, HTML, "text/html"), Unavailable),
        (Answered(503, {}), Unavailable),
        (Answered(200, HTML, "text/html"), BadAnswer),
        (Answered(200, json.dumps(RESULTS)[:-9]), BadAnswer),
    ],
    ids=["400", "404", "429", "500", "502", "503", "a page", "half an answer"],
)
async def test_a_failure_is_a_provider_error_without_the_key(
    tfl: Tfl, server: LoopbackTfl, answer: Answered, error: type[ProviderError]
) -> None:
    server.always(answer)
    with pytest.raises(error) as raised:
        await tfl.journeys(STRATFORD, WHITE_CITY)
    assert KEY not in repr(raised.value)


async def test_a_truncated_answer_is_a_provider_error(tfl: Tfl, server: LoopbackTfl) -> None:
    server.always(Answered(body=RESULTS, cut=True))
    with pytest.raises(ProviderError):
        await tfl.journeys(STRATFORD, WHITE_CITY)


async def test_a_slow_answer_is_unavailable(tfl: Tfl, server: LoopbackTfl) -> None:
    server.always(Answered(body={}, delay=30))
    with pytest.raises(Unavailable):
        async with within(0.1):
            await tfl.journeys(STRATFORD, WHITE_CITY)


async def test_a_server_that_does_not_listen_is_unavailable() -> None:
    http = Http({PROVIDER.name: f"http://127.0.0.1:{free_port()}"})
    with pytest.raises(Unavailable):
        await Tfl(http, KEY, lambda: TUESDAY).journeys(STRATFORD, WHITE_CITY)
    await http.close()


async def test_a_pair_of_points_without_a_journey_is_not_found(tfl: Tfl) -> None:
    with pytest.raises(NotFoundThere):
        await tfl.journeys(STRATFORD, PARIS)


# The key


async def test_the_key_is_not_in_the_repr(tfl: Tfl) -> None:
    assert KEY not in repr(tfl)


async def test_the_key_is_not_logged(tfl: Tfl, server: LoopbackTfl, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await tfl.journeys(STRATFORD, HEATHROW)
    server.always(Answered(400, {}))
    with pytest.raises(BadAnswer):
        await tfl.journeys(STRATFORD, WHITE_CITY)
    assert KEY not in caplog.text


# Any answer


JUNK = st.sampled_from(
    [
        None,
        True,
        0,
        -1,
        7,
        10**30,
        0.5,
        float("nan"),
        float("inf"),
        "",
        "7",
        "x",
        "\ud800",
        [],
        [None],
        {},
        {"id": 1},
    ]
)


def paths(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value inside a JSON value."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for name, value in inner:
        yield (*path, name)
        yield from paths(value, (*path, name))


@st.composite
def damaged(draw: st.DrawFn, good: dict[str, Any]) -> Any:
    """Draw a good answer in which up to three values are removed or replaced."""
    answer = deepcopy(good)
    for _ in range(draw(st.integers(1, 3))):
        *path, last = draw(st.sampled_from(list(paths(answer))))
        parent = answer
        for name in path:
            parent = parent[name]
        if draw(st.booleans()):
            parent[last] = deepcopy(draw(JUNK))
        else:
            del parent[last]
    return answer


@given(body=damaged(RESULTS))
@tries(200)
def test_a_damaged_answer_becomes_journeys_or_a_provider_error(body: Any) -> None:
    try:
        journeys = read_journeys(body, WEDNESDAY)
    except ProviderError:
        return
    assert MANY.validate_json(MANY.dump_json(journeys)) == journeys != ()


@given(body=damaged(choice(TERMINALS, TERMINALS)))
@tries(150)
def test_a_damaged_choice_becomes_both_ends_or_a_provider_error(body: Any) -> None:
    try:
        chosen = choose_places(body, ENDS)
    except ProviderError:
        return
    assert all(segment and "/" not in segment for segment in chosen)
