"""The address may hold anything: unusable values are explained, and never executed."""

from urllib.parse import urlencode

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visit import HOSTILE, answered, cards, harmed

pytestmark = pytest.mark.browser

EVERY_PARAMETER = (
    "persona",
    "locationType",
    "budget",
    "home",
    "destination",
    "maxCommute",
    "weights",
    "maxAreas",
)


@pytest.mark.parametrize("name", EVERY_PARAMETER)
def test_a_hostile_value_is_shown_and_not_executed(page: Page, name: str) -> None:
    parameters = {"persona": "student", "budget": "1000"} | {name: HOSTILE}
    page.goto(f"/?{urlencode(parameters)}")
    expect(page.get_by_text("<img src=x").first).to_be_visible()
    assert harmed(page) is None


def test_a_value_that_cannot_be_used_is_explained(page: Page) -> None:
    answered(page, "/?persona=queen&budget=1000")
    message = "persona: “queen” is not one of student, parent, developer; ignored."
    expect(page.get_by_text(message)).to_be_visible()


def test_a_long_destination_is_refused_in_the_server_s_words(page: Page) -> None:
    page.goto(f"/?budget=1000&destination={'x' * 200}")
    expect(page.locator("#destination-error")).to_contain_text("at most 100 characters")
    expect(page.get_by_label("Travelling to")).to_have_attribute("aria-invalid", "true")


def test_an_unknown_destination_is_refused_with_a_similar_name(page: Page) -> None:
    page.goto("/?budget=1000&destination=Canary%20Worf")
    expect(page.locator("#destination-error")).to_contain_text("did you mean Canary Wharf")


def test_a_corrected_field_is_no_longer_marked(page: Page) -> None:
    page.goto("/?budget=1000&destination=Canary%20Worf")
    expect(page.get_by_label("Travelling to")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Travelling to").fill("Canary Wharf")
    page.get_by_role("button", name="Show areas").click()
    expect(cards(page)).to_have_count(10)
    expect(page.get_by_label("Travelling to")).not_to_have_attribute("aria-invalid", "true")
