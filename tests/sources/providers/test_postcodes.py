"""postcodes.io: what is asked, what is read of an answer, and what each failure becomes."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from copy import deepcopy
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from tests.support.anything import JSON
from tests.support.postcodes import (
    JERSEY,
    LARGEST_BULK,
    LIVERPOOL_STREET,
    SW1A,
    TERMINATED,
    LoopbackPostcodes,
    ok,
    refused,
)
from tests.support.provider import Answered
from veo.errors import BadAnswer, NotFoundThere, ProviderError, RateLimited, Unavailable
from veo.models import FrozenMap, Location
from veo.sources.http.client import Http
from veo.sources.http.deadline import within
from veo.sources.providers.postcodes import BULK, PROVIDER, AreaCodes, OutcodeFacts, PostcodeFacts, Postcodes

pytestmark = pytest.mark.anyio

T = TypeVar("T")
MANY = TypeAdapter(FrozenMap[str, PostcodeFacts | None])
HTML = Answered(502, "<html>Bad Gateway</html>", content_type="text/html")


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackPostcodes]:
    server = LoopbackPostcodes()
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def postcodes(server: LoopbackPostcodes) -> AsyncIterator[Postcodes]:
    server.reset()
    http = Http({PROVIDER.name: server.url})
    yield Postcodes(http)
    await http.close()


def altered(base: dict[str, Any], **fields: object) -> Answered:
    """Give an answer about something with other fields."""
    return ok(base | fields)


def without(base: dict[str, Any], *fields: str) -> Answered:
    """Give an answer about something that lacks fields."""
    return ok({name: value for name, value in base.items() if name not in fields})


# One postcode


async def test_a_postcode_is_asked_for_without_its_space(
    postcodes: Postcodes, server: LoopbackPostcodes
) -> None:
    await postcodes.postcode("E1 6AN")
    assert [(request.method, request.path) for request in server.requests] == [("GET", "/postcodes/E16AN")]


async def test_a_postcode_has_a_point_and_the_names_and_codes_of_its_areas(postcodes: Postcodes) -> None:
    assert await postcodes.postcode("E1 6AN") == PostcodeFacts(
        postcode="E1 6AN",
        outcode="E1",
        location=Location(lat=51.519201, lng=-0.077434),
        country="England",
        region="London",
        admin_district="Tower Hamlets",
        admin_ward="Spitalfields & Banglatown",
        lsoa="Tower Hamlets 015F",
        msoa="Tower Hamlets 035",
        codes=AreaCodes(
            lsoa="E01033491", msoa="E02006853", admin_district="E09000030", admin_ward="E05009334"
        ),
        source="postcodes.io (ONSPD)",
    )


async def test_a_service_without_the_areas_of_2021_gives_the_names_and_codes_of_2011(
    postcodes: Postcodes, server: LoopbackPostcodes
) -> None:
    codes = {name: code for name, code in LIVERPOOL_STREET["codes"].items() if not name.endswith("21")}
    server.queue(altered(LIVERPOOL_STREET, codes=codes))
    facts = await postcodes.postcode("E1 6AN")
    assert (facts.lsoa, facts.codes.lsoa) == ("Tower Hamlets 015B", "E01004307")
    assert (facts.msoa, facts.codes.msoa) == ("Tower Hamlets 015", "E02000878")


@pytest.mark.parametrize(("region", "inside"), [("London", True), ("South East", False), (None, False)])
async def test_a_postcode_is_in_london_when_its_region_is(
    postcodes: Postcodes, server: LoopbackPostcodes, region: str | None, inside: bool
) -> None:
    server.queue(altered(LIVERPOOL_STREET, region=region))
    assert (await postcodes.postcode("E1 6AN")).in_london is inside


async def test_a_postcode_of_the_channel_islands_has_no_point_and_no_areas(postcodes: Postcodes) -> None:
    assert await postcodes.postcode("JE2 3XP") == PostcodeFacts(
        postcode="JE2 3XP", outcode="JE2", country="Channel Islands"
    )


@pytest.mark.parametrize("half", ["latitude", "longitude"])
async def test_half_a_point_is_no_point(postcodes: Postcodes, server: LoopbackPostcodes, half: str) -> None:
    server.queue(altered(LIVERPOOL_STREET, **{half: None}))
    assert (await postcodes.postcode("E1 6AN")).location is None


async def test_codes_that_are_not_gss_codes_are_left_out(
    postcodes: Postcodes, server: LoopbackPostcodes
) -> None:
    server.queue(altered(LIVERPOOL_STREET, codes={"lsoa": "95ZZ04W1", "admin_district": "N09000003\n"}))
    assert (await postcodes.postcode("E1 6AN")).codes == AreaCodes()


@pytest.mark.parametrize(
    "answer", [altered(LIVERPOOL_STREET, codes=None), without(LIVERPOOL_STREET, "codes")]
)
async def test_without_codes_the_rest_is_kept(
    postcodes: Postcodes, server: LoopbackPostcodes, answer: Answered
) -> None:
    server.queue(answer)
    facts = await postcodes.postcode("E1 6AN")
    assert (facts.codes, facts.admin_district) == (AreaCodes(), "Tower Hamlets")


async def test_missing_parts_are_left_out(postcodes: Postcodes, server: LoopbackPostcodes) -> None:
    server.queue(ok({"postcode": "E1 6AN"}))
    assert await postcodes.postcode("E1 6AN") == PostcodeFacts(postcode="E1 6AN", outcode="E1")


async def test_facts_are_the_same_after_a_stay_in_json(postcodes: Postcodes) -> None:
    facts = await postcodes.postcode("E1 6AN")
    assert PostcodeFacts.model_validate_json(facts.model_dump_json()) == facts


@pytest.mark.parametrize(
    "text",
    ["e1 6an", "E16AN", "E1  6AN", "E1 6AN\n", " E1 6AN", "E1 ٦AN", "E1", "", "E1 6AN/..", "../E1 6AN"],
)
async def test_a_text_that_is_not_canonical_is_not_asked_for(
    postcodes: Postcodes, server: LoopbackPostcodes, text: str
) -> None:
    with pytest.raises(ValueError, match="is not a canonical postcode"):
        await postcodes.postcode(text)
    assert server.requests == []


# Not there


async def test_an_unknown_postcode_is_not_found(postcodes: Postcodes) -> None:
    with pytest.raises(NotFoundThere, match="postcode E1 9ZZ not found") as caught:
        await postcodes.postcode("E1 9ZZ")
    assert (caught.value.service, caught.value.status) == ("postcodes.io", 404)


async def test_a_terminated_postcode_is_not_found_and_it_is_said_since_when(postcodes: Postcodes) -> None:
    with pytest.raises(NotFoundThere, match="postcode E1W 1UU was terminated in February 2015"):
        await postcodes.postcode("E1W 1UU")


@pytest.mark.parametrize(
    "answer",
    [
        altered(TERMINATED, postcode="E1W 1UV"),
        altered(TERMINATED, month_terminated=0),
        altered(TERMINATED, month_terminated=13),
        altered(TERMINATED, month_terminated="2"),
        altered(TERMINATED, year_terminated=10**6),
        without(TERMINATED, "year_terminated"),
        ok(None),
        Answered(body="<html>", content_type="text/html"),
    ],
)
async def test_a_postcode_stays_not_found_when_it_cannot_be_told_why(
    postcodes: Postcodes, server: LoopbackPostcodes, answer: Answered
) -> None:
    server.queue(refused(404, "Postcode not found"), answer)
    with pytest.raises(NotFoundThere, match="postcode E1W 1UU not found"):
        await postcodes.postcode("E1W 1UU")


# An outcode


async def test_an_outcode_has_the_mean_of_its_points_and_every_area_it_touches(postcodes: Postcodes) -> None:
    assert await postcodes.outcode("SW1A") == OutcodeFacts(
        outcode="SW1A",
        location=Location(lat=51.504530636363654, lng=-0.13226037062937065),
        districts=("Westminster", "Wandsworth"),
        wards=("Nine Elms", "St James's"),
        countries=("England",),
        source="postcodes.io (ONSPD)",
    )


async def test_an_outcode_may_lack_all_but_its_name(postcodes: Postcodes, server: LoopbackPostcodes) -> None:
    server.queue(ok({"outcode": "SW1A", "admin_ward": None, "country": [], "admin_district": [None]}))
    assert await postcodes.outcode("SW1A") == OutcodeFacts(outcode="SW1A")


async def test_an_unknown_outcode_is_not_found(postcodes: Postcodes) -> None:
    with pytest.raises(NotFoundThere):
        await postcodes.outcode("EC1")


@pytest.mark.parametrize("code", ["sw1a", "SW1A 1AA", "", "SW1A\n", "E/1", "E٣"])
async def test_an_outcode_that_is_not_canonical_is_not_asked_for(
    postcodes: Postcodes, server: LoopbackPostcodes, code: str
) -> None:
    with pytest.raises(ValueError, match="is not a canonical outcode"):
        await postcodes.outcode(code)
    assert server.requests == []


@pytest.mark.parametrize(
    "answer",
    [
        altered(SW1A, outcode="SW1E"),
        altered(SW1A, country="England"),
        altered(SW1A, admin_ward=[1]),
        altered(SW1A, latitude="51.5"),
        without(SW1A, "outcode"),
    ],
)
async def test_an_outcode_in_another_shape_is_a_bad_answer(
    postcodes: Postcodes, server: LoopbackPostcodes, answer: Answered
) -> None:
    server.queue(answer)
    with pytest.raises(BadAnswer):
        await postcodes.outcode("SW1A")


# Many postcodes


async def test_many_postcodes_are_asked_for_in_one_request(
    postcodes: Postcodes, server: LoopbackPostcodes
) -> None:
    await postcodes.postcodes(["E1 6AN", "JE2 3XP"])
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/postcodes")
    assert json.loads(request.body) == {"postcodes": ["E1 6AN", "JE2 3XP"]}


async def test_many_postcodes_keep_their_order_and_the_unknown_are_none(postcodes: Postcodes) -> None:
    found = await postcodes.postcodes(["ZZ1 1ZZ", "JE2 3XP", "", "E1 6AN"])
    assert [(text, facts and facts.outcode) for text, facts in found.items()] == [
        ("ZZ1 1ZZ", None),
        ("JE2 3XP", "JE2"),
        ("", None),
        ("E1 6AN", "E1"),
    ]


async def test_one_of_many_has_the_facts_that_it_has_alone(postcodes: Postcodes) -> None:
    found = await postcodes.postcodes(["E1 6AN"])
    assert found == FrozenMap({"E1 6AN": await postcodes.postcode("E1 6AN")})


async def test_a_postcode_among_many_stands_under_its_text_as_asked(postcodes: Postcodes) -> None:
    facts = (await postcodes.postcodes(["e16an"]))["e16an"]
    assert facts is not None
    assert (facts.postcode, facts.outcode) == ("E1 6AN", "E1")


async def test_a_repeated_postcode_is_asked_for_once(postcodes: Postcodes, server: LoopbackPostcodes) -> None:
    assert len(await postcodes.postcodes(["E1 6AN", "E1 6AN"])) == 1
    assert json.loads(server.requests[0].body) == {"postcodes": ["E1 6AN"]}


async def test_for_no_postcodes_nothing_is_asked(postcodes: Postcodes, server: LoopbackPostcodes) -> None:
    assert await postcodes.postcodes([]) == FrozenMap()
    assert server.requests == []


async def test_no_request_asks_for_more_than_the_service_allows(
    postcodes: Postcodes, server: LoopbackPostcodes
) -> None:
    many = [f"E{number} 6AN" for number in range(1, 2 * BULK + 52)]
    found = await postcodes.postcodes(many)
    sizes = sorted(len(json.loads(request.body)["postcodes"]) for request in server.requests)
    assert (BULK, sizes) == (LARGEST_BULK, [51, 100, 100])
    assert list(found) == many


async def test_one_bad_part_of_many_fails_all(postcodes: Postcodes, server: LoopbackPostcodes) -> None:
    server.queue(ok([]))
    with pytest.raises(BadAnswer, match="not one result per postcode"):
        await postcodes.postcodes([f"E{number} 6AN" for number in range(1, BULK + 2)])
    assert len(server.requests) == 2


async def test_when_many_fail_nothing_is_left_running(
    postcodes: Postcodes, server: LoopbackPostcodes
) -> None:
    before = asyncio.all_tasks()
    server.queue(ok([]), Answered(body={"status": 200, "result": []}, delay=0.3))
    with pytest.raises(BadAnswer):
        await postcodes.postcodes([f"E{number} 6AN" for number in range(1, BULK + 2)])
    assert asyncio.all_tasks() <= before


@pytest.mark.parametrize(
    "result",
    [
        None,
        {},
        [],
        [None],
        [{"query": "E1 6AN"}],
        [{"result": LIVERPOOL_STREET}],
        [{"query": 1, "result": LIVERPOOL_STREET}],
        [{"query": "E1 6AP", "result": None}],
        [{"query": "E1 6AN", "result": JERSEY}],
        [{"query": "E1 6AN", "result": []}],
        [{"query": "E1 6AN", "result": None}, {"query": "E1 6AN", "result": None}],
    ],
)
async def test_many_in_another_shape_are_a_bad_answer(
    postcodes: Postcodes, server: LoopbackPostcodes, result: object
) -> None:
    server.queue(ok(result))
    with pytest.raises(BadAnswer):
        await postcodes.postcodes(["E1 6AN"])


# Failures


@pytest.mark.parametrize(
    ("answer", "where"),
    [
        (Answered(body=[]), "the answer"),
        (Answered(body={"result": LIVERPOOL_STREET}), "status"),
        (Answered(body={"status": 500, "result": LIVERPOOL_STREET}), "status"),
        (Answered(body={"status": 200}), "result"),
        (ok(None), "result"),
        (ok([LIVERPOOL_STREET]), "result"),
        (without(LIVERPOOL_STREET, "postcode"), "result.postcode"),
        (altered(LIVERPOOL_STREET, latitude="51.519201"), "result.latitude"),
        (altered(LIVERPOOL_STREET, latitude=True), "result.latitude"),
        (altered(LIVERPOOL_STREET, latitude=-0.077434, longitude=51.519201), "result.latitude"),
        (altered(LIVERPOOL_STREET, longitude=51.5), "result.longitude"),
        (altered(LIVERPOOL_STREET, longitude={}), "result.longitude"),
        (altered(LIVERPOOL_STREET, region=["London"]), "result.region"),
        (altered(LIVERPOOL_STREET, codes=[]), "result.codes"),
        (altered(LIVERPOOL_STREET, codes={"lsoa21": 1033491}), "result.codes.lsoa21"),
    ],
)
async def test_another_shape_is_a_bad_answer_that_names_the_field(
    postcodes: Postcodes, server: LoopbackPostcodes, answer: Answered, where: str
) -> None:
    server.queue(answer)
    with pytest.raises(BadAnswer, match=f"^postcodes.io: {where} is not as documented"):
        await postcodes.postcode("E1 6AN")


async def test_an_answer_about_another_postcode_is_a_bad_answer(
    postcodes: Postcodes, server: LoopbackPostcodes
) -> None:
    server.queue(ok(JERSEY))
    with pytest.raises(BadAnswer, match="asked for E1 6AN"):
        await postcodes.postcode("E1 6AN")


async def test_a_number_that_is_not_one_is_a_bad_answer(
    postcodes: Postcodes, server: LoopbackPostcodes
) -> None:
    body = json.dumps({"status": 200, "result": LIVERPOOL_STREET | {"latitude": float("nan")}})
    server.queue(Answered(body=body))
    with pytest.raises(BadAnswer):
        await postcodes.postcode("E1 6AN")


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (refused(429, "Too many requests"), RateLimited),
        (refused(503, "Service not ready"), Unavailable),
        (HTML, Unavailable),
        (refused(400, "Invalid"), BadAnswer),
        (Answered(body="<html>", content_type="text/html"), BadAnswer),
        (Answered(body={"status": 200, "result": LIVERPOOL_STREET}, cut=True), ProviderError),
    ],
)
async def test_a_failure_of_the_service_is_the_error_of_its_kind(
    postcodes: Postcodes, server: LoopbackPostcodes, answer: Answered, failure: type[ProviderError]
) -> None:
    server.always(answer)
    with pytest.raises(failure) as caught:
        await postcodes.postcode("E1 6AN")
    assert caught.value.service == "postcodes.io"


async def test_a_slow_service_is_unavailable(postcodes: Postcodes, server: LoopbackPostcodes) -> None:
    server.always(Answered(body={"status": 200, "result": LIVERPOOL_STREET}, delay=2))
    with pytest.raises(Unavailable):
        async with within(0.2):
            await postcodes.postcode("E1 6AN")


# Any answer

ENVELOPES = {
    "one": {"status": 200, "result": LIVERPOOL_STREET},
    "outcode": {"status": 200, "result": SW1A},
    "many": {"status": 200, "result": [{"query": "E1 6AN", "result": LIVERPOOL_STREET}]},
}


@st.composite
def corrupted(draw: st.DrawFn, kind: str) -> object:
    """Give a good answer in which one part, at any depth, is something else or gone."""
    answer = deepcopy(ENVELOPES[kind])
    spot: Any = answer
    while True:
        keys = list(spot) if isinstance(spot, dict) else list(range(len(spot)))
        key = draw(st.sampled_from(keys))
        if isinstance(spot[key], dict | list) and spot[key] and draw(st.booleans()):
            spot = spot[key]
        elif draw(st.booleans()):
            spot[key] = draw(JSON)
            return answer
        else:
            del spot[key]
            return answer


ANY = settings(max_examples=60, deadline=None)


async def asked(
    server: LoopbackPostcodes, answer: object, ask: Callable[[Postcodes], Awaitable[T]]
) -> T | ProviderError:
    """Ask a client that remembers no failure, of a server that gives this answer."""
    server.reset()
    server.always(Answered(body=json.dumps(answer)))
    http = Http({PROVIDER.name: server.url})
    try:
        return await ask(Postcodes(http))
    except ProviderError as error:
        return error
    finally:
        await http.close()


@ANY
@given(answer=corrupted("one"))
async def test_any_answer_about_a_postcode_gives_facts_or_a_provider_error(
    server: LoopbackPostcodes, answer: object
) -> None:
    got = await asked(server, answer, lambda client: client.postcode("E1 6AN"))
    assert isinstance(got, ProviderError) or PostcodeFacts.model_validate_json(got.model_dump_json()) == got


@ANY
@given(answer=corrupted("outcode"))
async def test_any_answer_about_an_outcode_gives_facts_or_a_provider_error(
    server: LoopbackPostcodes, answer: object
) -> None:
    got = await asked(server, answer, lambda client: client.outcode("SW1A"))
    assert isinstance(got, ProviderError) or OutcodeFacts.model_validate_json(got.model_dump_json()) == got


@ANY
@given(answer=corrupted("many"))
async def test_any_answer_about_many_gives_facts_or_a_provider_error(
    server: LoopbackPostcodes, answer: object
) -> None:
    got = await asked(server, answer, lambda client: client.postcodes(["E1 6AN"]))
    assert isinstance(got, ProviderError) or MANY.validate_json(MANY.dump_json(got)) == got
