"""data.police.uk: the contents of a year of crime, how a crowded circle is split, and every failure."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.effort import tries
from tests.support.provider import Answered
from tests.support.providers.police import CENTRE, HTML, LONGEST_GET, YEAR, PoliceServer, away
from tests.support.servers import free_port
from veo.errors import BadAnswer, NotFoundThere, ProviderError, RateLimited, Unavailable
from veo.sources.http.client import Http
from veo.sources.http.deadline import within
from veo.sources.providers.police import ANTISOCIAL, PROVIDER, CrimeYear, Police, Trend

pytestmark = pytest.mark.anyio

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
DAMAGE = tries(50)


def now() -> datetime:
    return datetime(2026, 10, 9, 8, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def running() -> Iterator[PoliceServer]:
    started = PoliceServer()
    started.start()
    yield started
    started.stop()


@pytest.fixture
def server(running: PoliceServer) -> PoliceServer:
    running.reset()
    running.forget()
    return running


@pytest.fixture
async def police(server: PoliceServer) -> AsyncIterator[Police]:
    http = Http({PROVIDER.name: server.url})
    yield Police(http, now)
    await http.close()


def every_month(server: PoliceServer, category: str = "burglary", each: int = 1) -> None:
    """Record `each` crimes of a category at the centre in each month."""
    for month in YEAR:
        server.record(month, category, *[(CENTRE.lat, CENTRE.lng)] * each)


def by_halves(server: PoliceServer, before: int, after: int) -> None:
    """Record `before` crimes in each month of the first half of the year, `after` in the second."""
    for number, month in enumerate(YEAR):
        server.record(month, "drugs", *[(CENTRE.lat, CENTRE.lng)] * (before if number < 6 else after))


# The published months


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        None,
        "2026-08",
        [None],
        ["2026-08"],
        [{}],
        [{"date": None}],
        [{"date": 202608}],
        [{"date": "2026-8"}],
        [{"date": "2026-13"}],
        [{"date": "2026-08-01"}],
        [{"date": "0000-01"}],
        [{"date": "2026-10"}],
        [{"date": "2099-01"}],
    ],
    ids=repr,
)
async def test_damaged_months_or_months_not_yet_ended_are_a_bad_answer(
    police: Police, server: PoliceServer, body: Any
) -> None:
    server.queue(Answered(body=json.dumps(body)))
    with pytest.raises(BadAnswer):
        await police.crime(CENTRE)


# A year


async def test_the_twelve_months_up_to_the_latest_are_requested_by_point(
    police: Police, server: PoliceServer
) -> None:
    every_month(server)
    await police.crime(CENTRE)
    queries = [request.query for request in server.requests if request.path == "/crimes-street/all-crime"]
    assert sorted(queries, key=lambda query: query["date"]) == [
        {"date": month, "lat": "51.54160", "lng": "0.00330"} for month in YEAR
    ]


async def test_a_year_states_its_months_radius_and_source(police: Police, server: PoliceServer) -> None:
    every_month(server)
    assert (await police.crime(CENTRE)).model_dump() == {
        "first": "2025-09",
        "last": "2026-08",
        "months": 12,
        "missing": (),
        "total": 12,
        "antisocial": 0,
        "breakdown": {"burglary": 12},
        "trend": {"changePct": 0.0, "direction": "steady"},
        "lagWeeks": 5,
        "radiusMiles": 1,
        "source": "data.police.uk",
        "vintage": "2025-09 to 2026-08",
    }


async def test_antisocial_behaviour_is_counted_separately(police: Police, server: PoliceServer) -> None:
    every_month(server, "burglary", each=2)
    every_month(server, ANTISOCIAL, each=3)
    year = await police.crime(CENTRE)
    assert (year.total, year.antisocial, dict(year.breakdown)) == (24, 36, {"burglary": 24})


async def test_the_most_frequent_category_comes_first_then_by_name(
    police: Police, server: PoliceServer
) -> None:
    for category in ("robbery", "drugs", "shoplifting", "shoplifting", "burglary"):
        server.record("2026-08", category)
    assert list((await police.crime(CENTRE)).breakdown.items()) == [
        ("shoplifting", 2),
        ("burglary", 1),
        ("drugs", 1),
        ("robbery", 1),
    ]


async def test_an_unknown_category_counts_under_its_own_name(police: Police, server: PoliceServer) -> None:
    server.record("2026-08", "cyber-crime")
    assert dict((await police.crime(CENTRE)).breakdown) == {"cyber-crime": 1}


async def test_a_month_without_any_crime_is_missing(police: Police, server: PoliceServer) -> None:
    every_month(server)
    server.crimes = [crime for crime in server.crimes if crime.month not in {"2025-12", "2026-01"}]
    year = await police.crime(CENTRE)
    assert (year.months, year.missing, year.total) == (10, ("2025-12", "2026-01"), 10)


async def test_a_month_of_incidents_only_is_not_missing(police: Police, server: PoliceServer) -> None:
    every_month(server, ANTISOCIAL)
    year = await police.crime(CENTRE)
    assert (year.months, year.missing) == (12, ())


async def test_a_month_that_is_not_in_the_list_is_missing(police: Police, server: PoliceServer) -> None:
    every_month(server)
    server.published.remove("2026-02")
    assert (await police.crime(CENTRE)).missing == ("2026-02",)


async def test_a_month_that_is_not_in_the_list_is_not_requested(police: Police, server: PoliceServer) -> None:
    every_month(server)
    server.published.remove("2026-02")
    await police.crime(CENTRE)
    assert "2026-02" not in {request.query.get("date") for request in server.requests}


async def test_a_place_without_any_crime_all_year_is_not_found(police: Police) -> None:
    with pytest.raises(NotFoundThere):
        await police.crime(CENTRE)


async def test_fewer_months_can_be_requested(police: Police, server: PoliceServer) -> None:
    every_month(server)
    year = await police.crime(CENTRE, months=3)
    assert (year.first, year.last, year.months, year.total) == ("2026-06", "2026-08", 3, 3)


@pytest.mark.parametrize(
    ("moment", "weeks"),
    [
        (datetime(2026, 9, 6, 23, 59, tzinfo=UTC), 0),
        (datetime(2026, 9, 7, tzinfo=UTC), 1),
        (datetime(2026, 10, 12, tzinfo=UTC), 6),
    ],
    ids=str,
)
async def test_the_lag_is_the_full_weeks_since_the_last_month_ended(
    server: PoliceServer, moment: datetime, weeks: int
) -> None:
    every_month(server)
    http = Http({PROVIDER.name: server.url})
    assert (await Police(http, lambda: moment).crime(CENTRE)).lag_weeks == weeks
    await http.close()


# The trend


@pytest.mark.parametrize(
    ("before", "after", "trend"),
    [
        (20, 21, Trend(change_pct=5.0, direction="steady")),
        (20, 19, Trend(change_pct=-5.0, direction="steady")),
        (19, 20, Trend(change_pct=5.3, direction="rising")),
        (19, 18, Trend(change_pct=-5.3, direction="falling")),
        (3, 4, Trend(change_pct=33.3, direction="rising")),
    ],
    ids=lambda value: value.direction if isinstance(value, Trend) else str(value),
)
async def test_the_trend_is_the_last_six_months_against_the_six_before(
    police: Police, server: PoliceServer, before: int, after: int, trend: Trend
) -> None:
    by_halves(server, before, after)
    assert (await police.crime(CENTRE)).trend == trend


async def test_incidents_do_not_count_in_the_trend(police: Police, server: PoliceServer) -> None:
    every_month(server)
    for month in YEAR[6:]:
        server.record(month, ANTISOCIAL)
    assert (await police.crime(CENTRE)).trend == Trend(change_pct=0.0, direction="steady")


@pytest.mark.parametrize("half", [YEAR[:6], YEAR[6:]], ids=["before", "after"])
async def test_four_months_of_a_half_year_make_a_trend_of_monthly_means(
    police: Police, server: PoliceServer, half: tuple[str, ...]
) -> None:
    by_halves(server, 2, 3)
    server.crimes = [crime for crime in server.crimes if crime.month not in half[:2]]
    assert (await police.crime(CENTRE)).trend == Trend(change_pct=50.0, direction="rising")


@pytest.mark.parametrize("half", [YEAR[:6], YEAR[6:]], ids=["before", "after"])
async def test_three_months_of_a_half_year_make_no_trend(
    police: Police, server: PoliceServer, half: tuple[str, ...]
) -> None:
    by_halves(server, 2, 3)
    server.crimes = [crime for crime in server.crimes if crime.month not in half[:3]]
    assert (await police.crime(CENTRE)).trend is None


async def test_a_half_year_without_a_crime_to_compare_with_makes_no_trend(
    police: Police, server: PoliceServer
) -> None:
    every_month(server, ANTISOCIAL)
    server.record("2026-08", "burglary")
    assert (await police.crime(CENTRE)).trend is None


async def test_half_a_year_makes_no_trend(police: Police, server: PoliceServer) -> None:
    every_month(server)
    assert (await police.crime(CENTRE, months=6)).trend is None


# A month with too many crimes for one answer

SPREAD = [away(metres, step / 64) for metres in (100, 800, 1595) for step in range(64)]
"""Points on the edges of the sectors and between them, up to the rim."""


def polygons(server: PoliceServer) -> set[str]:
    """Return the distinct polygons of the requests; a refused one was requested more than once."""
    return {request.query["poly"] for request in server.requests if "poly" in request.query}


async def test_a_crowded_month_is_requested_by_quarters(police: Police, server: PoliceServer) -> None:
    server.record("2026-08", "robbery", *SPREAD)
    server.most = 100
    await police.crime(CENTRE, months=1)
    assert len(polygons(server)) == 4


async def test_a_crowded_month_counts_each_crime_once(police: Police, server: PoliceServer) -> None:
    server.record("2026-08", "robbery", *SPREAD, (CENTRE.lat, CENTRE.lng))
    server.most = 100
    assert (await police.crime(CENTRE, months=1)).total == len(SPREAD) + 1


async def test_a_crime_beyond_a_mile_is_in_no_quarter(police: Police, server: PoliceServer) -> None:
    server.record("2026-08", "robbery", *SPREAD, *(away(1615, step / 64) for step in range(64)))
    server.most = 100
    assert (await police.crime(CENTRE, months=1)).total == len(SPREAD)


async def test_a_crowded_quarter_is_split_again(police: Police, server: PoliceServer) -> None:
    crowd = [away(700, share) for share in (0.01, 0.05, 0.10, 0.14, 0.20, 0.24)]
    server.record("2026-08", "robbery", *crowd)
    server.most = 2
    year = await police.crime(CENTRE, months=1)
    assert (year.total, len(polygons(server))) == (len(crowd), 4 + 2 + 4)


async def test_only_the_crowded_month_is_split(police: Police, server: PoliceServer) -> None:
    every_month(server)
    server.record("2026-05", "robbery", *SPREAD)
    server.most = 100
    year = await police.crime(CENTRE)
    assert (year.total, len(polygons(server))) == (len(SPREAD) + 12, 4)


async def test_a_point_that_is_crowded_by_itself_is_unavailable(police: Police, server: PoliceServer) -> None:
    server.record("2026-08", "robbery", *[away(700, 0.01)] * 3)
    server.most = 2
    with pytest.raises(Unavailable):
        await police.crime(CENTRE, months=1)


async def test_a_sixteenth_of_the_circle_is_the_smallest_sector(police: Police, server: PoliceServer) -> None:
    server.record("2026-08", "robbery", *[away(700, 0.01)] * 3)
    server.most = 2
    with pytest.raises(Unavailable):
        await police.crime(CENTRE, months=1)
    assert len(polygons(server)) <= 4 + 2 + 2


async def test_the_request_for_a_sector_is_far_shorter_than_the_limit_of_a_get(
    police: Police, server: PoliceServer
) -> None:
    server.record("2026-08", "robbery", *SPREAD)
    server.most = 100
    await police.crime(CENTRE, months=1)
    assert max(map(len, polygons(server))) < LONGEST_GET / 10


async def test_another_failure_does_not_split(police: Police, server: PoliceServer) -> None:
    server.record("2026-08", "robbery", *SPREAD)
    server.queue(Answered(body=[{"date": "2026-08"}]))
    server.queue(*[Answered(502, HTML, "text/html")] * 10)
    with pytest.raises(Unavailable):
        await police.crime(CENTRE, months=1)
    assert polygons(server) == set()


# Answers that are not as documented

ITEM = {"category": "burglary", "id": 116, "month": "2026-08"}


@pytest.mark.parametrize(
    "body",
    [
        {},
        None,
        "none",
        [None],
        ["burglary"],
        [[]],
        [{}],
        [ITEM | {"id": "116"}],
        [ITEM | {"id": None}],
        [ITEM | {"id": 1.5}],
        [ITEM | {"id": True}],
        [ITEM | {"id": float("nan")}],
        [ITEM | {"category": None}],
        [ITEM | {"category": 7}],
        [ITEM | {"category": ""}],
        [ITEM | {"category": "Burglary"}],
        [ITEM | {"category": "burglary\n"}],
        [ITEM | {"category": "<b>"}],
        [ITEM | {"category": "a" * 41}],
        [ITEM | {"month": None}],
        [ITEM | {"month": "2026-07"}],
        [ITEM, {"id": 117}],
    ],
    ids=lambda body: repr(body)[:80],
)
async def test_damaged_crimes_are_a_bad_answer(police: Police, server: PoliceServer, body: Any) -> None:
    server.queue(Answered(body=[{"date": "2026-08"}]), Answered(body=json.dumps(body)))
    with pytest.raises(BadAnswer):
        await police.crime(CENTRE, months=1)


async def test_the_error_for_a_bad_answer_does_not_quote_it(police: Police, server: PoliceServer) -> None:
    odd = [ITEM | {"category": "<script>"}]
    server.queue(Answered(body=[{"date": "2026-08"}]), Answered(body=odd))
    with pytest.raises(BadAnswer) as raised:
        await police.crime(CENTRE, months=1)
    assert "script" not in str(raised.value)


async def test_nothing_but_number_category_and_month_is_read(police: Police, server: PoliceServer) -> None:
    item = ITEM | {"location": None, "outcome_status": 3, "context": [], "new": {}}
    server.queue(Answered(body=[{"date": "2026-08"}]), Answered(body=[item]))
    assert (await police.crime(CENTRE, months=1)).total == 1


# Failures of the provider

FAILURES = [
    (Answered(400, HTML, "text/html"), BadAnswer),
    (Answered(404, {"error": "not found"}), NotFoundThere),
    (Answered(429, "", "text/plain", {"Retry-After": "60"}), RateLimited),
    (Answered(500, HTML, "text/html"), Unavailable),
    (Answered(502, HTML, "text/html"), Unavailable),
    (Answered(503, HTML, "text/html"), Unavailable),
    (Answered(200, HTML, "text/html"), BadAnswer),
    (Answered(200, '[{"date": "2026-0', "application/json"), BadAnswer),
]


@pytest.mark.parametrize(
    ("answer", "error"), FAILURES, ids=[f"{answer.status} {answer.content_type}" for answer, _ in FAILURES]
)
async def test_an_http_failure_is_a_provider_error(
    police: Police, server: PoliceServer, answer: Answered, error: type[ProviderError]
) -> None:
    server.always(answer)
    with pytest.raises(error) as raised:
        await police.crime(CENTRE)
    assert type(raised.value) is error


async def test_one_month_that_fails_fails_the_year(police: Police, server: PoliceServer) -> None:
    every_month(server)
    months = [{"date": month} for month in YEAR]
    server.queue(Answered(body=months), Answered(429, "", "text/plain", {"Retry-After": "60"}))
    with pytest.raises(RateLimited):
        await police.crime(CENTRE)


async def test_a_truncated_answer_is_a_provider_error(police: Police, server: PoliceServer) -> None:
    server.always(Answered(body=[{"date": "2026-08"}], cut=True))
    with pytest.raises(ProviderError):
        await police.crime(CENTRE)


async def test_a_slow_answer_is_unavailable(police: Police, server: PoliceServer) -> None:
    server.always(Answered(body=[{"date": "2026-08"}], delay=30))
    with pytest.raises(Unavailable):
        async with within(0.1):
            await police.crime(CENTRE)


async def test_a_server_that_does_not_listen_is_unavailable() -> None:
    http = Http({PROVIDER.name: f"http://127.0.0.1:{free_port()}"})
    with pytest.raises(Unavailable):
        await Police(http, now).crime(CENTRE)
    await http.close()


# Any answer


@given(
    body=JSON | st.lists(st.fixed_dictionaries({"date": JSON | st.from_regex(r"\d{4}-\d\d", fullmatch=True)}))
)
@DAMAGE
async def test_any_months_are_read_or_a_provider_error(server: PoliceServer, body: Any) -> None:
    server.queue(Answered(body=json.dumps(body)))
    http = Http({PROVIDER.name: server.url})
    with suppress(ProviderError):
        await Police(http, now).crime(CENTRE)
    await http.close()


@given(
    body=JSON
    | st.lists(
        st.fixed_dictionaries(
            {
                "id": st.integers() | JSON,
                "category": st.sampled_from(["burglary", ANTISOCIAL]) | JSON,
                "month": st.just("2026-08") | JSON,
            }
        ),
        max_size=4,
    )
)
@DAMAGE
async def test_any_crimes_become_a_year_or_a_provider_error(server: PoliceServer, body: Any) -> None:
    server.queue(Answered(body=[{"date": "2026-08"}]), Answered(body=json.dumps(body)))
    http = Http({PROVIDER.name: server.url})
    with suppress(BadAnswer, NotFoundThere):
        assert isinstance(await Police(http, now).crime(CENTRE, months=1), CrimeYear)
    await http.close()
