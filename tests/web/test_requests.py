"""What cannot be asked is told field by field, and nothing of it is kept."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import Request

from tests.support.web import client, refused
from veo.errors import InvalidQuestion
from veo.settings import Settings
from veo.web import create_app
from veo.web.body import json_body

pytestmark = pytest.mark.anyio

POSTS = ("/api/recommendations", "/api/commute/calculate", "/api/maps/area")
STUDENT: dict[str, Any] = {"persona": "student", "budget": 1000, "locationType": "rent"}
ODD = ("\ud800", "\x00", "🏠", "a/b", "100%", "a:b", "x" * 10_240, "a\nb", "' OR 1=1", "%00", "-")


@pytest.mark.parametrize("url", POSTS)
@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b'"E15"', b"1", b"\xff\xfe{}", b'{"persona": "\\ud800"}', b"[" * 60_000],
)
async def test_a_body_that_is_no_json_object_is_a_validation_error(
    web: httpx.AsyncClient, url: str, body: bytes
) -> None:
    error = refused(await web.post(url, content=body), 400, "VALIDATION_ERROR")
    assert error["details"]["errors"][0].startswith("body: ")


@pytest.mark.parametrize("url", POSTS)
async def test_a_body_over_64_kb_is_too_large(web: httpx.AsyncClient, url: str) -> None:
    refused(await web.post(url, content=b" " * 65_537), 413, "PAYLOAD_TOO_LARGE")


async def test_a_body_of_64_kb_is_read(web: httpx.AsyncClient) -> None:
    body = json.dumps(STUDENT).encode().ljust(65_536)
    assert (await web.post("/api/recommendations", content=body)).status_code == 200


async def test_no_more_than_the_limit_is_read_of_a_body_without_a_length(web: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 2_000_000:
            sent += 16_384
            yield b" " * 16_384

    refused(await web.post("/api/recommendations", content=endless()), 413, "PAYLOAD_TOO_LARGE")
    assert sent <= 6 * 16_384


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"])
async def test_another_content_type_is_unsupported(web: httpx.AsyncClient, kind: str) -> None:
    answer = await web.post("/api/recommendations", content=b"{}", headers={"content-type": kind})
    refused(answer, 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("headers", [{}, {"content-type": "Application/JSON ; charset=utf-8"}])
async def test_json_with_parameters_or_without_a_type_is_read(
    web: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    body = json.dumps(STUDENT).encode()
    assert (await web.post("/api/recommendations", content=body, headers=headers)).status_code == 200


async def test_a_client_that_leaves_amid_its_body_is_not_our_fault(app: FastAPI) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/api/maps/area", "headers": [], "query_string": b""}
    await app(scope, receive, send)
    assert sent[0]["status"] == 400


async def test_a_body_that_never_arrives_is_given_up() -> None:
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}
    with pytest.raises(InvalidQuestion, match=r"^body: did not arrive within 0 s$"):
        await json_body(Request(scope, asyncio.Event().wait), within=0)  # type: ignore[arg-type]  # never gives a message


async def errors_of(web: httpx.AsyncClient, **body: Any) -> list[str]:
    error = refused(await web.post("/api/recommendations", json=body), 400, "VALIDATION_ERROR")
    listed: list[str] = error["details"]["errors"]
    return listed


async def test_every_bad_field_is_told_at_once(web: httpx.AsyncClient) -> None:
    told = await errors_of(
        web,
        persona="x",
        budget=1,
        locationType="rent",
        maxAreas=21,
        destination="Paris",
        weights={"safety": 11},
    )
    fields = [error.split(":")[0] for error in told]
    assert sorted(fields) == ["budget", "destination", "maxAreas", "persona", "weights.safety"]


async def test_a_budget_is_checked_beside_a_wrong_location_type(web: httpx.AsyncClient) -> None:
    told = await errors_of(web, persona="student", budget=1, locationType="lease")
    assert [error.split(":")[0] for error in told] == ["locationType", "budget"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("budget", "1000"),
        ("budget", True),
        ("budget", None),
        ("budget", 499),
        ("budget", 50_001),
        ("budget", 1e308),
        ("destination", None),
        ("destination", 7),
        ("maxAreas", 0),
        ("maxAreas", 2.5),
        ("maxAreas", "5"),
        ("home", "castle"),
        ("maxCommute", 0),
        ("minSafety", 101),
        ("weights", "safety:8"),
        ("weights", {"luck": 1}),
        ("weights", {"safety": "8"}),
        ("persona", "Student"),
        ("locationType", ""),
    ],
)
async def test_a_field_of_the_wrong_kind_or_range_is_named(
    web: httpx.AsyncClient, field: str, value: object
) -> None:
    (told,) = await errors_of(web, **{**STUDENT, field: value})
    assert told.startswith(field)


@pytest.mark.parametrize("number", [b"NaN", b"Infinity", b"1e999"])
async def test_a_number_must_be_finite(web: httpx.AsyncClient, number: bytes) -> None:
    body = b'{"persona": "student", "locationType": "rent", "budget": %s}' % number
    refused(await web.post("/api/recommendations", content=body), 400, "VALIDATION_ERROR")


@pytest.mark.parametrize(
    ("tenure", "budget"), [("rent", 500), ("rent", 50_000), ("buy", 500), ("buy", 20_000_000)]
)
async def test_the_ends_of_the_budget_are_within_it(web: httpx.AsyncClient, tenure: str, budget: int) -> None:
    asked = {**STUDENT, "locationType": tenure, "budget": budget}
    assert (await web.post("/api/recommendations", json=asked)).status_code == 200


async def test_a_price_may_exceed_the_highest_rent_but_not_its_own_limit(web: httpx.AsyncClient) -> None:
    (told,) = await errors_of(web, **{**STUDENT, "locationType": "buy", "budget": 20_000_001})
    assert told == "budget: must be from 500 to 20,000,000 GBP to buy"


async def test_weights_that_weigh_nothing_are_refused(web: httpx.AsyncClient) -> None:
    nothing = dict.fromkeys(
        ("affordability", "commute", "safety", "amenities", "nightlife", "green_spaces", "property_prices"), 0
    )
    assert await errors_of(web, **STUDENT, weights=nothing) == [
        "weights: at least one factor must have an importance above 0"
    ]


@pytest.mark.parametrize(
    "weights", ["safety", "safety:", "luck:3", "safety:11", "safety:1,safety:2", ":", ","]
)
async def test_written_weights_must_be_factors_with_importances(web: httpx.AsyncClient, weights: str) -> None:
    answer = await web.get("/api/recommendations", params={**STUDENT, "weights": weights})
    (told, *_) = refused(answer, 400, "VALIDATION_ERROR")["details"]["errors"]
    assert told.startswith("weights")


async def test_an_unknown_destination_is_answered_with_the_nearest_names(web: httpx.AsyncClient) -> None:
    (told,) = await errors_of(web, **STUDENT, destination="Imperal College")
    assert "did you mean Imperial College" in told


@pytest.mark.parametrize("origin", ["E", "E" * 11])
async def test_an_origin_has_from_2_to_10_characters(web: httpx.AsyncClient, origin: str) -> None:
    asked = {"origin": origin, "destination": "UCL"}
    (told,) = refused(await web.post("/api/commute/calculate", json=asked), 400, "VALIDATION_ERROR")[
        "details"
    ]["errors"]
    assert told.startswith("origin: ")
    assert "characters" in told


@pytest.mark.parametrize("blank", [" ", "\t", "\u2028"])
async def test_a_blank_destination_is_no_place(web: httpx.AsyncClient, blank: str) -> None:
    (told,) = await errors_of(web, **STUDENT, destination=blank)
    assert told.startswith("destination: ")


async def test_a_malformed_postcode_is_told_the_accepted_form(web: httpx.AsyncClient) -> None:
    error = refused(await web.get("/api/boundaries/postcode?postcode=E15"), 400, "VALIDATION_ERROR")
    assert error["details"]["errors"] == [
        "postcode: must be 5 to 10 letters, digits and spaces, such as E15 1AZ"
    ]


async def test_schools_are_refused_with_both_accepted_forms(web: httpx.AsyncClient) -> None:
    error = refused(await web.get("/api/schools/ZZ"), 400, "VALIDATION_ERROR")
    assert error["details"]["errors"] == [
        "postcode: 'ZZ' is not a full UK postcode such as E1 6AN or a London district such as E15"
    ]


async def test_a_blank_origin_is_no_place(web: httpx.AsyncClient) -> None:
    asked = {"origin": "   ", "destination": "UCL"}
    refused(await web.post("/api/commute/calculate", json=asked), 400, "VALIDATION_ERROR")


async def test_required_parameters_of_a_link_are_named(web: httpx.AsyncClient) -> None:
    error = refused(await web.get("/api/recommendations?budget="), 400, "VALIDATION_ERROR")
    assert error["details"]["errors"] == [
        "persona: is required",
        "locationType: is required",
        "budget: is required",
    ]


@pytest.mark.parametrize("odd", ODD)
async def test_odd_texts_are_refused_everywhere_and_leave_nothing_in_the_cache(odd: str) -> None:
    app = create_app(Settings(cache="memory"))
    texts = [
        ("/api/recommendations", {**STUDENT, "destination": odd}),
        ("/api/recommendations", {**STUDENT, "persona": odd}),
        ("/api/recommendations", {**STUDENT, "weights": {odd: 1}}),
        ("/api/commute/calculate", {"origin": odd, "destination": "UCL"}),
        ("/api/commute/calculate", {"origin": "E15", "destination": odd}),
        ("/api/maps/area", {"areaCode": odd}),
        ("/api/maps/area", {"areaCode": "E15", "destination": odd}),
    ]
    written = odd.encode(errors="surrogatepass")
    params: list[tuple[str, dict[str, Any]]] = [
        ("/api/recommendations", {**STUDENT, "destination": written}),
        ("/api/recommendations", {**STUDENT, "weights": written}),
        ("/api/areas/E15", {"destination": written}),
        ("/api/boundaries/postcode", {"postcode": written}),
        ("/api/boundaries/postcode", {"postcode": "E15 1AZ", "level": written}),
        ("/api/research/area", {"area_code": written}),
        ("/api/research/area", {"area_code": "E15", "persona": written}),
    ]
    segment = "".join(f"%{byte:02X}" for byte in written)
    paths = [f"/api/{kind}/{segment}" for kind in ("areas", "crime", "schools")]
    async with client(app) as web:
        answers = [await web.post(url, content=json.dumps(body)) for url, body in texts]
        answers += [await web.get(f"{url}?{_encoded(query)}") for url, query in params]
        answers += [await web.get(path) for path in paths]
    for answer in answers:
        assert answer.status_code in {400, 404}, (answer.url, answer.text)
        assert answer.json()["error"]["code"] in {"VALIDATION_ERROR", "NOT_FOUND"}
    assert app.state.runtime.cache.stats()["memory"]["entries"] == 0


def _encoded(query: dict[str, Any]) -> str:
    values = {
        name: value if isinstance(value, bytes) else str(value).encode() for name, value in query.items()
    }
    return "&".join(f"{name}={''.join(f'%{b:02X}' for b in value)}" for name, value in values.items())


async def test_a_parameter_that_is_given_twice_is_refused_by_its_name(web: httpx.AsyncClient) -> None:
    answer = await web.get("/api/boundaries/postcode?postcode=E15 1AZ&postcode=N1 1AA")
    assert refused(answer, 400, "VALIDATION_ERROR")["details"]["errors"] == ["postcode: must be given once"]
