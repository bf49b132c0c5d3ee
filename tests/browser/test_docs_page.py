"""The documentation page: /docs in Chromium."""

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from veo.web.routes import PUBLIC

pytestmark = pytest.mark.browser

expect.set_options(timeout=30_000)  # ms; a busy machine renders slowly


class Visit(NamedTuple):
    """A page with the addresses that it requested, and its console errors and uncaught exceptions."""

    page: Page
    requests: list[str]
    errors: list[str]


@pytest.fixture
def visit(browser: Browser, served: str) -> Iterator[Visit]:
    """Open /docs in a fresh browser context, and wait until its routes are rendered."""
    with browser.new_context() as context:
        visit = Visit(context.new_page(), [], [])
        context.on("request", lambda request: visit.requests.append(request.url))
        context.on("console", lambda line: visit.errors.append(line.text) if line.type == "error" else None)
        context.on("weberror", lambda raised: visit.errors.append(str(raised.error)))
        visit.page.goto(f"{served}/docs")
        visit.page.locator(".opblock-summary").first.wait_for()
        yield visit


def try_out(page: Page) -> Locator:
    """Send the example request of the first route, and return the status that the page shows."""
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


def test_the_page_contacts_no_other_host(visit: Visit) -> None:
    try_out(visit.page)
    assert {urlsplit(address).hostname for address in visit.requests} == {"127.0.0.1"}
