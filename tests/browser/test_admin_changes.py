"""What the operations page lets its owner look at and change."""

import json
import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.operations import Operated, decide, opened, region
from tests.browser.visit import HOSTILE, Json, Visit, changed, harmed, refused, visiting

pytestmark = pytest.mark.browser

ENTRIES, FLUSH, WARM = "**/admin/cache/entries/*", "**/admin/cache/flush", "**/admin/cache/warm"
KEY = "schools:E15"


@pytest.fixture
def visit(browser: Browser, fleet: Operated) -> Iterator[Visit]:
    """Visit the server of a fleet."""
    with visiting(browser, fleet.url) as seen:
        yield seen


def look(page: Page, key: str = KEY) -> Page:
    """Look at a key of an open page."""
    page.get_by_label("Key", exact=True).fill(key)
    page.keyboard.press("Enter")
    return page


def asked(page: Page) -> Page:
    """Have an entry under the key of these tests."""
    page.request.get("/api/schools/E15")
    return opened(page)


def changes(visit: Visit) -> list[str]:
    """Give the methods by which the cache was to be changed."""
    seen: list[str] = []
    visit.page.on(
        "request", lambda sent: seen.append(sent.method) if "/admin/" in sent.url and sent.method != "GET" else None
    )
    return seen


# ---- an entry ----------------------------------------------------------------------------------------


def test_an_entry_is_shown_with_its_life_and_value(page: Page) -> None:
    entry = region(look(asked(page)), "An entry")
    expect(entry).to_contain_text(re.compile("Freshnessfresh.*Age.*Computed at.*Found inmemory"))
    expect(entry.get_by_role("group", name=f"Value of {KEY}")).to_contain_text('"schools"')


def test_an_entry_is_shown_with_its_generations(page: Page) -> None:
    entry = region(look(asked(page)), "An entry")
    entry.get_by_text("Generations").click()
    expect(entry.get_by_text("never flushed").first).to_be_visible()


def test_a_key_without_an_entry_is_said_to_have_none(page: Page) -> None:
    expect(region(look(opened(page), "crime:SE2"), "An entry")).to_contain_text("nothing stands there")


@pytest.mark.parametrize("key", [HOSTILE, "..", "x" * 300, "crime:%", "\ud800"], ids=range(5))
def test_what_is_no_key_is_refused_in_the_server_s_words(page: Page, key: str) -> None:
    opened(page).evaluate("(key) => { document.getElementById('key').value = key; }", key)
    page.get_by_role("button", name="Look").click()
    expect(region(page, "An entry")).to_contain_text(re.compile("key: must be such as area:E15|not found"))
    assert harmed(page) is None


def test_no_key_is_said_to_be_none(page: Page) -> None:
    expect(region(look(opened(page), " "), "An entry")).to_contain_text("Write a key.")


def test_a_key_with_encoded_parts_is_found(page: Page) -> None:
    page.request.get(f"/api/schools/{quote('E15 1AZ')}")
    entry = region(look(opened(page), "schools:E15%201AZ"), "An entry")
    expect(entry).to_contain_text("Freshnessfresh")


def test_a_hostile_value_is_shown_as_text(page: Page) -> None:
    def spoilt(answer: Json) -> None:
        answer["data"] |= {"key": HOSTILE, "value": {HOSTILE: [HOSTILE]}, "generations": {HOSTILE: HOSTILE}}

    changed(page, ENTRIES, spoilt)
    value = region(look(asked(page)), "An entry").get_by_role("group", name="Value of")
    expect(value).to_contain_text(json.dumps(HOSTILE))
    assert harmed(page) is None


def test_a_key_that_is_asked_most_is_looked_at_by_a_click(page: Page) -> None:
    region(opened(page), "Asked most").get_by_role("button").first.click()
    expect(region(page, "An entry").get_by_role("status")).not_to_be_empty()


def test_a_deletion_says_first_what_it_costs(page: Page) -> None:
    opened(page).get_by_label("Key", exact=True).fill("area:E15")
    page.get_by_role("button", name="Delete…").click()
    dialog = page.get_by_role("dialog", name="Delete this entry?")
    expect(dialog).to_contain_text("The entry area:E15 goes from the shared tier")
    expect(dialog).to_contain_text(re.compile("waits for the source: .* ms on average today, with no paid call"))


def test_a_deleted_entry_is_gone(page: Page) -> None:
    asked(page).get_by_label("Key", exact=True).fill(KEY)
    decide(page, "Delete…", "Delete")
    expect(region(page, "An entry")).to_contain_text("deletedyes")
    expect(region(look(page), "An entry")).to_contain_text("nothing stands there")


@pytest.mark.parametrize("way", ["Escape", "Enter"])  # Enter: the dialog begins at the button that means no
def test_a_key_is_enough_to_leave_it(visit: Visit, way: str) -> None:
    sent, page = changes(visit), opened(visit.page)
    page.get_by_role("button", name="Warm…").click()
    page.get_by_role("dialog").wait_for()
    page.keyboard.press(way)
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Warm…")).to_be_focused()
    assert sent == []


# ---- flushing and warming ----------------------------------------------------------------------------


def test_a_family_is_flushed(page: Page) -> None:
    asked(page).get_by_label("Family").select_option("schools")
    decide(page, "Flush…", "Flush")
    expect(region(page, "Flush")).to_contain_text(re.compile("Done.*flushedschools.*confirmedyes.*withinSeconds30"))
    expect(region(look(page), "An entry")).to_contain_text("nothing stands there")


def test_an_area_is_flushed(page: Page) -> None:
    opened(page).get_by_text("An area", exact=True).click()
    page.get_by_label("District").fill("e15")
    decide(page, "Flush…", "Flush")
    expect(region(page, "Flush")).to_contain_text("flushedarea:e15")


def test_an_unknown_area_is_refused_in_the_server_s_words(page: Page) -> None:
    opened(page).get_by_text("An area", exact=True).click()
    page.get_by_label("District").fill(HOSTILE)
    decide(page, "Flush…", "Flush")
    expect(region(page, "Flush")).to_contain_text("not found")
    assert harmed(page) is None


def test_no_area_is_said_to_be_none(visit: Visit) -> None:
    sent, page = changes(visit), opened(visit.page)
    page.get_by_text("An area", exact=True).click()
    page.get_by_role("button", name="Flush…").click()
    expect(page.get_by_text("Write a district.")).to_be_visible()
    assert sent == []


def test_everything_is_flushed_after_it_was_said_what_that_means(page: Page) -> None:
    opened(page).get_by_text("Everything", exact=True).click()
    page.get_by_role("button", name="Flush…").click()
    dialog = page.get_by_role("dialog", name="Flush everything?")
    expect(dialog).to_contain_text("Every answer of every family becomes unreachable")
    dialog.get_by_role("button", name="Flush").click()
    expect(region(page, "Flush")).to_contain_text("flushedall")


def test_a_flush_that_the_shared_tier_has_not_taken_is_no_success(page: Page) -> None:
    changed(page, FLUSH, lambda answer: answer["data"].update(confirmed=False))
    decide(opened(page), "Flush…", "Flush")
    expect(region(page, "Flush")).to_contain_text("Not confirmed: the shared tier has not taken it yet.")


def test_warming_tells_what_it_did(page: Page) -> None:
    decide(opened(page), "Warm…", "Warm")
    expect(region(page, "Warm")).to_contain_text(re.compile(r"asked\d+.*failuresnone.*commands\d+"))


def test_a_warming_that_takes_too_long_is_told_in_the_server_s_words(page: Page) -> None:
    refused(page, WARM, 504, "TIMEOUT", "No source answered in time")
    decide(opened(page), "Warm…", "Warm")
    expect(region(page, "Warm")).to_contain_text("No source answered in time")
