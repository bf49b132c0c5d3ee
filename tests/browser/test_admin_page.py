"""The operations page as its owner meets it: the door, the figures, the health, and what may fail."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.operations import STATS, TOKEN, Operated, enter, figure, opened, region
from tests.browser.test_accessibility import RULES
from tests.browser.visit import ARTEFACTS, HOSTILE, Json, Visit, changed, harmed, refused, visiting
from tests.support.serving import serving

pytestmark = pytest.mark.browser

HEALTH = "**/api/health"
BEYOND_ASCII = "a-token-of-the-tests-ünd-möre"
KEPT = "JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage), document.cookie])"


@pytest.fixture
def visit(browser: Browser, fleet: Operated) -> Iterator[Visit]:
    """Visit the server of a fleet."""
    with visiting(browser, fleet.url) as seen:
        yield seen


@pytest.fixture(scope="module")
def room(browser: Browser, fleet: Operated) -> Iterator[Visit]:
    """Open the page once for all tests that only look."""
    with visiting(browser, fleet.url) as seen:
        opened(seen.page)
        yield seen


# ---- the door ----------------------------------------------------------------------------------------


def test_the_page_shows_health_and_no_figure_before_a_token_is_given(visit: Visit) -> None:
    visit.page.goto("/admin")
    expect(region(visit.page, "Health").get_by_role("listitem").first).to_contain_text("cache")
    expect(visit.page.get_by_role("region", name="By family")).to_have_count(0)
    assert [url for url in visit.asked if "/admin/cache" in url] == []


def test_a_wrong_token_is_said_kindly(page: Page) -> None:
    enter(page, "no such token")
    expect(page.get_by_text("The admin token is missing or wrong. Is it the one that")).to_be_visible()
    expect(page.get_by_label("Admin token")).to_be_focused()


def test_no_token_is_not_asked_with(visit: Visit) -> None:
    enter(visit.page, " ")
    expect(visit.page.get_by_text("Write the token.")).to_be_visible()
    assert [url for url in visit.asked if "/admin/cache" in url] == []


def test_where_no_token_is_configured_the_setting_is_named(browser: Browser, served: str) -> None:
    with visiting(browser, served) as visit:
        enter(visit.page)
        expect(visit.page.get_by_role("heading", name="Operations are switched off here")).to_be_visible()
        expect(visit.page.get_by_text("Set VEO_ADMIN_TOKEN to at least 16 characters")).to_be_visible()


def test_a_token_that_opens_nothing_any_more_locks_the_page(page: Page) -> None:
    opened(page)
    refused(page, STATS, 401, "UNAUTHORIZED", "The admin token is missing or wrong")
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_label("Admin token")).to_be_focused()
    expect(page.locator(".tile")).to_have_count(0)


def test_the_token_can_be_forgotten(page: Page) -> None:
    opened(page)
    page.get_by_role("button", name="Forget the token").click()
    expect(page.get_by_label("Admin token")).to_have_value("")
    expect(page.locator(".tile")).to_have_count(0)


def test_the_token_stands_in_no_storage_address_or_field(room: Visit) -> None:
    page = room.page
    assert page.evaluate(KEPT) == '[[],[],""]'
    assert [url for url in (page.url, *room.asked) if "token" in url] == []
    assert TOKEN not in page.content() + page.locator("#token").input_value()


def test_the_token_stands_in_no_line_of_the_log(room: Visit, fleet: Operated) -> None:
    assert room.asked
    text = fleet.log.read_text()
    assert ("/admin/cache/stats" in text, TOKEN in text, TOKEN[:12] in text) == (True, False, False)


# ---- the figures -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "pattern"),
    [
        ("cache_hit_rate", r"\d+%"),
        ("avg_cache_response_ms", r"[\d.]+ ms"),
        ("avg_uncached_response_ms", r"[\d.]+ ms"),
        ("daily_api_calls_saved", r"\d+"),
        ("estimated_cost_savings", r"\$\d+\.\d\d"),
    ],
)
def test_the_owner_s_figures_are_large(room: Visit, key: str, pattern: str) -> None:
    expect(figure(room.page, key).locator(".large")).to_have_text(re.compile(f"^{pattern}$"))


def test_each_figure_is_drawn_and_told_for_seven_days(room: Visit) -> None:
    drawing = figure(room.page, "cache_hit_rate").get_by_role("img")
    expect(drawing.locator("rect.known")).to_have_count(7)
    expect(drawing).to_have_attribute("aria-label", re.compile(r"^Cache hit rate, the last .*(\d+%.*){7}$"))


def test_the_days_stand_in_a_table_too(room: Visit) -> None:
    room.page.get_by_text("The last seven days as a table").click()
    rows = room.page.get_by_role("table", name="The last seven days (UTC)").get_by_role("row")
    expect(rows).to_have_count(8)
    expect(rows.nth(1)).to_contain_text(f"{datetime.now(UTC):%a} {datetime.now(UTC).day}")


def test_another_day_can_be_looked_at(page: Page) -> None:
    opened(page).get_by_label("Day", exact=True).select_option("0")
    expect(page.get_by_role("status").first).to_contain_text("the fleet, 1 container.")
    expect(figure(page, "cache_hit_rate").locator("rect").first).to_have_class("known lit")


def test_each_family_has_a_row(room: Visit) -> None:
    rows = region(room.page, "By family").get_by_role("row")
    expect(rows.filter(has_text="commute")).to_contain_text(re.compile(r"\d+%"))


def test_the_advice_is_given_with_its_reason(room: Visit) -> None:
    advice = region(room.page, "Advice on lifetimes").get_by_role("row", name="commute")
    expect(advice).to_contain_text(re.compile("keep.*7 days.*too little was seen"))


def test_a_figure_without_data_is_said_to_have_none(page: Page) -> None:
    def emptied(answer: Json) -> None:
        answer["data"]["fleet"] |= {"avg_uncached_response_ms": None, "families": {}}
        answer["data"]["advice"] = []

    changed(page, STATS, emptied)
    expect(figure(opened(page), "avg_uncached_response_ms").locator(".large")).to_have_text("no data yet")
    expect(region(page, "By family")).to_contain_text("No data yet: nothing was asked on this day.")


def test_a_day_that_cannot_be_read_is_no_day_of_this_process(page: Page) -> None:
    changed(page, f"{STATS}day=*", lambda answer: answer["data"].update(fleet=None))
    opened(page).get_by_label("Day", exact=True).select_option("0")
    expect(figure(page, "cache_hit_rate").locator(".large")).to_have_text("cannot be told")


def test_without_a_shared_tier_the_page_says_what_it_does_not_know(browser: Browser) -> None:
    with serving(VEO_ADMIN_TOKEN=BEYOND_ASCII) as alone, visiting(browser, alone) as visit:
        opened(visit.page, BEYOND_ASCII)
        expect(visit.page.get_by_text("no shared tier is configured")).to_be_visible()
        expect(figure(visit.page, "cache_hit_rate").locator(".large")).to_have_text("no data yet")
        assert [url for url in visit.asked if "day=" in url] == []


# ---- the health --------------------------------------------------------------------------------------


def poor(answer: Json) -> None:
    """Let a source be down, in hostile words, and the tier's breaker be open."""
    cache = {"name": "cache", "status": "down", "error": "memory only: redis does not answer"}
    source = {"name": "tfl", "status": "degraded", "latency": 412, "error": HOSTILE}
    answer.update(status="degraded", services=[cache, source])


def test_what_is_down_is_said_with_why(page: Page) -> None:
    changed(page, HEALTH, poor)
    page.goto("/admin")
    expect(page.get_by_text("Degraded: 2 not up.")).to_be_visible()
    rows = region(page, "Health").get_by_role("listitem")
    expect(rows.first).to_contain_text(re.compile("down *memory only: redis does not answer"))
    expect(rows.last).to_contain_text("412 ms")
    expect(rows.last).to_contain_text("<img src=x")
    assert harmed(page) is None


def test_the_health_is_asked_again_every_half_minute(visit: Visit) -> None:
    visit.page.clock.install()
    visit.page.goto("/admin")
    expect(visit.page.get_by_text("Healthy: all is up.")).to_be_visible()
    with visit.page.expect_response(HEALTH):
        visit.page.clock.run_for(31_000)
    assert len([url for url in visit.asked if url.endswith("/api/health")]) == 2


def test_the_breaker_of_the_shared_tier_is_told(room: Visit) -> None:
    expect(region(room.page, "Shared tier")).to_contain_text("closed: calls go through")


# ---- what may fail -----------------------------------------------------------------------------------


def test_a_failure_is_shown_in_the_server_s_words_and_asked_again(page: Page) -> None:
    refused(page, STATS, 500, "INTERNAL_ERROR", "Something went wrong here")
    enter(page)
    expect(page.get_by_text("Something went wrong here")).to_be_visible()
    page.unroute(STATS)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".tile")).to_have_count(5)


def test_while_the_figures_are_on_their_way_that_is_said(page: Page) -> None:
    page.route(STATS, lambda _: None)  # it never answers
    enter(page)
    expect(page.get_by_role("status").first).to_have_text("Asking…")


def test_offline_is_said_and_ends_by_itself(page: Page) -> None:
    opened(page)
    page.context.set_offline(True)
    expect(page.get_by_role("heading", name="You are offline")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_role("heading", name="You are offline")).to_have_count(0)


def test_the_page_is_quiet_and_asks_no_host_but_its_own(room: Visit) -> None:
    assert room.errors == []
    assert {urlsplit(address).hostname for address in room.asked} == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("state", "size", "scheme"),
    [
        ("door", "wide", "dark"),
        ("room", "wide", "light"),
        ("room", "phone", "dark"),
        ("dialog", "phone", "light"),
    ],
)
def test_nothing_stands_in_anybody_s_way(
    browser: Browser, fleet: Operated, state: str, size: str, scheme: str
) -> None:
    with visiting(browser, fleet.url, size, scheme) as visit:
        page = visit.page
        if state == "door":
            page.goto("/admin")
            page.locator(".service").first.wait_for()
        else:
            opened(page).locator(".keys button", has_text="commute").first.click()
            page.locator("pre").wait_for()
        if state == "dialog":
            page.get_by_role("button", name="Warm…").click()
        page.screenshot(path=ARTEFACTS / f"operations-{state}-{size}-{scheme}.png", full_page=True)
        found = Axe().run(page, options=RULES)
        assert found.violations_count == 0, found.generate_report()


def test_a_narrow_screen_needs_no_sideways_scrolling(browser: Browser, fleet: Operated) -> None:
    with visiting(browser, fleet.url, "phone") as visit:
        visit.page.set_viewport_size({"width": 320, "height": 640})  # 1280 px at a zoom of 400 %
        opened(visit.page)
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 320
