"""The operations page: looking up and changing cache entries."""

import json
import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.operations import AdminServer, decide, opened, region
from tests.browser.visit import HOSTILE, Json, Visit, changed, harmed, refused, visiting

pytestmark = pytest.mark.browser

ENTRIES, FLUSH, WARM = "**/admin/cache/entries/*", "**/admin/cache/flush", "**/admin/cache/warm"
KEY = "schools:E15"


@pytest.fixture
def visit(browser: Browser, fleet: AdminServer) -> Iterator[Visit]:
    """Open a page of the fleet's server."""
    with visiting(browser, fleet.url) as visit:
        yield visit


@pytest.fixture(scope="module")
def opened_once(browser: Browser, fleet: AdminServer) -> Iterator[Visit]:
    """Open the page once for all tests that leave the API's answers unchanged."""
    with visiting(browser, fleet.url) as visit:
        opened(visit.page)
        yield visit


@pytest.fixture
def dashboard(opened_once: Visit) -> Page:
    """Return that page without a dialog that an earlier test left open."""
    opened_once.page.evaluate("document.getElementById('confirm').close('no')")
    return opened_once.page


def look_up(page: Page, key: str = KEY) -> Page:
    """Look up a key on an open page."""
    page.get_by_label("Key", exact=True).fill(key)
    page.keyboard.press("Enter")
    return page


def cached(page: Page) -> Page:
    """Make sure that the key of these tests has an entry."""
    page.request.get("/api/schools/E15")
    return page


def changes(page: Page) -> list[str]:
    """Return a growing list of the methods of requests that change the cache."""
    methods: list[str] = []
    page.on(
        "request",
        lambda sent: methods.append(sent.method) if "/admin/" in sent.url and sent.method != "GET" else None,
    )
    return methods


# ---- an entry ----------------------------------------------------------------------------------------


def test_an_entry_is_shown_with_its_life_and_value(dashboard: Page) -> None:
    entry = region(look_up(cached(dashboard)), "An entry")
    expect(entry).to_contain_text(
        re.compile("Freshness *fresh.*Age.*Computed at.*Found in *memory", re.DOTALL)
    )
    expect(entry.get_by_role("group", name=f"Value of {KEY}")).to_contain_text('"schools_count": {')


def test_an_entry_is_shown_with_its_tag_versions(dashboard: Page) -> None:
    entry = region(look_up(cached(dashboard)), "An entry")
    entry.get_by_text("Tag versions").click()
    expect(entry.get_by_text("never flushed").first).to_be_visible()


def test_a_key_without_an_entry_has_a_message(dashboard: Page) -> None:
    expect(region(look_up(dashboard, "crime:SE2"), "An entry")).to_contain_text("no such entry")


@pytest.mark.parametrize("key", [HOSTILE, "..", "x" * 300, "crime:é", "\ud800"], ids=range(5))
def test_an_invalid_key_is_refused_in_the_server_s_words(dashboard: Page, key: str) -> None:
    dashboard.evaluate("(key) => { document.getElementById('key').value = key; }", key)
    dashboard.get_by_role("button", name="Look").click()
    expect(region(dashboard, "An entry")).to_contain_text(
        re.compile("key: must look like area:E15|not found")
    )
    assert harmed(dashboard) is None


def test_an_empty_key_is_refused(dashboard: Page) -> None:
    expect(region(look_up(dashboard, " "), "An entry")).to_contain_text("Enter a key.")


def test_a_key_with_encoded_parts_is_found(dashboard: Page) -> None:
    dashboard.request.get(f"/api/schools/{quote('E15 1AZ')}")
    entry = region(look_up(dashboard, "schools:E15%201AZ"), "An entry")
    expect(entry).to_contain_text(re.compile("Freshness *fresh"))


def test_a_hostile_value_is_shown_as_text(page: Page) -> None:
    def spoil(answer: Json) -> None:
        answer["data"] |= {"key": HOSTILE, "value": {HOSTILE: [HOSTILE]}, "generations": {HOSTILE: HOSTILE}}

    changed(page, ENTRIES, spoil)
    value = region(look_up(opened(cached(page))), "An entry").get_by_role("group", name="Value of")
    expect(value).to_contain_text(json.dumps(HOSTILE))
    assert harmed(page) is None


def test_a_click_looks_up_one_of_the_most_requested_keys(dashboard: Page) -> None:
    key = region(dashboard, "Most requested").get_by_role("button").first
    key.click()
    expect(region(dashboard, "An entry").get_by_role("status")).to_contain_text(key.inner_text())


def test_a_deletion_states_its_cost_first(dashboard: Page) -> None:
    dashboard.get_by_label("Key", exact=True).fill("area:E15")
    dashboard.get_by_role("button", name="Delete…").click()
    dialog = dashboard.get_by_role("dialog", name="Delete this entry?")
    expect(dialog).to_contain_text("The entry area:E15 is removed from the shared tier")
    expect(dialog).to_contain_text(
        re.compile("waits for the source: .* ms on average today, with no paid call")
    )


def test_a_deleted_entry_is_gone(dashboard: Page) -> None:
    cached(dashboard).get_by_label("Key", exact=True).fill(KEY)
    decide(dashboard, "Delete…", "Delete")
    expect(region(dashboard, "An entry")).to_contain_text("deletedyes")
    expect(region(look_up(dashboard), "An entry")).to_contain_text("no such entry")


@pytest.mark.parametrize("key", ["Escape", "Enter"])  # Enter: the button that means no has the focus
def test_a_key_press_cancels_a_change(dashboard: Page, key: str) -> None:
    sent = changes(dashboard)
    dashboard.get_by_role("button", name="Warm…").click()
    dashboard.get_by_role("dialog").wait_for()
    dashboard.keyboard.press(key)
    expect(dashboard.get_by_role("dialog")).to_have_count(0)
    expect(dashboard.get_by_role("button", name="Warm…")).to_be_focused()
    assert sent == []


# ---- flushing and warming ----------------------------------------------------------------------------


def test_a_family_is_flushed(dashboard: Page) -> None:
    cached(dashboard).get_by_role("radio", name="A family").check()
    dashboard.get_by_label("Family", exact=True).select_option("schools")
    decide(dashboard, "Flush…", "Flush")
    expect(region(dashboard, "Flush")).to_contain_text(
        re.compile("Done.*flushedschools.*confirmedyes.*withinSeconds30")
    )
    expect(region(look_up(dashboard), "An entry")).to_contain_text("no such entry")


def test_an_area_is_flushed(dashboard: Page) -> None:
    dashboard.get_by_role("radio", name="An area").check()
    dashboard.get_by_label("District").fill("e15")
    decide(dashboard, "Flush…", "Flush")
    expect(region(dashboard, "Flush")).to_contain_text("flushedarea:e15")


def test_an_unknown_area_is_refused_in_the_server_s_words(dashboard: Page) -> None:
    dashboard.get_by_role("radio", name="An area").check()
    dashboard.get_by_label("District").fill(HOSTILE)
    decide(dashboard, "Flush…", "Flush")
    expect(region(dashboard, "Flush")).to_contain_text("not found")
    assert harmed(dashboard) is None


def test_an_empty_area_is_refused(dashboard: Page) -> None:
    sent = changes(dashboard)
    dashboard.get_by_role("radio", name="An area").check()
    dashboard.get_by_label("District").fill(" ")
    dashboard.get_by_role("button", name="Flush…").click()
    expect(dashboard.get_by_text("Enter a district.")).to_be_visible()
    assert sent == []


def test_everything_is_flushed_after_a_confirmation_of_the_consequences(dashboard: Page) -> None:
    dashboard.get_by_role("radio", name="Everything").check()
    dashboard.get_by_role("button", name="Flush…").click()
    dialog = dashboard.get_by_role("dialog", name="Flush everything?")
    expect(dialog).to_contain_text("Every answer of every family becomes unreachable")
    dialog.get_by_role("button", name="Flush").click()
    expect(region(dashboard, "Flush")).to_contain_text("flushedall")


def test_a_flush_that_the_shared_tier_has_not_confirmed_is_no_success(page: Page) -> None:
    changed(page, FLUSH, lambda answer: answer["data"].update(confirmed=False))
    decide(opened(page), "Flush…", "Flush")
    expect(region(page, "Flush")).to_contain_text("Not confirmed: the shared tier has not accepted it yet.")


def test_warming_shows_what_it_did(dashboard: Page) -> None:
    decide(dashboard, "Warm…", "Warm")
    expect(region(dashboard, "Warm")).to_contain_text(re.compile(r"asked\d+.*failuresnone.*commands\d+"))


def test_a_warming_that_times_out_is_shown_in_the_server_s_words(page: Page) -> None:
    refused(page, WARM, 504, "TIMEOUT", "There was no answer in time")
    decide(opened(page), "Warm…", "Warm")
    expect(region(page, "Warm")).to_contain_text("There was no answer in time")
