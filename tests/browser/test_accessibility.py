"""Accessibility of every page and state: axe-core finds nothing, and a phone needs no sideways scrolling.

Screenshots go to `artefacts/`.
"""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

from tests.browser.visit import ARTEFACTS, visiting

pytestmark = pytest.mark.browser

STATES = {
    "beginning": ("/", ".beginning"),
    "answer": ("/?persona=student&locationType=rent&budget=1000&destination=ucl", ".card"),
    "nothing": ("/?persona=student&budget=1000&maxCommute=1", ".empty"),
    "refusal": ("/?persona=student&budget=1&destination=Atlantis", ".notice.caution"),
    "area": ("/areas/E15?destination=ucl", ".figure"),
    "missing": ("/areas/ZZ9", ".missing"),
}
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", ["phone", "wide"])
@pytest.mark.parametrize("state", STATES)
def test_axe_finds_no_violation(browser: Browser, served: str, state: str, size: str, scheme: str) -> None:
    path, selector = STATES[state]
    with visiting(browser, served, size, scheme) as visit:
        visit.page.goto(path)
        visit.page.locator(selector).first.wait_for()
        for box in visit.page.locator(".card summary").all()[:1]:
            box.click()
        visit.page.screenshot(path=ARTEFACTS / f"{state}-{size}-{scheme}.png", full_page=True)
        results = Axe().run(visit.page, options=RULES)
        assert results.violations_count == 0, results.generate_report()


@pytest.mark.parametrize("state", STATES)
def test_a_narrow_screen_needs_no_sideways_scrolling(browser: Browser, served: str, state: str) -> None:
    path, selector = STATES[state]
    with visiting(browser, served, "phone") as visit:
        visit.page.set_viewport_size({"width": 320, "height": 640})  # 1280 px at a zoom of 400 %
        visit.page.goto(path)
        expect(visit.page.locator(selector).first).to_be_visible()
        assert visit.page.evaluate("document.documentElement.scrollWidth") <= 320
