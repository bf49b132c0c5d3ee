"""The operations page: signing in, the figures, the health, and failures."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.operations import STATS, TOKEN, AdminServer, enter, figure, opened, region
from tests.browser.test_accessibility import RULES
from tests.browser.visit import ARTEFACTS, HOSTILE, Json, Visit, changed, harmed, refused, visiting
from tests.support.serving import serving

pytestmark = pytest.mark.browser

HEALTH = "**/api/health"
BEYOND_ASCII = "a-token-of-the-tests-ünd-möre"
KEPT = "JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage), document.cookie])"


@pytest.fixture
def visit(browser: Browser, fleet: AdminServer) -> Iterator[Visit]:
    """Open a page of the fleet's server."""
    with visiting(browser, fleet.url) as visit:
        yield visit


@pytest.fixture(scope="module")
def dashboard(browser: Browser, fleet: AdminServer) -> Iterator[Visit]:
    """Open the page once for all tests that change nothing."""
    with visiting(browser, fleet.url) as visit:
        opened(visit.page)
        yield visit


# ---- signing in --------------------------------------------------------------------------------------


def test_the_page_shows_health_and_no_figure_before_a_token_is_given(visit: Visit) -> None:
    visit.page.goto("/admin")
    expect(region(visit.page, "Health").get_by_role("listitem").first).to_contain_text("cache")
    expect(visit.page.get_by_role("region", name="By family")).to_have_count(0)
    assert [url for url in visit.requests if "/admin/cache" in url] == []


def test_a_wrong_token_is_shown_at_the_field(page: Page) -> None:
    enter(page, "no such token")
    expect(
        page.get_by_text("The admin token is missing or wrong. Is it the token of this deployment?")
    ).to_be_visible()
    expect(page.get_by_label("Admin token")).to_be_focused()


def test_an_empty_token_is_not_sent(visit: Visit) -> None:
    enter(visit.page, " ")
    expect(visit.page.get_by_text("Enter the token.")).to_be_visible()
    assert [url for url in visit.requests if "/admin/cache" in url] == []


def test_where_no_token_is_configured_the_setting_is_named(browser: Browser, served: str) -> None:
    with visiting(browser, served) as visit:
        enter(visit.page)
        expect(visit.page.get_by_role("heading", name="Operations are switched off here")).to_be_visible()
        expect(visit.page.get_by_text("Set VEO_ADMIN_TOKEN to at least 16 characters")).to_be_visible()


def test_a_token_that_is_no_longer_valid_locks_the_page(page: Page) -> None:
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


def test_the_token_is_in_no_storage_address_or_field(dashboard: Visit) -> None:
    page = dashboard.page
    assert page.evaluate(KEPT) == '[[],[],""]'
    assert [url for url in (page.url, *dashboard.requests) if "token" in url] == []
    assert TOKEN not in page.content() + page.locator("#token").input_value()


def test_the_token_is_in_no_line_of_the_log(dashboard: Visit, fleet: AdminServer) -> None:
    assert dashboard.requests
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
def test_the_key_figures_are_large(dashboard: Visit, key: str, pattern: str) -> None:
    expect(figure(dashboard.page, key).locator(".large")).to_have_text(re.compile(f"^{pattern}$"))


def test_each_figure_has_a_chart_and_a_label_for_seven_days(dashboard: Visit) -> None:
    drawing = figure(dashboard.page, "cache_hit_rate").get_by_role("img")
    expect(drawing.locator("rect.known")).to_have_count(7)
    expect(drawing).to_have_attribute("aria-label", re.compile(r"^Cache hit rate, the last .*(\d+%.*){7}$"))


def test_the_days_are_in_a_table_too(dashboard: Visit) -> None:
    dashboard.page.get_by_text("The last seven days as a table").click()
    rows = dashboard.page.get_by_role("table", name="The last seven days (UTC)").get_by_role("row")
    expect(rows).to_have_count(8)
    expect(rows.nth(1)).to_contain_text(f"{datetime.now(UTC):%a} {datetime.now(UTC).day}")


def test_another_day_can_be_selected(page: Page) -> None:
    opened(page).get_by_label("Day", exact=True).select_option("0")
    expect(page.get_by_role("status").first).to_contain_text("the fleet, 1 container.")
    expect(figure(page, "cache_hit_rate").locator("rect").first).to_have_class("known lit")


def test_each_family_has_a_row(dashboard: Visit) -> None:
    rows = region(dashboard.page, "By family").get_by_role("row")
    expect(rows.filter(has_text="commute")).to_contain_text(re.compile(r"\d+%"))


def test_the_advice_is_given_with_its_reason(dashboard: Visit) -> None:
    advice = region(dashboard.page, "Advice on lifetimes").get_by_role("row", name="commute")
    expect(advice).to_contain_text(re.compile("keep.*7 days.*not enough data"))


def test_a_figure_without_data_says_so(page: Page) -> None:
    def empty(answer: Json) -> None:
        answer["data"]["fleet"] |= {"avg_uncached_response_ms": None, "families": {}}
        answer["data"]["advice"] = []

    changed(page, STATS, empty)
    expect(figure(opened(page), "avg_uncached_response_ms").locator(".large")).to_have_text("no data yet")
    expect(region(page, "By family")).to_contain_text("No data yet: there were no requests on this day.")


def test_a_day_that_cannot_be_read_is_not_replaced_by_this_process_s(page: Page) -> None:
    changed(page, f"{STATS}day=*", lambda answer: answer["data"].update(fleet=None))
    opened(page).get_by_label("Day", exact=True).select_option("0")
    expect(figure(page, "cache_hit_rate").locator(".large")).to_have_text("not available")


def test_without_a_shared_tier_the_page_states_its_limits(browser: Browser) -> None:
    with serving(VEO_ADMIN_TOKEN=BEYOND_ASCII) as alone, visiting(browser, alone) as visit:
        opened(visit.page, BEYOND_ASCII)
        expect(visit.page.get_by_text("no shared tier is configured")).to_be_visible()
        expect(figure(visit.page, "cache_hit_rate").locator(".large")).to_have_text("no data yet")
        assert [url for url in visit.requests if "day=" in url] == []


# ---- the health --------------------------------------------------------------------------------------


def degrade(answer: Json) -> None:
    """Let the shared tier be down, and a source be degraded with a hostile message."""
    cache = {"name": "cache", "status": "down", "error": "memory only: redis does not answer"}
    source = {"name": "tfl", "status": "degraded", "latency": 412, "error": HOSTILE}
    answer.update(status="degraded", services=[cache, source])


def test_what_is_down_is_shown_with_the_reason(page: Page) -> None:
    changed(page, HEALTH, degrade)
    page.goto("/admin")
    expect(page.get_by_text("Degraded: 2 not up.")).to_be_visible()
    rows = region(page, "Health").get_by_role("listitem")
    expect(rows.first).to_contain_text(re.compile("down *memory only: redis does not answer"))
    expect(rows.last).to_contain_text("412 ms")
    expect(rows.last).to_contain_text("<img src=x")
    assert harmed(page) is None


def test_the_health_is_polled_every_half_minute(visit: Visit) -> None:
    visit.page.clock.install()
    visit.page.goto("/admin")
    expect(visit.page.get_by_text("Healthy: everything is up.")).to_be_visible()
    with visit.page.expect_response(HEALTH):
        visit.page.clock.run_for(31_000)
    assert len([url for url in visit.requests if url.endswith("/api/health")]) == 2


def test_the_breaker_of_the_shared_tier_is_shown(dashboard: Visit) -> None:
    expect(region(dashboard.page, "Shared tier")).to_contain_text("closed: calls go through")


# ---- failures ----------------------------------------------------------------------------------------


def test_a_failure_is_shown_in_the_server_s_words_and_can_be_retried(page: Page) -> None:
    refused(page, STATS, 500, "INTERNAL_ERROR", "Something went wrong here")
    enter(page)
    expect(page.get_by_text("Something went wrong here")).to_be_visible()
    page.unroute(STATS)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator(".tile")).to_have_count(5)


def test_a_status_is_shown_while_the_figures_are_loading(page: Page) -> None:
    page.route(STATS, lambda _: None)  # it never answers
    enter(page)
    expect(page.get_by_role("status").first).to_have_text("Loading…")


def test_the_offline_notice_disappears_by_itself(page: Page) -> None:
    opened(page)
    page.context.set_offline(True)
    expect(page.get_by_role("heading", name="You are offline")).to_be_visible()
    page.context.set_offline(False)
    expect(page.get_by_role("heading", name="You are offline")).to_have_count(0)


def test_the_page_writes_no_error_and_contacts_no_other_host(dashboard: Visit) -> None:
    assert dashboard.errors == []
    assert {urlsplit(address).hostname for address in dashboard.requests} == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("state", "size", "scheme"),
    [
        ("sign-in", "wide", "dark"),
        ("dashboard", "wide", "light"),
        ("dashboard", "phone", "dark"),
        ("dialog", "phone", "light"),
    ],
)
def test_axe_finds_no_violation(
    browser: Browser, fleet: AdminServer, state: str, size: str, scheme: str
) -> None:
    with visiting(browser, fleet.url, size, scheme) as visit:
        page = visit.page
        if state == "sign-in":
            page.goto("/admin")
            page.locator(".service").first.wait_for()
        else:
            opened(page).locator(".keys button", has_text="commute").first.click()
            page.locator("pre").wait_for()
        if state == "dialog":
            page.get_by_role("button", name="Warm…").click()
        page.screenshot(path=ARTEFACTS / f"operations-{state}-{size}-{scheme}.png", full_page=True)
        results = Axe().run(page, options=RULES)
        assert results.violations_count == 0, results.generate_report()


def test_a_narrow_screen_needs_no_sideways_scrolling(browser: Browser, fleet: AdminServer) -> None:
    with visiting(browser, fleet.url, "phone") as visit:
        visit.page.set_viewport_size({"width": 320, "height": 640})  # 1280 px at a zoom of 400 %
        opened(visit.page)
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 320
