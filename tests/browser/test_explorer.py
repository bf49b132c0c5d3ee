"""The explorer, against the real app."""

import io
import math
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.visit import STUDENT, Visit, answered, cards, query, visiting

pytestmark = pytest.mark.browser


# ---- asking ------------------------------------------------------------------------------------------


def test_before_the_first_question_there_are_examples(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="A student with £1,000").click()
    expect(cards(page)).to_have_count(10)


def test_before_the_first_question_no_area_is_requested(visit: Visit) -> None:
    visit.page.goto("/")
    expect(visit.page.locator(".cell")).to_have_count(267)
    assert [url for url in visit.requests if "recommendations" in url] == []


def test_a_link_is_answered_on_arrival(page: Page) -> None:
    answered(page)
    expect(page.get_by_role("status")).to_contain_text("10 areas for a student with £1,000 a month")


def test_a_link_fills_the_form(page: Page) -> None:
    answered(page, f"{STUDENT}&home=1bed&maxCommute=60&weights=safety:9")
    expect(page.get_by_label("Travelling to")).to_have_value("University College London")
    expect(page.get_by_label("Longest commute")).to_have_value("60")
    expect(page.get_by_role("slider", name="Safety")).to_have_value("9")


def test_a_place_can_be_chosen_from_suggestions(page: Page) -> None:
    answered(page)
    place = page.get_by_role("combobox", name="Travelling to")
    place.fill("king coll")
    place.press("ArrowDown")
    place.press("Enter")
    expect(page).to_have_url(re.compile("destination=kcl"))
    expect(cards(page).first).to_contain_text("King's College London")


def test_initials_suggest_a_place(page: Page) -> None:
    page.goto("/")
    page.get_by_role("combobox", name="Travelling to").press_sequentially("lse")
    expect(page.get_by_role("listbox", name="Places").get_by_role("option").first).to_contain_text(
        "London School of Economics"
    )


def test_any_district_can_be_a_destination(page: Page) -> None:
    answered(page)
    page.get_by_label("Travelling to").fill("SE10")
    page.get_by_role("button", name="Show areas").click()
    expect(cards(page).first).to_contain_text("Greenwich, SE10")


def test_buying_explains_what_a_small_budget_means(page: Page) -> None:
    answered(page, "/?persona=parent&locationType=buy&budget=2200")
    expect(page.get_by_text("Below £50,000 it is read as a monthly mortgage payment.")).to_be_visible()
    expect(page.get_by_text("not financial advice").first).to_be_visible()


def test_a_budget_may_be_written_as_money(page: Page) -> None:
    answered(page)
    page.get_by_role("textbox", name="Budget").fill("£1,250")
    page.get_by_role("button", name="Show areas").click()
    expect(page.get_by_role("status")).to_contain_text("£1,250 a month")


def test_a_slider_ranks_again(page: Page) -> None:
    answered(page)
    before = page.locator(".score strong").first.inner_text()
    page.get_by_role("slider", name="Safety").press("End")
    expect(page).to_have_url(re.compile("weights=safety%3A10"))
    expect(page.locator(".score strong").first).not_to_have_text(before)


def test_the_usual_weights_can_be_restored(page: Page) -> None:
    answered(page, f"{STUDENT}&weights=safety:10")
    page.get_by_role("button", name="Back to the usual weights").click()
    expect(page.get_by_role("slider", name="Safety")).to_have_value("5")
    expect(page).not_to_have_url(re.compile("weights"))


def test_a_parent_is_not_asked_about_nightlife(page: Page) -> None:
    answered(page, "/?persona=parent&locationType=rent&budget=2200")
    expect(page.get_by_role("slider", name="Schools")).to_be_visible()
    expect(page.get_by_role("slider", name="Nightlife")).to_have_count(0)


def test_going_back_shows_the_previous_question(page: Page) -> None:
    answered(page)
    page.get_by_role("radio", name="Parent").check()
    expect(page.get_by_role("status")).to_contain_text("for a parent")
    page.go_back()
    expect(page.get_by_role("status")).to_contain_text("for a student")
    assert query(page)["persona"] == ["student"]


def test_the_list_can_be_made_longer(page: Page) -> None:
    answered(page)
    page.get_by_role("button", name="Show twenty").click()
    expect(cards(page)).to_have_count(20)
    assert query(page)["maxAreas"] == ["20"]


def test_the_page_works_by_keyboard(page: Page) -> None:
    page.goto("/")
    page.get_by_role("radio", name="Student").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Parent")).to_be_checked()
    for _ in range(2):  # past rent or buy, to the budget
        page.keyboard.press("Tab")
    page.keyboard.press("Control+a")
    page.keyboard.type("2000")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("for a parent with £2,000")
    page.get_by_role("link", name="Skip to the areas").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(cards(page).first.get_by_role("link").first).to_be_focused()


# ---- the answer --------------------------------------------------------------------------------------


def test_a_card_gives_reasons_for_and_against(page: Page) -> None:
    card = cards(answered(page)).first
    expect(card.get_by_text("For:").first).to_be_attached()
    expect(card.get_by_text("Against:").first).to_be_attached()


def test_a_card_tags_a_borough_figure(page: Page) -> None:
    expect(cards(answered(page)).first.get_by_text("borough figure").first).to_be_visible()


def test_a_card_names_the_lines_of_its_commute(page: Page) -> None:
    expect(cards(answered(page)).first.get_by_role("list", name="Route")).to_contain_text("Elizabeth line")


def test_a_card_discloses_dated_sources(page: Page) -> None:
    card = cards(answered(page)).first
    expect(card.get_by_role("table")).to_have_count(0)
    card.get_by_text("Score, figures and sources").click()
    expect(card.get_by_text("GLA ward profiles, 2014 (dated snapshot)")).to_be_visible()


def test_a_card_shows_how_robust_its_rank_is(page: Page) -> None:
    expect(cards(answered(page)).first).to_contain_text(re.compile(r"in the top \d+ in \d+% of weightings"))


def test_the_answer_says_what_a_budget_does_not_cover(page: Page) -> None:
    expect(answered(page).get_by_text("Bills, council tax and travel come on top.")).to_be_visible()


def test_the_answer_says_how_old_the_green_space_figures_are(page: Page) -> None:
    expect(answered(page).get_by_text("Green space is measured as of 2014")).to_be_visible()


def test_a_card_links_to_the_page_of_its_area(page: Page) -> None:
    answered(page)
    cards(page).first.get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(r"/areas/[A-Z0-9]+\?destination=ucl$"))


# ---- errors, hosts and layout ------------------------------------------------------------------------


def test_the_page_writes_no_error_to_the_console(visit: Visit) -> None:
    answered(visit.page)
    assert visit.errors == []


def test_the_page_contacts_no_other_host(visit: Visit) -> None:
    answered(visit.page)
    assert {urlsplit(address).hostname for address in visit.requests} == {"127.0.0.1"}


def test_on_a_phone_a_question_scrolls_the_areas_into_view(browser: Browser, served: str) -> None:
    with visiting(browser, served, "phone") as visit:
        visit.page.goto("/")
        visit.page.get_by_role("button", name="Show areas").click()
        expect(cards(visit.page).first).to_be_in_viewport()


@pytest.mark.parametrize("size", ["phone", "wide"])
def test_late_content_does_not_shift_the_layout(browser: Browser, served: str, size: str) -> None:
    with visiting(browser, served, size) as visit:
        visit.page.add_init_script(
            "window.shift = 0; new PerformanceObserver((list) => list.getEntries().forEach((entry) => "
            "window.shift += entry.value)).observe({type: 'layout-shift', buffered: true})"
        )
        answered(visit.page)
        assert visit.page.evaluate("window.shift") < 0.05


def test_the_bar_of_a_cost_is_drawn_once(page: Page) -> None:
    """Its height is the style sheet's 6 px: a second track below it would make it taller."""
    bar = answered(page).locator("meter").first
    bar.scroll_into_view_if_needed()
    box = bar.bounding_box()
    assert box is not None
    around = {"x": box["x"] + 40, "y": box["y"] - 6, "width": 1, "height": 18}
    column = Image.open(io.BytesIO(page.screenshot(clip=around))).convert("RGB")  # type: ignore[arg-type]  # a TypedDict
    background = column.getpixel((0, 0))
    assert sum(column.getpixel((0, y)) != background for y in range(column.height)) <= 7


def colours_above(bar: Locator) -> set[object]:
    """Return the colours of the page in four rows of pixels, from five above the box of a bar."""
    box = bar.bounding_box()
    assert box is not None
    band: Any = {"x": box["x"] + 10, "y": math.floor(box["y"]) - 5, "width": 20, "height": 4}
    picture = Image.open(io.BytesIO(bar.page.screenshot(clip=band, animations="disabled"))).convert("RGB")
    return {picture.getpixel((x, y)) for x in range(picture.width) for y in range(picture.height)}


def test_the_bar_of_the_cost_is_drawn_within_its_box(page: Page) -> None:
    bar = cards(answered(page)).first.get_by_label("Cost against budget")
    assert len(colours_above(bar)) == 1


def test_the_bar_of_a_factor_is_drawn_within_its_box(page: Page) -> None:
    card = cards(answered(page)).first
    card.get_by_text("Score, figures and sources").click()
    assert len(colours_above(card.locator(".factors meter").first)) == 1
