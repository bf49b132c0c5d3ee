"""The real server and a real browser, each in a process of its own."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.operations import TOKEN, AdminServer
from tests.browser.visit import Visit, visiting
from tests.support.history import live_a_week
from tests.support.servers import Valkey
from tests.support.serving import serving
from veo.settings import Settings

expect.set_options(timeout=30_000)  # ms; a busy machine renders slowly

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--no-sandbox",  # continuous integration runs as root in a container, where Chromium cannot sandbox
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def executable() -> str:
    """Return the path of the installed Chromium; skip the test without one, or fail if it is required."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        message = f"no browser was tested: none of {', '.join(NAMES)} is on the PATH"
        if os.environ.get("VEO_BROWSER") == "required":
            pytest.fail(f"{message}, and VEO_BROWSER=required")
        pytest.skip(message)
    return path


# Not per session: Playwright runs an event loop in this thread, which async tests need again.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Yield the installed Chromium, headless."""
    path = executable()
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield running
        running.close()


@pytest.fixture(scope="session")
def served() -> Iterator[str]:
    """Serve the app without configuration and without a rate limit."""
    with serving(VEO_RATE_LIMIT="0") as address:
        yield address


@pytest.fixture(scope="session")
def fleet(valkey: Valkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdminServer]:
    """Serve an app with an admin token, whose fleet has a week of statistics."""
    valkey.flush()
    live_a_week(Settings(redis_url=valkey.url))
    log = tmp_path_factory.mktemp("fleet") / "log"
    settings = {"REDIS_URL": valkey.url, "VEO_ADMIN_TOKEN": TOKEN, "VEO_RATE_LIMIT": "0"}
    with serving(log, VEO_LOG_LEVEL="DEBUG", **settings) as address:
        yield AdminServer(address, log)


@pytest.fixture
def visit(browser: Browser, served: str) -> Iterator[Visit]:
    """Open a page on a wide screen."""
    with visiting(browser, served) as visit:
        yield visit


@pytest.fixture
def page(visit: Visit) -> Page:
    """Return the page of the visit."""
    return visit.page
