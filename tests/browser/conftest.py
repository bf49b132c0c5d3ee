"""The real server and a real browser, each in a process of its own."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.operations import TOKEN, Operated
from tests.browser.visit import Visit, visiting
from tests.support.history import live_a_week
from tests.support.servers import Valkey
from tests.support.serving import serving
from veo.settings import Settings

expect.set_options(timeout=30_000)  # ms; a busy machine is slow to draw, and that is no fault of the page

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--no-sandbox",  # continuous integration is root in a container, where no sandbox can be made
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def executable() -> str:
    """Give the path of the machine's Chromium; without one skip, or fail where it is required."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        lacking = f"no browser was tested: none of {', '.join(NAMES)} is on the PATH"
        if os.environ.get("VEO_BROWSER") == "required":
            pytest.fail(f"{lacking}, and VEO_BROWSER=required")
        pytest.skip(lacking)
    return found


# Playwright keeps an event loop running in this thread, and async tests need it free again: not per session.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give the machine's own Chromium, without a window."""
    path = executable()
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield running
        running.close()


@pytest.fixture(scope="session")
def served() -> Iterator[str]:
    """Serve with nothing configured but a limit that all tests together keep."""
    with serving(VEO_RATE_LIMIT="0") as address:
        yield address


@pytest.fixture(scope="session")
def fleet(valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    """Serve a fleet that has lived through a week, with the admin's token."""
    valkey.flush()
    live_a_week(Settings(redis_url=valkey.url))
    log = tmp_path_factory.mktemp("fleet") / "log"
    settings = {"REDIS_URL": valkey.url, "VEO_ADMIN_TOKEN": TOKEN, "VEO_RATE_LIMIT": "0"}
    with serving(log, VEO_LOG_LEVEL="DEBUG", **settings) as address:
        yield Operated(address, log)


@pytest.fixture
def visit(browser: Browser, served: str) -> Iterator[Visit]:
    """Visit on a wide screen."""
    with visiting(browser, served) as seen:
        yield seen


@pytest.fixture
def page(visit: Visit) -> Page:
    """Give just the page of the visit."""
    return visit.page
