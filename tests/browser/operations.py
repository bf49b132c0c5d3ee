"""The operations page of a fleet that has lived through a week, and how a test opens it."""

from pathlib import Path
from typing import NamedTuple

from playwright.sync_api import Locator, Page, expect

TOKEN = "a-token-of-the-tests"
STATS = "**/admin/cache/stats*"


class Operated(NamedTuple):
    """A server with the token: its address, and the file of its log."""

    url: str
    log: Path


def enter(page: Page, token: str = TOKEN) -> Page:
    """Give a token to the door."""
    page.goto("/admin")
    page.get_by_label("Admin token").fill(token)
    page.get_by_role("button", name="Open").click()
    return page


def opened(page: Page, token: str = TOKEN) -> Page:
    """Open the page with the token, and wait for its figures."""
    expect(enter(page, token).locator(".tile")).to_have_count(5)
    return page


def region(page: Page, title: str) -> Locator:
    """Give the section of a title."""
    return page.get_by_role("region", name=title, exact=True)


def figure(page: Page, key: str) -> Locator:
    """Give the tile of one of the owner's figures."""
    return page.locator(f"[data-figure={key}]")


def decide(page: Page, button: str, answer: str) -> None:
    """Press a button that asks whether to go on, and answer."""
    page.get_by_role("button", name=button, exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name=answer, exact=True).click()
