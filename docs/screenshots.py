"""Draw the pictures of the README anew from the running app: `make pictures`.

The figures of the operations page are of a week on this machine, before loopback sources.
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
TOKEN = "token-of-the-picture"  # noqa: S105  # of a server that ends with it
QUESTION = "/?persona=student&locationType=rent&budget=1000&destination=ucl"
MOST_BYTES = 200_000  # what a README may ask of a reader


@contextmanager
def fleet() -> Iterator[str]:
    """Serve a fleet that has lived through a week, and give the address."""
    with ExitStack() as ends:
        valkey, sources = Valkey(), Upstreams()
        for server in (valkey, sources):
            server.start()
            ends.callback(server.stop)
        sources.reset()
        sources.slow(0.2)  # seconds; a source that answers at once would show nothing of what it costs
        live_a_week(sources.settings(cache="auto", redis_url=valkey.url))
        settings = {"REDIS_URL": valkey.url, "VEO_ADMIN_TOKEN": TOKEN, "VEO_LIVE": "auto"}
        yield ends.enter_context(serving(VEO_UPSTREAMS=json.dumps(sources.addresses), **settings))


def explorer(page: Page) -> None:
    """Ask the question as a reader would, and point at the first area."""
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
    """Keep what is seen of a page; fail when that is larger than a README may ask of a reader."""
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
    """Keep 256 colours, which is what a drawing needs, and compress as far as PNG goes."""
    small = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(256, dither=Image.Dither.NONE).save(
        small, "PNG", optimize=True
    )
    return small.getvalue()


if __name__ == "__main__":
    with serving() as alone:
        draw("explorer.png", alone, explorer)
    with fleet() as lived:
        draw("operations.png", lived, operations)
