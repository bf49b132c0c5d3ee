"""Helpers to open and use the operations page of a fleet."""

from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Locator, Page, expect

TOKEN = "a-token-of-the-tests"
STATS = "**/admin/cache/stats*"


class AdminServer(NamedTuple):
    """A server with an admin token: its address and its log file."""

    url: str
    log: Path


def enter(page: Page, token: str = TOKEN) -> Page:
    """Enter a token in the sign-in form."""
    page.goto("/admin")
    page.get_by_label("Admin token").fill(token)
    page.get_by_role("button", name="Open").click()
    return page


def opened(page: Page, token: str = TOKEN) -> Page:
    """Open the page with a token, and wait for its figures."""
    expect(enter(page, token).locator(".tile")).to_have_count(5)
    return page


def region(page: Page, title: str) -> Locator:
    """Return the section with a title."""
    return page.get_by_role("region", name=title, exact=True)


def figure(page: Page, key: str) -> Locator:
    """Return the tile of a key figure."""
    return page.locator(f"[data-figure={key}]")


def decide(page: Page, button: str, answer: str) -> None:
    """Press a button that asks for confirmation, and answer."""
    page.get_by_role("button", name=button, exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name=answer, exact=True).click()
