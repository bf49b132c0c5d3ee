"""The documentation page as a reader meets it: /docs in Chromium."""

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from veo.web.routes import PUBLIC

pytestmark = pytest.mark.browser

expect.set_options(timeout=30_000)  # ms; a busy machine is slow to draw, and that is no fault of the page


class Visit(NamedTuple):
    """A page with what it did: the addresses it asked for, and the errors it wrote or did not catch."""

    page: Page
    asked: list[str]
    errors: list[str]


@pytest.fixture
def visit(browser: Browser, served: str) -> Iterator[Visit]:
    """Open /docs as somebody who was never there, and wait until routes are drawn."""
    with browser.new_context() as context:
        seen = Visit(context.new_page(), [], [])
        context.on("request", lambda request: seen.asked.append(request.url))
        context.on("console", lambda said: seen.errors.append(said.text) if said.type == "error" else None)
        context.on("weberror", lambda raised: seen.errors.append(str(raised.error)))
        seen.page.goto(f"{served}/docs")
        seen.page.locator(".opblock-summary").first.wait_for()
        yield seen


def try_out(page: Page) -> Locator:
    """Ask the example question of the first route by clicking, and give the status that the page shows."""
    route = page.locator(".opblock-post", has=page.locator("[data-path='/api/recommendations']"))
    route.locator(".opblock-summary-control").click()
    route.get_by_role("button", name="Try it out").click()
    route.get_by_role("button", name="Execute").click()
    status = route.locator(".live-responses-table .response .response-col_status")
    status.wait_for()
    return status


def test_the_page_shows_every_public_route_in_order(visit: Visit) -> None:
    rows = visit.page.locator(".opblock-summary-control:visible")
    expect(rows).to_have_count(len(PUBLIC))
    assert [row.inner_text().split("\n")[:2] for row in rows.all()] == [[e.method, e.path] for e in PUBLIC]


def test_an_example_that_is_tried_out_is_answered_on_the_page(visit: Visit) -> None:
    expect(try_out(visit.page)).to_have_text("200")


def test_the_page_writes_no_error_to_the_console(visit: Visit) -> None:
    try_out(visit.page)
    assert visit.errors == []


def test_the_page_asks_no_host_but_its_own(visit: Visit) -> None:
    try_out(visit.page)
    assert {urlsplit(address).hostname for address in visit.asked} == {"127.0.0.1"}
