"""Draw the README's pictures from the running app: `make pictures`.

The operations page shows a week simulated on this machine, with sources on the loopback interface.
"""

import io
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.support.history import live_a_week
from tests.support.servers import Valkey
from tests.support.serving import serving
from tests.support.upstreams import Upstreams

FOLDER = Path(__file__).parent
TOKEN = "token-of-the-picture"  # noqa: S105  # of a temporary server
QUESTION = "/?persona=student&locationType=rent&budget=1000&destination=ucl"
MOST_BYTES = 200_000  # to keep the README light


@contextmanager
def fleet() -> Iterator[str]:
    """Serve a fleet with a week of history, and yield its address."""
    with ExitStack() as ends:
        valkey, sources = Valkey(), Upstreams()
        for server in (valkey, sources):
            server.start()
            ends.callback(server.stop)
        sources.reset()
        sources.slow(0.2)  # seconds; an instant source would show no saved time
        live_a_week(sources.settings(cache="auto", redis_url=valkey.url))
        settings = {"REDIS_URL": valkey.url, "VEO_ADMIN_TOKEN": TOKEN, "VEO_LIVE": "auto"}
        yield ends.enter_context(serving(VEO_UPSTREAMS=json.dumps(sources.addresses), **settings))


def explorer(page: Page) -> None:
    """Open the explorer with a question, and point at the first area."""
    page.goto(QUESTION)
    page.locator(".cell").first.wait_for()
    page.locator(".card").first.hover()
    page.locator(".place.lit").wait_for()


def operations(page: Page) -> None:
    """Open the operations page with the token."""
    page.goto("/admin")
    page.get_by_label("Admin token").fill(TOKEN)
    page.get_by_role("button", name="Open").click()
    page.locator(".tile").first.wait_for()


def draw(name: str, address: str, look: Callable[[Page], None]) -> None:
    """Save a screenshot of a page; fail if it is larger than `MOST_BYTES`."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        raise SystemExit("a picture needs chromium on the PATH")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(
            base_url=address, viewport={"width": 1440, "height": 900}, color_scheme="light"
        )
        look(page)
        picture = smaller(page.screenshot(animations="disabled"))
        browser.close()
    (FOLDER / name).write_bytes(picture)
    if len(picture) > MOST_BYTES:
        raise SystemExit(f"{name} is larger than {MOST_BYTES:,} bytes")


def smaller(png: bytes) -> bytes:
    """Reduce a PNG to 256 colours, enough for a drawing, with maximum compression."""
    small = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
        small, "PNG", optimize=True
    )
    return small.getvalue()


if __name__ == "__main__":
    with serving() as address:
        draw("explorer.png", address, explorer)
    with fleet() as address:
        draw("operations.png", address, operations)
