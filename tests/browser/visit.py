"""Visits to a page: the requests and errors of the page, and changed answers of the API."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, Locator, Page, Route, expect

ARTEFACTS = Path(__file__).parents[2] / "artefacts"  # screenshots; never committed
HOSTILE = "<img src=x onerror=\"window.harmed='yes'\"><script>window.harmed='yes'</script>"
STUDENT = "/?persona=student&locationType=rent&budget=1000&destination=ucl"
SIZES = {"phone": (390, 844), "wide": (1440, 900)}

Json = dict[str, Any]


class Visit(NamedTuple):
    """A page with the addresses that it requested, and its console errors and uncaught exceptions."""

    page: Page
    requests: list[str]
    errors: list[str]


@contextmanager
def visiting(browser: Browser, served: str, size: str = "wide", scheme: Any = "light") -> Iterator[Visit]:
    """Open a page in a fresh browser context, and record its requests and errors."""
    width, height = SIZES[size]
    viewport: Any = {"width": width, "height": height}
    with browser.new_context(base_url=served, viewport=viewport, color_scheme=scheme) as context:
        visit = Visit(context.new_page(), [], [])
        context.on("request", lambda request: visit.requests.append(request.url))
        context.on("console", lambda line: visit.errors.append(line.text) if line.type == "error" else None)
        context.on("weberror", lambda raised: visit.errors.append(str(raised.error)))
        yield visit


def changed(page: Page, path: str, change: Callable[[Json], None]) -> None:
    """Let `change` alter the real answers of the API, as a different upstream might."""

    def alter(route: Route) -> None:
        response = route.fetch()
        body = response.json()
        change(body)
        route.fulfill(response=response, body=json.dumps(body))

    page.route(path, alter)


def refused(page: Page, path: str, status: int, code: str, message: str, **details: Any) -> None:
    """Let the API answer with an error."""
    error = {"code": code, "message": message, "details": details}
    page.route(path, lambda route: route.fulfill(status=status, json={"success": False, "error": error}))


def harmed(page: Page) -> object:
    """Return a truthy value if a hostile text was executed or became an element."""
    return page.evaluate(
        "window.harmed ?? document.querySelector('img, script:not([src])')?.outerHTML ?? null"
    )


def cards(page: Page) -> Locator:
    """Return the cards of the areas."""
    return page.get_by_role("article")


def answered(page: Page, path: str = STUDENT, count: int = 10) -> Page:
    """Open a link and wait for its areas."""
    page.goto(path)
    expect(cards(page)).to_have_count(count)
    return page


def query(page: Page) -> dict[str, list[str]]:
    """Return the question in the address."""
    return parse_qs(urlsplit(page.url).query)
