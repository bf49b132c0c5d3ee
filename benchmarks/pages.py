"""Load time and transfer size of the explorer in the machine's own Chromium."""

import statistics
import time
from typing import NamedTuple

from _pytest.outcomes import Skipped
from playwright.sync_api import Playwright, sync_playwright

from benchmarks.measure import table
from tests.browser.conftest import QUIET, executable
from tests.browser.visit import STUDENT, cards
from tests.support.serving import serving

SHIFTS = """
window.shift = 0;
new PerformanceObserver((list) => list.getEntries().forEach((entry) => window.shift += entry.value))
    .observe({type: 'layout-shift', buffered: true});
"""


class First(NamedTuple):
    """A first visit: seconds until the first card stands, bytes over the wire, sum of layout shifts."""

    seconds: float
    fetched: int
    shift: float


def main() -> None:
    """Print the table."""
    try:
        path = executable()
    except Skipped as reason:
        print(f"\nThe explorer: {reason}")
        return
    with sync_playwright() as playwright:
        visits = [first(playwright, path) for _ in range(5)]
    seconds, fetched, shifts = zip(*visits, strict=True)
    table(
        "The explorer with a question in its URL; server and browser have just started",
        [
            ("until the first card stands, median", f"{statistics.median(seconds):.2f} s", "≤ 1 s"),
            ("fetched for the first view", f"{max(fetched) / 1e3:.0f} KB", "≤ 150 KB"),
            ("layout shift", f"{max(shifts):.3f}", "< 0.05"),
        ],
    )


def first(playwright: Playwright, path: str) -> First:
    """Visit a fresh server with a fresh browser."""
    with serving(VEO_LIVE="off") as address:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        try:
            page = browser.new_page()
            page.add_init_script(SHIFTS)
            fetched: list[int] = []
            wire = page.context.new_cdp_session(page)
            wire.send("Network.enable")
            wire.on("Network.loadingFinished", lambda event: fetched.append(event["encodedDataLength"]))
            began = time.perf_counter()
            page.goto(address + STUDENT)
            cards(page).first.wait_for()
            seconds = time.perf_counter() - began
            page.wait_for_load_state("networkidle")
            return First(seconds, sum(fetched), page.evaluate("window.shift"))
        finally:
            browser.close()
