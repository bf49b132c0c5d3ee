"""The map and the cards: pointing at an area in one highlights it in the other."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visit import Visit, answered, cards

pytestmark = pytest.mark.browser


def test_pointing_at_a_card_highlights_its_place_and_route(page: Page) -> None:
    answered(page)
    cards(page).nth(1).hover()
    expect(page.locator(".place.lit")).to_have_attribute("aria-label", re.compile("^2. "))
    expect(page.locator(".way polyline")).to_have_count(2)


def test_focusing_a_place_highlights_its_card(page: Page) -> None:
    answered(page)
    page.get_by_role("link", name=re.compile(r"^3\. ")).focus()
    expect(cards(page).nth(2)).to_have_class(re.compile("lit"))


def test_the_map_marks_the_destination(page: Page) -> None:
    expect(answered(page).locator(".end text")).to_have_text(["University College London"])


def test_places_on_the_map_are_far_enough_apart_to_be_pressed(page: Page) -> None:
    boxes = [place.bounding_box() for place in answered(page).locator(".place circle").all()]
    centres = [(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in boxes if box]
    apart = [abs(complex(*a) - complex(*b)) for a in centres for b in centres if a != b]
    assert len(centres) == 10
    assert min(apart) >= 20  # px


def test_a_link_within_the_page_sends_no_new_request(visit: Visit) -> None:
    answered(visit.page)
    visit.page.get_by_role("link", name=re.compile(r"^3\. ")).click()
    expect(visit.page).to_have_url(re.compile("#area-"))
    assert len([url for url in visit.requests if "recommendations" in url]) == 1
