"""postcodes.io: what is sent, what is read from an answer, and what each failure becomes."""

import json
from collections.abc import AsyncIterator, Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.anything import JSON
from tests.support.effort import tries
from tests.support.provider import Answered
from tests.support.providers.postcodes import (
    JERSEY,
    LIVERPOOL_STREET,
    TERMINATED,
    LoopbackPostcodes,
    ok,
    refused,
)
from veo.errors import BadAnswer, NotFoundThere, ProviderError, RateLimited, Unavailable
from veo.models import Location
from veo.sources.http.client import Http
from veo.sources.http.deadline import within
from veo.sources.providers.postcodes import PROVIDER, AreaCodes, PostcodeFacts, Postcodes

pytestmark = pytest.mark.anyio

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
    """Return an answer with other values of some fields."""
    return ok(base | fields)


def without(base: dict[str, Any], *fields: str) -> Answered:
    """Return an answer without some fields."""
    return ok({name: value for name, value in base.items() if name not in fields})


# One postcode


async def test_a_postcode_is_sent_without_its_space(postcodes: Postcodes, server: LoopbackPostcodes) -> None:
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


async def test_without_the_areas_of_2021_the_names_and_codes_are_those_of_2011(
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


async def test_codes_that_are_not_gss_codes_are_none(postcodes: Postcodes, server: LoopbackPostcodes) -> None:
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


async def test_missing_parts_are_none(postcodes: Postcodes, server: LoopbackPostcodes) -> None:
    server.queue(ok({"postcode": "E1 6AN"}))
    assert await postcodes.postcode("E1 6AN") == PostcodeFacts(postcode="E1 6AN", outcode="E1")


async def test_facts_survive_json(postcodes: Postcodes) -> None:
    facts = await postcodes.postcode("E1 6AN")
    assert PostcodeFacts.model_validate_json(facts.model_dump_json()) == facts


@pytest.mark.parametrize(
    "text",
    ["e1 6an", "E16AN", "E1  6AN", "E1 6AN\n", " E1 6AN", "E1 ٦AN", "E1", "", "E1 6AN/..", "../E1 6AN"],
)
async def test_a_text_that_is_not_canonical_is_not_sent(
    postcodes: Postcodes, server: LoopbackPostcodes, text: str
) -> None:
    with pytest.raises(ValueError, match="is not a canonical postcode"):
        await postcodes.postcode(text)
    assert server.requests == []


# Not found


async def test_an_unknown_postcode_is_not_found(postcodes: Postcodes) -> None:
    with pytest.raises(NotFoundThere, match="postcode E1 9ZZ not found") as caught:
        await postcodes.postcode("E1 9ZZ")
    assert (caught.value.service, caught.value.status) == ("postcodes.io", 404)


async def test_the_error_for_a_terminated_postcode_names_the_month(postcodes: Postcodes) -> None:
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
async def test_a_postcode_stays_not_found_when_the_reason_is_unknown(
    postcodes: Postcodes, server: LoopbackPostcodes, answer: Answered
) -> None:
    server.queue(refused(404, "Postcode not found"), answer)
    with pytest.raises(NotFoundThere, match="postcode E1W 1UU not found"):
        await postcodes.postcode("E1W 1UU")


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
async def test_a_bad_answer_names_the_first_bad_field(
    postcodes: Postcodes, server: LoopbackPostcodes, answer: Answered, where: str
) -> None:
    server.queue(answer)
    with pytest.raises(BadAnswer, match=f"^postcodes.io: {where} is not as documented"):
        await postcodes.postcode("E1 6AN")


async def test_an_answer_about_another_postcode_is_a_bad_answer(
    postcodes: Postcodes, server: LoopbackPostcodes
) -> None:
    server.queue(ok(JERSEY))
    with pytest.raises(BadAnswer, match="the answer is not about E1 6AN"):
        await postcodes.postcode("E1 6AN")


async def test_not_a_number_is_a_bad_answer(postcodes: Postcodes, server: LoopbackPostcodes) -> None:
    body = json.dumps({"status": 200, "result": LIVERPOOL_STREET | {"latitude": float("nan")}})
    server.queue(Answered(body=body))
    with pytest.raises(BadAnswer):
        await postcodes.postcode("E1 6AN")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (refused(429, "Too many requests"), RateLimited),
        (refused(503, "Service not ready"), Unavailable),
        (HTML, Unavailable),
        (refused(400, "Invalid"), BadAnswer),
        (Answered(body="<html>", content_type="text/html"), BadAnswer),
        (Answered(body={"status": 200, "result": LIVERPOOL_STREET}, cut=True), ProviderError),
    ],
)
async def test_each_failure_of_the_service_has_its_error(
    postcodes: Postcodes, server: LoopbackPostcodes, answer: Answered, error: type[ProviderError]
) -> None:
    server.always(answer)
    with pytest.raises(error) as caught:
        await postcodes.postcode("E1 6AN")
    assert caught.value.service == "postcodes.io"


async def test_a_slow_service_is_unavailable(postcodes: Postcodes, server: LoopbackPostcodes) -> None:
    server.always(Answered(body={"status": 200, "result": LIVERPOOL_STREET}, delay=2))
    with pytest.raises(Unavailable):
        async with within(0.2):
            await postcodes.postcode("E1 6AN")


# Any answer


@st.composite
def corrupted(draw: st.DrawFn) -> object:
    """Draw a good answer in which one part, at any depth, is replaced or removed."""
    answer: dict[str, Any] = {"status": 200, "result": deepcopy(LIVERPOOL_STREET)}
    part = answer
    while True:
        key = draw(st.sampled_from(list(part)))
        if isinstance(part[key], dict) and part[key] and draw(st.booleans()):
            part = part[key]
        elif draw(st.booleans()):
            part[key] = draw(JSON)
            return answer
        else:
            del part[key]
            return answer


@tries(60)
@given(answer=corrupted())
async def test_any_answer_becomes_facts_or_a_provider_error(
    server: LoopbackPostcodes, answer: object
) -> None:
    server.reset()
    server.always(Answered(body=json.dumps(answer)))
    http = Http({PROVIDER.name: server.url})  # a new one, as a breaker would stay open
    try:
        facts = await Postcodes(http).postcode("E1 6AN")
    except ProviderError as error:
        assert error.service == "postcodes.io"  # noqa: PT017  # both outcomes are right, but no other error
    else:
        assert PostcodeFacts.model_validate_json(facts.model_dump_json()) == facts
    finally:
        await http.close()
