"""The page of a district."""

import re
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.visit import HOSTILE, Json, Visit, changed, harmed, refused

pytestmark = pytest.mark.browser

AREA, RESEARCH = "**/api/areas/*", "**/api/research/area?*"


def opened(page: Page, path: str = "/areas/E15") -> Page:
    """Open a district and wait for its figures."""
    page.goto(path)
    expect(page.locator(".figure").first).to_be_visible()
    return page


def panel(page: Page, title: str) -> Locator:
    """Return the section with a title."""
    return page.locator(".panel").filter(has=page.get_by_role("heading", name=title, exact=True))


def test_the_page_names_its_district(page: Page) -> None:
    expect(opened(page).get_by_role("heading", level=1)).to_have_text("Stratford")
    expect(page).to_have_title("Stratford, E15 · Veo")


def test_every_figure_of_the_answer_is_shown_once(page: Page) -> None:
    opened(page)
    answer = page.evaluate("fetch('/api/areas/E15').then((answer) => answer.json())")
    shown = page.locator(".figure").evaluate_all("nodes => nodes.map((node) => node.dataset.figure)")
    assert sorted(shown) == sorted(answer["data"]["figures"])


def test_a_figure_shows_value_level_source_and_vintage(page: Page) -> None:
    rent = opened(page).locator("[data-figure=rent_2bed]")
    for text in ("£1,983", "a month", "borough figure", "ONS Price Index of Private Rents, Aug 2026"):
        expect(rent).to_contain_text(text)


def test_a_figure_shows_its_percentile_in_london(page: Page) -> None:
    expect(opened(page).locator("[data-figure=median_price]")).to_contain_text("higher than 17% of districts")


def test_figures_without_a_source_are_listed(page: Page) -> None:
    expect(panel(opened(page, "/areas/EC2V"), "Cost of a home")).to_contain_text("No source for:")


def test_a_censored_figure_shows_its_bound(page: Page) -> None:
    expect(opened(page, "/areas/SE2").locator("[data-figure=food_venues]")).to_contain_text("fewer than 150")


def test_accessibility_figures_show_their_year(page: Page) -> None:
    expect(panel(opened(page), "Getting around")).to_contain_text("Accessibility is as of 2014")


def test_the_nearest_stations_are_listed_with_their_lines(page: Page) -> None:
    stations = panel(opened(page), "Nearest stations")
    expect(stations.get_by_role("listitem").first).to_contain_text("Stratford 0.4 km")
    expect(stations).to_contain_text("Jubilee")


def test_a_group_is_shown_like_a_district(page: Page) -> None:
    expect(opened(page, "/areas/EC1").get_by_text("modelled").first).to_be_visible()


def test_an_unknown_district_has_a_helpful_page(page: Page) -> None:
    answer = page.goto("/areas/ZZ9")
    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("heading", name="No such district")).to_be_visible()


# ---- commutes ----------------------------------------------------------------------------------------


def test_the_commute_of_the_link_is_shown(page: Page) -> None:
    opened(page, "/areas/E15?destination=ucl")
    expect(panel(page, "Commute")).to_contain_text(re.compile(r"\d+ min to University College London"))
    expect(page.locator(".way polyline")).to_have_count(2)


def test_a_destination_can_be_added_by_name(page: Page) -> None:
    opened(page)
    place = page.get_by_role("combobox", name="Travelling to")
    place.fill("canary")
    place.press("ArrowDown")
    place.press("Enter")
    expect(page).to_have_url(re.compile(r"destination=canary-wharf"))
    expect(panel(page, "Commute")).to_contain_text("min to Canary Wharf")


def test_a_destination_can_be_removed(page: Page) -> None:
    opened(page, "/areas/E15?destination=ucl&destination=N16")
    expect(panel(page, "Commute").get_by_role("button", name="Remove")).to_have_count(2)
    page.get_by_role("button", name="Remove ucl").click()
    expect(page).to_have_url(re.compile(r"\?destination=N16$"))


def test_an_unknown_destination_is_refused_in_the_server_s_words(page: Page) -> None:
    opened(page, "/areas/E15?destination=Atlantis")
    expect(panel(page, "Commute")).to_contain_text("'Atlantis' is not a London destination")


@pytest.mark.parametrize("text", [HOSTILE, "x" * 200], ids=["hostile", "long"])
def test_a_destination_of_the_address_is_only_text(page: Page, text: str) -> None:
    opened(page, f"/areas/E15?destination={quote(text)}")
    expect(panel(page, "Commute")).to_contain_text("destination: string should have at most 50 characters")
    assert harmed(page) is None


# ---- optional parts and failures -----------------------------------------------------------------------


def with_live_parts(answer: Json) -> None:
    """Add data of live sources, with hostile names."""
    answer["data"]["schools"]["schools"] = [{"name": HOSTILE, "rating": "Good", "distance": 0.4}]
    answer["data"]["crime"] |= {
        "breakdown": {"burglary": 12, HOSTILE: 3},
        "trend": "falling",
        "trendPct": -4.2,
    }


@pytest.mark.parametrize("title", ["Schools", "Safety"])
def test_hostile_names_are_shown_as_text(page: Page, title: str) -> None:
    changed(page, AREA, with_live_parts)
    expect(panel(opened(page), title)).to_contain_text("<img src")
    assert harmed(page) is None


def test_the_mix_and_the_trend_of_crime_are_shown_when_there_are_any(page: Page) -> None:
    changed(page, AREA, with_live_parts)
    safety = panel(opened(page), "Safety")
    expect(safety.get_by_role("row", name="Burglary 12")).to_be_visible()
    expect(safety).to_contain_text("4.2% in the last six months compared with the previous six")


def test_research_that_is_not_configured_is_no_warning(page: Page) -> None:
    opened(page).get_by_role("button", name="Ask the web about this district").click()
    expect(panel(page, "What the web says")).to_contain_text("Web research is not switched on here.")


def test_research_is_only_requested_on_demand(visit: Visit) -> None:
    opened(visit.page)
    expect(panel(visit.page, "Nearest stations").get_by_role("listitem").first).to_be_visible()
    assert [url for url in visit.requests if "research" in url] == []


def researched(page: Page, citation: str) -> Locator:
    """Let research answer with hostile text, and show it."""
    overview = {"content": HOSTILE, "summary_points": [HOSTILE], "citations": [citation]}
    page.route(RESEARCH, lambda route: route.fulfill(json={"success": True, "data": {"overview": overview}}))
    opened(page).get_by_role("button", name="Ask the web about this district").click()
    shown = panel(page, "What the web says")
    shown.get_by_text("Sources").click()
    return shown


def test_research_is_shown_as_text(page: Page) -> None:
    expect(researched(page, "https://example.org/e15").get_by_text("<img src=x").first).to_be_visible()
    assert harmed(page) is None


def test_a_citation_links_to_its_source(page: Page) -> None:
    link = researched(page, "https://example.org/e15").get_by_role("link")
    expect(link).to_have_attribute("href", "https://example.org/e15")


def test_a_citation_that_is_no_web_address_is_no_link(page: Page) -> None:
    shown = researched(page, "javascript:window.harmed='yes'")
    expect(shown.get_by_text("javascript:")).to_be_visible()
    expect(shown.get_by_role("link")).to_have_count(0)


def test_a_failure_of_the_figures_leaves_the_rest(page: Page) -> None:
    refused(page, AREA, 500, "INTERNAL_ERROR", "Something went wrong here")
    page.goto("/areas/E15?destination=ucl")
    expect(page.get_by_text("Something went wrong here")).to_be_visible()
    expect(panel(page, "Nearest stations")).to_contain_text("Jubilee")
    expect(panel(page, "Commute")).to_contain_text("min to University College London")


def test_after_a_failure_the_figures_can_be_loaded_again(page: Page) -> None:
    refused(page, AREA, 500, "INTERNAL_ERROR", "Something went wrong here")
    page.goto("/areas/E15")
    retry = page.get_by_role("button", name="Try again")
    retry.wait_for()
    page.unroute(AREA)
    retry.click()
    expect(page.locator(".figure").first).to_be_visible()


def test_the_page_writes_no_error_and_contacts_no_other_host(visit: Visit) -> None:
    opened(visit.page, "/areas/E15?destination=ucl")
    expect(panel(visit.page, "Commute")).to_contain_text("min to")
    assert visit.errors == []
    assert {urlsplit(address).hostname for address in visit.requests} == {"127.0.0.1"}
