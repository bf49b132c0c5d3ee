"""The routes answer in exactly the shapes that the published frontend reads."""

import re
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from veo.schemas.requests import RecommendationRequest

pytestmark = pytest.mark.anyio

STUDENT: dict[str, Any] = {"persona": "student", "budget": 1000, "locationType": "rent"}
METADATA = {
    "timestamp",
    "executionTimeMs",
    "sourcesUsed",
    "cached",
    "stale",
    "ageSeconds",
    "notices",
    "assumptions",
    "attribution",
}
QUESTIONS = [
    (persona, budget, tenure)
    for persona in ("student", "parent", "developer")
    for budget, tenure in ((500, "rent"), (1_200, "rent"), (5_000, "rent"), (2_500, "buy"), (650_000, "buy"))
]


async def recommended(web: httpx.AsyncClient, **more: Any) -> Any:
    answer = await web.post("/api/recommendations", json={**STUDENT, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def data(web: httpx.AsyncClient, url: str, body: Any = None) -> Any:
    answer = await (web.get(url) if body is None else web.post(url, json=body))
    assert answer.status_code == 200, answer.text
    assert answer.json().keys() == {"success", "data", "metadata"}
    return answer.json()["data"]


# ---- recommendations ---------------------------------------------------------------------------------


async def test_recommendations_stand_beside_the_metadata_without_a_data_wrapper(
    web: httpx.AsyncClient,
) -> None:
    answer = await recommended(web)
    assert answer.keys() == {"success", "persona", "budget", "recommendations", "metadata"}


async def test_recommendations_repeat_the_persona_and_the_budget_as_a_number(web: httpx.AsyncClient) -> None:
    answer = await recommended(web)
    assert (answer["success"], answer["persona"], answer["budget"]) == (True, "student", 1000)


async def test_five_areas_are_recommended_unless_asked_otherwise(web: httpx.AsyncClient) -> None:
    assert len((await recommended(web))["recommendations"]) == 5


async def test_max_areas_gives_the_beginning_of_the_longer_list(web: httpx.AsyncClient) -> None:
    three, twenty = await recommended(web, maxAreas=3), await recommended(web, maxAreas=20)
    assert three["recommendations"] == twenty["recommendations"][:3]


async def test_a_recommendation_has_every_field_that_the_pages_read(web: httpx.AsyncClient) -> None:
    item = (await recommended(web))["recommendations"][0]
    assert item.keys() >= {"rank", "name", "areaCode", "score", "factors", "strengths", "weaknesses"}


async def test_a_recommendation_has_what_veo_adds(web: httpx.AsyncClient) -> None:
    item = (await recommended(web))["recommendations"][0]
    ours = {"explanation", "figures", "contributions", "coverage", "robustness", "location", "cost"}
    assert item.keys() >= ours


async def test_a_figure_tells_its_unit_level_source_and_vintage(web: httpx.AsyncClient) -> None:
    (figure, *_) = (await recommended(web))["recommendations"][0]["figures"].values()
    assert figure.keys() >= {"value", "unit", "level", "source", "vintage", "live"}


async def test_ranks_count_from_one(web: httpx.AsyncClient) -> None:
    ranks = [item["rank"] for item in (await recommended(web))["recommendations"]]
    assert ranks == [1, 2, 3, 4, 5]


async def test_notices_are_those_of_the_areas_that_are_shown(app: FastAPI, web: httpx.AsyncClient) -> None:
    asked: dict[str, Any] = {"persona": "student", "budget": 350_000, "locationType": "buy"}
    request = RecommendationRequest.model_validate(asked)
    notices_by_count = (await app.state.runtime.recommender.recommend(request)).value.data.notices_by_count
    told = [(await recommended(web, **asked, maxAreas=most))["metadata"]["notices"] for most in range(1, 21)]
    assert len(set(notices_by_count)) > 1
    assert told == [list(said) for said in notices_by_count]


async def test_nothing_under_the_budget_is_said_with_the_gap(web: httpx.AsyncClient) -> None:
    answer = await recommended(web, budget=500, home="3bed")
    assert re.match(r"No areas under £500\. Showing up to £[\d,]+", answer["metadata"]["notices"][0])


async def test_nothing_that_passes_gives_an_empty_list_and_a_notice(web: httpx.AsyncClient) -> None:
    answer = await recommended(web, maxCommute=0.5, destination="Heathrow")
    assert (answer["recommendations"], bool(answer["metadata"]["notices"])) == ([], True)


@pytest.mark.parametrize("name", ["UCL", "Imperial", "KCL", "LSE"])
async def test_the_forms_destinations_are_known(web: httpx.AsyncClient, name: str) -> None:
    answer = await recommended(web, destination=name)
    assert answer["recommendations"][0]["commute"]["minutes"] >= 0


async def test_an_empty_destination_is_none(web: httpx.AsyncClient) -> None:
    without, empty = await recommended(web), await recommended(web, destination="")
    assert without["recommendations"] == empty["recommendations"]


@pytest.mark.parametrize(
    ("destination", "notice"),
    [
        ("e16an", "E1 6AN is taken to be at the centre of its district."),
        ("E15", "E15 is taken to be at its centre."),
        ("EC1", "EC1 is taken to be at its centre."),
    ],
)
async def test_a_destination_that_is_taken_at_a_centre_is_said_to_be(
    web: httpx.AsyncClient, destination: str, notice: str
) -> None:
    assert notice in (await recommended(web, destination=destination))["metadata"]["notices"]


async def test_a_destination_that_is_known_exactly_needs_no_notice(web: httpx.AsyncClient) -> None:
    assert (await recommended(web, destination="UCL"))["metadata"]["notices"] == []


@pytest.mark.parametrize(("persona", "budget", "tenure"), QUESTIONS)
async def test_every_area_over_budget_says_so_in_its_first_weakness_in_pounds_and_per_cent(
    web: httpx.AsyncClient, persona: str, budget: int, tenure: str
) -> None:
    answer = await recommended(web, persona=persona, budget=budget, locationType=tenure, maxAreas=20)
    for item in answer["recommendations"]:
        first = (item["weaknesses"] or [""])[0]
        says_so = re.match(r"£[\d,]+( a month)? over budget \((\d+%|under 1%)\): ", first)
        assert (says_so is not None) == (item["cost"]["overBudgetPct"] > 0), item["areaCode"]


async def test_a_payment_a_fraction_under_50_000_is_no_price(web: httpx.AsyncClient) -> None:
    answer = await recommended(web, locationType="buy", budget=49_999.6)
    assert answer["budget"] == 49_999
    assert "£49,999 a month repays" in answer["metadata"]["assumptions"][0]


async def test_unknown_fields_are_ignored(web: httpx.AsyncClient) -> None:
    assert (await recommended(web, colour="red", no_cache=True))["success"] is True


@pytest.mark.parametrize(("persona", "budget", "tenure"), QUESTIONS)
async def test_every_item_has_the_same_factors_in_the_same_order(
    web: httpx.AsyncClient, persona: str, budget: int, tenure: str
) -> None:
    answer = await recommended(web, persona=persona, budget=budget, locationType=tenure, maxAreas=20)
    assert len({tuple(item["factors"]) for item in answer["recommendations"]}) == 1


@pytest.mark.parametrize(("persona", "budget", "tenure"), QUESTIONS)
async def test_no_name_holds_a_comma(web: httpx.AsyncClient, persona: str, budget: int, tenure: str) -> None:
    answer = await recommended(web, persona=persona, budget=budget, locationType=tenure, maxAreas=20)
    assert not [item["name"] for item in answer["recommendations"] if "," in item["name"]]


@pytest.mark.parametrize(("persona", "budget", "tenure"), QUESTIONS)
async def test_a_score_is_the_weighted_mean_of_the_shown_factors_less_what_it_says(
    web: httpx.AsyncClient, persona: str, budget: int, tenure: str
) -> None:
    personas = {one["name"]: one for one in await data(web, "/api/personas")}
    weights = personas[persona]["weights"]
    answer = await recommended(web, persona=persona, budget=budget, locationType=tenure, maxAreas=20)
    for item in answer["recommendations"]:
        shown = item["factors"].items()
        mean = sum(weights[name] * score for name, score in shown) / sum(weights[name] for name, _ in shown)
        expected = max(0, mean - 2 * item["cost"]["overBudgetPct"])
        assert abs(item["score"] - expected) <= 2 or "capped" in item["explanation"]


async def test_scores_have_one_decimal_at_most(web: httpx.AsyncClient) -> None:
    items = (await recommended(web, maxAreas=20))["recommendations"]
    assert all(item["score"] == round(item["score"], 1) for item in items)


async def test_parents_are_not_shown_nightlife_even_when_they_weigh_it(web: httpx.AsyncClient) -> None:
    answer = await recommended(web, persona="parent", budget=2000, weights={"nightlife": 10})
    assert "nightlife" not in answer["recommendations"][0]["factors"]


async def test_weights_change_the_order(web: httpx.AsyncClient) -> None:
    plain, weighed = await recommended(web), await recommended(web, weights={"safety": 10, "commute": 0})
    assert plain["recommendations"][0] != weighed["recommendations"][0]


@pytest.mark.parametrize(
    ("query", "body"),
    [
        ({}, {}),
        ({"destination": "UCL", "maxAreas": "3"}, {"destination": "UCL", "maxAreas": 3}),
        ({"weights": "safety:8, commute:5"}, {"weights": {"safety": 8, "commute": 5}}),
        ({"home": "", "maxCommute": "", "destination": ""}, {}),
        ({"minSafety": "40.5", "home": "2bed"}, {"minSafety": 40.5, "home": "2bed"}),
    ],
)
async def test_a_link_means_what_the_same_body_means(
    web: httpx.AsyncClient, query: dict[str, str], body: dict[str, Any]
) -> None:
    by_link = await web.get("/api/recommendations", params={**STUDENT, **query})
    assert by_link.json()["recommendations"] == (await recommended(web, **body))["recommendations"]


# ---- metadata ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["/api/areas/E15", "/api/personas", "/api/destinations", "/api/crime/E15"])
async def test_metadata_has_exactly_its_fields(web: httpx.AsyncClient, url: str) -> None:
    assert (await web.get(url)).json()["metadata"].keys() == METADATA


async def test_the_timestamp_is_in_utc_to_the_millisecond(web: httpx.AsyncClient) -> None:
    stamp = (await recommended(web))["metadata"]["timestamp"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp)


async def test_the_execution_time_is_a_whole_number(web: httpx.AsyncClient) -> None:
    assert isinstance((await recommended(web))["metadata"]["executionTimeMs"], int)


async def test_the_first_answer_is_not_cached(web: httpx.AsyncClient) -> None:
    assert (await recommended(web, budget=1711))["metadata"]["cached"] is False


@pytest.mark.parametrize(
    ("method", "url", "body"),
    [
        ("POST", "/api/recommendations", {**STUDENT, "budget": 1733}),
        ("GET", "/api/areas/N16", None),
        ("POST", "/api/commute/calculate", {"origin": "N16", "destination": "LSE"}),
        ("GET", "/api/crime/N16", None),
        ("GET", "/api/schools/N16", None),
        ("GET", "/api/boundaries/postcode?postcode=N16%208AA", None),
        ("POST", "/api/maps/area", {"areaCode": "N16"}),
    ],
)
async def test_the_second_equal_question_is_answered_from_the_cache(
    web: httpx.AsyncClient, method: str, url: str, body: Any
) -> None:
    await web.request(method, url, json=body)
    metadata = (await web.request(method, url, json=body)).json()["metadata"]
    assert (metadata["cached"], metadata["stale"]) == (True, False)


async def test_the_embedded_figures_are_named_as_a_source(web: httpx.AsyncClient) -> None:
    assert "embedded figures" in (await recommended(web))["metadata"]["sourcesUsed"]


async def test_assumptions_say_what_a_room_is(web: httpx.AsyncClient) -> None:
    assert any("room" in said for said in (await recommended(web))["metadata"]["assumptions"])


# ---- the other routes --------------------------------------------------------------------------------


async def test_an_area_has_the_blocks_of_the_contract(web: httpx.AsyncClient) -> None:
    blocks = {"areaCode", "name", "scansan", "crime", "schools", "amenities"}
    assert (await data(web, "/api/areas/E15")).keys() >= blocks


async def test_the_property_block_has_two_names_and_one_content(web: httpx.AsyncClient) -> None:
    area = await data(web, "/api/areas/E15")
    assert area["scansan"] == area["property"]


async def test_an_area_code_may_be_written_small(web: httpx.AsyncClient) -> None:
    assert (await data(web, "/api/areas/e15"))["areaCode"] == "E15"


async def test_a_group_of_districts_is_an_area(web: httpx.AsyncClient) -> None:
    assert (await data(web, "/api/areas/EC1"))["areaCode"] == "EC1"


async def test_numbers_of_the_borough_in_an_area_are_said_to_be_so(web: httpx.AsyncClient) -> None:
    notices = (await web.get("/api/areas/E15")).json()["metadata"]["notices"]
    assert notices[0] == "crimeRate and priceChange are the borough's, not the district's."
    assert sum("borough's" in notice for notice in notices) == 1


async def test_stations_are_counted_from_the_centre(web: httpx.AsyncClient) -> None:
    figures = (await data(web, "/api/areas/E15"))["figures"]
    assert figures["stations_within_1km"]["unit"] == "stations within 1 km of the centre"
    assert figures["nearest_station_km"]["unit"] == "km in a straight line from the centre"


async def test_an_area_has_no_commute_unless_a_destination_is_named(web: httpx.AsyncClient) -> None:
    assert "commute" not in await data(web, "/api/areas/E15")


async def test_an_area_has_the_commute_to_the_destination_that_is_named(web: httpx.AsyncClient) -> None:
    asked = {"origin": "E15", "destination": "UCL"}
    alone = await data(web, "/api/commute/calculate", asked)
    assert (await data(web, "/api/areas/E15?destination=UCL"))["commute"] == alone


async def test_an_area_with_a_commute_is_cached_only_when_both_were(web: httpx.AsyncClient) -> None:
    await web.get("/api/areas/SE10")
    first = (await web.get("/api/areas/SE10?destination=KCL")).json()["metadata"]["cached"]
    second = (await web.get("/api/areas/SE10?destination=KCL")).json()["metadata"]["cached"]
    assert (first, second) == (False, True)


async def test_an_area_with_a_commute_names_both_sources_and_the_assumption(web: httpx.AsyncClient) -> None:
    metadata = (await web.get("/api/areas/E15?destination=UCL")).json()["metadata"]
    alone = (await web.get("/api/areas/E15")).json()["metadata"]
    assert metadata["sourcesUsed"] == [*alone["sourcesUsed"], "modelled rail graph"]
    assert metadata["assumptions"]


async def test_a_commute_is_whole_minutes_by_named_modes(web: httpx.AsyncClient) -> None:
    way = await data(web, "/api/commute/calculate", {"origin": "E15", "destination": "UCL"})
    assert isinstance(way["duration"], int)
    assert way.keys() == {"origin", "destination", "duration", "modes", "routes", "legs"}


async def test_a_station_may_be_the_origin_of_a_commute(web: httpx.AsyncClient) -> None:
    way = await data(web, "/api/commute/calculate", {"origin": "Stratford", "destination": "UCL"})
    assert way["origin"] == "Stratford"


async def test_crime_without_a_live_source_has_no_counts(web: httpx.AsyncClient) -> None:
    assert (await data(web, "/api/crime/E15")).keys() == {"crimeRate", "figures"}


@pytest.mark.parametrize("written", ["E15", "E15 1AZ", "e151az"])
async def test_schools_are_told_of_a_postcode_or_a_district(web: httpx.AsyncClient, written: str) -> None:
    assert (await data(web, f"/api/schools/{written}"))["count"] > 0


async def test_boundaries_have_the_shape_of_the_contract(web: httpx.AsyncClient) -> None:
    found = await data(web, "/api/boundaries/postcode?postcode=E15+1AZ")
    assert found.keys() == {"postcode", "location", "administrative_areas", "codes", "timestamp"}
    assert found["administrative_areas"].keys() == {"country", "region", "district", "ward"}
    assert found["codes"].keys() == {"msoa", "lsoa", "admin_district", "admin_ward"}


async def test_maps_have_the_shape_of_the_contract(web: httpx.AsyncClient) -> None:
    found = await data(web, "/api/maps/area", {"areaCode": "E15"})
    assert found.keys() >= {"areaCode", "geocoding", "staticMapUrl", "nearbyPlaces"}
    assert "distanceToDestination" not in found


async def test_maps_tell_the_distance_to_a_destination(web: httpx.AsyncClient) -> None:
    found = await data(web, "/api/maps/area", {"areaCode": "E14", "destination": "Canary Wharf"})
    far = found["distanceToDestination"]
    assert far.keys() == {"distance", "distanceMeters", "duration", "durationSeconds"}
    assert far["distance"] == f"{far['distanceMeters'] / 1000:.1f} km"


async def test_the_duration_to_a_destination_is_that_of_the_commute(web: httpx.AsyncClient) -> None:
    found = await data(web, "/api/maps/area", {"areaCode": "E15", "destination": "UCL"})
    way = await data(web, "/api/commute/calculate", {"origin": "E15", "destination": "UCL"})
    assert found["distanceToDestination"]["durationSeconds"] == way["duration"] * 60


async def test_a_distance_is_said_to_be_a_straight_line(web: httpx.AsyncClient) -> None:
    answer = await web.post("/api/maps/area", json={"areaCode": "E15", "destination": "UCL"})
    assert (
        "The distance to the destination is measured in a straight line."
        in answer.json()["metadata"]["notices"]
    )


async def test_personas_come_in_the_order_of_the_contract(web: httpx.AsyncClient) -> None:
    names = [(one["name"], one["displayName"]) for one in await data(web, "/api/personas")]
    assert names == [("student", "Student"), ("parent", "Parent"), ("developer", "Property Developer")]


async def test_a_persona_has_weights_that_sum_to_one_and_five_priorities(web: httpx.AsyncClient) -> None:
    for persona in await data(web, "/api/personas"):
        assert persona.keys() == {"name", "displayName", "description", "weights", "priorities"}
        assert sum(persona["weights"].values()) == pytest.approx(1)
        assert len(persona["priorities"]) == 5


async def test_every_listed_destination_can_be_asked_for_by_its_id(web: httpx.AsyncClient) -> None:
    for place in await data(web, "/api/destinations"):
        asked = {"origin": "E15", "destination": place["id"]}
        assert (await data(web, "/api/commute/calculate", asked))["destination"] == place["name"]
