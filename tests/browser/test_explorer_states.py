"""The explorer when an answer is late, old, partial, empty, refused or unavailable."""

import re
from functools import partial

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visit import HOSTILE, STUDENT, Json, answered, cards, changed, harmed, refused

pytestmark = pytest.mark.browser

RECOMMENDATIONS = "**/api/recommendations?*"


def test_placeholders_are_shown_while_an_answer_is_loading(page: Page) -> None:
    page.route(RECOMMENDATIONS, lambda _: None)  # it never answers
    page.goto(STUDENT)
    expect(page.locator(".skeleton")).to_have_count(3)
    expect(page.get_by_role("status")).to_have_text("Loading…")


def test_a_slow_answer_is_explained(page: Page) -> None:
    page.clock.install()
    page.route(RECOMMENDATIONS, lambda _: None)
    page.goto(STUDENT)
    expect(page.get_by_role("status")).to_have_text("Loading…")
    page.clock.run_for(3_000)
    expect(page.get_by_role("status")).to_contain_text("Still loading")


def test_a_newer_question_aborts_the_older(page: Page) -> None:
    failed: list[str] = []
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.route("**/api/recommendations?*budget=1000*", lambda _: None)
    page.goto(STUDENT)
    expect(page.get_by_role("status")).to_have_text("Loading…")
    page.get_by_label("Budget").fill("1500")
    page.get_by_role("button", name="Show areas").click()
    expect(cards(page)).to_have_count(10)
    assert [re.search(r"budget=\d+", url)[0] for url in failed if "recommendations" in url] == ["budget=1000"]  # type: ignore[index]  # every question has a budget


def test_an_answer_that_arrives_despite_its_abort_is_dropped(page: Page) -> None:
    """Only the latest question's answer is shown, even if a request cannot be aborted."""
    page.add_init_script(
        "const real = window.fetch; window.late = []; window.fetch = (url, options) => "
        "String(url).includes('budget=1000') ? new Promise((answer) => window.late.push(() => "
        "answer(real(url)))) : real(url, options)"
    )
    page.goto(STUDENT)
    expect(page.get_by_role("status")).to_have_text("Loading…")
    page.get_by_label("Budget").fill("1500")
    page.get_by_role("button", name="Show areas").click()
    expect(page.get_by_role("status")).to_contain_text("£1,500 a month")
    with page.expect_response("**/api/recommendations?*budget=1000*"):
        page.evaluate("window.late.forEach((answer) => answer())")
    page.evaluate("new Promise(requestAnimationFrame)")
    expect(page.get_by_role("status")).to_contain_text("£1,500 a month")


def test_no_match_is_explained_by_the_closest_miss(page: Page) -> None:
    page.goto(f"{STUDENT}&maxCommute=1")
    expect(page.get_by_role("status")).to_have_text("No area fits.")
    expect(page.get_by_text("The closest miss is")).to_be_visible()


def test_a_relaxed_budget_has_a_notice(page: Page) -> None:
    answered(page, "/?persona=parent&locationType=rent&budget=500")
    expect(page.get_by_text("No areas under £500. Showing up to")).to_be_visible()


def make_stale(answer: Json) -> None:
    """Mark an answer as stale."""
    answer["metadata"]["stale"] = True
    answer["metadata"]["notices"] = ["This answer is from 3 hours ago: no newer one came in time.", "No TfL."]


def test_an_older_answer_says_how_old_it_is(page: Page) -> None:
    changed(page, RECOMMENDATIONS, make_stale)
    answered(page)
    expect(page.get_by_role("heading", name="An older answer")).to_be_visible()
    expect(page.get_by_text("This answer is from 3 hours ago:")).to_be_visible()


def test_a_partial_answer_says_what_is_missing(page: Page) -> None:
    changed(page, RECOMMENDATIONS, make_stale)
    answered(page)
    expect(page.get_by_role("listitem").filter(has_text=re.compile("^No TfL.$"))).to_be_visible()


def test_a_failure_is_shown_in_the_server_s_words(page: Page) -> None:
    refused(page, RECOMMENDATIONS, 502, "EXTERNAL_SERVICE_ERROR", "TfL failed to answer")
    page.goto(STUDENT)
    expect(page.get_by_role("status")).to_have_text("No answer: TfL failed to answer")


def test_after_a_failure_the_question_can_be_retried(page: Page) -> None:
    refused(page, RECOMMENDATIONS, 500, "INTERNAL_ERROR", "Something went wrong here")
    page.goto(STUDENT)
    retry = page.get_by_role("button", name="Try again")
    retry.wait_for()
    page.unroute(RECOMMENDATIONS)
    retry.click()
    expect(cards(page)).to_have_count(10)


def test_an_answer_that_is_not_json_is_a_failure(page: Page) -> None:
    page.route(RECOMMENDATIONS, lambda route: route.fulfill(status=502, body="<h1>Bad gateway</h1>"))
    page.goto(STUDENT)
    expect(page.get_by_role("status")).to_contain_text("not JSON (HTTP 502)")


def test_the_offline_notice_disappears_by_itself(page: Page) -> None:
    answered(page)
    page.context.set_offline(True)
    page.get_by_role("radio", name="Parent").check()
    expect(page.get_by_role("heading", name="You are offline")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_role("status")).to_contain_text("for a parent")


def test_without_the_map_the_areas_are_still_shown(page: Page) -> None:
    page.route("**/pages/london.json", lambda route: route.abort())
    answered(page)
    expect(page.get_by_text("The map could not be loaded.")).to_be_attached()


def test_without_the_personas_the_areas_are_still_shown(page: Page) -> None:
    page.route("**/api/personas", lambda route: route.abort())
    answered(page)
    expect(page.get_by_text("The usual weights apply")).to_be_visible()


def spoil(field: str, answer: Json) -> None:
    """Put a hostile text in place of an upstream's."""
    area = answer["recommendations"][0]
    area[field] = [HOSTILE] if isinstance(area[field], list) else HOSTILE


@pytest.mark.parametrize("field", ["name", "borough", "areaCode", "strengths", "weaknesses"])
def test_a_hostile_text_in_an_area_is_shown_as_text(page: Page, field: str) -> None:
    changed(page, RECOMMENDATIONS, partial(spoil, field))
    answered(page)
    expect(cards(page).first).to_contain_text("<img src=x")
    assert harmed(page) is None


def test_a_hostile_notice_is_shown_as_text(page: Page) -> None:
    changed(page, RECOMMENDATIONS, lambda answer: answer["metadata"]["notices"].append(HOSTILE))
    answered(page)
    expect(page.get_by_text("<img src=x")).to_be_visible()
    assert harmed(page) is None
