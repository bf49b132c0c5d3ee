"""A reader's visit to a page: what was asked, what went wrong, and what the API is made to say."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Browser, Locator, Page, Route, expect

ARTEFACTS = Path(__file__).parents[2] / "artefacts"  # pictures for whoever looks; never committed
HOSTILE = "<img src=x onerror=\"window.harmed='yes'\"><script>window.harmed='yes'</script>"
STUDENT = "/?persona=student&locationType=rent&budget=1000&destination=ucl"
SIZES = {"phone": (390, 844), "wide": (1440, 900)}

Json = dict[str, Any]


class Visit(NamedTuple):
    """A page with what it did: the addresses it asked for, and the errors it wrote or did not catch."""

    page: Page
    asked: list[str]
    errors: list[str]


@contextmanager
def visiting(browser: Browser, served: str, size: str = "wide", scheme: Any = "light") -> Iterator[Visit]:
    """Come as somebody who was never there."""
    width, height = SIZES[size]
    viewport: Any = {"width": width, "height": height}
    with browser.new_context(base_url=served, viewport=viewport, color_scheme=scheme) as context:
        seen = Visit(context.new_page(), [], [])
        context.on("request", lambda request: seen.asked.append(request.url))
        context.on("console", lambda said: seen.errors.append(said.text) if said.type == "error" else None)
        context.on("weberror", lambda raised: seen.errors.append(str(raised.error)))
        yield seen


def changed(page: Page, path: str, change: Callable[[Json], None]) -> None:
    """Let the API answer really, and change its answer on the way: what an upstream might have said."""

    def altered(route: Route) -> None:
        answer = route.fetch()
        told = answer.json()
        change(told)
        route.fulfill(response=answer, body=json.dumps(told))

    page.route(path, altered)


def refused(page: Page, path: str, status: int, code: str, message: str, **details: Any) -> None:
    """Let the API refuse."""
    error = {"code": code, "message": message, "details": details}
    page.route(path, lambda route: route.fulfill(status=status, json={"success": False, "error": error}))


def harmed(page: Page) -> object:
    """Tell whether a hostile text was executed or became an element."""
    return page.evaluate(
        "window.harmed ?? document.querySelector('img, script:not([src])')?.outerHTML ?? null"
    )


def cards(page: Page) -> Locator:
    """Give the cards of the areas."""
    return page.get_by_role("article")


def answered(page: Page, path: str = STUDENT, count: int = 10) -> Page:
    """Open a link and wait for its areas."""
    page.goto(path)
    expect(cards(page)).to_have_count(count)
    return page


def query(page: Page) -> dict[str, list[str]]:
    """Give the question as it stands in the address."""
    return parse_qs(urlsplit(page.url).query)
