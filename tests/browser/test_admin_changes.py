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


@pytest.fixture(scope="module")
def opened_once(browser: Browser, fleet: Operated) -> Iterator[Visit]:
    """Open the page once for all tests to which the API answers as it does."""
    with visiting(browser, fleet.url) as seen:
        opened(seen.page)
        yield seen


@pytest.fixture
def room(opened_once: Visit) -> Page:
    """Give that page without a question that an earlier test left open."""
    opened_once.page.evaluate("document.getElementById('confirm').close('no')")
    return opened_once.page


def look(page: Page, key: str = KEY) -> Page:
    """Look at a key of an open page."""
    page.get_by_label("Key", exact=True).fill(key)
    page.keyboard.press("Enter")
    return page


def asked(page: Page) -> Page:
    """Have an entry under the key of these tests."""
    page.request.get("/api/schools/E15")
    return page


def changes(page: Page) -> list[str]:
    """Give the methods by which the cache was to be changed."""
    seen: list[str] = []
    page.on(
        "request",
        lambda sent: seen.append(sent.method) if "/admin/" in sent.url and sent.method != "GET" else None,
    )
    return seen


# ---- an entry ----------------------------------------------------------------------------------------


def test_an_entry_is_shown_with_its_life_and_value(room: Page) -> None:
    entry = region(look(asked(room)), "An entry")
    expect(entry).to_contain_text(
        re.compile("Freshness *fresh.*Age.*Computed at.*Found in *memory", re.DOTALL)
    )
    expect(entry.get_by_role("group", name=f"Value of {KEY}")).to_contain_text('"schools_count": {')


def test_an_entry_is_shown_with_its_generations(room: Page) -> None:
    entry = region(look(asked(room)), "An entry")
    entry.get_by_text("Generations").click()
    expect(entry.get_by_text("never flushed").first).to_be_visible()


def test_a_key_without_an_entry_is_said_to_have_none(room: Page) -> None:
    expect(region(look(room, "crime:SE2"), "An entry")).to_contain_text("nothing stands there")


@pytest.mark.parametrize("key", [HOSTILE, "..", "x" * 300, "crime:é", "\ud800"], ids=range(5))
def test_what_is_no_key_is_refused_in_the_server_s_words(room: Page, key: str) -> None:
    room.evaluate("(key) => { document.getElementById('key').value = key; }", key)
    room.get_by_role("button", name="Look").click()
    expect(region(room, "An entry")).to_contain_text(re.compile("key: must be such as area:E15|not found"))
    assert harmed(room) is None


def test_no_key_is_said_to_be_none(room: Page) -> None:
    expect(region(look(room, " "), "An entry")).to_contain_text("Write a key.")


def test_a_key_with_encoded_parts_is_found(room: Page) -> None:
    room.request.get(f"/api/schools/{quote('E15 1AZ')}")
    entry = region(look(room, "schools:E15%201AZ"), "An entry")
    expect(entry).to_contain_text(re.compile("Freshness *fresh"))


def test_a_hostile_value_is_shown_as_text(page: Page) -> None:
    def spoilt(answer: Json) -> None:
        answer["data"] |= {"key": HOSTILE, "value": {HOSTILE: [HOSTILE]}, "generations": {HOSTILE: HOSTILE}}

    changed(page, ENTRIES, spoilt)
    value = region(look(opened(asked(page))), "An entry").get_by_role("group", name="Value of")
    expect(value).to_contain_text(json.dumps(HOSTILE))
    assert harmed(page) is None


def test_a_key_that_is_asked_most_is_looked_at_by_a_click(room: Page) -> None:
    key = region(room, "Asked most").get_by_role("button").first
    key.click()
    expect(region(room, "An entry").get_by_role("status")).to_contain_text(key.inner_text())


def test_a_deletion_says_first_what_it_costs(room: Page) -> None:
    room.get_by_label("Key", exact=True).fill("area:E15")
    room.get_by_role("button", name="Delete…").click()
    dialog = room.get_by_role("dialog", name="Delete this entry?")
    expect(dialog).to_contain_text("The entry area:E15 goes from the shared tier")
    expect(dialog).to_contain_text(
        re.compile("waits for the source: .* ms on average today, with no paid call")
    )


def test_a_deleted_entry_is_gone(room: Page) -> None:
    asked(room).get_by_label("Key", exact=True).fill(KEY)
    decide(room, "Delete…", "Delete")
    expect(region(room, "An entry")).to_contain_text("deletedyes")
    expect(region(look(room), "An entry")).to_contain_text("nothing stands there")


@pytest.mark.parametrize("way", ["Escape", "Enter"])  # Enter: the dialog begins at the button that means no
def test_a_key_is_enough_to_leave_it(room: Page, way: str) -> None:
    sent = changes(room)
    room.get_by_role("button", name="Warm…").click()
    room.get_by_role("dialog").wait_for()
    room.keyboard.press(way)
    expect(room.get_by_role("dialog")).to_have_count(0)
    expect(room.get_by_role("button", name="Warm…")).to_be_focused()
    assert sent == []


# ---- flushing and warming ----------------------------------------------------------------------------


def test_a_family_is_flushed(room: Page) -> None:
    asked(room).get_by_role("radio", name="A family").check()
    room.get_by_label("Family", exact=True).select_option("schools")
    decide(room, "Flush…", "Flush")
    expect(region(room, "Flush")).to_contain_text(
        re.compile("Done.*flushedschools.*confirmedyes.*withinSeconds30")
    )
    expect(region(look(room), "An entry")).to_contain_text("nothing stands there")


def test_an_area_is_flushed(room: Page) -> None:
    room.get_by_role("radio", name="An area").check()
    room.get_by_label("District").fill("e15")
    decide(room, "Flush…", "Flush")
    expect(region(room, "Flush")).to_contain_text("flushedarea:e15")


def test_an_unknown_area_is_refused_in_the_server_s_words(room: Page) -> None:
    room.get_by_role("radio", name="An area").check()
    room.get_by_label("District").fill(HOSTILE)
    decide(room, "Flush…", "Flush")
    expect(region(room, "Flush")).to_contain_text("not found")
    assert harmed(room) is None


def test_no_area_is_said_to_be_none(room: Page) -> None:
    sent = changes(room)
    room.get_by_role("radio", name="An area").check()
    room.get_by_label("District").fill(" ")
    room.get_by_role("button", name="Flush…").click()
    expect(room.get_by_text("Write a district.")).to_be_visible()
    assert sent == []


def test_everything_is_flushed_after_it_was_said_what_that_means(room: Page) -> None:
    room.get_by_role("radio", name="Everything").check()
    room.get_by_role("button", name="Flush…").click()
    dialog = room.get_by_role("dialog", name="Flush everything?")
    expect(dialog).to_contain_text("Every answer of every family becomes unreachable")
    dialog.get_by_role("button", name="Flush").click()
    expect(region(room, "Flush")).to_contain_text("flushedall")


def test_a_flush_that_the_shared_tier_has_not_taken_is_no_success(page: Page) -> None:
    changed(page, FLUSH, lambda answer: answer["data"].update(confirmed=False))
    decide(opened(page), "Flush…", "Flush")
    expect(region(page, "Flush")).to_contain_text("Not confirmed: the shared tier has not taken it yet.")


def test_warming_tells_what_it_did(room: Page) -> None:
    decide(room, "Warm…", "Warm")
    expect(region(room, "Warm")).to_contain_text(re.compile(r"asked\d+.*failuresnone.*commands\d+"))


def test_a_warming_that_takes_too_long_is_told_in_the_server_s_words(page: Page) -> None:
    refused(page, WARM, 504, "TIMEOUT", "There was no answer in time")
    decide(opened(page), "Warm…", "Warm")
    expect(region(page, "Warm")).to_contain_text("There was no answer in time")
