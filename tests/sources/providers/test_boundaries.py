"""ONS Open Geography: what is sent, which outlines are accepted, and what each failure becomes."""

import json
from collections.abc import AsyncIterator, Iterator
from copy import deepcopy
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.anything import JSON
from tests.support.effort import tries
from tests.support.provider import Answered
from tests.support.providers.arcgis import (
    AREAS,
    ISLAND,
    MULTI_POLYGON,
    POLYGON,
    SQUARE,
    LoopbackArcGis,
    collection,
    error,
    feature,
)
from veo.errors import BadAnswer, NotFoundThere, ProviderError, RateLimited, Unavailable
from veo.sources.http.client import Http
from veo.sources.http.deadline import within
from veo.sources.providers.boundaries import (
    LAYERS,
    MAX_PAGES,
    PROVIDER,
    AreaLevel,
    Boundaries,
    Layer,
    MultiPolygon,
    Outline,
    Polygon,
)

pytestmark = pytest.mark.anyio

LEVELS: tuple[AreaLevel, ...] = get_args(AreaLevel)
CODES = {level: area[0] for level, area in AREAS.items()}
DISTRICT = CODES["district"]


@pytest.fixture(scope="module")
def server() -> Iterator[LoopbackArcGis]:
    server = LoopbackArcGis()
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def http(server: LoopbackArcGis) -> AsyncIterator[Http]:
    server.reset()
    http = Http({PROVIDER.name: server.url})
    yield http
    await http.close()


@pytest.fixture
def boundaries(http: Http) -> Boundaries:
    return Boundaries(http)


def rings(*lists: list[list[float]]) -> tuple[tuple[tuple[float, ...], ...], ...]:
    """Return rings as tuples, as in an `Outline`."""
    return tuple(tuple(tuple(point) for point in ring) for ring in lists)


def polygon(*ring: object) -> dict[str, Any]:
    """Return a geometry of one ring."""
    return {"type": "Polygon", "coordinates": [list(ring)]}


# The request


async def test_an_area_is_requested_by_its_code_in_the_layer_of_its_level(
    boundaries: Boundaries, server: LoopbackArcGis
) -> None:
    await boundaries.outline("district", "E09000030")
    (request,) = server.requests
    assert (request.method, request.path) == (
        "GET",
        "/Local_Authority_Districts_December_2022_UK_BGC_V2/FeatureServer/0/query",
    )
    assert request.query == {
        "where": "LAD22CD='E09000030'",
        "outFields": "LAD22CD,LAD22NM",
        "outSR": "4326",
        "geometryPrecision": "5",
        "maxAllowableOffset": "0.0005",
        "f": "geojson",
        "resultOffset": "0",
        "resultRecordCount": "2000",
    }


@pytest.mark.parametrize(
    ("level", "field", "tolerance"),
    [
        ("lsoa", "LSOA21CD", "0.0001"),
        ("msoa", "MSOA21CD", "0.0001"),
        ("ward", "WD22CD", "0.0002"),
        ("district", "LAD22CD", "0.0005"),
    ],
)
async def test_the_smaller_the_area_the_finer_its_outline(
    boundaries: Boundaries, server: LoopbackArcGis, level: AreaLevel, field: str, tolerance: str
) -> None:
    await boundaries.outline(level, CODES[level])
    query = server.requests[0].query
    assert (query["where"], query["maxAllowableOffset"]) == (f"{field}='{CODES[level]}'", tolerance)


@pytest.mark.parametrize(
    "gss",
    [
        "",
        "E0900003",
        "E090000300",
        "e09000030",
        "S12000033",
        "E09000030\n",
        "E0900003٣",
        "E09000030' OR '1'='1",
    ],
)
async def test_what_is_not_a_code_of_england_or_wales_is_not_sent(
    boundaries: Boundaries, server: LoopbackArcGis, gss: str
) -> None:
    with pytest.raises(ValueError, match="is not a GSS code of England or Wales"):
        await boundaries.outline("district", gss)
    assert server.requests == []


async def test_a_newer_service_can_replace_one_of_the_table(http: Http, server: LoopbackArcGis) -> None:
    newer = Layer("LAD_MAY_2026_UK_BGC", "LAD26CD", "LAD26NM", "2026-05")
    server.queue(collection(feature("district", LAD26CD=DISTRICT, LAD26NM="Tower Hamlets")))
    outline = await Boundaries(http, {"district": newer}).outline("district", DISTRICT)
    assert outline.vintage == "2026-05"
    assert server.requests[0].path == "/LAD_MAY_2026_UK_BGC/FeatureServer/0/query"
    assert server.requests[0].query["where"] == "LAD26CD='E09000030'"


async def test_the_levels_that_are_not_replaced_keep_their_service(http: Http) -> None:
    boundaries = Boundaries(http, {"ward": Layer("Wards_2026", "WD26CD", "WD26NM", "2026-05")})
    assert (await boundaries.outline("lsoa", CODES["lsoa"])).vintage == LAYERS["lsoa"].vintage


# The outline


async def test_an_outline_has_its_name_its_source_and_its_vintage(boundaries: Boundaries) -> None:
    assert await boundaries.outline("ward", "E05009334") == Outline(
        level="ward",
        code="E05009334",
        name="Spitalfields & Banglatown",
        geometry=Polygon(coordinates=rings(SQUARE)),
        vintage="2022-12",
        source="ONS Open Geography",
    )


async def test_an_area_of_several_parts_is_a_multipolygon(boundaries: Boundaries) -> None:
    outline = await boundaries.outline("district", DISTRICT)
    assert outline.geometry == MultiPolygon(coordinates=(rings(SQUARE), rings(ISLAND)))


async def test_the_geometry_is_geojson_in_json(boundaries: Boundaries) -> None:
    outline = await boundaries.outline("district", DISTRICT)
    assert json.loads(outline.model_dump_json())["geometry"] == MULTI_POLYGON


@pytest.mark.parametrize("level", LEVELS)
async def test_an_outline_survives_json(boundaries: Boundaries, level: AreaLevel) -> None:
    outline = await boundaries.outline(level, CODES[level])
    assert Outline.model_validate_json(outline.model_dump_json()) == outline


async def test_an_outline_can_be_a_key(boundaries: Boundaries) -> None:
    """It is immutable, so it is hashable."""
    outline = await boundaries.outline("district", DISTRICT)
    assert {outline: 1}[outline] == 1


async def test_a_hole_is_kept(boundaries: Boundaries, server: LoopbackArcGis) -> None:
    hole = [[-0.076, 51.514], [-0.074, 51.514], [-0.074, 51.516], [-0.076, 51.514]]
    server.queue(collection(feature("ward", {"type": "Polygon", "coordinates": [SQUARE, hole]})))
    outline = await boundaries.outline("ward", CODES["ward"])
    assert outline.geometry == Polygon(coordinates=rings(SQUARE, hole))


async def test_an_unknown_code_is_not_found(boundaries: Boundaries) -> None:
    with pytest.raises(NotFoundThere, match="no ward E05000001 in Wards_December_2022_Boundaries_UK_BGC"):
        await boundaries.outline("ward", "E05000001")


# Pages


@pytest.mark.parametrize("where", ["top", "properties"])
async def test_the_next_page_is_requested_when_there_is_more(
    boundaries: Boundaries, server: LoopbackArcGis, where: str
) -> None:
    first: dict[str, Any] = {"type": "FeatureCollection", "features": [feature("ward")]}
    more = {"exceededTransferLimit": True}
    first |= more if where == "top" else {"properties": more}
    server.queue(Answered(body=first), collection(feature("ward", polygon(*ISLAND))))
    outline = await boundaries.outline("ward", CODES["ward"])
    assert outline.geometry == MultiPolygon(coordinates=(rings(SQUARE), rings(ISLAND)))
    assert [request.query["resultOffset"] for request in server.requests] == ["0", "1"]


@pytest.mark.parametrize("properties", [None, {}, {"exceededTransferLimit": False}])
async def test_no_further_page_is_requested_when_there_is_no_more(
    boundaries: Boundaries, server: LoopbackArcGis, properties: object
) -> None:
    server.always(
        Answered(
            body={
                "type": "FeatureCollection",
                "features": [feature("ward")],
                "exceededTransferLimit": False,
                "properties": properties,
            }
        )
    )
    await boundaries.outline("ward", CODES["ward"])
    assert len(server.requests) == 1


async def test_endless_pages_are_a_bad_answer(boundaries: Boundaries, server: LoopbackArcGis) -> None:
    server.always(collection(feature("ward"), more=True))
    with pytest.raises(BadAnswer, match="more pages for E05009334 than possible"):
        await boundaries.outline("ward", CODES["ward"])
    assert len(server.requests) == MAX_PAGES == 20


async def test_an_empty_page_that_announces_more_is_a_bad_answer(
    boundaries: Boundaries, server: LoopbackArcGis
) -> None:
    server.always(collection(more=True))
    with pytest.raises(BadAnswer, match="more pages for E05009334 than possible"):
        await boundaries.outline("ward", CODES["ward"])
    assert len(server.requests) == 1


# Rejected answers


@pytest.mark.parametrize(
    "geometry",
    [
        {},
        [],
        {"type": "Point", "coordinates": [-0.08, 51.51]},
        {"type": "Polygon"},
        {"type": "Polygon", "coordinates": None},
        {"type": "Polygon", "coordinates": []},
        {"type": "Polygon", "coordinates": [[]]},
        {"type": "Polygon", "coordinates": [[SQUARE]]},
        {"type": "MultiPolygon", "coordinates": []},
        {"type": "MultiPolygon", "coordinates": [[]]},
        {"type": "MultiPolygon", "coordinates": [SQUARE]},
        polygon([-0.08, 51.51], [-0.08, 51.52], [-0.08, 51.51]),
        polygon([-0.08, 51.51], [-0.08, 51.52], [-0.07, 51.52], [-0.07, 51.51]),
        polygon(["-0.08", 51.51], *SQUARE[1:-1], ["-0.08", 51.51]),
        polygon([True, 51.51], *SQUARE[1:-1], [True, 51.51]),
        polygon([None, 51.51], *SQUARE[1:-1], [None, 51.51]),
        polygon([10**400, 51.51], *SQUARE[1:-1], [10**400, 51.51]),
        polygon([-0.08, 51.51, 3.0], *SQUARE[1:-1], [-0.08, 51.51, 3.0]),
        polygon([-0.08], *SQUARE[1:-1], [-0.08]),
        polygon({"x": -0.08}, *SQUARE[1:-1], {"x": -0.08}),
        polygon(*[[latitude, longitude] for longitude, latitude in SQUARE]),
        polygon(*[[533472.0, 181796.0]] * 4),
        polygon([-9.01, 51.51], *SQUARE[1:-1], [-9.01, 51.51]),
        polygon([3.01, 51.51], *SQUARE[1:-1], [3.01, 51.51]),
        polygon([-0.08, 48.99], *SQUARE[1:-1], [-0.08, 48.99]),
        polygon([-0.08, 61.01], *SQUARE[1:-1], [-0.08, 61.01]),
    ],
)
async def test_an_invalid_geometry_is_a_bad_answer(
    boundaries: Boundaries, server: LoopbackArcGis, geometry: object
) -> None:
    server.queue(collection(feature("ward", geometry)))
    with pytest.raises(BadAnswer, match=r"features\.0\.geometry\S* is not as documented"):
        await boundaries.outline("ward", CODES["ward"])


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e400"])
async def test_a_coordinate_that_is_not_finite_is_a_bad_answer(
    boundaries: Boundaries, server: LoopbackArcGis, number: str
) -> None:
    body = json.dumps({"type": "FeatureCollection", "features": [feature("ward")]})
    server.queue(Answered(body=body.replace("51.51", number)))
    with pytest.raises(BadAnswer):
        await boundaries.outline("ward", CODES["ward"])


async def test_a_feature_without_a_geometry_is_a_bad_answer(
    boundaries: Boundaries, server: LoopbackArcGis
) -> None:
    server.queue(collection(feature("ward") | {"geometry": None}))
    with pytest.raises(BadAnswer):
        await boundaries.outline("ward", CODES["ward"])


async def test_an_outline_of_another_area_is_a_bad_answer(
    boundaries: Boundaries, server: LoopbackArcGis
) -> None:
    server.queue(collection(feature("ward"), feature("ward", WD22CD="E05009335")))
    with pytest.raises(BadAnswer, match="the answer is not about E05009334"):
        await boundaries.outline("ward", CODES["ward"])


@pytest.mark.parametrize("name", [None, "", 7, ["Bow"], "Bow\n"])
async def test_an_invalid_name_is_a_bad_answer(
    boundaries: Boundaries, server: LoopbackArcGis, name: object
) -> None:
    server.queue(collection(feature("ward", WD22NM=name)))
    with pytest.raises(BadAnswer, match="WD22NM is not a name"):
        await boundaries.outline("ward", CODES["ward"])


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ([], "the answer"),
        ({}, "type"),
        ({"type": "FeatureCollection"}, "features"),
        ({"type": "Feature", "features": []}, "type"),
        ({"type": "FeatureCollection", "features": {}}, "features"),
        ({"type": "FeatureCollection", "features": [None]}, "features.0"),
        ({"type": "FeatureCollection", "features": [{"geometry": POLYGON}]}, "features.0.properties"),
        ({"type": "FeatureCollection", "features": [], "properties": []}, "properties"),
        (
            {"type": "FeatureCollection", "features": [], "exceededTransferLimit": "false"},
            "exceededTransferLimit",
        ),
    ],
)
async def test_a_bad_answer_names_the_first_bad_field(
    boundaries: Boundaries, server: LoopbackArcGis, body: dict[str, Any] | list[Any], where: str
) -> None:
    server.queue(Answered(body=body))
    with pytest.raises(BadAnswer, match=f"^ons-geography: {where} is not as documented"):
        await boundaries.outline("ward", CODES["ward"])


# Failures


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (400, BadAnswer),
        (498, BadAnswer),
        (429, RateLimited),
        (500, Unavailable),
        (504, Unavailable),
        ("500", BadAnswer),
        (None, BadAnswer),
    ],
)
async def test_an_error_with_status_200_is_converted_by_its_code(
    boundaries: Boundaries, server: LoopbackArcGis, code: object, expected: type[ProviderError]
) -> None:
    server.queue(error(code))
    with pytest.raises(expected) as caught:
        await boundaries.outline("ward", CODES["ward"])
    assert type(caught.value) is expected
    assert (caught.value.service, caught.value.status) == ("ons-geography", 200)


async def test_a_rate_limited_service_is_paused(boundaries: Boundaries, server: LoopbackArcGis) -> None:
    server.queue(error(429))
    for _ in range(2):
        with pytest.raises(RateLimited):
            await boundaries.outline("ward", CODES["ward"])
    assert len(server.requests) == 1


@pytest.mark.parametrize("body", [{"error": "broken"}, {"error": []}, {"error": {"message": ["a"]}}])
async def test_a_damaged_error_is_a_bad_answer(
    boundaries: Boundaries, server: LoopbackArcGis, body: dict[str, Any]
) -> None:
    server.queue(Answered(body=body))
    with pytest.raises(BadAnswer, match="an error without a code"):
        await boundaries.outline("ward", CODES["ward"])


async def test_the_message_of_an_error_is_quoted(boundaries: Boundaries, server: LoopbackArcGis) -> None:
    server.queue(error(400, "Invalid URL"))
    with pytest.raises(BadAnswer, match=r"^ons-geography: error 400: Invalid URL$"):
        await boundaries.outline("ward", CODES["ward"])


async def test_at_most_80_printable_characters_of_a_message_are_quoted(
    boundaries: Boundaries, server: LoopbackArcGis
) -> None:
    server.queue(error(400, "\x1b\u202e" + "w" * 1000))
    with pytest.raises(BadAnswer) as caught:
        await boundaries.outline("ward", CODES["ward"])
    reason = str(caught.value).removeprefix("ons-geography: error 400: ")
    assert len(reason) == 80
    assert reason.isprintable()


async def test_a_retired_service_is_a_bad_answer(http: Http) -> None:
    retired = Layer("Wards_December_2011_Boundaries", "WD11CD", "WD11NM", "2011-12")
    with pytest.raises(BadAnswer, match="Invalid URL"):
        await Boundaries(http, {"ward": retired}).outline("ward", CODES["ward"])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Answered(429, ""), RateLimited),
        (Answered(503, ""), Unavailable),
        (Answered(502, "<html>Bad Gateway</html>", content_type="text/html"), Unavailable),
        (Answered(body="<html>", content_type="text/html"), BadAnswer),
        (Answered(body={"type": "FeatureCollection", "features": []}, cut=True), ProviderError),
    ],
)
async def test_each_failure_of_the_service_has_its_error(
    boundaries: Boundaries, server: LoopbackArcGis, answer: Answered, expected: type[ProviderError]
) -> None:
    server.always(answer)
    with pytest.raises(expected) as caught:
        await boundaries.outline("ward", CODES["ward"])
    assert caught.value.service == "ons-geography"


async def test_a_slow_service_is_unavailable(boundaries: Boundaries, server: LoopbackArcGis) -> None:
    server.always(Answered(body={"type": "FeatureCollection", "features": []}, delay=2))
    with pytest.raises(Unavailable):
        async with within(0.2):
            await boundaries.outline("ward", CODES["ward"])


# Several levels


async def test_several_levels_keep_the_order_of_the_request(boundaries: Boundaries) -> None:
    by_level, missing = await boundaries.outlines({level: CODES[level] for level in reversed(LEVELS)})
    assert list(by_level) == ["district", "ward", "msoa", "lsoa"]
    assert {level: outline.code for level, outline in by_level.items()} == CODES
    assert missing == ()


async def test_a_level_that_fails_is_missing_with_the_reason(boundaries: Boundaries) -> None:
    by_level, missing = await boundaries.outlines({"ward": "E05000001", "district": DISTRICT})
    assert list(by_level) == ["district"]
    assert [level for level, _ in missing] == ["ward"]
    assert "no ward E05000001" in missing[0].reason


async def test_when_every_level_fails_the_first_error_is_raised(boundaries: Boundaries) -> None:
    with pytest.raises(NotFoundThere, match="no msoa E02999999"):
        await boundaries.outlines({"msoa": "E02999999", "ward": "E05000001"})


async def test_for_no_levels_nothing_is_sent(boundaries: Boundaries, server: LoopbackArcGis) -> None:
    by_level, missing = await boundaries.outlines({})
    assert (len(by_level), missing, server.requests) == (0, (), [])


async def test_an_invalid_code_is_an_error_and_not_a_missing_level(boundaries: Boundaries) -> None:
    with pytest.raises(ValueError, match="is not a GSS code"):
        await boundaries.outlines({"district": DISTRICT, "ward": "Bow"})


# Any answer

GOOD = {
    "page": {
        "type": "FeatureCollection",
        "features": [feature("district")],
        "properties": {"exceededTransferLimit": False},
    },
    "error": {"error": {"code": 400, "message": "Invalid URL", "details": []}},
}


@st.composite
def corrupted(draw: st.DrawFn, kind: str) -> object:
    """Draw an answer in which one part, at any depth, is replaced or removed."""
    answer = deepcopy(GOOD[kind])
    part: Any = answer
    while True:
        key = draw(st.sampled_from(list(part) if isinstance(part, dict) else list(range(len(part)))))
        if isinstance(part[key], dict | list) and part[key] and draw(st.booleans()):
            part = part[key]
        elif draw(st.booleans()):
            part[key] = draw(JSON)
            return answer
        else:
            del part[key]
            return answer


@tries(120)
@given(answer=corrupted("page") | corrupted("error"))
async def test_any_answer_becomes_an_outline_or_a_provider_error(
    server: LoopbackArcGis, answer: object
) -> None:
    server.reset()
    server.always(Answered(body=json.dumps(answer)))
    http = Http({PROVIDER.name: server.url})  # a new one, as a breaker would stay open
    try:
        outline = await Boundaries(http).outline("district", DISTRICT)
    except ProviderError as raised:
        assert raised.service == "ons-geography"  # noqa: PT017  # both outcomes are right, but no other error
    else:
        assert Outline.model_validate_json(outline.model_dump_json()) == outline
    finally:
        await http.close()
