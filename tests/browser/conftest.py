"""The real server and a real browser, each in a process of its own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.browser.visit import Visit, visiting
from tests.support.environment import variables

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


@pytest.fixture(scope="module")
def served() -> Iterator[str]:
    """Serve with nothing configured on a free port, and give the address that is printed."""
    environment = {name: value for name, value in os.environ.items() if name not in variables()} | {
        "VEO_LIVE": "off"
    }
    command = [sys.executable, "-m", "veo", "serve", "--port", "0"]
    with subprocess.Popen(  # noqa: S603 - our own program
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().split()[3].decode()
        finally:
            server.terminate()


@pytest.fixture
def visit(browser: Browser, served: str) -> Iterator[Visit]:
    """Visit on a wide screen."""
    with visiting(browser, served) as seen:
        yield seen


@pytest.fixture
def page(visit: Visit) -> Page:
    """Give just the page of the visit."""
    return visit.page
